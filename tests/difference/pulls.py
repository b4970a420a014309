"""Pull requests as people make them: what is changed in the files of specs/, by the name of the request.

`python -m tests.difference.pulls` writes what `archcalc diff` says of each to golden/. Read it as the
reviewer of the request would before you commit it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.conftest import ROOT

GOLDEN = Path(__file__).parent / "golden"
# The spec that is compared, and the edits: a file, what stands there, what it becomes everywhere in it.
PULLS: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "bias-before-norm": (
        "googlenet-paper.yaml",
        [("googlenet-paper.yaml", "[conv channels kernel=kernel stride=stride padding=kernel//2, relu]",
          "[conv channels kernel=kernel stride=stride padding=kernel//2 bias=false, batchnorm, relu]")],
    ),
    "kernel-7-to-three-3x3": (
        "resnet18.yaml",
        [("resnet18.yaml", "[conv 64 kernel=7 stride=2 padding=3 bias=false name=conv1, batchnorm name=bn1, relu]",
          "[conv 32 kernel=3 stride=2 padding=1 bias=false, batchnorm, relu, conv 32 kernel=3 padding=1 bias=false, "
          "batchnorm, relu, conv 64 kernel=3 padding=1 bias=false name=conv1, batchnorm name=bn1, relu]")],
    ),
    "gelu-to-swiglu": (
        "vit.yaml",
        [("vit.yaml", "linear 4*width, gelu, linear width]",
          "mul: [[linear 8*width//3 bias=false, silu], [linear 8*width//3 bias=false]], linear width]")],
    ),
    "grouped-queries": (
        "bert.yaml",
        [("bert.yaml", "attention heads=heads", "attention heads=heads kv_heads=4")],
    ),
    "dropout": (
        "googlenet.yaml",
        [("googlenet.yaml", "[batchnorm eps=0.001, relu]", "[batchnorm eps=0.001, relu, dropout 0.1]")],
    ),
    "relu6-to-hardswish": (
        "mobilenetv2.yaml",
        [("mobilenetv2.yaml", "relu6", "hardswish")],
    ),
    "one-of-equal-copies": (
        "smollm3.yaml",
        [("smollm3.yaml", "base: [5e6, 5e6, 5e6, none]", "base: [5e6, none, 5e6, none]")],
    ),
    "stage-depth": (
        "resnet50.yaml",
        [("resnet50.yaml", "blocks=4", "blocks=8"), ("resnet50.yaml", "blocks=6", "blocks=36")],
    ),
    "width-multiplier": (
        "mobilenetv2.yaml",
        [("mobilenetv2.yaml", "width: 1.0 ", "width: 0.75")],
    ),
    "loss": ("unet.yaml", [("unet.yaml", "bcewithlogits", "mse")]),
    "input-resolution": ("resnet18.yaml", [("resnet18.yaml", "[3, 224, 224]", "[3, 384, 384]")]),
    "renamed-block": (
        "resnet18.yaml",
        [("resnet18.yaml", "name=layer", "name=stage"), ("blocks/resnet.yaml", "basic_path", "two_convs")],
    ),
    "reordered-branches": (
        "googlenet.yaml",
        [("googlenet.yaml", "      - [unit r3, unit c3 kernel=3]\n      - [unit r5, unit c5 kernel=3]\n",
          "      - [unit r5, unit c5 kernel=3]\n      - [unit r3, unit c3 kernel=3]\n")],
    ),
    "new-variant": (
        "gpt2.yaml",
        [("gpt2.yaml", "  xl: {width: 1600, heads: 25, depth: 48}\n\n",
          "  xl: {width: 1600, heads: 25, depth: 48}\n  nano: {width: 192, heads: 6, depth: 6}\n\n"),
         ("gpt2.yaml", "large: {width: 1280, heads: 20, depth: 36}", "large: {width: 1280, heads: 20, depth: 40}")],
    ),
    "untied-head": ("gpt2.yaml", [("gpt2.yaml", " tie=wte", "")]),
    "post-norm": (
        "gpt2.yaml",
        [("gpt2.yaml", "residual: [layernorm, attention heads=heads causal=true dropout=0.1, dropout 0.1]",
          "residual: [attention heads=heads causal=true dropout=0.1, dropout 0.1, layernorm]")],
    ),
    "budget": (
        "lenet.yaml",
        [("lenet.yaml", "loss:", "budget: {params: 50K, memory: 4M}\nloss:"), ("lenet.yaml", "linear 120", "linear 96")],
    ),
    "adapters": (
        "gpt2.yaml",
        [("gpt2.yaml", "\nlayers:\n",
          "\nblocks:\n  adapted(features):\n    - add:\n      - [linear features]\n      - [linear 8 bias=false "
          "frozen=false, linear features bias=false frozen=false, scale 2]\n\nlayers:\n"),
         ("gpt2.yaml", "linear 4*width, gelu approximate=tanh, linear width",
          "adapted 4*width, gelu approximate=tanh, adapted width"),
         ("gpt2.yaml", "    name: h\n", "    name: h\n    frozen: true\n")],
    ),
    "layernorm-to-rmsnorm": ("vit.yaml", [("vit.yaml", "layernorm eps=1e-6", "rmsnorm")]),
    "wider-feed-forward": ("bert.yaml", [("bert.yaml", "linear 4*width", "linear 6*width")]),
    "second-head": (
        "resnet18.yaml",
        [("resnet18.yaml", "flatten]", "flatten name=pooled]"),
         ("resnet18.yaml", "name=fc\n", "name=fc\n  - linear 4 from=pooled name=box\noutput: [fc, box]\n")],
    ),
    "shorter-text": (
        "bert.yaml",
        [("bert.yaml", "{seq: 512}", "{seq: 128}"), ("bert.yaml", "{tokens: [seq], segments: [seq]}",
          "{tokens: [seq], pieces: [seq]}"), ("bert.yaml", "from=segments", "from=pieces")],
    ),
    "twice-as-deep": ("vit.yaml", [("vit.yaml", "depth: 12", "depth: 24")]),
    "included-block": (
        "resnet50.yaml",
        [("blocks/resnet.yaml", "[conv 4*width kernel=1 bias=false, batchnorm]\n  bottleneck(",
          "[conv 4*width kernel=1 bias=false, batchnorm]\n    - mul: [prev, [adaptiveavgpool 1, conv cin//16 "
          "kernel=1, relu, conv 4*width kernel=1, sigmoid]]\n  bottleneck(")],
    ),
    "frozen-backbone": (
        "resnet18.yaml",
        [("resnet18.yaml", "name=layer1", "name=layer1 frozen=true"),
         ("resnet18.yaml", "name=layer2", "name=layer2 frozen=true"), ("resnet18.yaml", "linear 1000", "linear 10")],
    ),
    "stride-to-dilation": (
        "resnet18.yaml",
        [("resnet18.yaml", "basic_stage 512 blocks=2 name=layer4",
          "basic_stage 512 blocks=2 stride=1 dilation=2 name=layer4"),
         ("blocks/resnet.yaml", "basic_path(width, stride=1):  ", "basic_path(width, stride=1, dilation=1):"),
         ("blocks/resnet.yaml", "stride=stride padding=1 bias=false, batchnorm, relu]\n    - [conv width kernel=3 padding=1",
          "stride=stride padding=dilation dilation=dilation bias=false, batchnorm, relu]\n"
          "    - [conv width kernel=3 padding=dilation dilation=dilation"),
         ("blocks/resnet.yaml", "basic(width):", "basic(width, dilation=1):"),
         ("blocks/resnet.yaml", "residual: [basic_path width]", "residual: [basic_path width dilation=dilation]"),
         ("blocks/resnet.yaml", "basic_down(width):", "basic_down(width, stride=2, dilation=1):"),
         ("blocks/resnet.yaml", "basic_path width stride=2", "basic_path width stride=stride dilation=dilation"),
         ("blocks/resnet.yaml", "[conv width kernel=1 stride=2 ", "[conv width kernel=1 stride=stride "),
         ("blocks/resnet.yaml", "basic_stage(width, blocks):", "basic_stage(width, blocks, stride=2, dilation=1):"),
         ("blocks/resnet.yaml", "[basic_down width, basic width ",
          "[basic_down width stride=stride dilation=dilation, basic width dilation=dilation ")],
    ),
    "longer-context": (
        "llama3.yaml",
        [("llama3.yaml", "rope=500000", "rope=1000000 window=4096"), ("llama3.yaml", "{seq: 8192}", "{seq: 32768}"),
         ("llama3.yaml", "  8b: {}\n", "  8b: {}\n  3b: {width: 3072, heads: 24, ff: 8192, depth: 28}\n")],
    ),
    "removed-variant": ("vit.yaml", [("vit.yaml", "  b32: {patch: 32}\n", ""),
      ("vit.yaml", "  b32: {params: 88224232, macs: 4409186304}\n", "")]),
    "only-spelling": (
        "resnet18.yaml",
        [("resnet18.yaml", "kernel=7 stride=2 padding=3", "padding=7//2 stride=2x2 kernel=7x7"),
         ("blocks/resnet.yaml", "kernel=3", "kernel=2+1")],
    ),
}  # fmt: skip


def folders(name: str, place: Path) -> tuple[Path, Path]:
    """The spec before and after, each in a copy of specs/ below `place`."""
    spec, edits = PULLS[name]
    for side in ("old", "new"):
        shutil.copytree(ROOT / "specs", place / side)
    for file, old, new in edits:
        path = place / "new" / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name}: {file} has no {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")
    return place / "old" / spec, place / "new" / spec


def write() -> None:
    """Write what the program says into golden/."""
    import tempfile

    from tests.program import run

    for name in PULLS:
        with tempfile.TemporaryDirectory() as place:
            old, new = folders(name, Path(place))
            done = run("diff", str(old), str(new), env={"COLUMNS": "80"})
            (GOLDEN / f"{name}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
