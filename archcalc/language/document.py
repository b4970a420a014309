"""The document: the top-level keys, checked, with locations.

Nothing is evaluated here; `archcalc.language.settings` evaluates hparams and dims.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archcalc.advice import instead, meant
from archcalc.diagnostics import Findings, Source, Span, SpecError, fail
from archcalc.language.hints import ELSEWHERE, whole_pairs
from archcalc.language.includes import Includes
from archcalc.language.inputs import Input, read_inputs
from archcalc.language.items import Item, parse_items
from archcalc.language.signature import check_name, parse_signature
from archcalc.source import Mapping, Node, Scalar, Sequence, not_a_spec, parse

if TYPE_CHECKING:
    from archcalc.running import Running

KEYS = {
    "model": "the name of the model (required)",
    "include": "files with only `blocks:`, relative to this file",
    "hparams": "numbers that define the model; a value may be an expression of earlier ones",
    "variants": "named sets of hparams, chosen as spec.yaml@NAME",
    "dims": "run-time sizes: they change activations and cost, never parameters",
    "input": "the input's sizes without the batch axis, or a mapping of inputs by name: sizes, or {size, layout} (required)",
    "blocks": "macros with arguments, e.g. `name(width, stride=1): [layers]`; `-> skip` names additional outputs",
    "layers": "the list of layers (required)",
    "output": "the output layer, or a list of several; default: the last layer",
    "loss": "the training loss",
    "run": "default run settings: batch, precision, optimizer, device, ...; a variant may have its own",
    "budget": "upper bounds: params, trainable, macs, depth, memory (of training), inference_memory",
    "growth": "allowed growth over the base of `archcalc lint --base`, e.g. {params: 5%}; same keys as `budget`",
    "expect": "exact values: params, active_params, trainable, buffers, macs, other_flops, depth, output; for a variant, under its name",
}
_WORDS = {"model": "resnet50", "loss": "crossentropy"}
LOSSES = ("crossentropy", "nll", "mse", "l1", "bce", "bcewithlogits")
EXPECTATIONS = ("params", "active_params", "trainable", "buffers", "macs", "other_flops", "depth", "output")

_VARIANT = r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z"
# A bare B could mean bytes or billions.


class Block:
    """A macro: its name, parameters with defaults, names of additional outputs, and body."""

    def __init__(
        self,
        name: Scalar,
        parameters: list[tuple[Scalar, Scalar | None]],
        outputs: list[Scalar],
        items: list[Item],
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.outputs = outputs
        self.items = items


class Document:
    """A spec as written, every part with its location.

    Attributes:
        said: run settings from the command line, or None.
        runs: the `run:` settings by variant, with "" for the top level.
    """

    def __init__(self, source: Source, model: Scalar) -> None:
        self.source = source
        self.model = model
        self.hparams: list[tuple[Scalar, Scalar]] = []
        self.variants: dict[str, list[tuple[Scalar, Scalar]]] = {}
        self.dims: list[tuple[Scalar, Scalar]] = []
        self.inputs: list[Input] = []
        self.blocks: dict[str, Block] = {}
        self.lacks_blocks = False  # an included file could not be read
        self.items: list[Item] = []
        self.outputs: list[Scalar] = []
        self.loss: Scalar | None = None
        self.budget: list[tuple[Scalar, Scalar]] = []
        self.growth: list[tuple[Scalar, Scalar]] = []
        self.expect: dict[str, list[tuple[Scalar, Node]]] = {}
        self.said: Running | None = None
        self.runs: dict[str, Running] = {}

    @property
    def trained_on(self) -> str:
        """The name of its loss; mse where the spec names none."""
        return self.loss.text if self.loss else "mse"

    def batch(self, variant: str | None) -> int:
        """The batch in `run:`; 1 by default."""
        return (self.run(variant).batch if self.runs else 0) or 1

    def run(self, variant: str | None) -> Running:
        """The default run settings of a variant, or with None of the spec itself."""
        from archcalc.running import Running  # rarely used, so imported on demand

        return self.runs.get(variant or "", Running()).over(self.runs.get("", Running()))

    def tuned(self, variant: str | None) -> Running | None:
        """The settings for which parameters are trained, or None."""
        if self.said is None:
            return self.run(variant) if self.runs else None
        return self.said.over(self.run(variant))


def parse_document(source: Source, findings: Findings) -> Document | None:
    """Parses the document in `source` and its includes.

    Errors go to `findings`; None if nothing can be processed further.
    """
    try:
        root = parse(source)
    except SpecError as error:
        findings.take(_other_file(source) or error)
        return None
    if not isinstance(root, Mapping):
        message, help = "a spec must be a mapping of keys", "start with `model:`, `input:` and `layers:`"
        findings.take(_other_file(source) or fail("SPC010", message, root, help))
        return None
    return _Reader(source, findings).read(root)


def _other_file(source: Source) -> SpecError | None:
    """The error for a text of another known kind."""
    from archcalc.foreign import of_text  # imported only for files that are not specs

    foreign = of_text(source.path, source.text)
    return not_a_spec(source, foreign) if foreign else None


def _other_keys(source: Source, keys: list[str]) -> SpecError | None:
    """The error for a mapping that is not a spec."""
    from archcalc.foreign import of_keys

    foreign = of_keys(keys, KEYS)
    return not_a_spec(source, foreign) if foreign else None


class _Reader:
    """Reads the top level of one file into a `Document`."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self.source = source
        self.findings = findings

    def read(self, root: Mapping) -> Document | None:
        values = {key.text: (key, value) for key, value in root.pairs}
        start = Span(self.source, 1, 1, 1, 1)
        unknown = [key for key, _ in root.pairs if key.text not in KEYS]
        other = _other_keys(self.source, list(values)) if unknown else None
        if other:
            self.findings.take(other)
            return None
        for key in unknown:
            ours = ELSEWHERE.get(key.text.lower(), "")
            help = meant(key, key.text, list(KEYS), f"the keys are {', '.join(KEYS)}")
            self.findings.error("SPC003", f"unknown key `{key.text}`", key, instead(key, ours) if ours else help)
            if ours:  # so that what is named there is not missed elsewhere
                values.setdefault(ours, values[key.text])
        missing = [name for name in ("model", "input", "layers") if name not in values]
        if missing and not unknown:  # an unknown key may be a misspelt required one
            what = " and ".join(", ".join(f"`{name}:`" for name in missing).rsplit(", ", 1))
            help = "; ".join(f"`{name}:` is {KEYS[name]}" for name in missing)
            self.findings.error("SPC004", f"the spec has no {what}", start, help)
        model = self._scalar("model", values) or Scalar("model", self.source, 1, 1, 1, 1)
        document = Document(self.source, model)
        document.hparams = self._numbers("hparams", values)
        document.dims = self._numbers("dims", values)
        self._variants(document, values)
        if "input" in values:
            document.inputs = read_inputs(values["input"][1], self.findings)
        if "blocks" in values:
            self._blocks(document, values["blocks"][1])
        if "include" in values:
            includes = Includes(self.source, self.findings)
            for root in includes.read(values["include"][1]):
                self._included(document, root)
            document.lacks_blocks = includes.lacks
        if "layers" in values:
            document.items = self._layers(values["layers"][1])
        self._output(document, values)
        self._loss(document, values)
        if "run" in values:
            self._run(document, "", values["run"][1])
        document.budget = self._bounds("budget", values)
        document.growth = self._bounds("growth", values)
        self._expect(document, values)
        return document

    def _scalar(self, name: str, values: dict[str, tuple[Scalar, Node]]) -> Scalar | None:
        if name not in values:
            return None
        key, value = values[name]
        if isinstance(value, Scalar) and (value.text or value.quoted):
            return value
        place = value if value.end_column > value.column else key
        self.findings.error("SPC010", f"`{name}:` takes one word", place, f"e.g. `{name}: {_WORDS[name]}`")
        return None

    def _numbers(self, name: str, values: dict[str, tuple[Scalar, Node]]) -> list[tuple[Scalar, Scalar]]:
        return self._pairs(values[name][1], name) if name in values else []

    def _pairs(self, node: Node, name: str, variant_of: Document | None = None) -> list[tuple[Scalar, Scalar]]:
        """A mapping of names to one-line values; in a variant it may include `run:`."""
        if not isinstance(node, Mapping):
            example = {"budget": "{params: 25M}", "growth": "{params: 5%}"}.get(name, "{width: 64}")
            self.findings.error("SPC010", f"`{name}:` takes a mapping of names to values", node, f"e.g. {example}")
            return []
        pairs = []
        for key, value in whole_pairs(node.pairs, self.findings):
            if variant_of is not None and key.text == "run" and isinstance(value, Mapping):
                self._run(variant_of, name, value)
            elif not isinstance(value, Scalar) or not (value.text or value.quoted):
                self.findings.error("SPC010", f"`{key.text}` needs one value", key, "a number, an expression or a size")
            else:
                check_name(key, self.findings, taken=("input",))
                pairs.append((key, value))
        return pairs

    def _variants(self, document: Document, values: dict[str, tuple[Scalar, Node]]) -> None:
        if "variants" not in values:
            return
        node = values["variants"][1]
        if not isinstance(node, Mapping):
            self.findings.error("SPC010", "`variants:` takes a mapping", node, "e.g. {large: {width: 128}}")
            return
        known = [key.text for key, _ in document.hparams]
        for name, value in node.pairs:
            if not re.match(_VARIANT, name.text) or name.text in EXPECTATIONS:
                self.findings.error(
                    "SPC010", f"`{name.text}` is not a name for a variant", name, "use letters, digits, - _ and ."
                )
                continue
            pairs = self._pairs(value, name.text, document)
            for key, _ in pairs:
                if key.text not in known:
                    help = meant(key, key.text, known, "a variant overrides hparams: add it to `hparams:` first")
                    self.findings.error("SPC008", f"no hparam is named `{key.text}`", key, help)
            document.variants[name.text] = pairs

    def _layers(self, node: Node) -> list[Item]:
        if not isinstance(node, Sequence):
            from archcalc.invalid_yaml import entry_without_dash

            help = entry_without_dash(node.source, node.line) or "start each layer with `- `"
            self.findings.error("SPC010", "`layers:` must be a list", node, help)
            return []
        items = parse_items(node, self.findings)
        if not items and not len(self.findings):
            self.findings.error("SPC010", "`layers:` is empty", node, "write at least one layer")
        return items

    def _blocks(self, document: Document, node: Node) -> None:
        if not isinstance(node, Mapping):
            self.findings.error("SPC010", "`blocks:` must be a mapping", node, "e.g. `name(width): [layers]`")
            return
        for key, body in node.pairs:
            try:
                name, parameters, outputs = parse_signature(key, self.findings)
            except SpecError as error:
                self.findings.take(error)
                continue
            if name.text in document.blocks:
                first = document.blocks[name.text].name
                self.findings.error(
                    "SPC011", f"`{name.text}` is already the name of a block", name, f"first at {first}"
                )
                continue
            if not isinstance(body, Sequence):
                self.findings.error(
                    "SPC010", f"the body of `{name.text}` must be a list of layers", key, "start each layer with `- `"
                )
            items = parse_items(body, self.findings) if isinstance(body, Sequence) else []
            document.blocks[name.text] = Block(name, parameters, outputs, items)

    def _included(self, document: Document, root: Mapping) -> None:
        for key, value in root.pairs:
            if key.text == "blocks":
                self._blocks(document, value)
            else:
                self.findings.error(
                    "SPC013",
                    f"an included file may hold only `blocks:`, not `{key.text}:`",
                    key,
                    "move the blocks to a separate file",
                )

    def _output(self, document: Document, values: dict[str, tuple[Scalar, Node]]) -> None:
        if "output" not in values:
            return
        key, node = values["output"]
        entries = node.items if isinstance(node, Sequence) else [node]
        document.outputs = [entry for entry in entries if isinstance(entry, Scalar) and entry.text]
        if len(document.outputs) != len(entries) or not entries:
            self.findings.error(
                "SPC010", "`output:` must be the name of a layer, or a list of names", key, "e.g. [logits, aux]"
            )
        names = [output.text for output in document.outputs]
        for index, output in enumerate(document.outputs):
            if output.text in names[:index]:
                self.findings.error("SPC011", f"`{output.text}` is already an output", output, "delete one of them")

    def _loss(self, document: Document, values: dict[str, tuple[Scalar, Node]]) -> None:
        document.loss = self._scalar("loss", values)
        if document.loss and document.loss.text not in LOSSES:
            help = meant(document.loss, document.loss.text, LOSSES, f"the losses are {', '.join(LOSSES)}")
            self.findings.error("SPC005", f"no loss is named `{document.loss.text}`", document.loss, help)

    def _run(self, document: Document, variant: str, node: Node) -> None:
        from archcalc.running.specs import read_run  # rarely used, so imported on demand

        document.runs[variant] = read_run(node, self.findings)

    def _bounds(self, name: str, values: dict[str, tuple[Scalar, Node]]) -> list[tuple[Scalar, Scalar]]:
        """The limits of `budget:` or `growth:`."""
        if name not in values:
            return []
        from archcalc.language.amounts import check_limit

        limits = self._numbers(name, values)
        for key, value in limits:
            check_limit(name, key, value, self.findings)
        return limits

    def _expect(self, document: Document, values: dict[str, tuple[Scalar, Node]]) -> None:
        if "expect" not in values:
            return
        node = values["expect"][1]
        if not isinstance(node, Mapping):
            self.findings.error("SPC010", "`expect:` takes a mapping", node, "e.g. {params: 61100840, output: [1000]}")
            return
        document.expect[""] = []
        for key, value in node.pairs:
            if isinstance(value, Mapping) and key.text in document.variants:
                document.expect[key.text] = [pair for pair in value.pairs if self._expectation(*pair)]
            elif self._expectation(key, value):
                document.expect[""].append((key, value))

    def _expectation(self, key: Scalar, value: Node) -> bool:
        if key.text not in EXPECTATIONS:
            help = meant(key, key.text, EXPECTATIONS, f"the keys are {', '.join(EXPECTATIONS)}, or a variant's name")
            self.findings.error("SPC003", f"`expect` has no key `{key.text}`", key, help)
            return False
        sizes = value.items if isinstance(value, Sequence) else [value]
        nested = [size for entry in sizes for size in (entry.items if isinstance(entry, Sequence) else [entry])]
        right = all(isinstance(size, Scalar) and size.text.isascii() and size.text.isdigit() for size in nested)
        if not right or (key.text == "output") != isinstance(value, Sequence):
            help = (
                "e.g. [1000], or a list of such lists"
                if key.text == "output"
                else "write the exact number, e.g. 61100840"
            )
            self.findings.error(
                "SPC005",
                f"`{key.text}` must be {'a list of sizes' if key.text == 'output' else 'a whole number'}",
                value,
                help,
            )
            return False
        return True
