"""Ultralytics heads: boxes, masks, keypoints, oriented boxes or classes."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.sources.ultralytics.modules import use_cbs, use_depthwise
from archcalc.sources.ultralytics.rows import Network, Row, refuse
from archcalc.sources.writing import Item

# A side of a box is a distribution over this many distances.
_DISTANCES = 16


def detect(network: Network, row: Row) -> None:
    """Detect: boxes and classes at every position of every feature map."""
    row.at_most(1)
    _found(network, row)


def _found(network: Network, row: Row) -> None:
    """The layers for boxes and classes; the last one is `detections`."""
    channels = network.inputs(row)
    classes = _classes(network, row)
    spec = network.spec
    spec.hparams["classes"] = classes
    use_cbs(network)
    box = max(16, channels[0] // 4, 4 * _DISTANCES)
    width = max(channels[0], min(classes, 100))
    if network.newer:
        use_depthwise(network)
        kinds: list[Item] = ["depthwise", f"cbs {width}", "depthwise", f"cbs {width}", "conv classes kernel=1"]
    else:
        kinds = [f"cbs {width} k=3", f"cbs {width} k=3", "conv classes kernel=1"]
    boxes: list[Item] = [f"cbs {box} k=3", f"cbs {box} k=3", f"conv {4 * _DISTANCES} kernel=1"]
    spec.blocks["detect"] = [{"concat": [boxes, kinds]}, "rearrange 'c h w -> c (h w)'"]
    maps = [f"map{index + 1}" for index in range(len(channels))]
    for name, source in zip(maps, row.sources_at(network.index)):
        spec.layers.append(f"detect from=row{source} name={name}")
    ends = 4 * _DISTANCES
    spec.layers += [
        {"concat": {"operands": maps, "axis": 1}, "name": "found"},
        [f"slice end={ends} from=found", "rearrange '(s k) a -> k s a' s=4", "softmax axis=0"],
        ["conv 1 kernel=1 bias=false name=dfl", "rearrange '1 s a -> s a' name=boxes"],
        [f"slice {ends} from=found", "sigmoid name=scores"],
        {"concat": {"operands": ["boxes", "scores"], "axis": 0}, "name": "detections"},
    ]
    spec.comments.append("Omitted, since it changes no count: converting distances to boxes.")
    network.channels.append(0)


def _classes(network: Network, row: Row) -> int:
    """The number of classes: `nc`, or a number."""
    return network.classes if row.text(0) in ("nc", "") else row.whole(0)


def _more(network: Network, row: Row, numbers: int, width: int, name: str) -> None:
    """Additional outputs at every position of every feature map."""
    spec = network.spec
    spec.blocks[f"tell_{name}"] = [
        [f"cbs {width} k=3", f"cbs {width} k=3", f"conv {numbers} kernel=1"],
        "rearrange 'c h w -> c (h w)'",
    ]
    parts = []
    for index, source in enumerate(row.sources_at(network.index - 1)):
        parts.append(f"{name}{index + 1}")
        spec.layers.append(f"tell_{name} from=row{source} name={parts[-1]}")
    spec.layers.append({"concat": {"operands": parts, "axis": 1}, "name": name})


def segment(network: Network, row: Row) -> None:
    """Segment: boxes, mask coefficients, and mask prototypes."""
    row.at_most(3)
    masks, width = row.whole(1, 32), network.scaled(row.whole(2, 256))
    first = network.inputs(row)[0]
    _found(network, row)
    _more(network, row, masks, max(first // 4, masks), "weights")
    source = row.sources_at(network.index - 1)[0]
    network.spec.layers.append(
        [
            f"cbs {width} k=3 from=row{source}",
            f"convtranspose {width} kernel=2 stride=2",
            f"cbs {width} k=3",
            f"cbs {masks} name=masks",
        ]
    )
    network.spec.output = ["detections", "weights", "masks"]


def pose(network: Network, row: Row) -> None:
    """Pose: boxes and keypoints."""
    row.at_most(2)
    if row.text(1) not in ("kpt_shape", ""):
        raise refuse(row.args[1], "the keypoints are in `kpt_shape`")
    numbers, first = network.points[0] * network.points[1], network.inputs(row)[0]
    _found(network, row)
    _more(network, row, numbers, max(first // 4, numbers), "points")
    network.spec.output = ["detections", "points"]


def turned(network: Network, row: Row) -> None:
    """OBB: boxes and their rotation angle."""
    row.at_most(2)
    numbers, first = row.whole(1, 1), network.inputs(row)[0]
    _found(network, row)
    _more(network, row, numbers, max(first // 4, numbers), "angles")
    network.spec.output = ["detections", "angles"]


def classify(network: Network, row: Row) -> None:
    """Classify: classes of the whole image."""
    row.at_most(1)
    network.only_input(row)
    use_cbs(network)
    network.spec.hparams["classes"] = _classes(network, row)
    network.add(row, ["cbs 1280", "adaptiveavgpool 1", "flatten", "linear classes"], network.classes)


HEADS: dict[str, Callable[[Network, Row], None]] = {
    "Detect": detect,
    "Segment": segment,
    "Pose": pose,
    "OBB": turned,
    "Classify": classify,
}
