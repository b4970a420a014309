"""Low-rank adapters on the matrices of a network, the only parameters `--lora` trains (LoRA, Hu et al. 2021).

An adapter of rank r on a matrix [rows, columns] is two matrices, [r, columns] and [rows, r]. Their product, times a
factor, is added to the matrix's output; the matrix itself is not trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.layers.projections import Projection
from archcalc.network.graph import Adapter, Graph, Node, walk
from archcalc.quantity import plain

ALL = "all"
USUAL = ("q", "v")


def adapt(graph: Graph, rank: int, patterns: Sequence[str]) -> None:
    """Freeze all parameters and give matrices an adapter.

    Args:
        patterns: attention projections such as `q` or `q_proj`, names or ids of layers, or `all` for every matrix
            except output layers; if empty, `q` and `v`, or all matrices in a network without attention.

    Raises:
        RequestError: a pattern matches no matrix.
    """
    there = [(node, one) for node, _, _ in walk(graph.nodes) for one in _projections(node)]
    if not there:
        raise RequestError(f"{graph.path}: --lora {rank}: there is no `linear` and no `attention` to adapt")
    usual = USUAL if any(one.name for _, one in there) else (ALL,)
    wanted = dict.fromkeys(patterns or usual, False)
    given = {id(y) for y in graph.outputs.values()}
    for node, _, _ in walk(graph.nodes):
        node.frozen = True
    for node, one in there:
        fits = [pattern for pattern in wanted if _fits(node, one, pattern, id(node.exit) in given)]
        wanted.update(dict.fromkeys(fits, True))
        if fits:
            _add(node, one, rank)
    for pattern, found in wanted.items():
        if not found:
            raise RequestError(_nothing(graph, pattern, there))


def _projections(node: Node) -> tuple[Projection, ...]:
    return () if node.layer is None or not node.inputs else node.layer.projections(node.exit, *node.inputs)


def _fits(node: Node, one: Projection, pattern: str, gives_output: bool) -> bool:
    if pattern == ALL:
        return not gives_output
    if one.name and pattern.removesuffix("_proj") in (one.name, "out" if one.name == "o" else one.name):
        return True
    return any(fnmatchcase(name, pattern) for name in (node.name, node.id, node.segment, node.op) if name)


def _add(node: Node, one: Projection, rank: int) -> None:
    adapter = Adapter(f"lora.{one.name}" if one.name else "lora", one.place, rank, plain(one.columns), plain(one.rows))
    node.adapters = (*node.adapters, adapter)
    node.macs += plain(one.positions) * adapter.numbers
    node.other_flops += plain(one.positions) * 2 * adapter.rows  # the factor, and the sum


def _nothing(graph: Graph, pattern: str, there: Sequence[tuple[Node, Projection]]) -> str:
    known = [ALL, *dict.fromkeys(name for node, one in there for name in (one.name, node.name, node.id) if name)]
    if pattern == ALL:
        return f"{graph.path}: every matrix gives an output: name the one to adapt, e.g. --lora-on {known[1]}"
    near = suggest(pattern, known)
    hint = f"did you mean `{near}`?" if near else f"expected one of {', '.join(known[:12])}"
    return f"{graph.path}: --lora-on {pattern}: no matrix is named so: {hint}"
