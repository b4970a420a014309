"""Keras layers that become several here, or have their sizes in another order."""

from __future__ import annotations

from archcalc.layers import REGISTRY
from archcalc.spelling.bound import Bound, Inner, Writer, activation, padding
from archcalc.spelling.order import ordered
from archcalc.spelling.values import UnwritableError, literal, sized, wholes


def _bidirectional(bound: Bound, inner: Inner) -> list[str]:
    """Keras: a recurrent layer in both directions."""
    line, *rest = inner(bound["layer"])
    both = f"{line} bidirectional=true"
    if rest:  # the last step of each direction
        raise UnwritableError(f"it is `{both} name=NAME`, and what follows reads both last states with from=NAME.last")
    return [both]


def _same(bound: Bound, inner: Inner) -> list[str]:
    return inner(bound["layer"])


def _recurrent(op: str) -> Writer:
    def write(bound: Bound, inner: Inner) -> list[str]:
        """Keras returns the last step unless it is asked for all."""
        for name, usual in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
            if bound.text(name, usual) != usual:
                raise UnwritableError(f"`{op}` has no key for `{name}`; `archcalc layer {op}` lists its keys")
        one = "" if op == "gru" else " bias=one"  # a Keras GRU has two, like PyTorch's
        bias = one if bound.text("use_bias", "true") == "true" else " bias=false"
        line = f"{op} {bound.text('units', '64')}{bias}"
        if bound.text("recurrent_dropout", "0") != "0":
            raise UnwritableError(f"no layer drops parts of the state of `{op}`; `dropout` costs the same")
        drop = bound.text("dropout", "0")
        lines = [line] if drop == "0" else [f"dropout {drop}", line]
        return lines if bound.is_true("return_sequences") else [*lines, "select -1"]

    return write


def _global_pool(op: str) -> Writer:
    def write(bound: Bound, inner: Inner) -> list[str]:
        return [f"{op} 1"] if bound.is_true("keepdims") else [f"{op} 1", "flatten"]

    return write


def _over_positions(bound: Bound, inner: Inner) -> list[str]:
    raise UnwritableError(
        "after `conv` it is `[adaptiveavgpool 1, flatten]`, after `embedding`, `lstm` or `linear` `mean 0`"
    )


def _separable(bound: Bound, inner: Inner) -> list[str]:
    depthwise = Bound([])
    depthwise.update({key: value for key, value in bound.items() if key not in ("filters", "activation", "use_bias")})
    after = activation(bound["activation"], "keras") if "activation" in bound else []
    bias = "" if bound.text("use_bias", "true") == "true" else " bias=false"
    return [*_depthwise_line(depthwise, " bias=false"), f"conv {bound.text('filters', '64')} kernel=1{bias}", *after]


def _depthwise(bound: Bound, inner: Inner) -> list[str]:
    after = activation(bound["activation"], "keras") if "activation" in bound else []
    return [*_depthwise_line(bound, "" if bound.text("use_bias", "true") == "true" else " bias=false"), *after]


def _depthwise_line(bound: Bound, bias: str) -> list[str]:
    times = bound.text("depth_multiplier", "1")
    more = {"stride": bound.text("stride", "1"), "dilation": bound.text("dilation", "1")}
    shown = "".join(f" {key}={value}" for key, value in more.items() if value != "1")
    border = padding(REGISTRY["conv"], bound["padding"], bound, "keras") if "padding" in bound else {}
    shown += "".join(f" {key}={value}" for key, value in border.items())
    return [
        f"conv {'cin' if times == '1' else f'{times}*cin'} kernel={bound.text('kernel', '3')}{shown} groups=cin{bias}"
    ]


def _keras_input(bound: Bound, inner: Inner) -> list[str]:
    sizes = bound.given("shape")
    known = wholes(sizes) if sizes is not None else []
    if len(known) > 2:
        known = [known[-1], *known[:-1]]
    shown = ", ".join(map(str, known)) or "3, 224, 224"
    raise UnwritableError(f"the input goes at the top of the spec, e.g. `input: [{shown}]`: channels first, no batch")


