"""Images that are read at places, or by filters, which are computed."""

from __future__ import annotations

from archcalc.layers.layout import CHANNELS_FIRST
from tests.draw.choices import Choices
from tests.draw.constructs import construct
from tests.draw.items import Item
from tests.draw.network import Network


def _image(network: Network) -> bool:
    x = network.tensor
    return x is not None and x.rank == 3 and x.integer is False and x.layout == CHANNELS_FIRST and max(x.shape) <= 40


@construct(weight=0.6)
def grid(network: Network, at: Choices) -> bool:
    """An image at the places of a grid."""
    if not _image(network):
        return False
    source, given = network.new_name(), network.new_name()
    start = Item("identity", {}, {"name": source})
    places = Item("rearrange", {"pattern": "'c h w -> h w c'"}, {"name": given})
    more = {
        "mode": at.pick("mode", ["bilinear", "nearest", "bicubic"]),
        "padding_mode": at.pick("outside", ["zeros", "border", "reflection"]),
        "align_corners": at.chance("corners", 0.5),
    }
    read = Item("gridsample", {"grid": given, **at.given(0.6, **more)}, {"from": source})
    return network.add(start, Item("conv", {"channels": 2, "kernel": 1}), places, read)


@construct(weight=0.6)
def moved(network: Network, at: Choices) -> bool:
    """An image through windows that move."""
    if not _image(network) or network.tensor is None:
        return False
    source, given, weight = network.new_name(), network.new_name(), network.new_name()
    channels, *space = map(int, network.tensor.shape)
    kernel = at.whole("kernel", 1, min(2, *space))
    windows = {"kernel": kernel, **at.given(0.5, stride=2, padding=1, dilation=2)}
    start = Item("identity", {}, {"name": source})
    items = [start, Item("conv", {"channels": 2 * kernel**2, **windows}, {"name": given})]
    keys = {"channels": 2 * at.whole("channels", 1, 3), **windows, "offset": given, **at.given(0.4, bias=False)}
    if channels % 2 == 0:
        keys |= at.given(0.5, groups=2)
    if at.chance("weighted", 0.5):
        items += [
            Item("conv", {"channels": kernel**2, **windows}, {"from": source}),
            Item("sigmoid", {}, {"name": weight}),
        ]
        keys["mask"] = weight
    return network.add(*items, Item("deformconv", keys, {"from": source}))


@construct(weight=0.6)
def unpooled(network: Network, at: Choices) -> bool:
    """A pooling and the way back to its places, which no two windows share."""
    if not _image(network) or network.tensor is None or min(network.tensor.shape[1:]) < 2:
        return False
    name = network.new_name()
    keys = {"kernel": 3, "padding": 1} if at.chance("border", 0.3) else {"kernel": 2, **at.given(0.3, stride=3)}
    back = Item("maxunpool", {**keys, "indices": f"{name}.indices"})
    between = [Item("relu")] if at.chance("between", 0.5) else []
    return network.add(Item("maxpool", {**keys, "indices": True}, {"name": name}), *between, back)


@construct(weight=1.2)
def filtered(network: Network, at: Choices) -> bool:
    """An image under filters that another layer gives: fixed, learned, or made of the image itself."""
    if not _image(network) or network.tensor is None:
        return False
    source, given = network.new_name(), network.new_name()
    channels, kernel = int(network.tensor.shape[0]), at.whole("kernel", 1, min(3, *network.tensor.shape[1:]))
    outputs, op = at.whole("channels", 1, 3), at.pick("op", ["conv", "convtranspose"])
    sizes = (outputs, channels, kernel, kernel) if op == "conv" else (channels, outputs, kernel, kernel)
    keys = {"channels": outputs, "kernel": kernel, "weight": given, "bias": False, **at.given(0.4, padding=0, stride=2)}
    kind = at.pick("kind", ["fixed", "learned", "own"])
    if kind == "fixed":
        keys |= {"channels": channels, "groups": channels}
        made = [Item("constant", {"shape": (1, 1, kernel, kernel), "kind": "binomial"}, {"name": given})]
    elif kind == "learned":
        made = [Item("parameter", {"shape": sizes}), Item("tanh", {}, {"name": given})]
    else:
        learned = Item("linear", {"features": outputs * channels * kernel**2})
        shaped = Item("reshape", {"shape": "x".join(map(str, sizes))}, {"name": given})
        made = [Item("adaptiveavgpool", {"output": 1}), Item("flatten"), learned, shaped]
    return network.add(Item("identity", {}, {"name": source}), *made, Item(op, keys, {"from": source}))
