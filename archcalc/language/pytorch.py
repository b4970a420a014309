"""What a PyTorch user writes, in the words of a spec: `nn.Conv2d(3, 64, 7)` is `conv 64 kernel=7`."""

from __future__ import annotations

import re

# What the positional arguments of torch.nn's classes are called here; "" is left out, as it is inferred.
_POSITIONS: dict[str, tuple[str, ...]] = {
    "conv": ("", "channels", "kernel", "stride", "padding", "dilation", "groups", "bias"),
    "convtranspose": ("", "channels", "kernel", "stride", "padding", "output_padding", "groups", "bias"),
    "linear": ("", "features", "bias"),
    "bilinear": ("", "", "features", "bias"),
    "embedding": ("vocab", "dim"),
    "maxpool": ("kernel", "stride", "padding", "dilation"),
    "avgpool": ("kernel", "stride", "padding", "ceil"),
    "batchnorm": ("",),
    "instancenorm": ("",),
    "layernorm": ("",),
    "rmsnorm": ("",),
    "groupnorm": ("groups", ""),
    "rnn": ("", "hidden", "layers"),
    "lstm": ("", "hidden", "layers"),
    "gru": ("", "hidden", "layers"),
    "attention": ("", "heads", "dropout"),
    "upsample": ("size", "scale"),
    "relu": (),
    "sigmoid": (),
    "tanh": (),
}
# Functions of several tensors.
_JOINED = {
    "cat": "concat",
    "concat": "concat",
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "matmul": "matmul",
    "bmm": "matmul",
}
_CLASSES = {"multiheadattention": "attention", "zeropad": "pad"}
_KEYS = {
    "kernel_size": "kernel", "out_channels": "channels", "out_features": "features", "hidden_size": "hidden",
    "num_layers": "layers", "num_heads": "heads", "num_embeddings": "vocab", "embedding_dim": "dim",
    "num_groups": "groups", "output_size": "output", "scale_factor": "scale", "ceil_mode": "ceil", "dim": "axis",
    "negative_slope": "slope",
}  # fmt: skip
# How PyTorch passes on the sizes that a spec never states.
INFERRED = (
    "in_channels", "in_features", "num_features", "input_size", "embed_dim", "num_channels", "normalized_shape",
    "kdim", "vdim", "batch_first", "d_model", "input_shape", "input_dim", "in_planes",
)  # fmt: skip
# Keys of PyTorch's that change neither a size nor what is counted.
NEUTRAL = (
    "inplace", "device", "dtype", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse",
    "return_indices",
)  # fmt: skip

# Keys of other libraries, and what to do instead.
ELSEWHERE = {
    "activation": "write the activation as a layer after it, as `relu`",
    "return_sequences": "the output holds all steps; from=NAME.last takes the last one",
    "return_state": "from=NAME.h takes the final state",
    "go_backwards": "bidirectional=true runs both ways",
}
# What is no layer of its own, in layers.
_NORMED = "[rmsnorm affine=false, scale cin**-0.5]"
_MLP = "[linear 4*cin, gelu, linear cin//4]"
_ENCODER = "[residual: [attention heads=8], layernorm, residual: [linear 2048, relu, linear 512], layernorm]"
_PATCHES = "[conv 768 kernel=16 stride=16, rearrange 'c h w -> (h w) c']"
_EXCITED = "mul: [prev, [adaptiveavgpool 1, conv 16 kernel=1, relu, conv 64 kernel=1, sigmoid]]"
MADE_OF = {
    "sequential": "[linear 8, relu, linear 4]",
    "modulelist": "[linear 8, relu, linear 4]",
    "transformer": _ENCODER,
    "transformerencoder": _ENCODER,
    "transformerencoderlayer": _ENCODER,
    "mlp": _MLP,
    "feedforward": _MLP,
    "ffn": _MLP,
    "swiglu": "mul: [[linear 256, silu], [linear 256]]",
    "geglu": "mul: [[linear 256, gelu], [linear 256]]",
    "depthwiseconv": "conv cin kernel=3 padding=1 groups=cin",
    "separableconv": "[conv cin kernel=3 padding=1 groups=cin, conv 64 kernel=1]",
    "squeezeexcitation": _EXCITED,
    "squeezeexcite": _EXCITED,
    "patchembed": _PATCHES,
    "patchembedding": _PATCHES,
    "embeddingbag": "[embedding 1000 dim=64, mean]",
    "rnncell": "rnn 64",
    "lstmcell": "lstm 64",
    "grucell": "gru 64",
    "normalize": _NORMED,
    "l2norm": _NORMED,
    "max": "adaptivemaxpool 1",
    "globalmaxpooling": "adaptivemaxpool 1",
    "globalaveragepooling": "adaptiveavgpool 1",
    "softmin": "[scale -1, softmax]",
}


def from_python(text: str) -> str:
    """What to write instead of the call `text`; with one positional argument it is the size of the output."""
    name, _, inside = text.partition("(")
    op = re.sub(r"[123]d$", "", name.split(".")[-1]).lower()
    op = _CLASSES.get(op, op)
    if op in MADE_OF:
        return f"write it in layers, as `{MADE_OF[op]}`"
    if op in _JOINED:
        return f"write `{_JOINED[op]}: [a, b]`, with the names of two layers"
    if op.endswith("loss"):
        return f"write `loss: {op.removesuffix('loss')}` beside `layers:`"
    words = [word for word in _split(inside.rstrip().removesuffix(")")) if word]
    plain = [_value(word) for word in words if not re.match(r"\w+\s*=", word)]
    positions = _POSITIONS.get(op)
    if positions is None:
        positions, plain = ("value",), plain[-1:]
    elif len(plain) == 1 < len(positions) and not positions[0]:
        plain = [""] * sum(not key for key in positions) + plain
    given = [(key, value) for key, value in zip(positions, plain) if key]
    for word in words:
        key, equals, value = word.partition("=")
        if equals and re.match(r"\w+\s*=", word) and key.strip() not in INFERRED + NEUTRAL:
            given.append(_named(key.strip(), _value(value.strip())))
    first = next((key for key in positions if key), "")
    line = [op, *(value if key == first else f"{key}={value}" for key, value in given)]
    return f"write `{' '.join(line)}`"


def _named(key: str, value: str) -> tuple[str, str]:
    """A keyword argument; PyTorch's axes count the batch."""
    if key == "dim" and value.isdigit() and int(value) > 0:
        value = str(int(value) - 1)
    return _KEYS.get(key, key), value


def _split(text: str) -> list[str]:
    """The arguments of a call; a comma inside brackets belongs to a tuple."""
    words, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth <= 0:
            words.append("")
        else:
            words[-1] += letter
    return [word.strip() for word in words]


def _value(text: str) -> str:
    """A value as a spec writes it: (3, 3) is 3, (3, 5) is 3x5, True is true, 'same' is same."""
    sizes = [size.strip() for size in text.strip("()[] ").split(",") if size.strip()]
    if len(sizes) > 1:
        return sizes[0] if len(set(sizes)) == 1 else "x".join(sizes)
    word = (sizes[0] if sizes else text).strip("'\"")
    return {"True": "true", "False": "false"}.get(word, word)
