"""hparams, variants, dims and --set: which value wins, and in which order they are computed."""

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from tests.each import each
from tests.program import inside

from .writing import at, read, refused

TEXT = """\
model: m
hparams: {width: 8, twice: 2*width, kernel: 3x5, bias: true}
variants: {large: {width: 16}, odd: {twice: 3}, v1.4: {width: round8(1.4*8)}}
dims: {seq: 10, half: seq//2}
input: [seq, 4]
layers:
  - linear twice bias=bias
  - linear width
"""


def test_order_of_values():
    assert read(TEXT).settings.values == {
        "width": 8, "twice": 16, "kernel": (3, 5), "bias": True, "seq": 10, "half": 5
    }  # fmt: skip


def widths(*arguments, **given):
    net = read(TEXT, *arguments, **given)
    return [node.output.shape for node in net.nodes]


def test_derived_values_follow():
    assert widths() == [(10, 16), (10, 8)]
    assert widths("large") == [(10, 32), (10, 16)]
    assert widths("odd") == [(10, 3), (10, 8)]
    assert widths("v1.4") == [(10, 32), (10, 16)]
    assert widths(width="32") == [(10, 64), (10, 32)]
    assert widths("large", width="4") == [(10, 8), (10, 4)], "--set is stronger than the variant"
    assert widths(twice="width+1") == [(10, 9), (10, 8)]
    assert widths(seq="20") == [(20, 16), (20, 8)]
    assert read(TEXT, seq="20").settings.values["half"] == 10
    assert read(TEXT, half="3").settings.values["half"] == 3


def test_dims_change_cost_and_never_parameters():
    short, long = Costs(read(TEXT)).totals, Costs(read(TEXT, seq="1000")).totals
    assert short.params == long.params
    assert short.macs * 100 == long.macs


def test_batch_multiplies_cost_and_not_parameters():
    one, many = Costs(read(TEXT)).totals, Costs(read(TEXT, batch=32)).totals
    assert (many.params, many.macs, many.activation_bytes) == (one.params, 32 * one.macs, 32 * one.activation_bytes)
    for batch in (0, -1, 2**40):
        with pytest.raises(RequestError, match="the batch must be a whole number"):
            read(TEXT, batch=batch)
    with pytest.raises(SpecError) as caught:
        read(TEXT, batch=2**39, seq=str(2**35))
    assert "at batch 549,755,813,888 has more bytes than 2^63" in caught.value.diagnostics[0].message


def test_flags_from_hparams():
    assert Costs(read(TEXT)).totals.params - Costs(read(TEXT, bias="false")).totals.params == 16


def test_model_name():
    assert (read(TEXT).model, read(TEXT, "large").model) == ("m", "m@large")


@each(
    [
        ("larg", {}, "no variant is named `larg`: did you mean `large`?"),
        ("zzz", {}, "no variant is named `zzz`: expected one of large, odd, v1.4"),
        (None, {"widht": "3"}, "no hparam or dim is named `widht`: did you mean `width`?"),
        (None, {"zzz": "3"}, "expected one of width, twice, kernel, bias, seq, half"),
        (None, {"linear": "3"}, "no hparam or dim is named `linear`"),
    ]
)
def test_unknown(variant, given, message):
    with pytest.raises(RequestError) as caught:
        read(TEXT, variant, **given)
    assert message in str(caught.value)


@each(["", "a", "1+", "8 8", "width", "1/0", "10**99", "(" * 40, "\ud800", "x" * 1000, "\0"])
def test_wrong_set(value):
    with pytest.raises(SpecError) as caught:
        read(TEXT, width=value)
    assert str(caught.value.diagnostics[0].place) == "--set width:1:1" or caught.value.diagnostics[0].place.line == 7


def test_an_hparam_sees_only_what_stands_above():
    said = refused("model: m\nhparams: {a: b, b: 1}\ninput: [3]\nlayers: [relu]\n")[0]
    assert (at(said), said.message) == ((2, 14), "no earlier hparam is named `b`")
    said = refused("model: m\nhparams: {width: 4, a: 2*widht}\ninput: [3]\nlayers: [relu]\n")[0]
    assert (at(said), said.help) == ((2, 26), "did you mean `width`?")
    for text in ("a: a", "a: cin", "a: prev", "a: seq"):
        assert (
            refused(f"model: m\nhparams: {{{text}}}\ndims: {{seq: 2}}\ninput: [3]\nlayers: [relu]\n")[0].place.line == 2
        )


def test_clash_of_hparams_and_dims():
    said = refused("model: m\nhparams: {a: 1}\ndims: {a: 2}\ninput: [3]\nlayers: [relu]\n")[0]
    assert (at(said), said.code, said.message) == ((3, 8), "SPC011", "`a` is already an hparam")


def test_wrong_value_of_a_variant_is_told_there():
    text = "model: m\nhparams: {w: 1}\nvariants: {a: {w: 1/0}}\ninput: [3]\nlayers: [linear w]\n"
    read(text)
    said = refused(text, "a")[0]
    assert (at(said), "division by zero" in said.message) == ((3, 19), True)


@each(
    [
        ("linear seq", "seq"), ("linear seq//2", "seq//2"), ("linear seq*0.5", "seq*0.5"), ("linear 2**seq", "2**seq"),
        ("linear round8(seq)", "round8(seq)"), ("linear min(seq, 4)", "min(seq, 4)"), ("linear seq%7", "seq%7"),
        ("linear 8 repeat=seq", "seq"), ("linear 8 repeat=half/2.5", "half/2.5"), ("lstm 4 layers=half", "half"),
        ("posembed", "posembed"), ("[transpose, linear 3]", "linear"), ("[flatten, linear 3]", "linear"),
        ("[transpose, linear cin]", "cin"), ("moe: {experts: half, top_k: 1, layers: [linear 4]}", "half"),
    ],
)  # fmt: skip
def test_a_dim_never_changes_parameters(layer, under):
    text = f"model: m\ndims: {{seq: 10, half: seq//2}}\ninput: [seq, 4]\nlayers:\n  - {layer}\n"
    said = refused(text)
    assert len(said) == 1
    place = said[0].place
    assert place.source.line(place.line)[place.column - 1 : place.end_column - 1] == under
    assert "depends on the dim" in said[0].message
    assert "make it an hparam" in said[0].help


@each(["relu repeat=seq", "dropout seq/100", "posembed length=64", "posembed kind=sinusoidal"])
def test_a_dim_where_it_changes_no_parameters(layer):
    read(f"model: m\ndims: {{seq: 10}}\ninput: [seq, 4]\nlayers:\n  - {layer}\n")


def test_a_dim_through_a_block():
    text = "model: m\ndims: {seq: 10}\nblocks:\n  b(n): [linear 2*n]\ninput: [seq, 4]\nlayers:\n  - b seq/4\n"
    (said,) = refused(text)
    assert (at(said), said.notes[0].message) == ((4, 17), "in block b(n=2.5)")


def test_what_is_an_hparam_alone_is_mended_by_setting_it():
    done = inside("shapes", "specs/gpt2.yaml", "--set", "seq=4096")
    assert "help: `--set context=4096` would do" in done.stderr
    assert inside("shapes", "specs/gpt2.yaml", "--set", "seq=4096", "--set", "context=4096").returncode == 0
    done = inside("predict", "specs/gpt2.yaml", "--device", "a100", "--mode", "generate", "--length", "1124")
    assert "`--set context=1124` would do" in done.stderr
