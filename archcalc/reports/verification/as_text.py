"""The comparison, for people: each network as soon as it is done."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.reports.blocks import BOLD, DIM, Block, Group
from archcalc.reports.paragraphs import Prose, Wrapped
from archcalc.reports.verification.report import Report, Verified

# At most this many differences are listed.
_MOST = 20


def render(report: Report) -> Iterator[Block]:
    """What agrees with PyTorch, or what differs."""
    for one in report.networks:
        first, *others = _different(one) if one.result.differences else _same(one)
        style = None if one.result.differences else DIM
        yield Group(Prose(first, BOLD), *(Wrapped(line, style) for line in others))


def _same(one: Verified) -> Iterator[str]:
    result, peer = one.result, one.peer
    yield (
        f"{one.model}: {counted(result.layers, 'layer')}, {counted(result.parameters, 'named parameter')} "
        f"({result.params:,}), {result.flops:,} forward and {result.backward_flops:,} backward FLOPs equal PyTorch's"
    )
    if result.declared:
        single = result.declared == 1
        which = "1 opaque layer is" if single else f"{result.declared:,} opaque layers are"
        yield f"but {which} not compared: what {'it costs' if single else 'they cost'} is declared"
    if peer is not None and peer.reasons:
        counts = f"{peer.params:,} parameters and {peer.mult_adds:,} mult-adds"
        yield f"torchinfo says {counts}: {'; '.join(peer.reasons)}"


def counted(count: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _different(one: Verified) -> Iterator[str]:
    found = one.result.differences
    yield f"{one.model}: {counted(len(found), 'difference')}"
    for difference in found[:_MOST]:
        yield str(difference)
    if len(found) > _MOST:
        yield f"and {len(found) - _MOST} more"
