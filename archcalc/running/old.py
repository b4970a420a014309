"""Words that were renamed: they are accepted for one release, with a sentence that gives the new one."""

from __future__ import annotations

from typing import Any

# Values of `mode` as they were called.
MODES = {"forward": "inference", "training": "train", "generation": "generate"}


def renamed(name: str, given: Any) -> tuple[dict[str, Any], str]:
    """What an old option says in the fields of today, and the sentence about it.

    Args:
        name: `mode`, `dtype`, `cache_dtype`, `mixed`, `compile`, `channels_last` or `generate`.
    """
    if name == "mode":
        new = MODES[given]
        return {"mode": new}, f"`--mode {given}` is called `--mode {new}` now"
    if name == "dtype":
        return {"precision": given}, f"`--dtype {given}` is called `--precision {given}` now"
    if name == "cache_dtype":
        return {"cache": given}, f"`--cache-dtype {given}` is called `--cache {given}` now"
    if name == "mixed":
        precision = f"mixed-{given}"
        return {"precision": precision}, f"`--mixed` is called `--precision {precision}` now"
    if name == "compile":
        return {"execution": "compiled"}, "`--compile` is called `--execution compiled` now"
    if name == "channels_last":
        return {"memory_format": "channels-last"}, "`--channels-last` is called `--memory-format channels-last` now"
    assert name == "generate"
    return (
        {"mode": "generate", "new_tokens": given},
        f"`--generate {given}` is called `--mode generate --new-tokens {given}` now; the tokens count among --length",
    )


def is_old_mode(word: str) -> bool:
    """Whether a mode is called otherwise now."""
    return word in MODES
