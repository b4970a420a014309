"""What ever failed a check, kept as a spec that the check runs on.

Comments at the head of a file say what was wrong; one line `# batch: 3` gives a batch that is not 2.
"""

from __future__ import annotations

import re
from pathlib import Path

from archcalc.network.load import load_graph
from tests.draw.case import Case
from tests.draw.checks import Wrong
from tests.draw.spec_data import data

FOLDER = Path(__file__).parent / "regressions"


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml"))


def cases(file: Path) -> list[Case]:
    """The spec in a file, in each of its variants."""
    text = file.read_text(encoding="utf-8")
    batch = re.search(r"^# batch: (\d+)$", text, re.MULTILINE)
    samples = int(batch[1]) if batch else 2
    variants = [None, *load_graph(str(file), batch=samples).document.variants]
    return [Case(text, samples, variant, whole=True) for variant in variants]


def keep(check: str, case: Case, wrong: Wrong, folder: Path = FOLDER) -> Path | None:
    """Write a case that failed to a file of its own; None where one holds the same spec."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(data(file.read_text(encoding="utf-8")) == data(case.text) for file in folder.glob("*.yaml")):
        return None
    lines = [f"# {check}, seed {case.seed}: {' '.join(wrong.detail.split())[:200]}"]
    if case.batch != 2:
        lines.append(f"# batch: {case.batch}")
    stem = f"{check}-{_name(case)}"
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 10**6))
    path = next(folder / f"{name}.yaml" for name in names if not (folder / f"{name}.yaml").exists())
    path.write_text("\n".join(lines) + "\n" + case.text, encoding="utf-8")
    return path


def _name(case: Case) -> str:
    """The layers of a case."""
    pending, ops = list(case.graph().nodes), []
    while pending:
        node = pending.pop(0)
        pending = [*node.children, *pending]
        if node.op not in ops:
            ops.append(node.op)
    return "-".join(ops[:4])
