"""Ultralytics model files: counts equal those that are published, and those of its package (8.4)."""

from __future__ import annotations

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import SpecError
from archcalc.network.load import load_graph

SCALES = {
    8: "n: [0.33, 0.25, 1024], s: [0.33, 0.50, 1024], m: [0.67, 0.75, 768], l: [1.00, 1.00, 512], x: [1.00, 1.25, 512]",
    11: "n: [0.50, 0.25, 1024], s: [0.50, 0.50, 1024], m: [0.50, 1.00, 512], l: [1.00, 1.00, 512], x: [1.00, 1.50, 512]",
}


def stage(version, channels, deep, added=True, thin=False):
    """A row of the module that each version is made of."""
    if version == 8:
        return f"[-1, {6 if channels in (256, 512) and added else 3}, C2f, [{channels}, {added}]]"
    return f"[-1, 2, C3k2, [{channels}, {deep}{', 0.25' if thin else ''}]]"


def trunk(version, pools=True):
    """The rows of the backbone, stride 2 five times."""
    wide = [128, 256, 512, 1024] if version == 8 else [256, 512, 512, 1024]
    rows = ["[-1, 1, Conv, [64, 3, 2]]", "[-1, 1, Conv, [128, 3, 2]]", stage(version, wide[0], False, thin=True)]
    rows += ["[-1, 1, Conv, [256, 3, 2]]", stage(version, wide[1], False, thin=True)]
    rows += ["[-1, 1, Conv, [512, 3, 2]]", stage(version, wide[2], True)]
    rows += ["[-1, 1, Conv, [1024, 3, 2]]", stage(version, wide[3], True)]
    rows += ["[-1, 1, SPPF, [1024, 5]]"] if pools else []
    return rows + (["[-1, 2, C2PSA, [1024]]"] if version == 11 else [])


def model(version, end, more=""):
    """A file with a neck of two ways, and a head."""
    last = 9 if version == 8 else 10
    rows = []
    for source, channels in ((6, 512), (4, 256)):
        rows += [
            '[-1, 1, nn.Upsample, [None, 2, "nearest"]]',
            f"[[-1, {source}], 1, Concat, [1]]",
            stage(version, channels, False, False),
        ]
    for source, channels in ((last + 3, 512), (last, 1024)):
        rows += [
            f"[-1, 1, Conv, [{channels // 2}, 3, 2]]",
            f"[[-1, {source}], 1, Concat, [1]]",
            stage(version, channels, channels == 1024, False),
        ]
    rows.append(f"[[{last + 6}, {last + 9}, {last + 12}], 1, {end}]")
    return text(version, trunk(version), rows, more)


def text(version, backbone, head, more="", classes=80):
    parts = [f"# a comment\nnc: {classes} # number of classes\n{more}scales: {{{SCALES[version]}}}"]
    for key, rows in (("backbone", backbone), ("head", head)):
        parts.append("\n".join([f"{key}:", *(f"  - {row}" for row in rows)]))
    return "\n\n".join(parts) + "\n"


def classifier(version):
    return text(version, trunk(version, pools=False), ["[-1, 1, Classify, [nc]]"], classes=1000)


def saved(tmp_path, name, content):
    path = tmp_path / f"{name}.yaml"
    path.write_text(content, encoding="utf-8")
    return str(path)


# the ten that are published, then other heads; MACs as PyTorch's counter has them
KNOWN = {
    "yolov8n": (3157200, 4371993600),
    "yolov8s": (11166560, None),
    "yolov8m": (25902640, None),
    "yolov8l": (43691520, None),
    "yolov8x": (68229648, None),
    "yolo11n": (2624080, 3271251200),
    "yolo11s": (9458752, None),
    "yolo11m": (20114688, None),
    "yolo11l": (25372160, None),
    "yolo11x": (56966176, None),
}


@pytest.mark.parametrize("name", KNOWN)
def test_detectors(tmp_path, name):
    version = 8 if "v8" in name else 11
    totals = Costs(load_graph(saved(tmp_path, name, model(version, "Detect, [nc]")))).totals
    params, macs = KNOWN[name]
    assert (totals.params, totals.macs if macs else None) == (params, macs)


