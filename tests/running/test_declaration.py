"""The declaration of a run: what is written is read again, whatever is said, and what is wrong is told kindly."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given, settings

from archcalc.diagnostics import RequestError
from archcalc.running import FIELDS, Running
from archcalc.running.schema import schema

from .draw import runs


@given(runs())
@settings(max_examples=200, deadline=None)
def test_one_line_says_it_all(run: Running) -> None:
    assert Running.parse(str(run)) == run


@given(runs())
@settings(max_examples=50, deadline=None)
def test_texts_say_it_all(run: Running) -> None:
    assert Running(**run.texts()) == run
    numbers = {
        name: int(text) if type(FIELDS[name].kind).__name__ == "Whole" else text for name, text in run.texts().items()
    }
    jsonschema.validate({name: value for name, value in numbers.items() if not FIELDS[name].alone}, schema())


def test_reads_as_people_say_it() -> None:
    run = Running(
        mode="train", batch=8, precision="autocast-bf16", optimizer="adamw", attention="flash", device="rtx4090"
    )
    assert str(run) == "train, batch 8, autocast bf16, adamw, flash attention, on rtx4090"


def test_what_is_said_first_counts() -> None:
    option, settings_file, spec = Running(batch=8), Running(batch=2, precision="bf16"), Running(precision="fp16")
    assert option.over(settings_file, spec) == Running(batch=8, precision="bf16")


def test_no_two_fields_read_the_same_part() -> None:
    for field in FIELDS.values():
        for word in getattr(field.kind, "words", ("1",)):
            (part,) = field.phrases(field.kind.read(word))
            assert [other.name for other in FIELDS.values() if other.heard(part) is not None] == [field.name]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"precision": "bf61"}, "precision must be fp32, .*, not 'bf61': did you mean bf16?"),
        ({"batch": 0}, "batch is 0, which is too small: the minimum is 1"),
        ({"batch": True}, "batch must be a whole number, not True"),
        ({"batch": 2**80}, "too large"),
        ({"batch": 1.5}, "batch must be a whole number, not 1.5"),
        ({"batch": "٣"}, "whole number"),
        ({"freeze": 3}, "freeze must be a name or a list of names, not 3"),
        ({"device": ""}, "device must be a name"),
        ({"precison": "bf16"}, "`precison` is not a run setting: did you mean `precision`?"),
    ],
)
def test_what_is_wrong_is_told(said: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Running(**said)


@pytest.mark.parametrize(("text", "message"), [("train, quickly", "'quickly' is not a run setting"), ("batch 1, batch 2", "'batch 2' is a second value of `batch`")])  # fmt: skip
def test_a_line_that_means_nothing(text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Running.parse(text)


def test_a_run_does_not_change() -> None:
    with pytest.raises(AttributeError, match=r"also\(batch"):
        Running(batch=1).batch = 2
