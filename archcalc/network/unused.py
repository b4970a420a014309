"""Names that a spec declares and nothing reads: hparams, dims, blocks, arguments, keys of variants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from archcalc.diagnostics import Diagnostic, Note
from archcalc.language.document import Document
from archcalc.language.expressions import Expression
from archcalc.language.values import SizeExpression, Value, parse_value
from archcalc.network.load import Graph
from archcalc.network.steps import BlockSteps, Ref, Step
from archcalc.source import Scalar

CODE = "GRF705"


def unused(graph: Graph) -> list[Diagnostic]:
    """A warning for each unread name in the spec's own file; included blocks may be meant for other specs."""
    return _unused(graph.document, tuple(graph.steps))


@lru_cache(maxsize=1)  # the same for all variants of a spec
def _unused(document: Document, steps: tuple[Step, ...]) -> list[Diagnostic]:
    blocks: dict[str, BlockSteps] = {}
    read = set(_read(steps, blocks))
    loops = list(_unread_turns(steps))
    pending = list(blocks.values())
    found: list[Diagnostic] = []
    while pending:
        block = pending.pop()
        known = len(blocks)
        names = set(_read(block.steps, blocks))
        pending += list(blocks.values())[known:]
        loops += _unread_turns(block.steps)
        read |= names - set(block.parameters)
        for default in block.parameters.values():
            read |= set(_names(default[1])) if default else set()
        found += [
            _warning(place, f"block `{block.name.text}` never reads its argument `{place.text}`", "use it, or delete it here and in the calls")
            for place, _ in document.blocks[block.name.text].parameters
            if place.text not in names and place.source is document.source
        ]  # fmt: skip
    for name in (declared.name for declared in document.blocks.values()):
        if name.text not in blocks and name.source is document.source:
            found.append(_warning(name, f"nothing calls the block `{name.text}`", "call it, or delete it"))
    found += [
        _warning(name, f"nothing reads `{name.text}`, which the repeat goes through", "use it, or write the number of copies")
        for name in loops
        if name.source is document.source
    ]  # fmt: skip
    found += _settings(document, read | set(_sizes(document)))
    return sorted(found, key=lambda one: (one.place.line, one.place.column))


def _warning(place: Scalar, message: str, help: str, notes: Iterable[Note] = ()) -> Diagnostic:
    return Diagnostic(CODE, message, place, help, tuple(notes), "warning")


def _settings(document: Document, read: set[str]) -> Iterator[Diagnostic]:
    """The hparams and dims that no layer or size depends on in any variant; the variants' keys without effect."""
    reached = {variant: _reached(document, variant, read) for variant in ("", *document.variants)}
    anywhere = set().union(*reached.values())
    for kind, pairs in (("hparam", document.hparams), ("dim", document.dims)):
        for key, _ in pairs:
            if key.text not in anywhere:
                also = [
                    Note(f"variant `{name}` sets it", place)
                    for name, overrides in document.variants.items()
                    for place, _ in overrides
                    if place.text == key.text
                ]
                yield _warning(key, f"nothing reads the {kind} `{key.text}`", "use it, or delete it", also)
    for variant, overrides in document.variants.items():
        for key, _ in overrides:
            if key.text in anywhere and key.text not in reached[variant]:
                yield _warning(key, f"nothing reads `{key.text}` in the variant `{variant}`", "use it, or delete it")


def _reached(document: Document, variant: str, read: set[str]) -> set[str]:
    """The names that `read` depends on, in a variant."""
    written = {key.text: value for key, value in (*document.hparams, *document.dims)}
    written |= {key.text: value for key, value in document.variants.get(variant, [])}
    reached: set[str] = set()
    pending = list(read)
    while pending:
        name = pending.pop()
        if name in written and name not in reached:
            reached.add(name)
            pending += _names(parse_value(written[name]))
    return reached


def _sizes(document: Document) -> Iterator[str]:
    """The names in the sizes of the inputs."""
    for input in document.inputs:
        for size in input.sizes.items:
            if isinstance(size, Scalar):
                yield from _names(parse_value(size))


def _read(steps: Iterable[Step], blocks: dict[str, BlockSteps]) -> Iterator[str]:
    """Every name that `steps` read, including those of layers; the blocks they call are added to `blocks`."""
    for step in steps:
        if step.block is not None:
            blocks.setdefault(step.block.name.text, step.block)
        for ref in (step.source, step.tie, *step.references.values()):
            if ref is not None:
                yield ref.name
        for _, _, value in step.deferred:
            yield from _names(value)
        yield from _names(step.repeat)
        yield from _names(step.frozen)
        yield from _names(step.cache)
        for value in step.loop.written() if step.loop else ():
            yield from _names(value)
        yield from (ref.name for _, ref in step.over or () if ref is not None)
        for one in step.carried:
            yield from (one_of.name for one_of in (one.start, one.following) if isinstance(one_of, Ref))
            for _, value in one.start if isinstance(one.start, list) else ():
                yield from _names(value)
        for operand, _ in step.operands or ():
            if isinstance(operand, Ref):
                yield operand.name
            else:
                yield from _read(operand, blocks)
        for body in step.bodies.values():
            yield from _read(body, blocks)


def _unread_turns(steps: Iterable[Step]) -> Iterator[Scalar]:
    """The variables of a repeat that nothing inside it reads."""
    for step in steps:
        inner = [operand for operand, _ in step.operands or () if not isinstance(operand, Ref)] + list(
            step.bodies.values()
        )
        if step.loop is not None:
            read = {name for _, _, value in step.deferred for name in _names(value)} | {
                *_names(step.frozen),
                *_names(step.cache),
            }
            read |= {name for body in inner for name in _read(body, {})}
            yield from (place for name, (place, _) in step.loop.names.items() if name not in read)
        for body in inner:
            yield from _unread_turns(body)


def _names(value: Value | bool | None) -> Iterable[str]:
    if not isinstance(value, (Expression, SizeExpression)):
        return ()
    return (*value.names, *(size.name.text.partition(".")[0] for size in value.sizes.values()))
