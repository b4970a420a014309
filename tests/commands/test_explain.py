"""`archcalc explain`, the calculator."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from archcalc.cost import Costs
from archcalc.layers import REGISTRY
from archcalc.reports.explanation.groups import explain_group, explain_network
from tests.cases import shared
from tests.conftest import ROOT, SPECS
from tests.program import inside

TOTALS = ("params", "macs", "other_flops", "activation_bytes")


def test_the_lecture_line():
    out = inside("explain", "conv 2 kernel=3 stride=2 padding=1", "--input", "3x32x32").stdout
    assert "⌊(32 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = 16" in out
    assert "(3·3·3 + 1)·2" in out
    assert " 56 " in out
    assert "13,824" in out
    assert "3×3, step 2" in out


def test_a_list_of_layers_and_a_vector():
    out = inside("explain", "[conv 8 kernel=3, relu, flatten, linear 10]", "--input", "3x8x8").stdout
    assert "(288 + 1)·10" in out
    assert "covers the input" not in out
    assert inside("explain", "linear 10", "--input", "784").returncode == 0


def test_a_layer_of_a_spec_by_name_and_by_line():
    lines = (ROOT / "specs" / "alexnet.yaml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "conv 64" in text)
    for wanted in ("conv1", str(line)):
        out = inside("explain", "specs/alexnet.yaml", wanted).stdout
        assert "(11·11·3 + 1)·64" in out
        assert "23,296" in out


def test_a_layer_inside_copies_says_so():
    out = inside("explain", "specs/gpt2.yaml", "h.0.attention").stdout
    assert "(768 + 1) · 3 projections · 768" in out
    assert "2,362,368" in out


def test_tied_weights_are_told():
    out = inside("explain", "specs/gpt2.yaml", "lm_head").stdout
    assert "the weight of wte" in out


def test_json():
    document = json.loads(inside("explain", "conv 2 kernel=3", "--input", "3x8x8", "--format", "json").stdout)
    layer = document["layers"][0]
    assert layer["parameters"] == {
        "value": 56,
        "numbers": "(3·3·3 + 1)·2",
        "names": "(kernel_h·kernel_w·in_channels + bias)·channels",
    }
    assert layer["receptive_field"] == [[3, 1], [3, 1]]


def test_wrong_requests():
    assert inside("explain", "conv 2 kernel=3").returncode == 2
    assert inside("explain", "conv 2 kernel=3", "--input", "3xx").returncode == 2
    assert inside("explain", "specs/alexnet.yaml", "conv9").returncode == 2
    wrong = inside("explain", "conv 2 kernal=3", "--input", "3x8x8")
    assert wrong.returncode == 1
    assert "<line>:1:8" in wrong.stderr
    assert inside("explain", "conv 2 kernel=9", "--input", "3x8x8").returncode == 1
    assert inside("explain", "", "--input", "3").returncode == 1
    assert inside("explain", "[[[", "--input", "3").returncode == 1


def test_a_layer_that_has_to_know_its_axis():
    done = inside("explain", "softmax", "--input", "10x5")
    assert done.returncode == 1
    assert "axis=0 normalises channels, giving vectors of 10 that sum to 1" in done.stderr
    assert "state it at the input" not in done.stderr, "a line has no place for that"
    assert inside("explain", "softmax axis=1", "--input", "10x5").returncode == 0


def test_a_block_is_derived_with_its_total():
    out = inside("explain", "specs/googlenet.yaml", "inception3a").stdout
    assert "1·1·192·96 + (1 weight + 1 bias) · 96" in out
    last = [line for line in out.splitlines() if "together" in line]
    assert "155,872" in last[0]
    assert "121,626,624" in last[1]


def test_copies_are_derived_once():
    out = inside("explain", "specs/gpt2.yaml", "h").stdout
    assert "12 copies · 7,087,872" in out
    assert "85,054,464" in out


def test_a_part_of_what_is_repeated_says_of_how_many():
    for part in ("h.0.attention", "h.0.residual1"):
        out = inside("explain", "specs/gpt2.yaml", part).stdout
        assert re.search(r"copies +12 +numbers are for one copy", out), part
        assert re.search(r"all of them: [\d,]+ parameters · [\d,]+ MACs", out)
    layer = json.loads(inside("explain", "specs/gpt2.yaml", "h.0.attention", "--format", "json").stdout)["layers"][0]
    assert layer["copies"] == 12
    assert "copies" not in inside("explain", "specs/alexnet.yaml", "conv1").stdout


def test_what_derives_a_part_stands_on_one_line():
    for spec in ("resnet50", "gpt2", "specs/gpt2.yaml@medium"):
        out = inside("explain", spec, env={"COLUMNS": "60"}).stdout
        assert re.search(rf"archcalc explain {re.escape(spec)} [\w.]+( |\n)", out), out[-200:]


def test_a_network_is_derived():
    document = json.loads(inside("explain", "specs/gpt2.yaml", "--format", "json").stdout)
    (network,) = document["layers"]
    assert network["params"] == 124_439_808
    assert sum(part["params"] for part in network["parts"]) == network["params"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("inception 64", "inception3a"),
        ("inception  64  r3=96", "inception3a"),
        ("unit 192 kernel=3", "conv3"),
        ("adaptiveavgpool", "adaptiveavgpool"),
        ("conv", "conv1.conv"),
    ],
)
def test_words_that_are_no_name_lead_to_the_nearest(wanted, found):
    done = inside("explain", "specs/googlenet.yaml", wanted)
    assert done.stdout.startswith(f"{found}   ")
    assert found == wanted or f"`{found}`" in done.stderr


def test_a_further_copy_is_the_first_one():
    done = inside("explain", "specs/gpt2.yaml", "h.7.attention")
    assert done.stdout.startswith("h.0.attention")
    assert "all copies are the same" in done.stderr


def test_an_unknown_name_is_told_the_nearest():
    done = inside("explain", "specs/googlenet.yaml", "inceptoin3a")
    assert done.returncode == 2
    assert "did you mean `inception3a`?" in done.stderr


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_groups_add_up_to_what_shapes_counts(spec):
    costs = Costs(shared(spec.stem, 2))
    whole = explain_network(costs).data
    assert {key: whole[key] for key in TOTALS} == {key: getattr(costs.totals, key) for key in TOTALS}
    for node in costs.graph.nodes:
        if node.children:
            one, total = explain_group(node, costs).data, costs.total(node)
            assert [one["copies"] * one[key] for key in ("params", "macs")] == [total.params, total.macs]


def test_groups_of_many_copies_cost_as_few(tmp_path):
    spec = tmp_path / "deep.yaml"
    spec.write_text(
        "model: deep\ninput: [8, 16]\nlayers:\n  - repeat: 100000\n    layers: [residual: [layernorm, linear 16]]\n"
    )
    out = inside("explain", str(spec)).stdout
    assert "100,000 copies" in out
    assert len(out.splitlines()) < 40


def test_a_network_of_one_layer_is_that_layer():
    out = inside("explain", "specs/attention.yaml").stdout
    assert "q kᵀ" in out
    assert "150,994,944" in out


@pytest.mark.parametrize(
    "asked", [("specs/googlenet.yaml",), ("specs/googlenet.yaml", "inception3a"), ("specs/gpt2.yaml@medium", "h")]
)
def test_what_derives_a_part_can_be_run(asked):
    out = inside("explain", *asked).stdout
    command = next(line for line in out.splitlines() if "archcalc explain" in line).partition("archcalc ")[2]
    command = command.partition("   ")[0]
    assert inside(*shlex.split(command)).returncode == 0


def test_an_equation_has_no_bias_where_the_layer_has_none():
    for line, sizes, without in (
        ("linear 3", "4", "y = x Wᵀ\n"),
        ("conv 2 kernel=3", "3x8x8", "y[c, s, t] = Σ h"),
        ("rnn 20", "50x10", "g(W x(t) + U z(t−1))"),
        ("gru 20", "50x10", "the candidate; each has a W and U of its own\n"),
        ("lstm 20", "50x10", "each has a W and U of its own"),
    ):
        assert without not in inside("explain", line, "--input", sizes, env={"COLUMNS": "120"}).stdout
        assert without in inside("explain", f"{line} bias=false", "--input", sizes, env={"COLUMNS": "120"}).stdout


def test_equations_have_the_axes_and_channels_that_are_there():
    for line, sizes, equation in (
        ("conv 4 kernel=3", "2x10", "y[c, s] = b[c] + Σ h[c, k, τ] · x[k, i]"),
        ("conv 4 kernel=3", "2x6x6x6", "y[c, s, t, u] = b[c] + Σ h[c, k, τ, γ, ρ] · x[k, i, j, l]"),
        ("conv 4 kernel=3 groups=2", "4x8x8", "over the input channels k of c's group"),
        ("convtranspose 4 kernel=2", "4x8", "y[c, i] = b[c] + Σ h[k, c, τ] · x[k, s]"),
        ("attention 2 bias=qkv", "3x4", "y = [α V of all heads] W_O\n"),
        ("attention 2", "3x4", "y = [α V of all heads] W_O + b_O\n"),
        ("attention 2 causal=true", "3x4", "M[i, j] = −∞ for j > i, 0 otherwise"),
        ("attention 2 window=2", "3x4", "M[i, j] = −∞ for |i − j| ≥ 2, 0 otherwise"),
        ("attention 2 kv_heads=1 rope=100", "3x4", "Q and K turned by the angles of their positions"),
        ("sdpa q=input k=input v=input causal=true", "3x4", "α = softmax(Q Kᵀ / √d + M)"),
        ("maxpool 2", "3x8", "y[c, s] = max x[c, i]   over the taps τ of a window"),
        ("maxpool 2", "3x8x8x8", "y[c, s, t, u] = max x[c, i, j, l]"),
        ("maxpool 3 padding=1", "3x8x8", "x = −∞ outside of the input"),
        ("avgpool 3 padding=1", "3x8x8", "x = 0 outside of the input   and counts in the mean"),
        ("avgpool 3 padding=1 count_include_pad=false", "3x8x8", "taps outside of the input do not count"),
        ("adaptiveavgpool 1", "3x8x8", "y[c, 0, 0] = mean x[c, i, j]   over all i, j"),
        ("conv 4 kernel=3 padding=1 padding_mode=circular", "3x8", "outside of the input x goes on from the other end"),
        ("conv 4 kernel=3", "1x5x5", "i = s + τ,  j = t + γ\n"),
        ("conv 2 kernel=3 stride=2 padding=1", "3x9x9", "i = 2·s + τ − 1,  j = 2·t + γ − 1   stride 2, padding 1\n"),
        ("conv 2 kernel=3x5 stride=1x2 dilation=2", "3x9x9", "i = s + 2·τ,  j = 2·t + 2·γ   stride 1×2, dilation 2\n"),
        ("conv 2 kernel=3 padding=same", "3x9x9", "i = s + τ − 1,  j = t + γ − 1   padding same\n"),
        ("convtranspose 2 kernel=3 stride=2", "3x9", "i = 2·s + τ   stride 2\n"),
        ("avgpool 3 stride=2 padding=1", "3x8x8x8", "l = 2·u + ρ − 1   stride 2, padding 1\n"),
        ("upsample 2", "3x8", "i = ⌊s / 2⌋\n"),
        ("upsample 2 mode=bilinear", "3x8x8", "i = (s + ½) / 2 − ½   j alike, from t\n"),
        ("upsample size=5 mode=linear align_corners=true", "3x8", "i = s · (S − 1) / (S′ − 1)\n"),
        ("pad 1 mode=reflect", "3x8x8", "inside, mirrored outside"),
        ("pad 1 value=2", "3x8x8", "inside, 2 outside"),
        ("rnn 2", "3x4", "g(W x(t) + b + U z(t−1) + b′)"),
        ("rnn 2 layers=3 nonlinearity=relu", "3x4", "z(0) = 0, g = relu\n"),
        ("dropout 0.1", "4", "0 otherwise   p = 0.1\n"),
        ("layernorm affine=false", "3x4", "√(σ² + ε)   ε = 1e-05\n"),
        ("layernorm axes=0x1", "3x4", "along its last 2 axes"),
        ("instancenorm", "3x4x4", "√(σ² + ε)   ε = 1e-05\n"),
        ("batchnorm bias=false", "3x4x4", "addition of − μ·γ/√(σ² + ε)"),
        ("batchnorm affine=false track_running_stats=false", "3x4x4", "μ, σ²: of a channel"),
        ("softplus 2 threshold=5", "4", "for β·x ≤ threshold, x above   β = 2, threshold = 5\n"),
        ("add: [input, input]", "4", "y = a + b\n"),
        ("mul: [input, input, input, input, input]", "4", "a ⊙ b ⊙ …   5 operands"),
        ("constant 2x3 value=-1", "4", "y = −1 everywhere"),
        ("linear 6 bias=qv", "4", "b learned for q and v"),
        ("attention heads=2 bias_kv=true zero_attn=true", "3x4", "a row learned (bias_k, bias_v) and one of zeros"),
        ("adaptiveavgpool 2", "3x4x4", "3·4·4 "),
        ("{each: input, layers: [linear 8]}", "5x8", "8·8 · 5 entries"),
        ("residual: {layers: [linear 4], shortcut: [linear 4 bias=false]}", "8", "input shortcut(x)"),
        ("residual: {layers: [linear 4], shortcut: [linear 4 bias=false]}", "8", "y = shortcut(x) + f(x)"),
    ):
        assert equation in inside("explain", line, "--input", sizes, env={"COLUMNS": "160"}).stdout


def test_a_name_that_is_none_leads_to_the_nearest():
    for spec, wanted, told in (
        ("gpt2", "attn", "did you mean `h.0.attention`?"),
        ("gpt2", "atention", "did you mean `h.0.attention`?"),
        ("alexnet", "conv9", "did you mean `conv1`?"),
    ):
        assert told in inside("explain", spec, wanted).stderr
    assert "`alexnet`" in inside("explain", "elsewhere/alexnet.yaml").stderr
    assert "--input 20x64" in inside("explain", "lstm 3").stderr


def test_a_pipe_has_the_whole_labels_of_parts():
    out = inside("explain", "self-attention").stdout
    assert out.count("linear 512 bias=false  (query) ") == 2
    assert "linear 512 …  (query)" in inside("explain", "self-attention", env={"COLUMNS": "60"}).stdout


def test_every_layer_says_what_it_computes():
    for line in (
        "{each: input, layers: [linear 8]}",
        "{scan: input, state: {h: [8]}, layers: [{add: [prev, h]}], next: {h: prev}}",
    ):
        out = inside("explain", line, "--input", "5x8").stdout
        assert not re.search(r"computes *\n", out)


def test_no_border_is_told_where_there_is_none():
    for line in ("conv 4 kernel=3", "maxpool 2", "avgpool 2"):
        assert "outside" not in inside("explain", line, "--input", "3x8x8").stdout


def test_biases_of_an_attention_name_their_projections():
    for bias, told in (("true", "q, k, v and the output"), ("qkv", "q, k and v"), ("o", "the output")):
        out = inside("explain", f"attention 2 bias={bias}", "--input", "3x4", env={"COLUMNS": "160"}).stdout
        assert f"addition, 1 for each element of {told}\n" in out
    assert "biases" not in inside("explain", "attention 2 bias=false", "--input", "3x4").stdout


def test_a_name_is_a_spec_that_comes_along():
    assert "lenet5" in inside("explain", "lenet").stdout
    assert "did you mean `lenet`?" in inside("explain", "lenett").stderr
    assert "leave out --input" in inside("explain", "lenet", "--input", "1x32x32").stderr


@pytest.mark.parametrize(
    ("line", "inputs"),
    [
        ("selectivescan dt=a b=a c=a", ["input", "input dt", "input b", "input c"]),
        ("sdpa q=a k=a v=a", ["input q", "input k", "input v"]),
        ("attention heads=2 kv=a", ["input", "input kv"]),
        ("add: [a, prev, a]", ["input a", "input b", "input c"]),
        ("lstm 4", ["input"]),
    ],
)
def test_inputs_are_called_by_the_keys_that_name_them(line, inputs, tmp_path):
    spec = tmp_path / "t.yaml"
    spec.write_text(f"model: t\ninput: [6, 4]\nlayers:\n  - linear 4 name=a\n  - linear 4\n  - {line}\n")
    for more in ([], ["--symbolic"]):
        out = inside("explain", str(spec), "6", *more).stdout
        assert [row.split("  ")[1] for row in out.splitlines() if row.startswith("  input")] == inputs


def test_projections_of_attention_read_what_the_equation_says():
    for keys, sources in (("", "xxx"), ("kv=input", ("x", "kv", "kv")), ("k=input", "xkx"), ("v=input", "xxv")):
        out = inside("explain", f"attention heads=2 {keys}", "--input", "3x4").stdout
        equation, products = out.split("in_proj", 1)
        for letter, source in zip("QKV", sources):
            assert f"{letter} = {source} W_{letter} + b_{letter}" in equation
            assert f"{source} W_{letter}" in products
    out = inside("explain", "attention heads=1 kv=input", "--input", "3x4", "--steps").stdout
    assert "K = kv W_K" not in out  # it is the same tensor: one name is enough


def test_a_title_starts_with_the_value_that_needs_no_key():
    assert inside("explain", "fold 3 kernel=2", "--input", "4x4").stdout.startswith("fold 3 kernel=2\n")


@pytest.mark.parametrize(("kind", "told"), [("learned", "p learned"), ("sinusoidal", "sin(t / 10000^(2i/d))")])
def test_position_embeddings_say_what_they_are(kind, told):
    out = inside("explain", f"posembed kind={kind}", "--input", "3x4").stdout
    assert told in out
    assert ("learned" in out.split("parameters")[0]) == (kind == "learned")


def test_letters_that_stand_for_arguments_are_in_the_notation():
    with_some = [layer for layer in map(REGISTRY.__getitem__, REGISTRY) if layer.symbols]
    assert len(with_some) > 20
    for layer in with_some:
        for letter, name in layer.symbols.items():
            assert name in layer.arguments, layer.op
            assert letter == "axis" or re.search(rf"(?<!\w){letter}(?!\w)|{letter}·|{letter}²", layer.notation), (
                layer.op
            )


@pytest.mark.parametrize(
    ("line", "sizes", "told"),
    [
        ("elu 0.5", "4", "α · (e^x − 1) otherwise   α = 0.5"),
        ("hardtanh low=-2", "4", "low = −2, high = 1"),
        ("pow 3", "4", "y = x^exponent   exponent = 3"),
        ("rnn 3 nonlinearity=relu", "4x2", "z(0) = 0, g = relu"),
        ("lstm 4 proj=2", "4x2", "h(t) = P (o ⊙ tanh(c(t)))"),
        ("lstm 4 layers=2 bidirectional=true", "4x2", "y(t) has both side by side"),
        ("var axis=0 correction=0", "4x2", "Σ (x[i] − mean)² / n   along axis 0"),
        ("topk 2 largest=false", "4", "the k smallest x[i], in order   along axis −1, k = 2"),
        ("slice 1 end=4 step=2", "6", "y = x[1:4:2]   along axis 0"),
        ("gelu approximate=tanh", "6", "tanh(√(2/π) · (x + 0.044715 · x³))"),
        ("rearrange 'c h w -> (h w) c'", "3x2x2", "y[(h w), c] = x[c, h, w]"),
        ("einsum: {equation: 'ij,kj->ik', operands: [input, input]}", "3x2", "y[i, k] = Σ a[i, j] · b[k, j]   over j"),
        ("relposbias 2 kind=alibi", "3x2", "y[h, i, j] = −m[h] · |i − j|"),
        ("sdpa q=input k=input v=input", "2x3x4", "heads·queries·keys·q_features"),
        ("adaptiveavgpool 2", "1x7x7", "(7 + 1 read again)"),
    ],
)
def test_an_equation_has_the_numbers_of_the_layer(line, sizes, told):
    assert told in inside("explain", line, "--input", sizes).stdout


def test_a_layer_of_a_line_of_several_is_named_behind_it():
    out = inside("explain", "[conv 8 kernel=3, relu, flatten]", "relu", "--input", "3x8x8").stdout
    assert out.startswith("relu   relu\n")
