"""From the rows of a model file to a spec: the scale, the top-level keys, then each row."""

from __future__ import annotations

import os
import re

from archcalc.source import Mapping, Node, Scalar, Sequence, parse
from archcalc.sources.file import File
from archcalc.sources.ultralytics.heads import HEADS
from archcalc.sources.ultralytics.modules import MODULES, PLAIN
from archcalc.sources.ultralytics.rows import Network, Row, refuse
from archcalc.sources.writing import Spec

# Keys other than the rows, and those that affect no count.
_KEYS = (
    "nc",
    "scales",
    "scale",
    "backbone",
    "head",
    "kpt_shape",
    "depth_multiple",
    "width_multiple",
    "max_channels",
    "ch",
)
_NEUTRAL = ("names", "task", "yaml_file", "kpt_names", "flip_idx")
_MOST_ROWS = 1000
_CLASSIFY = 224
_DETECT = 640


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for an unsupported module, key or value."""
    root = parse(file.source)
    if not isinstance(root, Mapping):
        raise refuse(root, "a model file must have `backbone:` and `head:`")
    values = {key.text: value for key, value in root.pairs}
    for key, _ in root.pairs:
        if key.text not in (*_KEYS, *_NEUTRAL):
            raise refuse(key, f"`{key.text}` is unknown: it may change the network", f"known: {', '.join(_KEYS)}")
    name, (depth, width, most) = _scale(file, values)
    classes = _whole(values.get("nc"), 80)
    made = Spec(name, f"{name}: imported from an Ultralytics model file.")
    network = Network(made, depth, width, most, classes, _kpt(values.get("kpt_shape")))
    rows = [*_rows(values, "backbone"), *_rows(values, "head")]
    if len(rows) > _MOST_ROWS:
        raise refuse(root, f"at most {_MOST_ROWS:,} rows are supported")
    network.referred = {
        source
        for index, row in enumerate(rows)
        for source in row.sources_at(index)
        if source != index - 1 or row.module.text in HEADS
    }
    network.channels.append(_whole(values.get("ch"), 3))
    for row in rows:
        _add(network, row)
    side = _CLASSIFY if any(row.module.text == "Classify" for row in rows) else _DETECT
    made.inputs = [_whole(values.get("ch"), 3), side, side]
    return made.text()


def _add(network: Network, row: Row) -> None:
    """The layers of a row."""
    name = row.module.text
    if name in HEADS:
        HEADS[name](network, row)
    elif name in MODULES:
        network.add(row, *MODULES[name](network, row))
    elif name in PLAIN:
        items, channels = PLAIN[name](network, row)
        copies = network.copies(row)
        if copies > 1:
            items = [{"repeat": copies, "layers": items}]
            if row.sources_at(network.index) != [network.index - 1]:
                raise refuse(row.node, "repeating a module that does not read the previous row is not supported yet")
        network.add(row, items, channels)
    else:
        known = ", ".join([*MODULES, *PLAIN, *HEADS])
        raise refuse(row.module, f"the module `{name}` is not supported yet", f"supported: {known}")


def _scale(file: File, values: dict[str, Node]) -> tuple[str, tuple[float, float, float]]:
    """The model's name with its scale, the depth and width factors, and the maximum channels."""
    name = re.sub(r"\W+", "-", os.path.splitext(os.path.basename(file.path))[0]).strip("-") or "yolo"
    scales = values.get("scales")
    if scales is None and file.scale is not None:
        raise refuse(values["backbone"], "the file has no `scales` to choose from")
    if scales is None:
        depth, width = (_number(values.get(f"{key}_multiple"), 1.0) for key in ("depth", "width"))
        return name, (depth, width, _number(values.get("max_channels"), float("inf")))
    if not isinstance(scales, Mapping) or not scales.pairs:
        raise refuse(scales, "`scales` must be a mapping, e.g. n: [0.33, 0.25, 1024]")
    known = {key.text: value for key, value in scales.pairs}
    match = re.match(r"yolo(?:e-)?v?\d+([a-z])(?![a-z])", name)
    given = values.get("scale")
    written = given.text if isinstance(given, Scalar) and given.text else next(iter(known))
    letter = file.scale or (match.group(1) if match else written)
    if letter not in known:
        raise refuse(scales, f"there is no scale `{letter}`", f"the file has {', '.join(known)}")
    entry = known[letter]
    factors = [_number(item, 0.0) for item in entry.items] if isinstance(entry, Sequence) else []
    if len(factors) != 3:
        raise refuse(entry, "a scale must be [depth, width, max channels]")
    if not match or file.scale is not None:
        name = re.sub(r"^(yolo(?:e-)?v?\d+)[a-z]?(?![a-z])", rf"\g<1>{letter}", name)
    return name, (factors[0], factors[1], factors[2])


def _rows(values: dict[str, Node], key: str) -> list[Row]:
    node = values[key]
    if not isinstance(node, Sequence):
        raise refuse(node, f"`{key}` must be a list of rows")
    return [Row(item) for item in node.items]


def _whole(node: Node | None, default: int) -> int:
    if node is None:
        return default
    number = _number(node, 0.0)
    if not number.is_integer() or not 1 <= number <= 2**40:
        raise refuse(node, f"it must be a whole number from 1 to {2**40:,}")
    return int(number)


def _number(node: Node | None, default: float) -> float:
    if node is None:
        return default
    text = node.text if isinstance(node, Scalar) else ""
    if not re.fullmatch(r"\d{1,15}(\.\d{0,15})?|\.\d{1,15}", text):
        raise refuse(node, "it must be a number of at least 0")
    return float(text)


def _kpt(node: Node | None) -> tuple[int, int]:
    """The number of keypoints, and of values for each."""
    if node is None:
        return 17, 3
    sizes = [_whole(item, 1) for item in node.items] if isinstance(node, Sequence) else []
    if len(sizes) != 2:
        raise refuse(node, "`kpt_shape` must be [keypoints, values per keypoint], e.g. [17, 3]")
    return sizes[0], sizes[1]
