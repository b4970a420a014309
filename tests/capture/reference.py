"""How many of a list of models are read, and how: `python -m tests.capture.reference LIST.csv [--draw 100] [--seed 1]`.

LIST has a row for each model: `name`, `params`, `macs` as its reference implementation has them on the meta device, with
attention taken apart. Needs timm or torchvision beside torch, which the tests do not. Prints name, what is exact, opaque
layers, lines of the spec without comments, and seconds; sums at the end.
"""

from __future__ import annotations

import argparse
import collections
import csv
import random
import signal
import statistics
import time
from collections.abc import Iterator
from typing import Any

from archcalc.diagnostics import RequestError, SpecError
from archcalc.pytorch.capture.reading import read


class _Late(Exception):
    """A model takes too long."""


def _late(number: int, frame: object) -> None:
    raise _Late


def main() -> None:
    """Reads the models one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list")
    parser.add_argument("--source", default="timm", help="timm or torchvision")
    parser.add_argument("--draw", type=int, help="how many, drawn; default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=60, help="for each model")
    parser.add_argument("--only", nargs="*", help="these names")
    options = parser.parse_args()
    rows = list(_rows(options))
    signal.signal(signal.SIGALRM, _late)
    counts: collections.Counter[str] = collections.Counter()
    lines: list[int] = []
    for row in rows:
        outcome = _read(options, row)
        counts.update(outcome["counts"])
        if "lines" in outcome:
            lines.append(outcome["lines"])
        print(f"{row['name']:48} {outcome['told']}", flush=True)
    print(f"{len(rows)} models: " + ", ".join(f"{count} {what}" for what, count in counts.most_common()))
    if len(lines) > 1:
        print(f"lines: median {statistics.median(lines):.0f}, nine of ten up to {sorted(lines)[len(lines) * 9 // 10]}")


def _rows(options: argparse.Namespace) -> Iterator[dict[str, str]]:
    with open(options.list, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    random.Random(options.seed).shuffle(rows)
    if options.only:
        rows = [row for row in rows if row["name"] in options.only]
    yield from rows[: options.draw]


def _read(options: argparse.Namespace, row: dict[str, str]) -> dict[str, Any]:
    began = time.monotonic()
    signal.alarm(options.seconds)
    try:
        reading = read(f"{options.source}:{row['name']}")
    except (RequestError, SpecError) as error:
        return {"counts": ["refused"], "told": f"REFUSED {str(error)[:200]}"}
    except _Late:
        return {"counts": ["late"], "told": "LATE"}
    except Exception as error:  # a fault of ours
        return {"counts": ["failed"], "told": f"FAILED {type(error).__name__}: {str(error)[:200]}"}
    finally:
        signal.alarm(0)
    found = reading.comparison
    params = found.params[0] + sum(found.unreached.values()) == int(row["params"])
    macs = not row["macs"] or found.macs[0] == int(row["macs"])
    text = [line for line in reading.text.splitlines() if line.strip() and not line.startswith("#")]
    counts = [
        "imported",
        *["exact"] * (params and macs),
        *["exact, nothing opaque"] * (params and macs and not found.declared),
    ]
    counts += ["not equal"] * (not found.equal) + ["one line a layer"] * reading.is_flat
    told = f"{'exact' if params and macs else 'PARAMS' if not params else 'MACS':7} opaque {len(found.declared):3} lines {len(text):4}"
    told += f" {time.monotonic() - began:5.1f} s" + (" flat" if reading.is_flat else "")
    told += " UNEQUAL" * (not found.equal) + "".join(
        f" [{what}]" for what in sorted({what for _, what in found.declared})
    )
    return {"counts": counts, "lines": len(text), "told": told}


if __name__ == "__main__":
    main()
