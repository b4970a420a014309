"""`archcalc import small.json base.json -o net.yaml`: several models of one family as one spec with variants."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from archcalc.cost import Costs
from archcalc.diagnostics import Findings, RequestError, Source, SpecError
from archcalc.expectations import written
from archcalc.network.load import build_graph, parsed
from archcalc.opening import read
from archcalc.sources.variants import joined


def family(paths: Sequence[str], scales: Sequence[str]) -> str:
    """The text of the spec, with what each variant is expected to cost.

    Raises `RequestError` if the files differ in more than numbers, and `SpecError` for unsupported parts of one.
    """
    sources = [(name, _source(path, scale)) for name, path, scale in _named(paths, scales)]
    costs = [(name, Costs(build_graph(source))) for name, source in sources]
    first = sources[0][1]
    if len(sources) == 1:
        return first.text + written(costs[0][1])
    text = joined([(name, source.text) for name, source in sources])
    spec = Source(first.path, text, first.kind)
    expected = ""
    for index, (name, was) in enumerate(costs):
        now = Costs(build_graph(spec, name if index else None))
        # run-time sizes may differ, and the common spec has the smallest; parameters never depend on them
        if now.totals.params != was.totals.params:
            raise RequestError(
                f"{name}is not a variant of the others: they have {now.totals.params:,} and {was.totals.params:,} parameters"
            )
        entry = written(now).removeprefix("expect: ")
        expected += f"  {name}: {entry}" if index else _lines(entry)
    return f"{text}expect:\n{expected}"


def _lines(entry: str) -> str:
    """`{params: 1, macs: 2, output: [3, 4]}` as lines."""
    inner = entry.strip()[1:-1].replace(", macs:", "\n  macs:").replace(", output:", "\n  output:")
    return f"  {inner}\n"


def _source(path: str, scale: str | None) -> Source:
    source = read(path) if scale is None else read(path, scale)
    if not source.kind:
        findings = Findings()
        try:
            parsed(source, findings)
            findings.raise_if_any()
        except SpecError:
            why = f"`archcalc lint {shlex.quote(path)}` says why"
            raise RequestError(f"{path!r} is neither a model of a known kind nor a spec: {why}") from None
        raise RequestError(f"{path!r} is already a spec")
    if scale is not None and "Ultralytics" not in source.kind:
        raise RequestError(f"--scale is for Ultralytics model files, and {path!r} is {source.kind}")
    return source


def _named(paths: Sequence[str], scales: Sequence[str]) -> list[tuple[str, str, str | None]]:
    """A name for each: the scale, the file's stem, or its folder if the files share a name."""
    if scales:
        if len(paths) != 1:
            raise RequestError("--scale is for a single Ultralytics model file")
        return [(scale, paths[0], scale) for scale in scales]
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    if len(set(stems)) < len(stems):
        stems = [os.path.basename(os.path.dirname(os.path.abspath(path))) for path in paths]
    return [(stem, path, None) for stem, path in zip(stems, paths)]