def _keras_activation(bound: Bound, inner: Inner) -> list[str]:
    return activation(bound["activation"], "keras") or ["identity"]


def _relu(bound: Bound, inner: Inner) -> list[str]:
    """A ReLU in Keras may have an upper bound and a slope."""
    most, slope = (bound.text(name, "") for name in ("max_value", "negative_slope"))
    if most and float(most) == 6 and not slope:
        return ["relu6"]
    if most and not slope:
        return [f"hardtanh low=0 high={most}"]
    if most:
        raise UnwritableError("no layer has both an upper bound and a slope")
    return [f"leakyrelu {slope}" if slope and float(slope) else "relu"]


def _keras_cropping(bound: Bound, inner: Inner) -> list[str]:
    """Keras cuts this much from both sides of each spatial axis: negative padding."""
    value = literal(bound["size"]) if "size" in bound else 0
    pairs = [one if isinstance(one, tuple) else (one, one) for one in (value if isinstance(value, tuple) else (value,))]
    before, after = (sized([str(-int(pair[side])) for pair in pairs]) for side in (0, 1))
    return [f"pad {before}" if before == after else f"pad before={before} after={after}"]


def _keras_reshape(bound: Bound, inner: Inner) -> list[str]:
    sizes = [str(size) for size in wholes(bound["shape"])]
    if len(sizes) < 3:
        return [f"reshape {'x'.join(sizes)}"]
    return (
        [f"reshape {'x'.join(sizes)}", "rearrange 'h w c -> c h w'"]
        if len(sizes) == 3
        else [f"reshape {'x'.join(sizes)}"]
    )


def _keras_permute(bound: Bound, inner: Inner) -> list[str]:
    return ordered([index - 1 for index in wholes(bound["dims"])])


def _pad_keras(bound: Bound, inner: Inner) -> list[str]:
    value = literal(bound["size"]) if "size" in bound else 1
    pairs = [one if isinstance(one, tuple) else (one, one) for one in (value if isinstance(value, tuple) else (value,))]
    before, after = (sized([str(pair[side]) for pair in pairs]) for side in (0, 1))
    return [f"pad {before}" if before == after else f"pad before={before} after={after}"]


_RECURRENT = "units activation recurrent_activation use_bias dropout recurrent_dropout return_sequences"
_WINDOW = "kernel_size=kernel strides=stride padding"
_DEPTHWISE = f"{_WINDOW} depth_multiplier data_format dilation_rate=dilation activation use_bias"
_SEPARABLE = f"filters {_WINDOW} data_format dilation_rate=dilation depth_multiplier activation use_bias"
# By name: the arguments and what they are here.
SPECIAL: dict[str, tuple[str, Writer]] = {
    "bidirectional": ("layer", _bidirectional),
    "timedistributed": ("layer", _same),
    **{name: (_RECURRENT, _recurrent(op)) for name, op in (("lstm", "lstm"), ("gru", "gru"), ("simplernn", "rnn"))},
    "relu": ("max_value negative_slope threshold", _relu),
    "cropping": ("cropping=size data_format", _keras_cropping),
    **{name: ("data_format keepdims", _global_pool(op)) for name, op in (
        ("globalaveragepooling", "adaptiveavgpool"), ("globalavgpool", "adaptiveavgpool"),
        ("globalmaxpooling", "adaptivemaxpool"), ("globalmaxpool", "adaptivemaxpool"))},
    "globalaveragepooling1d": ("data_format keepdims", _over_positions),
    "globalmaxpooling1d": ("data_format keepdims", _over_positions),
    "separableconv": (_SEPARABLE, _separable),
    "depthwiseconv": (_DEPTHWISE, _depthwise),
    "input": ("shape", _keras_input),
    "inputlayer": ("input_shape=shape", _keras_input),
    "activation": ("activation", _keras_activation),
    "reshape": ("target_shape=shape", _keras_reshape),
    "permute": ("dims", _keras_permute),
    "zeropadding": ("padding=size data_format", _pad_keras),
    "flatten": ("data_format", lambda bound, inner: ["flatten"]),
    "repeatvector": ("n", lambda bound, inner: [f"expand {bound.text('n', '5')}x-1"]),
}  # fmt: skip
