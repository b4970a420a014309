"""Values for a document's hparams and dims: its own, a variant's, then those of `--set`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archcalc.advice import instead, meant, suggest
from archcalc.diagnostics import Advice, Findings, RequestError, Source, SpecError, fail
from archcalc.language.document import Document
from archcalc.language.expressions import Expression, describe
from archcalc.language.values import NONE, SizeExpression, Value, evaluate, parse_value
from archcalc.quantity import Quantity
from archcalc.source import Scalar

LARGEST_SIZE = 2**63 - 1


class Settings:
    """The values of all hparams and dims, and the sizes of the inputs.

    Dims are `Quantity`, so that dependent values are known.

    Attributes:
        dims: which of `values` are dims.
        inputs: the sizes of each input without the batch, by name; None names the only one.
        variant: the variant they are of, or None.
        given: the values of `--set` among them, as text.
    """

    def __init__(
        self,
        values: dict[str, Any],
        dims: tuple[str, ...],
        inputs: dict[str | None, tuple[int, ...]],
        variant: str | None = None,
        given: Mapping[str, str] | None = None,
    ) -> None:
        self.values = values
        self.dims = dims
        self.inputs = inputs
        self.variant = variant
        self.given = dict(given or {})

    def with_inputs(self, inputs: dict[str | None, tuple[int, ...]]) -> Settings:
        """The same values with other sizes of the inputs."""
        return Settings(self.values, self.dims, inputs, self.variant, self.given)


def settle(
    document: Document,
    variant: str | None,
    given: Mapping[str, str],
    findings: Findings,
    leaf: Callable[[str, Any], Any] | None = None,
) -> Settings:
    """Evaluate hparams, dims and input sizes.

    Args:
        variant: the name after `@`, or None.
        given: the values of `--set`, as text.
        leaf: wraps a value under its name; by default a dim becomes a `Quantity`.

    Raises:
        RequestError: an unknown variant or setting.
    """
    overrides: dict[str, Scalar] = {}
    if variant is not None:
        if variant not in document.variants:
            raise RequestError(_unknown("variant", variant, list(document.variants), document))
        overrides = {key.text: value for key, value in document.variants[variant]}
    known = [key.text for key, _ in (*document.hparams, *document.dims)]
    for name, text in given.items():
        if name not in known:
            raise RequestError(_unknown("hparam or dim", name, known, document))
        overrides[name] = Scalar(text, Source(f"--set {name}", text), 1, 1, 1, len(text) + 1)
    values: dict[str, Any] = {}
    for names, is_dim in ((document.hparams, False), (document.dims, True)):
        for key, value in names:
            if key.text in values:
                findings.error("SPC011", f"`{key.text}` is already an hparam", key, "choose another name")
                continue
            value = overrides.get(key.text, value)
            result = _evaluate(value, values, findings)
            if is_dim:
                result = _size(result, value, findings, f"the dim `{key.text}`")
                result = Quantity.named(key.text, result) if leaf is None else result
            values[key.text] = result if leaf is None else leaf(key.text, result)
    dims = tuple(key.text for key, _ in document.dims)
    inputs = {
        input.name.text if input.name else None: tuple(
            _size(_evaluate(size, values, findings), size, findings, "a size")
            for size in input.sizes.items
            if isinstance(size, Scalar)
        )
        for input in document.inputs
    }
    for input in document.inputs:
        if input.name and input.name.text in values:
            what = f"`{input.name.text}` is already an hparam or dim"
            findings.error("SPC011", what, input.name, "choose another name")
    return Settings(values, dims, inputs, variant, given)


def _unknown(kind: str, name: str, known: list[str], document: Document) -> str:
    near = suggest(name, known)
    there = f"expected one of {', '.join(known)}" if known else "it has none"
    if name == "batch" and name not in known:
        near, there = None, "set the batch with --batch"
    return f"{document.source.path}: no {kind} is named `{name}`: " + (f"did you mean `{near}`?" if near else there)


def _evaluate(scalar: Scalar, values: Mapping[str, Any], findings: Findings) -> Any:
    """The value of `scalar`, or 1 after an error so that the rest can be checked."""
    try:
        value: Value = parse_value(scalar)
        if isinstance(value, (Expression, SizeExpression)):
            for size in value.sizes.values():
                where = "write it where a layer needs it, or pass it to a block"
                findings.error("SPC008", f"there are no layers yet for `{size.key}` to ask", size.place, where)
                return 1
            for name, place in value.names.items():
                if name not in values:
                    help = meant(place, name, list(values), "a value may use the hparams above it")
                    findings.error("SPC008", f"no earlier hparam is named `{name}`", place, help)
                    return 1
        if value is NONE:
            raise fail("SPC005", "an hparam is a number, a size, true or false", scalar, "an argument may be `none`")
        return evaluate(value, values, scalar)
    except SpecError as error:
        findings.take(error)
        return 1


def _size(value: Any, place: Scalar, findings: Findings, what: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_SIZE:
        help: str | Advice = "a size is one number of elements along an axis; round(...) makes a fraction whole"
        if isinstance(value, tuple) and what == "a size":  # of an input, in a list
            help = instead(place, ", ".join(map(str, value)))
        is_large = isinstance(value, int) and value > LARGEST_SIZE
        wanted = f"at most {LARGEST_SIZE:,}" if is_large else "a whole number of at least 1"
        findings.error("SPC005", f"{what} must be {wanted}, not {describe(value)}", place, help)
        return 1
    return value
