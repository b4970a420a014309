"""Limits: what they can be of, and their amounts, `25M`, `8GiB` and `5%`."""

from __future__ import annotations

import re

from archcalc.advice import instead, meant
from archcalc.diagnostics import Findings
from archcalc.source import Scalar

BUDGETS = ("params", "trainable", "macs", "depth", "memory", "inference_memory")
# Those in bytes.
IN_BYTES = ("memory", "inference_memory")
_AMOUNT = r"(\d[\d_]*(?:\.\d+)?)(?:e\+?(\d\d?))?\s*(?:([kmgt]i?)b?)?\Z"
# What people call them.
_CALLED = {
    **dict.fromkeys(("parameters", "param", "weights", "size"), "params"),
    **dict.fromkeys(("trainable_params", "trainable_parameters"), "trainable"),
    **dict.fromkeys(("mac", "mults", "mult_adds", "madds"), "macs"),
    **dict.fromkeys(("training_memory", "train_memory", "vram", "ram", "bytes"), "memory"),
}
_ELSEWHERE = {
    **dict.fromkeys(("flops", "gflops"), "`macs` is half of them"),
    **dict.fromkeys(("time", "latency", "speed", "seconds"), "`archcalc fit --max time=10ms` has limits of time"),
    **dict.fromkeys(("precision", "batch", "device", "mode", "optimizer"), "how it is run stands under `run:`"),
    **dict.fromkeys(("growth", "budget"), "it is a key of its own beside this one"),
}


def parse_amount(text: str) -> int | None:
    """`25M`, `4G`, `8 GiB`, `1.5g`, `61_100_840`, `3e11` as an integer, or None."""
    match = re.match(_AMOUNT, text, re.ASCII | re.IGNORECASE)
    if not match or len(text) > 40:
        return None
    number, power, unit = match.groups()
    step = 1024 if unit and unit.lower().endswith("i") else 1000
    scale = int(step ** ("kmgt".index(unit[0].lower()) + 1) if unit else 1) * int(10 ** int(power or "0"))
    whole, _, part = number.partition(".")
    return int(whole) * scale + int(part or "0") * scale // int(10 ** len(part))


def parse_percent(text: str) -> float | None:
    """`5%` as 0.05, or None."""
    number = text[:-1].rstrip() if text.endswith("%") and len(text) <= 40 else ""
    return float(number) / 100 if re.match(r"\d+(\.\d+)?\Z", number, re.ASCII) else None


def check_limit(name: str, key: Scalar, value: Scalar, findings: Findings) -> None:
    """Report a limit of `budget:` or `growth:` that is of nothing known, or whose amount is none."""
    is_growth = name == "growth"
    if key.text not in BUDGETS:
        known = f"the keys are {', '.join(BUDGETS)}"
        help = meant(key, key.text, BUDGETS, f"{_ELSEWHERE[key.text]}; {known}" if key.text in _ELSEWHERE else known)
        called = _CALLED.get(key.text)
        findings.error("SPC003", f"`{name}` has no key `{key.text}`", key, instead(key, called) if called else help)
    elif is_growth and parse_percent(value.text) is None:
        findings.error("SPC005", f"not a percentage: `{value.text}`", value, "e.g. 5%")
    elif not is_growth and parse_amount(value.text) is None:
        findings.error("SPC005", f"not an amount: `{value.text}`", value, "e.g. 25M, 4G or 8GiB")
    elif not is_growth and (number := without_bytes(key.text, value.text)) is not None:
        findings.error("SPC005", f"`{key.text}` is a number, not bytes", value, instead(value, number))


def without_bytes(measure: str, text: str) -> str | None:
    """`40M` for the `40MB` of a measure that is no number of bytes; None for every other amount."""
    found = re.match(r"(.*[kmgt])i?b?\Z", text, re.IGNORECASE)
    if measure in IN_BYTES or found is None or found[1] == text or parse_amount(text) is None:
        return None
    return found[1]
