"""RoPE in both styles of configuration: `rope_theta` with `rope_scaling`, and `rope_parameters`."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config

# Kinds of scaling: they change angles but no count.
_KINDS = ("default", "linear", "dynamic", "yarn", "longrope", "llama3", "su", "mrope", "proportional")
# The keys of a scaling.
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
    """The RoPE of a head.

    Attributes:
        theta: the base of the angles.
        part: the fraction of a head's elements that are rotated.
    """

    def __init__(self, theta: float, part: float) -> None:
        self.theta = theta
        self.part = part


def rotation(config: Config, theta: float = 10000.0, part: float = 1.0, layers: str | None = None) -> Rotation:
    """The RoPE settings of a configuration.

    Args:
        theta, part: defaults.
        layers: the kind of layers, if each kind may have its own parameters.
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
        config.wrong(path, f"the RoPE type {kind!r} is unknown", f"known: {', '.join(_KINDS)}")
    for key in values:
        if key not in _INSIDE:
            config.wrong(path, f"`{key}` is unknown: it may change the network")
    if kind != "default":
        factor = values.get("factor")
        config.note(f"{path}: {kind}{f', factor {factor}' if factor is not None else ''}: other angles")
    return Rotation(theta, part)


def _positive(config: Config, path: str, values: dict[str, Json], key: str, default: float) -> float:
    value = values.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e30:
        config.wrong(path, f"`{key}` must be a number above 0, not {value!r}")
    return value
