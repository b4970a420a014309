"""Deprecated options and values: accepted for one release, with a message that gives the new name."""

from __future__ import annotations

from typing import Any

# Deprecated values of `mode`.
MODES = {"forward": "inference", "training": "train", "generation": "generate"}


def renamed(name: str, given: Any) -> tuple[dict[str, Any], str]:
    """The fields of a deprecated option, and its message.

    Args:
        name: `mode`, `dtype`, `cache_dtype`, `mixed`, `compile`, `channels_last` or `generate`.
    """
    if name == "mode":
        new = MODES[given]
        return {"mode": new}, f"`--mode {given}` is deprecated: use `--mode {new}`"
    if name == "dtype":
        return {"precision": given}, f"`--dtype {given}` is deprecated: use `--precision {given}`"
    if name == "cache_dtype":
        return {"cache": given}, f"`--cache-dtype {given}` is deprecated: use `--cache {given}`"
    if name == "mixed":
        precision = f"mixed-{given}"
        return {"precision": precision}, f"`--mixed` is deprecated: use `--precision {precision}`"
    if name == "compile":
        return {"execution": "compiled"}, "`--compile` is deprecated: use `--execution compiled`"
    if name == "channels_last":
        return {
            "memory_format": "channels-last"
        }, "`--channels-last` is deprecated: use `--memory-format channels-last`"
    assert name == "generate"
    return (
        {"mode": "generate", "new_tokens": given},
        f"`--generate {given}` is deprecated: use `--mode generate --new-tokens {given}`; --length includes these tokens",
    )


def is_old_mode(word: str) -> bool:
    """Whether a mode's name is deprecated."""
    return word in MODES
