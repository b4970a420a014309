"""How long 10,000 configurations take, whole processes on all cores. Run by hand:

    .venv/bin/python tests/benchmarks/sweep.py

The median of three runs, and what one configuration takes.
"""

from __future__ import annotations

import statistics

from static import archcalc, row, seconds

CASES = (
    ("vit, width and depth: params, macs, activations", "specs/vit.yaml", "width=12..1200:12", "depth=1..100"),
    ("gpt2, width and depth, with memory of training", "specs/gpt2.yaml", "width=12..1200:12", "depth=1..100"),
    ("densenet121, growth and layers", "specs/densenet121.yaml", "growth=1..100", "n3=1..100"),
)


def main() -> None:
    """Print a line for each sweep."""
    for title, spec, *axes in CASES:
        settings = [word for axis in axes for word in ("--set", axis)]
        shown = ("--show", "params,macs,memory") if "memory" in title else ()
        took = statistics.median(
            seconds(archcalc("sweep", spec, *settings, *shown, "--format", "csv")) for _ in range(3)
        )
        row(title, f"{took:.1f} s", f"{took / 10_000 * 1e3:.2f} ms each")


if __name__ == "__main__":
    main()
