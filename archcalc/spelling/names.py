"""Names of layers in other libraries: what each is called here, or is made of, or that there is none.

Names that mean the same layer are its aliases and stand with the layer. Listed here are those that mean something
else: a few layers together, one of several, or nothing that the language has.
"""

from __future__ import annotations

import re

from archcalc.layers import REGISTRY

# In layers; sizes are examples, or follow from the input.
_NORMED = "[rmsnorm affine=false, scale cin**-0.5]"
_MLP = "[linear 4*cin, gelu, linear cin//4]"
_ENCODER = "[residual: [attention heads=8], layernorm, residual: [linear 4*cin, relu, linear cin//4], layernorm]"
_PATCHES = "[conv 768 kernel=16 stride=16, rearrange 'c h w -> (h w) c']"
_EXCITED = "mul: [prev, [adaptiveavgpool 1, conv cin//4 kernel=1, relu, conv 4*cin kernel=1, sigmoid]]"
_FOCUS = "[pixelunshuffle 2, conv 64 kernel=3 padding=1 bias=false, batchnorm, silu]"
_CHANNELS_NORMED = "[rearrange 'c h w -> h w c', layernorm, rearrange 'h w c -> c h w']"
MADE_OF = {
    "sequential": "[linear 8, relu, linear 4]",
    "modulelist": "[linear 8, relu, linear 4]",
    "transformer": _ENCODER,
    "transformerencoder": _ENCODER,
    "transformerencoderlayer": _ENCODER,
    "mlp": _MLP,
    "feedforward": _MLP,
    "ffn": _MLP,
    "positionwisefeedforward": _MLP,
    "swiglu": "mul: [[linear 256, silu], [linear 256]]",
    "geglu": "mul: [[linear 256, gelu], [linear 256]]",
    "reglu": "mul: [[linear 256, relu], [linear 256]]",
    "crelu": "concat: [[relu], [neg, relu]]",
    **dict.fromkeys(("squaredrelu", "relusquared", "relu2"), "[relu, square]"),
    "quickgelu": "mul: [prev, [scale 1.702, sigmoid]]",
    "maxout": "maximum: [[linear 64], [linear 64]]",
    **dict.fromkeys(("depthwise", "depthwiseconv", "dwconv"), "conv cin kernel=3 padding=1 groups=cin"),
    **dict.fromkeys(("groupconv", "groupedconv", "gconv"), "conv 64 kernel=3 padding=1 groups=4"),
    **dict.fromkeys(("dilatedconv", "atrousconv"), "conv 64 kernel=3 padding=2 dilation=2"),
    **dict.fromkeys(("pointwise", "pointwiseconv"), "conv 64 kernel=1"),
    "causalconv": "[pad before=2 after=0, conv 64 kernel=3]",
    "subpixelconv": "[conv 4*cin kernel=3 padding=1, pixelshuffle 2]",
    **dict.fromkeys(("sumpool", "sumpooling"), "[avgpool 2, scale 4]"),
    **dict.fromkeys(("statisticspooling", "statspool"), "concat: [[mean], [std]]"),
    "separableconv": "[conv cin kernel=3 padding=1 groups=cin, conv 64 kernel=1]",
    "se": _EXCITED,
    "seblock": _EXCITED,
    "selayer": _EXCITED,
    "semodule": _EXCITED,
    "squeezeexcitation": _EXCITED,
    "squeezeexcite": _EXCITED,
    "patchembed": _PATCHES,
    "patchembedding": _PATCHES,
    "focus": _FOCUS,
    "embeddingbag": "[embedding 1000 dim=64, mean]",
    "softmin": "[scale -1, softmax]",
    "layernorm2d": _CHANNELS_NORMED,
    "globalmaxpooling": "[adaptivemaxpool 1, flatten]",
    "globalaveragepooling": "[adaptiveavgpool 1, flatten]",
    "resizing": "upsample size=224 mode=bilinear",
    "resize": "upsample size=224 mode=bilinear",
    "squeeze": "select 0 axis=-1",
    "unsqueeze": "rearrange 'a ... -> a 1 ...'",
    "expanddims": "rearrange 'a ... -> a 1 ...'",
    "narrow": "slice 2 end=5",
    "cropping": "[slice 2 end=30 axis=1, slice 2 end=30 axis=2]",
    "repeatvector": "expand 5x-1",
    "unflatten": "reshape 64x1x-1",
}
# The layer, with a key implied by the name.
_TANH, _BOTH = ("gelu", "approximate=tanh"), "bidirectional=true"
WITH = {
    **dict.fromkeys(("reflectionpad", "reflectpad", "mirrorpad", "reflectionpadding"), ("pad", "mode=reflect")),
    **dict.fromkeys(("replicationpad", "replicatepad", "edgepad"), ("pad", "mode=replicate")),
    "circularpad": ("pad", "mode=circular"),
    "softmax2d": ("softmax", "axis=0"),
    **dict.fromkeys(
        ("upsamplingbilinear2d", "upsamplebilinear", "upsamplingbilinear"),
        ("upsample", "mode=bilinear align_corners=true"),
    ),
    **dict.fromkeys(("gelunew", "newgelu", "newgeluactivation", "gelutanh", "gelufast", "fastgelu"), _TANH),
    **{name: (op, _BOTH) for op in ("lstm", "gru", "rnn") for name in (f"bi{op}", f"bidirectional{op}")},
    "causalselfattention": ("attention", "causal=true"),
    "multiqueryattention": ("attention", "kv_heads=1"),
    "mqa": ("attention", "kv_heads=1"),
}
# In words; backticks mark a layer or a key as written.
_NO_CHANNELS = "no layer drops whole channels; `dropout` costs the same"
_NO_DROPS = "no layer drops parts of this kind; `dropout` costs the same"
_BLOCK = "put its layers in a block under `blocks:`, which is called by its name; `archcalc specs` lists whole networks"
_GRAPH = "a graph is a matrix among the inputs, which `matmul` multiplies with: `archcalc shapes gcn` has one"
_KV = "it is `attention heads=8 kv=NAME`, with the layer that keys and values come from"
_GROUPED = "it is `attention heads=8 kv_heads=2` here"
_ULTRALYTICS = "it is a block of Ultralytics: put its layers under `blocks:`"
_LOSS = "it is `loss: crossentropy` beside `layers:`; there are crossentropy, nll, mse, l1, bce and bcewithlogits"
_NONE = "there is no such layer; `archcalc layers` lists them"
_NO_NOISE = "it does nothing at inference: leave it out, or write `dropout`"
_NO_PARTS = "it sets how a network runs, not what it computes: leave it out"
SAID = {
    "permute": "`transpose 0x1` swaps two axes, `rearrange 'a b c -> c a b'` gives any order; neither counts the batch",
    "average": "`mean` is over an axis; of two tensors it is `[add: [a, b], scale 0.5]`",
    "pool": "`maxpool 2` or `avgpool 2`",
    "pooling": "`maxpool 2` or `avgpool 2`",
    "globalpool": "`adaptiveavgpool 1` or `adaptivemaxpool 1`",
    "globalpooling": "`adaptiveavgpool 1` or `adaptivemaxpool 1`",
    "globalavgpool": "`adaptiveavgpool 1` keeps an image of 1×1, `[adaptiveavgpool 1, flatten]` gives a vector",
    "globalaveragepool": "`adaptiveavgpool 1` keeps an image of 1×1, `[adaptiveavgpool 1, flatten]` gives a vector",
    "gap": "`adaptiveavgpool 1` keeps an image of 1×1, `[adaptiveavgpool 1, flatten]` gives a vector",
    "globalmaxpool": "`adaptivemaxpool 1` keeps an image of 1×1, `[adaptivemaxpool 1, flatten]` gives a vector",
    "shortcut": "it stands beside `layers:`, as in `residual: {layers: [...], shortcut: [...]}`",
    **dict.fromkeys(
        ("last", "laststep", "lasttimestep", "lasttoken", "lasthidden", "finalstate", "takelast", "getlast"),
        "`select -1` takes the last position; `from=NAME.h` is the final state of a recurrent layer",
    ),
    "normalization": "name it: `batchnorm`, `layernorm`, `groupnorm 32`, `instancenorm` or `rmsnorm`",
    "activation": "its name is a layer: `relu`, `gelu`, `silu`, ...",
    "act": "its name is a layer: `relu`, `gelu`, `silu`, ...",
    "nonlinearity": "its name is a layer: `relu`, `gelu`, `silu`, ...",
    "bidirectional": "it is `lstm 64 bidirectional=true` here",
    "timedistributed": "layers on features act on every position anyway: write the layer alone, e.g. `linear 64`",
    "convlstm": "it is a `scan` over the steps whose body is made of `conv`, `sigmoid` and `mul`: `archcalc shapes convlstm` has one",
    "convgru": "it is a `scan` over the steps whose body is made of `conv`, `sigmoid` and `mul`: `archcalc shapes convlstm` has one of this kind",
    **dict.fromkeys(("crossattention", "multiheadcrossattention", "encoderdecoderattention"), _KV),
    **dict.fromkeys(("groupedqueryattention", "groupqueryattention", "gqa"), _GROUPED),
    **dict.fromkeys(("gcn", "gcnconv", "graphconv", "gatconv", "sageconv", "messagepassing"), _GRAPH),
    **dict.fromkeys(
        ("resblock", "residualblock", "resnetblock", "invertedresidual", "mbconv", "convblock", "doubleconv",
         "denseblock", "transitionlayer", "aspp", "fpn", "panet", "unet", "encoder", "decoder", "transformerblock",
         "transformerlayer", "encoderlayer", "decoderlayer", "inception", "convnormact", "cbr", "cbam", "eca",
         "nonlocal", "nonlocalblock", "highway", "spp", "ffnblock", "swintransformerblock", "spatialpyramidpooling", "up", "down", "stage", "stem", "head",
         "backbone", "neck", "generator", "discriminator"),
        _BLOCK,
    ),
    **dict.fromkeys(("dropconnect", "dropblock"), _NO_DROPS),
    "weightnorm": "it is a key of the layer whose weight it normalizes: `conv 64 kernel=3 reparam=weightnorm`",
    "spectralnorm": "it is a key of the layer whose weight it normalizes: `conv 64 kernel=3 reparam=spectralnorm`",
    "alibi": "it is a bias of scores without learned parameters: `attention heads=8 causal=true` has the same ones",
    **dict.fromkeys(("sinusoidal", "sinusoidalpositionalembedding", "sinusoidalpositionalencoding"), "it is `posembed kind=sinusoidal` here"),
    "bias": "it is `add: [prev, [parameter 64]]` here",
    "rescaling": "it is `scale 1/255` here, with `offset -0.5` for a number that is added",
    "router": "it is a part of `moe: {experts: 8, top_k: 2, layers: [linear 256]}`",
    "stack": "join along a new axis: `rearrange '... -> 1 ...'` on each tensor, then `concat` with axis: 0",
    "gate": "`mul: [a, b]` multiplies two tensors",
    "conditional": _NONE,
    "lambda": "there are no functions: write what it computes in layers",
    "function": "there are no functions: write what it computes in layers",
    "input": "the input goes at the top of the spec, e.g. `input: [3, 224, 224]`",
    "inputlayer": "the input goes at the top of the spec, e.g. `input: [3, 224, 224]`",
    "output": "the output is the last layer, or what `output:` names beside `layers:`",
    "moduledict": "write the layers themselves; name= gives them names",
    "module": "put its layers in the list, or in a block under `blocks:`",
    "container": "put its layers in the list, or in a block under `blocks:`",
    "block": "a block is called by the name it has under `blocks:`",
    "parameterlist": "write each as `parameter 64`",
    "parameterdict": "write each as `parameter 64`",
    "dataparallel": _NO_PARTS,
    "checkpoint": _NO_PARTS,
    "dropout1d": _NO_CHANNELS,
    "dropout2d": _NO_CHANNELS,
    "dropout3d": _NO_CHANNELS,
    "spatialdropout": _NO_CHANNELS,
    "alphadropout": "no layer keeps mean and variance while it drops; `dropout` costs the same",
    "featurealphadropout": _NO_CHANNELS,
    "gaussiannoise": _NO_NOISE,
    "gaussiandropout": _NO_NOISE,
    "rrelu": "at inference it is `leakyrelu slope=0.229`; no layer draws the slope",
    "crossmaplrn2d": "it is `localresponsenorm 5` here",
    "multiheadattentionforward": "it is `attention 8`, which holds its projections",
    "upsamplenearest": "it is `upsample 2` here",
    "nativechannelshuffle": "it is `channelshuffle 2` here",
    "transformerdecoder": "its layers are written out, with `attention heads=8 kv=NAME` for the encoder's output",
    "transformerdecoderlayer": "its layers are written out, with `attention heads=8 kv=NAME` for the encoder's output",
    "c2f": _ULTRALYTICS,
    "c3": _ULTRALYTICS,
    "c3k2": _ULTRALYTICS,
    "c2psa": _ULTRALYTICS,
    "sppf": _ULTRALYTICS,
    "bottleneck": "put its layers in a block under `blocks:`",
    "basicblock": "put its layers in a block under `blocks:`",
    "detect": _ULTRALYTICS,
    **dict.fromkeys(
        ("bilinear", "fractionalmaxpool", "lppool", "hardshrink", "softshrink", "threshold",
         "tanhshrink", "cosinesimilarity", "pairwisedistance", "adaptivelogsoftmaxwithloss", "affinegrid",
         "onehot", "gumbelsoftmax", "sort", "fft", "where", "scatter", "locallyconnected", "kan", "rnnbase",
         "rnncellbase", "convtbc", "groupedmm", "scaledmm", "scaledgroupedmm", "pdist", "roialign", "roipool", "attentionpool", "rot90", "stft",
         "melspectrogram", "sparsemax", "thresholdedrelu", "snake", "qrnn", "s4", "grn", "mask", "masking",
         "maskedfill", "partialconv", "coordconv", "capsule", "additiveattention", "timestepembedding",
         "fourierfeatures", "edgeconv"),
        _NONE,
    ),
}  # fmt: skip
_BY_ALIAS = {alias.replace("_", ""): op for op, layer in REGISTRY.items() for alias in layer.aliases}
# Layers that no part of a name stands for: `norm` is a vector's length here, and the others may occur by chance.
_NO_PART = (
    "norm",
    "in",
    "max",
    "min",
    "sum",
    "add",
    "log",
    "sin",
    "cos",
    "exp",
    "pow",
    "abs",
    "var",
    "std",
    "neg",
    "gap",
)


