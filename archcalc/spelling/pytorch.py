"""Calls of PyTorch that are more than a layer with keys: several layers, axes that count the batch, sizes in another order."""

from __future__ import annotations

import ast

from archcalc.spelling.bound import Bound, Inner, Writer, activation
from archcalc.spelling.names import SAID
from archcalc.spelling.order import LETTERS, ordered
from archcalc.spelling.values import UnwritableError, axis, computed, dotted, literal, sized, whole, wholes, word


def _sequential(bound: Bound, inner: Inner) -> list[str]:
    """Layers one after the other, given one by one or in one list or OrderedDict."""
    nodes = bound.rest
    if len(nodes) == 1 and isinstance(nodes[0], ast.Call) and dotted(nodes[0].func).endswith("OrderedDict"):
        nodes = nodes[0].args
    if len(nodes) == 1 and isinstance(nodes[0], (ast.List, ast.Tuple)):
        nodes = nodes[0].elts
    if len(nodes) == 1 and isinstance(nodes[0], (ast.ListComp, ast.GeneratorExp)):
        raise UnwritableError("copies are written `repeat: 12` with `layers: [...]`, or repeat=12 on a layer")
    lines = []
    for node in nodes:
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:  # of an OrderedDict
            lines += _named(inner(node.elts[1]), word(node.elts[0]))
        elif isinstance(node, ast.Call):
            lines += inner(node)
        else:
            raise computed(node)
    if not lines:
        raise UnwritableError(SAID["container"])
    return lines


def _named(lines: list[str], name: str) -> list[str]:
    return [*lines[:-1], f"{lines[-1]} name={name}"] if lines and ":" not in lines[-1] else lines


def _encoder_layer(bound: Bound, inner: Inner) -> list[str]:
    """torch.nn.TransformerEncoderLayer, in layers."""
    width, heads = bound.text("d_model", "cin"), bound.text("nhead", "8")
    drop = bound.text("dropout", "0.1")
    act = activation(bound["activation"])[0] if bound.given("activation") is not None else "relu"
    hidden = bound.text("dim_feedforward", "2048")
    bias = "" if bound.text("bias", "true") == "true" else " bias=false"
    eps = bound.text("layer_norm_eps", "1e-05")
    norm = f"layernorm{'' if float(eps) == 1e-5 else f' eps={eps}'}{bias}"
    attend = [f"attention {heads} dropout={drop}{bias}", f"dropout {drop}"]
    think = [f"linear {hidden}{bias}", act, f"dropout {drop}", f"linear {width}{bias}", f"dropout {drop}"]
    if bound.is_true("norm_first"):
        return [f"residual: [{', '.join([norm, *part])}]" for part in (attend, think)]
    return [line for part in (attend, think) for line in (f"residual: [{', '.join(part)}]", norm)]


def _encoder(bound: Bound, inner: Inner) -> list[str]:
    layers = inner(bound["encoder_layer"]) if isinstance(bound.get("encoder_layer"), ast.Call) else ["..."]
    if layers == ["..."]:
        raise UnwritableError("copies are written `repeat: 6` with `layers: [...]`, or repeat=6 on a block")
    return [f"{{repeat: {bound.text('num_layers', '6')}, layers: [{', '.join(layers)}]}}"]


def _permute(bound: Bound, inner: Inner) -> list[str]:
    nodes = (
        bound.rest[0].elts if len(bound.rest) == 1 and isinstance(bound.rest[0], (ast.Tuple, ast.List)) else bound.rest
    )
    order = [whole(node) for node in nodes]
    if not order or order[0] != 0:
        raise UnwritableError("the batch stays first: `rearrange 'a b c -> c a b'` gives any order of the other axes")
    return ordered([index - 1 for index in order[1:]])


def _transpose(bound: Bound, inner: Inner) -> list[str]:
    first, second = (axis(bound[name]) for name in ("dim0", "dim1"))
    return ["transpose"] if {first, second} == {-1, -2} else [f"transpose {first}x{second}"]


def _view(bound: Bound, inner: Inner) -> list[str]:
    """Sizes preceded by the batch; -1 or a size read from the tensor stands for the batch."""
    nodes = (
        bound.rest[0].elts if len(bound.rest) == 1 and isinstance(bound.rest[0], (ast.Tuple, ast.List)) else bound.rest
    )
    if len(nodes) < 2:
        raise UnwritableError("the batch stays: `flatten` joins the axes of each sample")
    if isinstance(nodes[0], ast.Constant) and nodes[0].value != -1:
        raise UnwritableError("sizes leave out the batch: `reshape 64x7x7`, or `flatten`")
    sizes = [word(node) for node in nodes[1:]]
    if sizes == ["-1"]:
        return ["flatten"]
    return [f"reshape {'x'.join(size if size.lstrip('-').isdigit() else f'({size})' for size in sizes)}"]


