"""Names in generated source: classes, attributes and variables that do not clash."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection

from archcalc.network.graph import MODULE_ATTRIBUTES
from archcalc.pytorch.structure import Item


class BuildError(Exception):
    """A network that cannot be written as a module yet; the message names the layer."""


# What a generated file uses itself where a variable or parameter could stand.
_TAKEN = frozenset(
    ["self", "super", "torch", "nn", "F", "math", "range", "layer", "probe", "rotate", "tie_weights", "i", "_"]
)
# Further attributes of torch.nn.Module, which a layer of this name would not replace.
_HIDDEN = MODULE_ATTRIBUTES | frozenset(
    [
        "T_destination",
        "add_module",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "load_state_dict",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "set_extra_state",
        "set_submodule",
        "to_empty",
        "_apply",
        "_backward_hooks",
        "_backward_pre_hooks",
        "_buffers",
        "_call_impl",
        "_compiled_call_impl",
        "_forward_hooks",
        "_forward_hooks_always_called",
        "_forward_hooks_with_kwargs",
        "_forward_pre_hooks",
        "_forward_pre_hooks_with_kwargs",
        "_get_backward_hooks",
        "_get_backward_pre_hooks",
        "_get_name",
        "_is_full_backward_hook",
        "_load_from_state_dict",
        "_load_state_dict_post_hooks",
        "_load_state_dict_pre_hooks",
        "_maybe_warn_non_full_backward_hook",
        "_modules",
        "_named_members",
        "_non_persistent_buffers_set",
        "_parameters",
        "_register_load_state_dict_pre_hook",
        "_register_state_dict_hook",
        "_replicate_for_data_parallel",
        "_save_to_state_dict",
        "_slow_forward",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_version",
        "_wrapped_call_impl",
    ]
)


def class_name(name: str) -> str:
    """`bottleneck_proj` -> `BottleneckProj`; a leading digit gets a word before it."""
    words = re.split(r"[^A-Za-z0-9]+", name)
    text = "".join(word[:1].upper() + word[1:] for word in words if word)
    if keyword.iskeyword(text) or text == "F":
        return f"{text}Layers"
    return text if text[:1].isalpha() else f"Net{text}"


def unique(name: str, taken: Collection[str]) -> str:
    """`name`, with a number where it is taken."""
    found, index = name, 2
    while found in taken:
        found, index = f"{name}{index}", index + 1
    return found


def identifier(name: str) -> str:
    """`name` as a variable that is neither a keyword nor one of the file's imports."""
    text = re.sub(r"\W", "_", name)
    return f"{text}_" if keyword.iskeyword(text) or text in _TAKEN or not text.isidentifier() else text


def attribute(segment: str, id: str) -> str:
    """The attribute of a layer, `self.conv1`. Raises `BuildError` for a name that a module has already."""
    if keyword.iskeyword(segment) or segment in _HIDDEN or segment.startswith("__"):
        raise BuildError(f"{id}: a PyTorch module cannot have a layer named `{segment}`; choose another name")
    return f"self.{segment}"


class Variables:
    """Which variable holds what in one `forward`, reused as soon as nothing needs it.

    Args:
        last_use: for the id of each item the step after which nothing reads it.
    """

    def __init__(self, last_use: dict[int, int]) -> None:
        self.last_use = last_use
        self.holds: dict[str, set[int]] = {}
        self.where: dict[int, str] = {}

    def bind(self, name: str, *items: Item) -> None:
        """`name` now holds these and nothing else."""
        self.holds[name] = {id(item) for item in items}
        self.where.update({id(item): name for item in items})

    def derive(self, item: Item, name: str, expression: str) -> None:
        """`item` is had by an expression of the variable `name`."""
        self.holds[name].add(id(item))
        self.where[id(item)] = expression

    def is_read_after(self, item: Item, step: int) -> bool:
        """Whether a later step reads it, or the class gives it."""
        return self.last_use.get(id(item), -1) > step

    def choose(self, step: int, wanted: list[str], avoid: Collection[str] = ()) -> str:
        """A free variable for what `step` gives: one of `wanted`, or the first of x, y, z, x1, ..."""
        candidates = [*wanted, "x", "y", "z", *(f"x{index}" for index in range(1, 1000))]
        return next(name for name in candidates if name not in avoid and self._is_free(name, step))

    def _is_free(self, name: str, step: int) -> bool:
        return all(self.last_use.get(item, -1) <= step for item in self.holds.get(name, ()))
