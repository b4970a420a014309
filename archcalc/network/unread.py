"""Entries of a list that are not layers: lines of Python, rows of other formats, a value after a colon, two keys."""

from __future__ import annotations

from collections.abc import Mapping

from archcalc.advice import either, instead, written
from archcalc.diagnostics import Advice, Findings, Span
from archcalc.language.hints import is_python, two_layers
from archcalc.language.items import CARRIED, COMMON, Item
from archcalc.layers.arguments import Text
from archcalc.layers.base import REGISTRY
from archcalc.layers.operands import Body, Operands
from archcalc.network.steps import BlockSteps
from archcalc.source import Mapping as Pairs
from archcalc.source import Node, Scalar, Sequence


def _in_braces(value: Scalar) -> str:
    """A value as it stands in { }: in quotes where a sign in it would end it."""
    return f"'{value.text}'" if any(sign in value.text for sign in ",[]{}:#") else value.text


class Unread:
    """Says what such an entry is and what to write instead; imported only for a spec that has one."""

    def __init__(self, findings: Findings, blocks: Mapping[str, BlockSteps]) -> None:
        self.findings = findings
        self.blocks = blocks

    def tell(self, item: Item, whole: Node) -> None:
        """Report the entry `whole`, which has the name of `item`."""
        if isinstance(whole, Sequence):
            from archcalc.spelling.rows import advice_on

            self.findings.error(
                "SPC007", f"a row of Ultralytics, with a module `{item.op.text}`", whole, advice_on(whole)
            )
        elif isinstance(whole, Scalar) and is_python(whole.text):
            self._python(item, whole)
        elif isinstance(whole, Scalar):
            self._behind_a_colon(item, whole)
        else:
            self._beside_a_list(item, whole)

    def _beside_a_list(self, item: Item, whole: Pairs) -> None:
        """`concat: [a, b]` and `axis: 0` next to it: with a key of the layer its list has one too."""
        op = item.op.text
        # a repeat has further keys of its own before it
        other, value = [pair for pair in whole.pairs if pair[0].text not in COMMON and pair[0].text != op][-1]
        arguments = REGISTRY[op].arguments if op in REGISTRY and op not in self.blocks else {}
        lists = [name for name, argument in arguments.items() if isinstance(argument, (Body, Operands))]
        listed = next(value for key, value in whole.pairs if key.text == op)
        message, help = two_layers(item.op, listed, other)
        if lists and other.text in arguments and isinstance(value, (Scalar, Sequence)):
            shown = _in_braces(value) if isinstance(value, Scalar) else "[...]"
            help = f"the long form has both: `{op}: {{{lists[0]}: [...], {other.text}: {shown}}}`"
        elif op == "layers" and other.text not in REGISTRY and other.text not in self.blocks:
            message = f"`{other.text}` is neither a layer nor a key next to `layers:`"
            help = f"take it out, or give it to a layer of the list; {', '.join(COMMON)}, {' and '.join(CARRIED)} may stand there"
        self.findings.error("SPC010", message, other, help)

    def _behind_a_colon(self, item: Item, value: Scalar) -> None:
        """`conv: 64` is `conv 64`, and `stem: conv 64 kernel=3` is a layer with a name."""
        op, first = item.op.text, (value.text.split() or [""])[0]
        place = _from(item.op, value) if not item.common else value
        if op in REGISTRY or op in self.blocks:
            first_key = REGISTRY[op].arguments.get(REGISTRY[op].first or "") if op in REGISTRY else None
            is_text = type(first_key) is Text and " " in value.text and "'" not in value.text
            line = f"{op} '{value.text}'" if is_text else f"{op} {value.text}"
            help: str | Advice = f"it is `{line}`, and what stands beside it on the same line as key=value"
            if isinstance(first_key, (Body, Operands)):
                help = f"it is `{op}: [...]`"
            elif place is not value:
                help = Advice(f"write `{line}`", written(place, line))
            elif op in REGISTRY and REGISTRY[op].first and len(value.text.split()) == 1:
                help = instead(value, f"{{{REGISTRY[op].first}: {value.text}}}")
            self.findings.error("SPC010", f"`{op}:` takes a mapping", value, help)
        elif first in REGISTRY or first in self.blocks:
            line = f"{value.text} name={op}"
            help = instead(place, line) if place is not value else f"it is `{line}`, without a colon"
            self.findings.error("SPC002", f"unknown layer `{op}`: a name comes after its layer", item.op, help)
        else:
            from archcalc.spelling.unknown import advice_on_name

            written_first = f"write a layer as `{first}: {{...}}`, its name first"
            advice = written_first if first.isidentifier() else advice_on_name(item.op, list(self.blocks))
            self.findings.error("SPC002", f"unknown layer `{op}`", item.op, advice)

    def _python(self, item: Item, line: Scalar) -> None:
        """A line of Python; as the value of a key that is not a layer, it gets the key as its name."""
        from archcalc.spelling.convert import from_python
        from archcalc.spelling.lines import called

        op, place, text = item.op, _from(line, line), line.text
        if item.op.column < line.column:
            place = _from(op, line)
            text = text if op.text in REGISTRY else f"self.{op.text} = {text}"
            op = line.part(0, len(line.text.partition("(")[0]))
        help: str | Advice
        name = line.text.partition("(")[0].strip()
        if name in self.blocks:
            call = called(line.text, list(self.blocks[name].parameters))
            help = instead(place, call) if call else f"a call is `{name}`, then its arguments as name=value"
            self.findings.error("SPC007", f"`{name}(...)` is Python, not a call of a block", op, help)
            return
        read = from_python(text)
        whole = line if line.quoted else place
        help = either(read.readings, [written(whole, reading) for reading in read.readings], read.sentence or "")
        shown = f"{op.text}(...)" if line.text.startswith(f"{op.text}(") else op.text
        self.findings.error("SPC007", f"`{shown}` is Python, not a layer", op, help)


def _from(first: Span, last: Span) -> Span:
    return Span(first.source, first.line, first.column, last.end_line, last.end_column)