def _flatten(bound: Bound, inner: Inner) -> list[str]:
    return _flattened(bound, 1)


def _flatten_tensor(bound: Bound, inner: Inner) -> list[str]:
    """torch.flatten starts with the batch unless told otherwise."""
    return _flattened(bound, 0)


def _flattened(bound: Bound, default: int) -> list[str]:
    start = whole(bound["start"]) if bound.given("start") is not None else default
    if start == 0:
        raise UnwritableError("axis 0 is the batch in Python: `flatten` joins the axes of each sample")
    words = ["flatten"] if start == 1 else [f"flatten start={start - 1 if start > 0 else start}"]
    end = bound.given("end")
    return [" ".join((*words, *([f"end={axis(end)}"] if end is not None and whole(end) != -1 else [])))]


def _unflatten(bound: Bound, inner: Inner) -> list[str]:
    sizes = [str(size) for size in wholes(bound["unflattened_size"])]
    if axis(bound["dim"]) == 0:
        return [f"reshape {'x'.join(sizes)}"]
    raise UnwritableError("`reshape` gives all sizes, `rearrange 'a (b c) -> a b c' b=8` cuts one axis")


def _squeeze(bound: Bound, inner: Inner) -> list[str]:
    if bound.given("dim") is None:
        raise UnwritableError("say which axis: `select 0 axis=-1` takes off an axis of size 1")
    return [f"select 0 axis={axis(bound['dim'])}"]


def _unsqueeze(bound: Bound, inner: Inner) -> list[str]:
    where = whole(bound["dim"]) - 1
    if where < -2 or where >= len(LETTERS):
        raise UnwritableError("`rearrange 'a b -> a 1 b'` adds an axis")
    if where == -2:
        return ["rearrange '... -> ... 1'"]
    before = " ".join(LETTERS[:where])
    return [f"rearrange '{f'{before} ' if before else ''}... -> {f'{before} ' if before else ''}1 ...'"]


def _border_value(bound: Bound) -> str:
    value = literal(bound["value"]) if bound.given("value") is not None else 0
    return f" value={value}" if value else ""


def _pad(bound: Bound, inner: Inner) -> list[str]:
    """torch.nn.functional.pad: two sides of each axis, the last axis first."""
    sides = wholes(bound["pad"])
    mode = bound.text("mode", "constant")
    before, after = sides[0::2][::-1], sides[1::2][::-1]
    words = _border_value(bound) if mode == "constant" else f" mode={mode}"
    if before == after:
        return [f"pad {sized([str(size) for size in before])}{words}"]
    return [f"pad before={'x'.join(map(str, before))} after={'x'.join(map(str, after))}{words}"]


def _pad_module(mode: str) -> Writer:
    def write(bound: Bound, inner: Inner) -> list[str]:
        sides, words = wholes(bound["padding"]), mode or _border_value(bound)
        if len(sides) == 1:
            return [f"pad {sides[0]}{words}"]
        before, after = (sized([str(size) for size in sides[first::2][::-1]]) for first in (0, 1))
        return [f"pad {before}{words}" if before == after else f"pad before={before} after={after}{words}"]

    return write


def _bilinear_up(mode: str) -> Writer:
    def write(bound: Bound, inner: Inner) -> list[str]:
        size, factor = bound.given("size"), bound.given("scale_factor")
        return [f"upsample {word(factor)}{mode}" if factor is not None else f"upsample size={bound.text('size', '224')}{mode}" if size is not None else f"upsample 2{mode}"]  # fmt: skip

    return write


def _along(op: str) -> Writer:
    """A layer over axes, which PyTorch counts including the batch."""

    def write(bound: Bound, inner: Inner) -> list[str]:
        node = bound.given("axis")
        if node is None:
            raise UnwritableError(f"say over which axes: `{op} 0`, `{op} 1x2`; the batch does not count")
        axes = [axis(one) for one in (node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node])]
        return [f"{op} {'x'.join(map(str, axes))}" + (" keepdim=true" if bound.is_true("keepdim") else "")]

    return write


def _bag(bound: Bound, inner: Inner) -> list[str]:
    mode = bound.text("mode", "mean")
    if mode not in ("mean", "sum", "max"):
        raise UnwritableError(f"`mode` is mean, sum or max, not `{mode}`")
    return [f"embedding {bound.text('num_embeddings', '1000')} dim={bound.text('embedding_dim', '64')}", f"{mode} 0"]


