"""`archcalc layers`, `layer` and `schema`: the reference comes from the declarations."""

from __future__ import annotations

import json
from functools import cache

import jsonschema
import pytest
import yaml

from archcalc.commands.printing import text_of
from archcalc.layers import REGISTRY
from archcalc.layers.structures import STRUCTURES
from archcalc.reports.schema import schema
from tests.conftest import ROOT, SPECS
from tests.program import inside

BROKEN_FORM = ("04-in-channels", "22-top-typo", "18-list-kernel")


def test_layers_lists_every_layer():
    out = inside("layers").stdout
    assert all(f"  {op} " in out for op in REGISTRY)
    document = json.loads(inside("layers", "--format", "json").stdout)
    assert {layer["name"] for layer in document["layers"]} == {*REGISTRY, *STRUCTURES}


def test_layers_with_a_word():
    named, family = (inside("layers", word).stdout for word in ("conv", "pooling"))
    assert "  convtranspose" in named
    assert "maxpool" not in named
    assert "  maxunpool" in family
    assert "  conv" not in family
    assert "did you mean `pooling`" in inside("layers", "poling").stderr


@pytest.mark.parametrize("op", STRUCTURES)
def test_a_page_for_what_goes_through_layers(op):
    page = inside("layer", op).stdout
    for name, argument in STRUCTURES[op].arguments.items():
        assert name in page
        assert argument.doc in page


@pytest.mark.parametrize("op", REGISTRY)
def test_a_page_for_every_layer(op):
    page = text_of("layer", "text", REGISTRY[op])
    assert "Source" in page or "et al." in page or op == "scale", "where does it come from?"
    for name, argument in REGISTRY[op].arguments.items():
        assert name in page
        assert argument.doc in page


def test_layer_by_name():
    assert "(kernel_h·kernel_w·in_channels + bias)·channels" in inside("layer", "conv").stdout
    wrong = inside("layer", "con")
    assert wrong.returncode == 2
    assert "did you mean `conv`?" in wrong.stderr


class Text(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Scalars as an editor's YAML service reads them, but `no` stays a word."""


def load(path):
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Text)


@cache
def validator():
    return jsonschema.Draft202012Validator(schema())


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json.loads(inside("schema").stdout))


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_every_spec_fits_the_schema(spec):
    error = jsonschema.exceptions.best_match(validator().iter_errors(load(spec)))
    assert error is None, error


@pytest.mark.parametrize("name", BROKEN_FORM)
def test_the_schema_finds_wrong_keys(name):
    document = load(ROOT / "tests" / "broken" / f"{name}.yaml")
    assert not validator().is_valid(document)