class Meaning:
    """What a name stands for: a layer of the language, layers that compute it, or a sentence about it."""

    __slots__ = ("keys", "layer", "made_of", "several", "text")

    def __init__(
        self,
        layer: str | None = None,
        made_of: str | None = None,
        text: str | None = None,
        keys: str = "",
        several: list[str] | None = None,
    ) -> None:
        self.layer = layer
        self.keys = keys  # the keys that the name implies, as written
        self.made_of = made_of
        self.several = several or []  # the layers that the name lists one after the other
        self.text = text

    @property
    def sentence(self) -> str:
        """What to do, in words."""
        if self.layer:
            return f"write `{self.layer}`" + (f" with {self.keys}" if self.keys else "")
        return f"write it in layers, e.g. `{self.made_of}`" if self.made_of else self.text or ""


def meaning(name: str) -> Meaning | None:
    """What a layer of another library is here; None for an unknown name.

    `nn.Conv2d`, `Conv2D`, `conv_2d` and `LazyConv2d` are one name; where PyTorch has a separate class for images, such
    as Softmax2d, that is another.
    """
    whole = name.split(".")[-1].lower().replace("_", "")
    bare = plain(name)
    for word in (whole, bare, bare.removeprefix("lazy"), bare.removesuffix("withindices"), bare.removesuffix("layer")):
        if word in REGISTRY:
            return Meaning(layer=word)
        if word in WITH:
            op, keys = WITH[word]
            return Meaning(layer=op, keys=keys)
        if word in MADE_OF:
            return Meaning(made_of=MADE_OF[word])
        if word in SAID:
            return Meaning(text=SAID[word])
        if word in _BY_ALIAS:
            return Meaning(layer=_BY_ALIAS[word])
    if bare.endswith(("loss", "div")) or "crossentropy" in bare:
        return Meaning(text=_LOSS)
    square = re.fullmatch(r"conv(?:2d)?(\d)x\1", whole)
    if square:
        return Meaning(layer="conv", keys=f"kernel={square[1]}")
    several = parts(name)
    return Meaning(made_of=f"[{', '.join(map(_sample, several))}]", several=several) if several else None


def parts(name: str) -> list[str]:
    """The layers that a name lists one after the other: conv, batchnorm and relu for `ConvBNReLU`; else none.

    At most one of them needs values.
    """
    word = plain(name)
    known = {word: op for word, op in [*((op, op) for op in REGISTRY), *_BY_ALIAS.items()] if word not in _NO_PART}
    found: list[list[str] | None] = [[], *[None] * len(word)]
    for end in range(1, len(word) + 1):
        for start in range(end):  # the longest words first
            before, op = found[start], known.get(word[start:end])
            if before is not None and op is not None:
                found[end] = [*before, op]
                break
    ops = found[-1] or []
    return ops if len(ops) > 1 and sum(_needs_values(op) for op in ops) <= 1 else []


def _needs_values(op: str) -> bool:
    return any(argument.required for argument in REGISTRY[op].arguments.values())


def _sample(op: str) -> str:
    example = REGISTRY[op].example
    return example[0] if example and _needs_values(op) else op


def plain(name: str) -> str:
    """A name without its module, case, underscores and number of axes, in one spelling of English."""
    word = name.split(".")[-1].lower().replace("_", "").replace("isation", "ization")
    return re.sub(r"(?<=[a-z])[123]d(?=\Z|[a-z])", "", word)