def _sizes(bound: Bound, inner: Inner) -> list[str]:
    """torch.split takes the sizes of the parts, or one size for all."""
    sizes, where = bound["sizes"], axis(bound["dim"]) if "dim" in bound else None
    if where is None:
        raise UnwritableError("axis 0 is the batch in Python; a layer acts on each sample alone")
    if isinstance(sizes, (ast.Tuple, ast.List)):
        return [f"split sizes={'x'.join(map(str, wholes(sizes)))} axis={where}"]
    raise UnwritableError("`split 2` takes how many parts there are, `split sizes=32x-1` how large each is")


def _refused(sentence: str) -> Writer:
    def write(bound: Bound, inner: Inner) -> list[str]:
        raise UnwritableError(sentence)

    return write


_WEIGHTS = "its weight is made elsewhere in the Python; it is `{0}` with the sizes of that weight"
_ENCODER = "d_model nhead dim_feedforward dropout activation layer_norm_eps batch_first norm_first bias"
# By library and name; the library is empty if only one has the name.
SPECIAL: dict[tuple[str, str], tuple[str, Writer]] = {
    ("", "sequential"): ("*", _sequential),
    ("", "modulelist"): ("*", _sequential),
    ("", "transformerencoderlayer"): (_ENCODER, _encoder_layer),
    ("", "transformerencoder"): ("encoder_layer num_layers", _encoder),
    ("", "flatten"): ("start_dim=start end_dim=end", _flatten),
    ("function", "flatten"): ("start_dim=start end_dim=end", _flatten_tensor),
    ("function", "scaleddotproductattention"): ("*", _refused("it is `sdpa q=a k=b v=c` with the names of layers")),
    ("", "unflatten"): ("dim unflattened_size", _unflatten),
    ("function", "view"): ("*", _view),
    ("", "view"): ("*", _view),
    ("", "reshape"): ("*", _view),
    ("function", "reshape"): ("*", _view),
    ("function", "permute"): ("*", _permute),
    ("function", "transpose"): ("dim0 dim1", _transpose),
    ("function", "swapaxes"): ("dim0 dim1", _transpose),
    ("function", "squeeze"): ("dim", _squeeze),
    ("function", "unsqueeze"): ("dim", _unsqueeze),
    ("function", "pad"): ("pad mode value", _pad),
    **{("function", name): ("dim=axis keepdim dtype", _along(op)) for name, op in (
        ("mean", "mean"), ("sum", "sum"), ("amax", "max"), ("amin", "min"), ("logsumexp", "logsumexp"),
        ("argmax", "argmax"), ("argmin", "argmin"))},
    ("function", "cumsum"): ("dim=axis dtype", _along("cumsum")),
    ("function", "flip"): ("dims=axis", _along("flip")),
    **{("function", name): ("*", _refused(f"write `{name} 0`; the batch does not count"))
       for name in ("max", "min", "var", "std", "norm", "normalize", "tile")},
    ("function", "split"): ("split_size_or_sections=sizes dim", _sizes),
    ("torch", "embeddingbag"): ("num_embeddings embedding_dim max_norm norm_type scale_grad_by_freq mode", _bag),
    ("function", "conv"): ("*", _refused(_WEIGHTS.format("conv 64 kernel=3"))),
    ("function", "convtranspose"): ("*", _refused(_WEIGHTS.format("convtranspose 64 kernel=2 stride=2"))),
    ("function", "linear"): ("*", _refused(_WEIGHTS.format("linear 64"))),
    ("function", "embedding"): ("*", _refused(_WEIGHTS.format("embedding 1000 dim=64"))),
    ("function", "batchnorm"): ("*", lambda bound, inner: ["batchnorm"]),
    ("function", "instancenorm"): ("*", lambda bound, inner: ["instancenorm"]),
    ("function", "prelu"): ("*", lambda bound, inner: ["prelu"]),
    **{("torch", f"{name}pad"): ("padding value", _pad_module(mode)) for name, mode in (
        ("zero", ""), ("constant", ""), ("reflection", " mode=reflect"), ("replication", " mode=replicate"),
        ("circular", " mode=circular"))},
    ("torch", "upsamplingbilinear"): ("size scale_factor", _bilinear_up(" mode=bilinear align_corners=true")),
    ("torch", "upsamplingnearest"): ("size scale_factor", _bilinear_up("")),
    ("torch", "softmax2d"): ("", lambda bound, inner: ["softmax axis=0"]),
}  # fmt: skip