@pytest.mark.parametrize(
    ("name", "content", "params", "macs"),
    [
        ("yolov8n-seg", model(8, "Segment, [nc, 32, 256]"), 3409968, 6001382400),
        (
            "yolov8n-pose",
            model(8, "Pose, [nc, kpt_shape]", "kpt_shape: [17, 3]\n").replace("nc: 80", "nc: 1"),
            3295470,
            4588864800,
        ),
        ("yolov8n-obb", model(8, "OBB, [nc, 1]"), 3228867, 4494700800),
        ("yolov8n-cls", classifier(8), 2719288, 202586112),
        ("yolo11n-seg", model(11, "Segment, [nc, 32, 256]"), 2876848, 4900640000),
        ("yolo11x-seg", model(11, "Segment, [nc, 32, 256]"), 62142656, None),
        ("yolo11m-obb", model(11, "OBB, [nc, 1]"), 20963523, None),
        ("yolo11n-cls", classifier(11), 2812104, 195878208),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)
def test_other_heads(tmp_path, name, content, params, macs):
    totals = Costs(load_graph(saved(tmp_path, name, content))).totals
    assert (totals.params, totals.macs if macs else None) == (params, macs)


def test_a_file_without_a_scale_in_its_name_has_the_first(tmp_path):
    graph = load_graph(saved(tmp_path, "yolov8", model(8, "Detect, [nc]")))
    assert graph.model == "yolov8n"
    assert Costs(graph).totals.params == KNOWN["yolov8n"][0]


def test_yolov8n_is_read_at_a_glance(tmp_path):
    lines = load_graph(saved(tmp_path, "yolov8n", model(8, "Detect, [nc]"))).document.source.text.splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith("#")]) <= 60


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SPPF", "SPPELAN", "the module `SPPELAN` is not supported yet"),
        ("nc: 80", "nc: x", "it must be a number of at least 0"),
        ("nc: 80", "activation: nn.ReLU()", "`activation` is unknown"),
        ("[64, 3, 2]", "[64, 3, two]", "it must be a whole number"),
        ("[64, 3, 2]", "[]", "`Conv` needs another argument"),
        ("[64, 3, 2]", "[99999999999999, 3, 2]", "must be a whole number from 1"),
        ("[-1, 1, Conv, [64, 3, 2]]", "[-1, 1, Conv]", "a row must be [from, repeats, module, args]"),
        ("[-1, 1, Conv, [64, 3, 2]]", "[-1, 100000, Conv, [64, 3, 2]]", "1 to 1,000 modules"),
        ("[-1, 1, Conv, [64, 3, 2]]", "[7, 1, Conv, [64, 3, 2]]", "row 0 reads row 7"),
        ("[-1, 1, Conv, [64, 3, 2]]", "[[], 1, Conv, [64, 3, 2]]", "`from` must be the number of another row"),
        ("[1024, 5]", "[1024, 5, 3]", "has an unsupported extra argument"),
        ("n: [0.33, 0.25, 1024]", "n: [0.33, 0.25]", "a scale must be [depth, width, max channels]"),
        ("n: [0.33, 0.25, 1024]", "q: [0.33, 0.25, 1024]", "there is no scale `n`"),
        ("Detect, [nc]", "Detect, [0]", "must be a whole number from 1"),
        ("Concat, [1]", "Concat, [2]", "axes other than channels"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_place(tmp_path, old, new, message):
    content = model(8, "Detect, [nc]").replace(old, new, 1)
    with pytest.raises(SpecError) as caught:
        load_graph(saved(tmp_path, "yolov8n", content))
    (said,) = caught.value.diagnostics
    assert (said.code, message in said.message) == ("SPC017", True)
    assert said.place.source.line(said.place.line) in content
    assert said.place.line > 1 or said.place.column > 1


@pytest.mark.parametrize(
    "content",
    [
        "backbone:\nhead:\n",
        "backbone: [1]\nhead: []\n",
        "backbone: &a []\nhead: *a\n",
        "backbone:\n - " + "[" * 5000 + "\nhead: []",
        "backbone: []\nhead: []\nnc: 3\n",
    ],
)
def test_hostile_files_are_errors(tmp_path, content):
    with pytest.raises(SpecError):
        load_graph(saved(tmp_path, "yolov8n", content))
