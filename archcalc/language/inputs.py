"""The `input:` of a spec: sizes, and optionally the layout."""

from __future__ import annotations

import re

from archcalc.advice import instead, meant
from archcalc.diagnostics import Advice, Findings
from archcalc.language.signature import check_name
from archcalc.source import Mapping, Node, Scalar, Sequence

LAYOUTS = ("channels-first", "features-last")
KEYS = {
    "size": "its sizes without the batch axis (required)",
    "layout": f"{' or '.join(LAYOUTS)}; default: decided by the layers",
}

_SIZES = "e.g. [3, 224, 224], without the batch axis"


class Input:
    """An input of the model.

    Attributes:
        name: None for an unnamed single input.
        sizes: without the batch axis.
        layout: one of `LAYOUTS`, if given.
    """

    def __init__(self, name: Scalar | None, sizes: Sequence, layout: Scalar | None = None) -> None:
        self.name = name
        self.sizes = sizes
        self.layout = layout


def stating(name: str, sizes: str, layout: str) -> str:
    """An input with an explicit layout, as text; `name` is `input` if it has none yet."""
    written = f"{{size: {sizes}, layout: {layout}}}"
    return f"input: {{x: {written}}}" if name == "input" else f"{name}: {written}"


def read_inputs(node: Node, findings: Findings) -> list[Input]:
    """The inputs of a model. Errors go to `findings`."""
    inputs: list[Input | None] = []
    if isinstance(node, Sequence):
        inputs.append(_input(None, node, None, findings))
    elif isinstance(node, Mapping) and node.pairs:
        for name, value in node.pairs:
            check_name(name, findings)
            if isinstance(value, Sequence):
                inputs.append(_input(name, value, None, findings))
            elif isinstance(value, Mapping):
                inputs.append(_mapping(name, value, findings))
            else:
                help: str | Advice = _as_list(value) or _SIZES
                if name.text == "layout":
                    help = f"name the input, e.g. `input: {{image: {{size: [3, 224, 224], layout: {value.text or LAYOUTS[0]}}}}}`"
                findings.error("SPC010", "an input must be a list of sizes", value, help)
    else:
        findings.error("SPC010", "`input:` must be a list of sizes", node, _as_list(node) or _SIZES)
    return [one for one in inputs if one is not None]


def _as_list(node: Node) -> Advice | None:
    """`3x32x32`, `(3, 32, 32)` and `784` as a list."""
    found = re.fullmatch(r"[(\[]?\s*(\d+(?:\s*[x×*,]\s*\d+)*)\s*,?\s*[)\]]?", getattr(node, "text", ""))
    return (
        instead(node, f"[{', '.join(re.findall(r'[0-9]+', found[1]))}]") if found and isinstance(node, Scalar) else None
    )


def _mapping(name: Scalar, node: Mapping, findings: Findings) -> Input | None:
    values = {key.text: value for key, value in node.pairs}
    unknown = [key for key, _ in node.pairs if key.text not in KEYS]
    for key in unknown:
        help = meant(key, key.text, list(KEYS), f"its keys are {', '.join(KEYS)}")
        findings.error("SPC003", f"an input has no key `{key.text}`", key, help)
    size, layout = values.get("size"), values.get("layout")
    if size is None and not unknown:  # an unknown key may be a misspelt required one
        help = f"e.g. `{name.text}: {{size: [3, 224, 224], layout: {LAYOUTS[0]}}}`"
        findings.error("SPC004", f"the input `{name.text}` needs `size`", name, help)
    elif size is not None and not isinstance(size, Sequence):
        findings.error("SPC010", "`size` must be a list of sizes", size, _as_list(size) or _SIZES)
    if not isinstance(size, Sequence):
        return None
    return _input(name, size, _layout(layout, len(size.items), findings) if layout is not None else None, findings)


def _layout(node: Node, rank: int, findings: Findings) -> Scalar | None:
    """The layout; None after an error."""
    if not isinstance(node, Scalar):
        findings.error("SPC005", f"`layout` must be {' or '.join(LAYOUTS)}", node, "leave it out to let layers decide")
        return None
    if node.text not in LAYOUTS:
        help = meant(node, node.text.replace(" ", "-").replace("_", "-"), LAYOUTS, "leave it out to let layers decide")
        findings.error("SPC005", f"`layout` must be {' or '.join(LAYOUTS)}, not `{node.text}`", node, help)
        return None
    if rank == 1:
        said = "a vector has one axis, which is both channels and features"
        findings.error("SPC005", said, node, "leave `layout` out")
        return None
    return node


def _input(name: Scalar | None, sizes: Sequence, layout: Scalar | None, findings: Findings) -> Input | None:
    first, *others = [getattr(size, "text", "") for size in sizes.items] or [""]
    if first in ("None", "null", "~", "?", "-1") and others and all(other.isdigit() for other in others):
        help = instead(sizes, f"[{', '.join(others)}]")
        findings.error(
            "SPC010", f"`{first}` stands for the batch, which an input has no axis for", sizes.items[0], help
        )
        return None
    if 1 <= len(sizes.items) <= 8 and all(isinstance(size, Scalar) and size.text for size in sizes.items):
        return Input(name, sizes, layout)
    findings.error("SPC010", "an input has one to eight sizes", sizes, _SIZES)
    return None
