"""Rotary positions, in the two spellings of configurations: `rope_theta` with `rope_scaling`, and `rope_parameters`."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config

# Kinds of scaling: they change angles and no count.
_KINDS = ("default", "linear", "dynamic", "yarn", "longrope", "llama3", "su", "mrope", "proportional")
# What stands in a mapping of them.
_INSIDE = (
    "rope_theta",
    "rope_type",
    "type",
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "short_factor",
    "long_factor",
    "low_freq_factor",
    "high_freq_factor",
    "truncate",
    "finetuned",
    "mrope_section",
    "mrope_interleaved",
    "partial_rotary_factor",
    "max_position_embeddings",
    "llama_4_scaling_beta",
)


class Rotation:
    """How positions turn the elements of a head.

    Attributes:
        theta: the base of the angles.
        part: the share of a head's elements that turn.
    """

    def __init__(self, theta: float, part: float) -> None:
        self.theta = theta
        self.part = part


def rotation(config: Config, theta: float = 10000.0, part: float = 1.0, layers: str | None = None) -> Rotation:
    """What a configuration says of rotary positions.

    Args:
        theta, part: what holds where it says nothing.
        layers: the kind of layers that are asked about, where each kind may have parameters of its own.
    """
    values = config.mapping("rope_parameters")
    path = "rope_parameters"
    older = config.mapping("rope_scaling")
    if not values and older:
        values, path = older, "rope_scaling"
    nested = values.get(layers) if layers is not None else None
    if isinstance(nested, dict):
        values = nested
    theta = config.maybe_number("rope_theta") or theta
    part = config.maybe_number("partial_rotary_factor") or part
    theta = _positive(config, path, values, "rope_theta", theta)
    part = _positive(config, path, values, "partial_rotary_factor", part)
    kind = values.get("rope_type", values.get("type")) or "default"
    if kind not in _KINDS:
        config.wrong(path, f"the kind {kind!r} of rotary positions is not known here", f"known are {', '.join(_KINDS)}")
    for key in values:
        if key not in _INSIDE:
            config.wrong(path, f"`{key}` is not known: it may change the network")
    if kind != "default":
        factor = values.get("factor")
        config.note(f"{path}: {kind}{f', factor {factor}' if factor is not None else ''}: other angles")
    return Rotation(theta, part)


def _positive(config: Config, path: str, values: dict[str, Json], key: str, default: float) -> float:
    value = values.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e30:
        config.wrong(path, f"`{key}` is a number above 0, not {value!r}")
    return value
