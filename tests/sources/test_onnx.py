"""ONNX: exported networks read as their modules do, operators mean what ONNX says, and nothing a file says is believed.

`python -m tests.sources.test_onnx 5000` changes more files, with other seeds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from torch import nn  # noqa: E402

from archcalc.diagnostics import RequestError  # noqa: E402
from archcalc.onnx.reading import read  # noqa: E402
from archcalc.pytorch.capture.beside import compare  # noqa: E402

from .mutating import mutated, survives  # noqa: E402
from .test_sources import run, status  # noqa: E402

FLOATS, WHOLES = TensorProto.FLOAT, TensorProto.INT64


def array(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


def model(nodes, inputs, outputs, weights=None, opset=18, domains=()):
    """A file: inputs by name with their sizes, outputs by name, weights as arrays."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, kind, sizes) for name, (sizes, kind) in inputs.items()],
        [helper.make_tensor_value_info(name, FLOATS, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def one(op, sizes, weights=(), wholes=(), opset=18, out=1, **attributes):
    """A file of one operator: its input, weights as fractions, and whole numbers that are constants."""
    names = [f"w{index}" for index in range(len(weights))]
    more = [f"c{index}" for index in range(len(wholes))]
    values = dict(zip(names, weights)) | {
        name: np.asarray(value) for name, value in zip(more, wholes) if value is not None
    }
    ins = ["x", *names, *(name if value is not None else "" for name, value in zip(more, wholes))]
    node = helper.make_node(op, ins, [f"y{index}" for index in range(out)], **attributes)
    return model([node], {"x": (sizes, FLOATS)}, ["y0"], values, opset)


def told(made, tmp_path, name="net.onnx"):
    path = tmp_path / name
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return read(str(path), path.read_bytes())


IMAGE, TOKENS = ["n", 6, 11, 10], ["n", 7, 8]
ONE = {
    "conv": (one("Conv", IMAGE, [array(4, 3, 3, 2), array(4)], group=2, strides=[2, 1], pads=[1, 0, 1, 0]), "conv 4 kernel=3x2"),
    "conv same": (one("Conv", IMAGE, [array(4, 6, 3, 3)], auto_pad="SAME_UPPER", strides=[2, 2]), "same_upper"),
    "conv lower": (one("Conv", IMAGE, [array(4, 6, 4, 4)], auto_pad="SAME_LOWER"), "pad before=2x2 after=1x1"),
    "conv one side": (one("Conv", IMAGE, [array(4, 6, 2, 2)], pads=[0, 1, 1, 0]), "pad before="),
    "transposed": (one("ConvTranspose", IMAGE, [array(6, 4, 3, 3), array(4)], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]), "convtranspose 4"),
    "transposed one side": (one("ConvTranspose", IMAGE, [array(6, 4, 3, 3)], strides=[2, 2], pads=[0, 0, 1, 1]), "slice"),
    "maxpool ceil": (one("MaxPool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), "maxpool 3 stride=2 ceil=true"),
    "maxpool same": (one("MaxPool", IMAGE, kernel_shape=[2, 2], auto_pad="SAME_UPPER"), "maxpool 2 stride=1 padding=same_upper"),
    "avgpool": (one("AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 1, 1, 1]), "count_include_pad=false"),
    "global": (one("GlobalAveragePool", IMAGE), "adaptiveavgpool 1"),
    "batchnorm": (one("BatchNormalization", IMAGE, [array(6), array(6), array(6), abs(array(6)) + 1]), "batchnorm"),
    "instancenorm": (one("InstanceNormalization", IMAGE, [array(6), array(6)]), "instancenorm"),
    "layernorm": (one("LayerNormalization", TOKENS, [array(8), array(8)], epsilon=1e-3), "layernorm eps=0.001"),
    "lrn": (one("LRN", IMAGE, size=5, alpha=0.01, beta=0.5), "localresponsenorm"),
    "gemm": (one("Gemm", ["n", 8], [array(8, 5), array(5)]), "linear 5"),
    "matmul": (one("MatMul", TOKENS, [array(8, 8)]), "linear 8 bias=false"),
    "relu6": (one("Clip", IMAGE, [], [np.float32(0), np.float32(6)]), "relu6"),
    "clip": (one("Clip", IMAGE, [], [None, np.float32(1)]), "minimum"),
    "prelu": (one("PRelu", IMAGE, [array(6, 1, 1)]), "prelu"),
    "hardsigmoid": (one("HardSigmoid", IMAGE, alpha=0.2), "hardtanh"),
    "elu": (one("Elu", IMAGE, alpha=0.5), "elu 0.5"),
    "softmax": (one("Softmax", TOKENS, axis=-1), "softmax"),
    "pow": (one("Pow", TOKENS, [], [np.float32(2)]), "square"),
    "mean": (one("ReduceMean", TOKENS, [], [[1]], keepdims=0), "mean"),
    "sum old": (one("ReduceMean", TOKENS, opset=13, axes=[-1]), "mean"),
    "l2": (one("ReduceL2", TOKENS, [], [[2]], keepdims=1), "norm"),
    "transpose": (one("Transpose", IMAGE, perm=[0, 2, 3, 1]), "rearrange"),
    "reshape": (one("Reshape", IMAGE, [], [[0, 3, -1]]), "reshape 3x220"),
    "flatten": (one("Flatten", IMAGE), "flatten"),
    "squeeze": (one("Squeeze", ["n", 1, 8], [], [[1]]), "flatten"),
    "slice": (one("Slice", TOKENS, [], [[1, -5], [6, 2**40], [1, 2], [2, 1]]), "slice"),
    "flip": (one("Slice", TOKENS, [], [[-1], [-(2**40)], [1], [-1]]), "flip"),
    "split": (one("Split", TOKENS, [], [[2, 5]], axis=1, out=2), "split"),
    "gather": (one("Gather", TOKENS, [], [np.int64(2)], axis=1), "select 2"),
    "pad": (one("Pad", IMAGE, [], [[0, 0, 1, 0, 0, 0, 2, 3], np.float32(1)]), "value=1"),
    "crop": (one("Pad", IMAGE, [], [[0, 0, -1, 0, 0, 0, -2, 0]]), "slice"),
    "reflect": (one("Pad", IMAGE, [], [[0, 0, 1, 1, 0, 0, 1, 1]], mode="reflect"), "mode=reflect"),
    "nearest": (one("Resize", IMAGE, [], [None, np.float32([1, 1, 2, 2])], mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"), "upsample 2"),
    "linear size": (one("Resize", IMAGE, [], [None, None, [1, 6, 7, 20]], mode="linear"), "mode=bilinear"),
    "corners": (one("Resize", IMAGE, [], [None, np.float32([1, 1, 2, 2])], mode="linear", coordinate_transformation_mode="align_corners"), "align_corners=true"),
    "depth to space": (one("DepthToSpace", ["n", 8, 3, 4], blocksize=2, mode="CRD"), "pixelshuffle 2"),
    "depth to space dcr": (one("DepthToSpace", ["n", 8, 3, 4], blocksize=2), "rearrange"),
    "space to depth": (one("SpaceToDepth", ["n", 2, 4, 6], blocksize=2), "rearrange"),
    "lstm": (one("LSTM", [5, "n", 4], [array(1, 12, 4), array(1, 12, 3), array(1, 24)], hidden_size=3), "lstm 3"),
    "lstm both": (one("LSTM", [5, "n", 4], [array(2, 12, 4), array(2, 12, 3), array(2, 24)], hidden_size=3, direction="bidirectional"), "bidirectional=true"),
    "gru": (one("GRU", [5, "n", 4], [array(1, 9, 4), array(1, 9, 3), array(1, 18)], hidden_size=3, linear_before_reset=1), "gru 3"),
    "rnn": (one("RNN", [5, "n", 4], [array(1, 3, 4), array(1, 3, 3)], hidden_size=3), "rnn 3 bias=false"),
    "topk": (one("TopK", ["n", 9], [], [[3]], out=2), "topk 3"),
    "argmax": (one("ArgMax", TOKENS, axis=2, keepdims=0), "argmax"),
    "cumsum": (one("CumSum", TOKENS, [], [np.int64(1)]), "cumsum"),
    "einsum": (one("Einsum", TOKENS, [array(8, 3)], equation="nld,de->nle"), "einsum"),
    "tile": (one("Tile", TOKENS, [], [[1, 2, 1]]), "tile"),
    "gelu": (one("Gelu", TOKENS, opset=20, approximate="tanh"), "gelu approximate=tanh"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_operators(name, tmp_path):
    made, word = ONE[name]
    found = told(made, tmp_path)
    assert word in found.spec
    assert found.comparison.equal, list(found.comparison.lines("net"))
    if name not in UNCOMPARED:
        compare(found)
        assert found.comparison.checked.startswith("outputs equal"), found.comparison.checked


# What PyTorch's module of the layer, or onnxruntime, does not take as it stands here.
UNCOMPARED = ("linear size", "argmax")


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.silu(self.bn1(self.conv1(x))))))


class Net(nn.Module):
    """Residual blocks, then attention: what exporters fold, take apart and name."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.layer1 = nn.Sequential(Block(8), Block(8))
        self.norm = nn.LayerNorm(8)
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
        self.position = nn.Parameter(torch.randn(1, 16, 8))
        self.head = nn.Sequential(nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(128, 5))
        for parameter in self.parameters():
            nn.init.normal_(parameter)

    def forward(self, x):
        x = self.layer1(self.stem(x)).flatten(2).transpose(1, 2) + self.position
        batch, count, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(batch, count, 3, 2, width // 2).permute(2, 0, 3, 1, 4)
        weights = ((q * (width // 2) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
        x = x + self.proj((weights @ v).transpose(1, 2).reshape(batch, count, width))
        return self.head(F.gelu(x).transpose(1, 2))


def exported(tmp_path, dynamo, opset, free=True):
    """The network as PyTorch writes it."""
    path, x = tmp_path / "net.onnx", torch.randn(2 if free else 1, 3, 8, 8)
    more = {"dynamo": dynamo, "opset_version": opset}
    if dynamo:
        pytest.importorskip("onnxscript")
        more |= {"verbose": False, "external_data": False}
        more |= {"dynamic_shapes": ({0: torch.export.Dim("batch")},)} if free else {}
    else:
        more |= {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}} if free else None}
    torch.onnx.export(Net().eval(), (x,), str(path), **more)
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("dynamo", "opset", "free"), [(False, 11, True), (False, 17, False), (True, 18, True)])
def test_exported(dynamo, opset, free, tmp_path):
    found = read(str(path := exported(tmp_path, dynamo, opset, free)), path.read_bytes())
    folded = sum(p.numel() for p in Net().parameters()) - 4 * 8  # a scale and a shift of each norm are a bias
    assert found.comparison.params == (folded, folded)
    assert found.comparison.equal
    for words in ("residual", "attention 2", "layernorm", "groupnorm 2", "silu", "gelu", "posembed"):
        assert words in found.spec, found.spec
    assert "repeat: 2" in found.spec
    compare(found)
    assert found.comparison.checked.startswith("outputs equal")
    assert "opaque" not in found.spec


def test_equal_weights_are_parted(tmp_path):
    nodes = [helper.make_node("Identity", ["a"], ["b"])]
    nodes += [
        helper.make_node("LayerNormalization", ["x", "a", "a"], ["y"]),
        helper.make_node("Mul", ["y", "b"], ["z"]),
    ]
    found = told(model(nodes, {"x": (TOKENS, FLOATS)}, ["z"], {"a": array(8)}), tmp_path)
    assert found.comparison.params == (24, 24)
    assert "stores equal weights once" in found.text


def test_open_sizes_are_dims(tmp_path):
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "two"], ["w"], axis=0),
        helper.make_node("Concat", ["head", "w"], ["r"], axis=0),
        helper.make_node("Conv", ["x", "k"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Resize", ["y", "", "f"], ["z"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        helper.make_node("Reshape", ["z", "r"], ["o"]),
    ]  # fmt: skip
    weights = {"two": np.int64([3]), "head": np.int64([0, -1]), "k": array(4, 3, 3, 3), "f": np.float32([1, 1, 2, 2])}
    found = told(model(nodes, {"x": (["b", 3, "h", "w"], FLOATS)}, ["o"], weights), tmp_path)
    assert "dims: {h: 224, w: 224}\ninput: [3, h, w]" in found.spec
    assert found.comparison.equal


def test_root_mean_square(tmp_path):
    nodes = [
        helper.make_node("Pow", ["x", "two"], ["a"]),
        helper.make_node("ReduceMean", ["a", "last"], ["b"]),
        helper.make_node("Add", ["b", "eps"], ["c"]),
        helper.make_node("Sqrt", ["c"], ["d"]),
        helper.make_node("Div", ["one", "d"], ["e"]),
        helper.make_node("Mul", ["x", "e"], ["f"]),
        helper.make_node("Mul", ["w", "f"], ["g"]),
    ]
    numbers = {"two": np.float32(2), "eps": np.float32(1e-3), "one": np.float32(1), "last": np.int64([-1])}
    found = told(model(nodes, {"x": (TOKENS, FLOATS)}, ["g"], {"w": array(8), **numbers}), tmp_path)
    assert "layers: [rmsnorm eps=0.001" in found.spec or "- rmsnorm eps=0.001" in found.spec
    compare(found)
    assert found.comparison.checked.startswith("outputs equal")


def test_quantised(tmp_path):
    """A weight in few bits is a weight as any other."""
    scale, zero = {"s": np.float32(0.1)}, {"z": np.int8(0)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["v"]),
        helper.make_node("Conv", ["d", "v"], ["y"]),
    ]
    weights = {"w": np.ones((4, 6, 3, 3), np.int8), **scale, **zero}
    found = told(model(nodes, {"x": (IMAGE, FLOATS)}, ["y"], weights), tmp_path)
    assert found.comparison.equal
    assert "conv 4 kernel=3 bias=false" in found.spec
    assert "1 quantised tensors are not in the spec" in found.spec


def test_attention_of_onnxruntime(tmp_path):
    node = helper.make_node("Attention", ["x", "w", "b"], ["y"], domain="com.microsoft", num_heads=2)
    made = model(
        [node], {"x": (TOKENS, FLOATS)}, ["y"], {"w": array(8, 24), "b": array(24)}, domains=("com.microsoft",)
    )
    found = told(made, tmp_path)
    assert found.comparison.equal
    assert "sdpa" in found.spec


def test_attention_of_opset_23(tmp_path):
    node = helper.make_node("Attention", ["x", "x", "x"], ["y"], q_num_heads=2, kv_num_heads=2, is_causal=1)
    found = told(model([node], {"x": (TOKENS, FLOATS)}, ["y"], {}, 23), tmp_path)
    assert found.comparison.equal
    assert "causal=true" in found.spec


def test_unknown_operators_are_opaque(tmp_path):
    node = helper.make_node("Mystery", ["x"], ["y"], domain="my.own")
    made = model(
        [node, helper.make_node("Relu", ["y"], ["z"])], {"x": (TOKENS, FLOATS)}, ["z"], {}, domains=("my.own",)
    )
    with pytest.raises(
        RequestError, match=r"`my.own.Mystery` \('y'\) is not supported, and the file does not give the sizes"
    ):
        told(made, tmp_path)
    made.graph.value_info.append(helper.make_tensor_value_info("y", FLOATS, ["n", 7, 3]))
    found = told(made, tmp_path)
    assert found.comparison.declared == [(5, "Mystery")] or found.comparison.declared
    assert "output: [7, 3]" in found.spec


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([("If", ["c"], ["y"])], "`If` .* is control flow, which is not supported"),
        ([("Relu", ["z"], ["y"]), ("Relu", ["y"], ["z"])], "reads 'z', which no earlier node gives"),
        ([("Conv", ["x", "w"], ["y"])], "cannot be read"),
        ([("Slice", ["x", "s"], ["y"])], "cannot be read: its inputs, attributes and outputs do not fit together$"),
        ([("Reshape", ["x", "s"], ["y"])], "does not have as many elements"),
    ],
)
def test_refused(nodes, message, tmp_path):
    made = model(
        [helper.make_node(*one) for one in nodes],
        {"x": (TOKENS, FLOATS)},
        ["y"],
        {"w": array(4, 9, 3, 3), "s": np.int64([5, 5]), "c": np.bool_(True)},
    )
    with pytest.raises(RequestError, match=message):
        told(made, tmp_path)


def test_other_files_are_never_read(tmp_path):
    """Data that a file says lies elsewhere stays there, wherever that is."""
    made, _ = ONE["conv"]
    copy = onnx.ModelProto.FromString(made.SerializeToString())
    tensor = copy.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "/dev/zero"), ("length", str(10**15))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    found = told(copy, tmp_path)
    assert found.comparison.equal
    compare(found)
    assert "weights are in other files, which are not read" in found.comparison.checked


@pytest.mark.parametrize("data", [b"", b"\x08", b"\x08\x07\x12\xff\xff\xff\xff\x0f", b"\x08\x07\x3a\x03abc", b"model"])
def test_broken(data, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    with pytest.raises(RequestError, match="as an ONNX model"):
        read(str(path), data)


def test_large_files_are_read_at_once(tmp_path):
    """However many weights there are, none is looked at."""
    made = one("Conv", IMAGE, [array(4, 6, 3, 3)])
    weights = numpy_helper.from_array(np.zeros((2_500_000,), np.float32), "unread")
    made.graph.initializer.append(weights)
    path = tmp_path / "net.onnx"
    path.write_bytes(made.SerializeToString())
    with path.open("rb") as file:
        data = file.read(2**22 + 1)
    begin = time.process_time()
    assert read(str(path), data).comparison.equal
    assert time.process_time() - begin < 0.5


def test_commands(tmp_path):
    path, other = tmp_path / "old.onnx", tmp_path / "new.onnx"
    path.write_bytes(ONE["conv"][0].SerializeToString())
    other.write_bytes(ONE["conv same"][0].SerializeToString())
    imported = run("import", path, "--check")
    assert (status(imported), "outputs equal" in imported.stderr) == (0, True)
    assert "as in the file" in imported.stderr
    assert status(run("shapes", path)) == 0
    assert status(run("memory", path)) == 0
    assert status(run("lint", path)) in (0, 1)
    assert "conv" in run("diff", path, other).output


def test_neither_torch_nor_onnx_is_read(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(ONE["conv"][0].SerializeToString())
    code = (
        f"import sys; sys.argv = ['archcalc', 'import', {str(path)!r}]\nfrom archcalc.cli import main\n"
        "try: main()\nexcept SystemExit as e: assert not e.code\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "onnx", "numpy"} & set(done.stderr.split())


def small():
    return [made.SerializeToString() for made, _ in ONE.values()]


def test_mutations(tmp_path):
    for data in mutated(small(), 300):
        survives(data, tmp_path / "net.onnx")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for changed in mutated(small(), int(sys.argv[1]), int(time.time())):
            survives(changed, Path(folder) / "net.onnx")
