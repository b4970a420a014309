"""Blocks that stand in a file of their own give the same module."""

from __future__ import annotations

import tempfile
from pathlib import Path

from archcalc.network.load import load_graph
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from tests.draw.case import Case
from tests.draw.checks import Skipped, Wrong
from tests.draw.spec_data import data, spec


def wrong(case: Case) -> Wrong | None:
    document = data(case.text)
    blocks = document.pop("blocks", None)
    if not blocks:
        raise Skipped("it has no blocks")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "blocks.yaml").write_text(spec({"blocks": blocks}), encoding="utf-8")
        whole = Path(folder, "drawn.yaml")
        whole.write_text(
            spec({"model": document.pop("model"), "include": ["blocks.yaml"], **document}), encoding="utf-8"
        )
        graph = load_graph(str(whole) + (f"@{case.variant}" if case.variant else ""), batch=case.batch)
    try:
        same = module_source(graph) == module_source(case.graph())
    except BuildError as error:
        raise Skipped(str(error)) from None
    return None if same else Wrong("another module", "the module differs")
