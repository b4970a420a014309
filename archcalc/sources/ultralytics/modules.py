"""The modules of backbone and neck: the layers of each row, and the blocks that define modules.

Sources: the papers and documentation of YOLOv5, v8 and 11. A module takes the network and its row and returns its
items and channels.
"""

from __future__ import annotations

from collections.abc import Callable

from archcalc.sources.ultralytics.rows import Network, Row, refuse, words
from archcalc.sources.writing import Item

Made = tuple[list[Item], int]
_NORM = "batchnorm eps=1e-3 momentum=0.03"
CBS = "cbs(c, k=1, s=1)"


def use_cbs(network: Network) -> None:
    """Declares the block of a convolution with its norm and activation."""
    conv = "conv c kernel=k stride=s padding=k//2 bias=false"
    network.spec.blocks.setdefault(CBS, [[conv, _NORM, "silu"]])


def use_depthwise(network: Network) -> None:
    """Declares the block of a depthwise convolution."""
    conv = "conv cin kernel=3 padding=1 groups=cin bias=false"
    network.spec.blocks.setdefault("depthwise", [[conv, _NORM, "silu"]])


def conv(network: Network, row: Row) -> Made:
    """Conv: a convolution, batch norm, SiLU."""
    row.at_most(6)
    channels = network.scaled(row.whole(0))
    network.only_input(row)
    kernel, stride = row.whole(1, 1), row.whole(2, 1)
    padding, groups, dilation = row.whole(3, -1, least=0), row.whole(4, 1), row.whole(5, 1)
    if padding in (-1, kernel // 2) and groups == dilation == 1:
        use_cbs(network)
        line = words(f"cbs {channels}", k=kernel if kernel > 1 else None, s=stride if stride > 1 else None)
        return [line], channels
    reach = (dilation * (kernel - 1) + 1) // 2
    line = words(
        f"conv {channels}",
        kernel=kernel,
        stride=stride if stride > 1 else None,
        padding=reach if padding == -1 else padding,
        groups=groups if groups > 1 else None,
        dilation=dilation if dilation > 1 else None,
        bias="false",
    )
    return [line, _NORM, "silu"], channels


def _bottleneck(network: Network, kernels: str, added: bool) -> str:
    """Declares a bottleneck with equal input and output channels, and returns its name.

    Args:
        kernels: `3` for two 3×3, `1` for a 1×1 and a 3×3, `half` for two 3×3 with half the channels between them.
        added: whether the input is added.
    """
    use_cbs(network)
    first = {"3": "cbs c k=3", "1": "cbs c", "half": "cbs c//2 k=3"}[kernels]
    name = {"3": "bottleneck", "1": "narrow", "half": "waist"}[kernels] + ("" if added else "_plain")
    body: Item = [first, "cbs c k=3"]
    network.spec.blocks.setdefault(f"{name}(c)", [{"residual": body}] if added else [body])
    return name


def _split_block(network: Network, name: str, inner: str) -> str:
    """Declares a block that splits its channels and keeps the output of each inner module; returns its call."""
    body: list[Item] = [
        ["cbs 2*inner name=all", "split 2 name=halves"],
        f"{inner} inner from=halves.1 repeat=depth name=m",
        [{"concat": ["all", "m.*"]}, "cbs c"],
    ]
    network.spec.blocks.setdefault(f"{name}(c, inner, depth)", body)
    return name


def c2f(network: Network, row: Row) -> Made:
    """C2f: half of the channels goes through bottlenecks, and all their outputs are kept."""
    row.at_most(4)
    channels, added = network.scaled(row.whole(0)), row.flag(1, False)
    network.only_input(row)
    _no_groups(row, 2)
    inner = int(channels * row.share(3, 0.5))
    count = network.copies(row)
    name = _split_block(network, "c2f" if added else "c2f_plain", _bottleneck(network, "3", added))
    return [f"{name} {channels} inner={inner} depth={count}"], channels


def c3k2(network: Network, row: Row) -> Made:
    """C3k2: like C2f, with smaller bottlenecks or C3k modules."""
    row.at_most(5)
    network.newer = True
    channels, whole = network.scaled(row.whole(0)), row.flag(1, False) or network.letter in ("m", "l", "x")
    network.only_input(row)
    inner, added = int(channels * row.share(2, 0.5)), True
    _no_groups(row, 4)
    if row.text(3) not in ("", "False"):
        raise refuse(row.args[3], "attention in C3k2 is not supported yet")
    module = _c3k(network, added) if whole else _bottleneck(network, "half", added)
    name = _split_block(network, "c3k2_deep" if whole else "c3k2", module)
    return [f"{name} {channels} inner={inner} depth={network.copies(row)}"], channels


def _c3k(network: Network, added: bool) -> str:
    inner = _bottleneck(network, "3", added)
    way = ["cbs c//2", f"{inner} c//2", f"{inner} c//2"]
    network.spec.blocks.setdefault("c3k(c)", [{"concat": [way, ["cbs c//2"]]}, "cbs c"])
    return "c3k"


def c3(network: Network, row: Row) -> Made:
    """C3: a branch through bottlenecks and a shortcut branch."""
    row.at_most(4)
    channels, added = network.scaled(row.whole(0)), row.flag(1, True)
    network.only_input(row)
    _no_groups(row, 2)
    inner, count = int(channels * row.share(3, 0.5)), network.copies(row)
    module = _bottleneck(network, "1", added)
    name = "c3" if added else "c3_plain"
    way: list[Item] = ["cbs inner", f"{module} inner repeat=depth"]
    network.spec.blocks.setdefault(f"{name}(c, inner, depth)", [{"concat": [way, ["cbs inner"]]}, "cbs c"])
    return [f"{name} {channels} inner={inner} depth={count}"], channels


def c2(network: Network, row: Row) -> Made:
    """C2: half of the channels goes through bottlenecks, the other half stays."""
    row.at_most(4)
    channels, added = network.scaled(row.whole(0)), row.flag(1, True)
    network.only_input(row)
    _no_groups(row, 2)
    module, name = _bottleneck(network, "3", added), "c2" if added else "c2_plain"
    inner, count = int(channels * row.share(3, 0.5)), network.copies(row)
    body: list[Item] = [["cbs 2*inner", "split 2 name=halves"], f"{module} inner repeat=depth from=halves.0"]
    network.spec.blocks.setdefault(f"{name}(c, inner, depth)", [*body, {"concat": ["prev", "halves.1"]}, "cbs c"])
    return [f"{name} {channels} inner={inner} depth={count}"], channels


def bottleneck(network: Network, row: Row) -> Made:
    """Bottleneck: two convolutions with half of the channels between them."""
    row.at_most(2)
    channels, before = network.scaled(row.whole(0)), network.only_input(row)
    name = _bottleneck(network, "half", row.flag(1, True) and before == channels)
    return [f"{name} {channels}"], channels


def _no_groups(row: Row, position: int) -> None:
    if row.whole(position, 1) != 1:
        raise refuse(row.args[position], "groups in bottlenecks are not supported yet")


def sppf(network: Network, row: Row) -> Made:
    """SPPF: successive max pools, all outputs of which are kept."""
    row.at_most(2)
    channels, before, kernel = network.scaled(row.whole(0)), network.only_input(row), row.whole(1, 5)
    use_cbs(network)
    if before % 2:
        raise refuse(row.node, f"{before} channels cannot be halved")
    pool = "maxpool k stride=1 padding=k//2 name="
    body: list[Item] = [["cbs cin//2 name=p0", f"{pool}p1", f"{pool}p2", f"{pool}p3"]]
    network.spec.blocks.setdefault("sppf(c, k)", [*body, [{"concat": ["p0", "p1", "p2", "p3"]}, "cbs c"]])
    return [f"sppf {channels} k={kernel}"], channels


def c2psa(network: Network, row: Row) -> Made:
    """C2PSA: half of the channels goes through attention over positions."""
    row.at_most(2)
    channels, before = network.scaled(row.whole(0)), network.only_input(row)
    if before != channels:
        raise refuse(row.node, f"C2PSA keeps its channels: the input has {before}, the output {channels}")
    inner = int(channels * row.share(1, 0.5))
    heads = max(inner // 64, 1)
    if inner % heads:
        raise refuse(row.node, f"{inner} channels are not divisible by {heads} heads")
    use_cbs(network)
    blocks = network.spec.blocks
    plain = "bias=false"
    blocks.setdefault(
        "attend(heads, key)",
        [
            [f"conv cin+2*heads*key kernel=1 {plain}", _NORM],
            "rearrange '(a d) h w -> a (h w) d' a=heads name=all",
            ["slice end=key axis=2 from=all name=q"],
            ["slice start=key end=2*key axis=2 from=all name=k"],
            ["slice start=2*key axis=2 from=all name=v"],
            "sdpa q=q k=k v=v",
            "rearrange 'a (h w) d -> (a d) h w' h=h(input) name=seen",
            "rearrange 'a (h w) d -> (a d) h w' h=h(input) from=v",
            [f"conv cin kernel=3 padding=1 groups=cin {plain}", _NORM],
            {"add": ["prev", "seen"]},
            [f"conv cin kernel=1 {plain}", _NORM],
        ],
    )
    count = network.copies(row)
    body: list[Item] = [
        ["cbs 2*inner", "split 2 name=halves"],
        "identity from=halves.1",
        {
            "repeat": "depth",
            "layers": [
                {"residual": ["attend heads key=key"]},
                {"residual": ["cbs 2*cin", f"conv inner kernel=1 {plain}", _NORM]},
            ],
        },
        {"concat": ["halves.0", "prev"]},
        "cbs c",
    ]
    blocks.setdefault("c2psa(c, inner, heads, key, depth)", body)
    line = f"c2psa {channels} inner={inner} heads={heads} key={inner // heads // 2} depth={count}"
    return [line], channels


def concat(network: Network, row: Row) -> Made:
    """Concat: concatenates channels."""
    if row.whole(0, 1) != 1:
        raise refuse(row.args[0], "concatenating along axes other than channels is not supported yet")
    operands: list[Item] = [network.operand(source) for source in row.sources_at(network.index)]
    return [{"concat": operands}], sum(network.inputs(row))


def upsample(network: Network, row: Row) -> Made:
    """nn.Upsample by a factor."""
    channels = network.only_input(row)
    mode = row.text(2) or "nearest"
    if row.text(0) not in ("None", "") or mode not in ("nearest", "bilinear"):
        raise refuse(row.node, "upsampling to a size, or with this mode, is not supported yet")
    return [words(f"upsample {row.whole(1)}", mode=mode if mode != "nearest" else None)], channels


def maxpool(network: Network, row: Row) -> Made:
    """nn.MaxPool2d."""
    channels, kernel = network.only_input(row), row.whole(0)
    row.at_most(3)
    line = words(f"maxpool {kernel}", stride=row.whole(1, kernel), padding=row.whole(2, 0, least=0) or None)
    return [line], channels


MODULES: dict[str, Callable[[Network, Row], Made]] = {
    "C2": c2,
    "C2f": c2f,
    "C3": c3,
    "C3k2": c3k2,
    "SPPF": sppf,
    "C2PSA": c2psa,
}
# For these, a repeated row is several modules in sequence.
PLAIN: dict[str, Callable[[Network, Row], Made]] = {
    "Conv": conv,
    "Bottleneck": bottleneck,
    "Concat": concat,
    "nn.Upsample": upsample,
    "nn.MaxPool2d": maxpool,
}
