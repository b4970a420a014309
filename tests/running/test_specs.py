"""The `run:` key of a spec: what it says, for the spec and its variants, and errors at their places."""

from __future__ import annotations

from functools import cache

import jsonschema
import pytest
import yaml

from archcalc.diagnostics import Findings, Source
from archcalc.language.document import parse_document
from archcalc.reports.schema import schema
from archcalc.running import Running

HEAD = "model: m\ninput: [4]\nlayers: [linear 2]\nhparams: {width: 4}\n"


def read(text: str) -> tuple[dict[str, Running], list[tuple[str, int, int]]]:
    findings = Findings()
    document = parse_document(Source("m.yaml", HEAD + text), findings)
    assert document is not None
    return document.runs, [(one.message, one.place.line, one.place.column) for one in findings]


def test_says_how_it_is_run() -> None:
    text = "run: {precision: bf16, batch: 8, freeze: ['a*', b], checkpoint: h}\nvariants: {large: {width: 8, run: {batch: 1}}}\n"
    runs, findings = read(text)
    assert not findings
    assert runs == {
        "": Running(precision="bf16", batch=8, freeze=["a*", "b"], checkpoint="h"),
        "large": Running(batch=1),
    }
    jsonschema.validate(yaml.safe_load(HEAD + text), schema())


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("run: bf16", "`run:` takes a mapping", (5, 6)),
        ("run: {precison: bf16}", "`run` has no key `precison`", (5, 7)),
        ("run: {precision: bf15}", "did you mean bf16?", (5, 18)),
        ("run: {batch: 0}", "the minimum is 1", (5, 14)),
        ("run: {batch: [1, 2]}", "`batch` takes one value", (5, 7)),
        ("run: {checkpoint: [{a: b}]}", "`checkpoint` takes a value or a list of values", (5, 7)),
        ("run: {execution: compiled}", "`execution` is not allowed in specs", (5, 7)),
        ("run: {device: ./mine.json}", "a spec names a device, not a file", (5, 15)),
        ("variants: {large: {run: {batch: none}}}", "`batch` must be a whole number, not 'none'", (5, 33)),
    ],
)
def test_what_is_wrong_stands_at_its_place(text: str, message: str, place: tuple[int, int]) -> None:
    _, findings = read(text)
    assert [(line, column) for _, line, column in findings] == [place]
    assert message in findings[0][0]
    assert _schema_allows(HEAD + text) == ("./mine" in text)  # it does not tell files from names


def _schema_allows(text: str) -> bool:
    return _validator().is_valid(yaml.safe_load(text))


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())
