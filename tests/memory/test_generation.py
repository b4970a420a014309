"""Caches against formulas written out by hand, and networks that do not generate."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext

import pytest
import torch

from archcalc.diagnostics import Source, SpecError
from archcalc.memory.footprint import footprint
from archcalc.memory.generation import generate
from archcalc.memory.positions import NotGenerativeError
from archcalc.network.load import build_graph, load_graph
from archcalc.pytorch.instance import instantiate
from tests.conftest import ROOT
from tests.each import each
from tests.program import inside
from tests.runs import run_of


def spec(name, batch=1, **given):
    return load_graph(str(ROOT / "specs" / name), {key: str(value) for key, value in given.items()}, batch)


def text(*layers, dims="seq: 64", input="[seq]", batch=1):
    lines = "".join(f"  - {layer}\n" for layer in layers)
    source = f"model: t\ndims: {{{dims}}}\ninput: {input}\nlayers:\n{lines}"
    return build_graph(Source("t.yaml", source), batch=batch)


@pytest.mark.parametrize(
    ("name", "token", "length"),
    [
        ("llama3.yaml", 2 * 32 * 8 * 128, 8192),
        ("llama3.yaml@70b", 2 * 80 * 8 * 128, 8192),
        ("mixtral.yaml", 2 * 32 * 8 * 128, 8192),
        ("gpt2.yaml", 2 * 12 * 768, 1024),
        ("gpt2.yaml@xl", 2 * 48 * 1600, 1024),
    ],
)
@pytest.mark.parametrize(("dtype", "width"), [("bf16", 2), ("fp32", 4), ("int8", 1)])
def test_keys_and_values(name, token, length, dtype, width):
    found = generate(spec(name, batch=3), run_of("generate", precision="fp32", cache=dtype))
    assert found.token_bytes == 3 * token * width
    assert found.cache_bytes == 3 * token * width * length
    assert (
        generate(spec(name, batch=3), run_of("generate", length=7, precision="fp32", cache=dtype)).cache_bytes
        == 3 * token * width * 7
    )


def test_published_sizes():
    # 128 KiB and 320 KiB a token: Llama 3 in bf16
    assert generate(spec("llama3.yaml"), run_of("generate", precision="bf16")).token_bytes == 131_072
    assert generate(spec("llama3.yaml@70b"), run_of("generate", precision="bf16")).token_bytes == 327_680
    assert generate(spec("llama3.yaml"), run_of("generate", precision="bf16")).parameter_bytes == 2 * 8_030_261_248


V3 = {"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"]}


def test_latent_attention_keeps_its_latent_or_keys_and_values(tmp_path):
    """DeepSeek-V3: 61 layers of 512 + 64 numbers, or of 128 heads with keys of 192 and values of 128."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(V3))
    for latent, numbers in (("true", 512 + 64), ("false", 128 * (192 + 128))):
        found = generate(load_graph(str(config), {"latent": latent}), run_of("generate", precision="bf16"))
        assert found.token_bytes == 2 * 61 * numbers == {"true": 70_272, "false": 4_997_120}[latent]
        assert {name for cache in found.caches for name in cache.shapes} == (
            {"output"} if latent == "true" else {"keys", "values"}
        )


def test_what_is_computed_from_a_kept_output_alone_is_not_kept():
    def kept(*layers):
        found = generate(text("embedding 9 dim=8", "linear 8 name=x", *layers), run_of("generate", precision="fp32"))
        return {cache.node.op: {name: shape[-1] for name, shape in cache.shapes.items()} for cache in found.caches}

    latent = "linear 3 name=c cache=true"
    keys, values = "linear 8 from=c name=k", "linear 6 from=c name=v"
    assert kept(latent, keys, values, "sdpa q=x k=k v=v causal=true") == {"linear": {"output": 3}}
    assert kept(latent, keys, "sdpa q=x k=k v=x causal=true") == {"linear": {"output": 3}, "sdpa": {"values": 8}}
    assert kept(latent, keys, "{add: [k, x]}", "sdpa q=x k=prev v=k causal=true") == {
        "linear": {"output": 3},
        "sdpa": {"keys": 8},
    }
    assert kept(latent, "attention 2 kv=c causal=true from=x") == {"linear": {"output": 3}}
    assert kept(latent.replace("true", "false"), "attention 2 kv=c causal=true from=x") == {
        "attention": {"keys": 4, "values": 4}
    }


def test_a_step_computes_all_positions_of_what_comes_from_a_kept_output():
    layers = ("embedding 9 dim=8", "linear 8 name=x", "linear 3 name=c cache=true", "linear 8 from=c name=k")
    found = text(*layers, "sdpa q=x k=k v=k causal=true", "linear 9")
    step = generate(found, run_of("generate", precision="fp32")).step_bytes
    assert step == 4 * (64 * 8 + 64 * 8 + 8 + 8) - 4 * 64 * 8  # queries, keys that are values, the output


def test_a_window_bounds_the_cache_of_sdpa():
    layers = ("embedding 9 dim=8", "linear 8 name=x", "sdpa q=x k=x v=x causal=true window=16", "linear 9")
    (cache,) = generate(text(*layers), run_of("generate", precision="fp32")).caches
    assert (cache.shapes, cache.positions, cache.token_bytes) == ({"keys": (16, 8)}, 16, 0)


def test_each_token_adds_what_is_said():
    for name in ("llama3.yaml", "t5.yaml", "transformer.yaml"):
        before, after = (
            generate(spec(name), run_of("generate", length=length, precision="bf16")) for length in (20, 21)
        )
        assert after.cache_bytes - before.cache_bytes == before.token_bytes == after.token_bytes > 0


def test_a_window_fills():
    graph = text("embedding 100 dim=32", "attention heads=4 kv_heads=2 causal=true window=16", "linear 100")
    for length in (1, 15, 16, 17, 64):
        found = generate(graph, run_of("generate", length=length, precision="bf16"))
        assert found.cache_bytes == 2 * min(length, 16) * 2 * 8 * 2
        assert found.caches[0].positions == min(length, 16)
        assert found.token_bytes == (2 * 2 * 8 * 2 if length < 16 else 0)


def test_a_source_is_kept_once():
    found = generate(spec("t5.yaml", source=100), run_of("generate", length=30, precision="fp32"))
    own, other = found.caches
    assert (own.source, other.source) == (False, True)
    assert own.bytes == 2 * 6 * 8 * 64 * 30 * 4
    assert other.bytes == 2 * 6 * 8 * 64 * 100 * 4
    assert other.token_bytes == 0
    assert own.copies == other.copies == 6


def test_a_source_of_a_fixed_length():
    graph = text(
        "embedding 10 dim=8 from=words name=x", "attention 2 causal=true", "attention 2 kv=sound", "linear 10",
        dims="seq: 16", input="{words: [seq], sound: [50, 8]}", batch=3,
    )  # fmt: skip
    own, source = generate(graph, run_of("generate", precision="fp32")).caches
    assert (own.source, own.positions, own.token_bytes) == (False, 16, 3 * 4 * 2 * 8)
    assert (source.source, source.positions, source.token_bytes) == (True, 50, 0)
    assert source.bytes == 3 * 4 * 2 * 50 * 8


def test_recurrent_states():
    found = generate(spec("seq2seq-attention.yaml", batch=5), run_of("generate", precision="fp32"))
    decoder, context = found.caches
    assert decoder.bytes == 5 * 2 * (2 * 512) * 4  # h and c of two layers
    assert context.bytes == 5 * 30 * 512 * 4  # keys are values, kept once
    assert found.token_bytes == 0
    assert generate(spec("gru.yaml"), run_of("generate", precision="fp32")).cache_bytes == 20 * 4


def test_a_prompt_takes_what_transformers_takes():
    # LlamaForCausalLM.generate of transformers 5.24 on the CPU, fp32, 4 prompts of 511: 51.8 MB with one new token or two.
    sizes = {"width": 256, "ff": 688, "depth": 6, "heads": 8, "kv_heads": 2, "vocab": 1000}
    graph = load_graph(str(ROOT / "specs" / "llama3.yaml"), {name: str(size) for name, size in sizes.items()}, 4)
    found = footprint(graph, run_of("generate", precision="fp32", length=512))
    assert found.phase == "prompt"
    assert found.peak == pytest.approx(51.8e6, rel=0.08)
    assert found.parts["cache"] == 6 * 2 * 2 * 32 * 4 * 511 * 4
    last = footprint(graph, run_of("generate", precision="fp32", length=512, new_tokens=511))
    assert set(last.parts) == {"parameters", "cache", "step"}


def test_an_encoder_has_run_before_there_are_caches():
    graph = spec("whisper.yaml")
    found = generate(graph, run_of("generate", precision="fp32", length=3))
    assert found.prompt.run.caches == 0
    assert "encoder" in found.prompt.run.node.id


def test_one_step():
    found = generate(spec("gpt2.yaml", batch=2), run_of("generate", precision="fp32", new_tokens=1023))
    assert found.logits_bytes == 2 * 50257 * 4
    # the output layer reads a vector and gives the logits; nothing else is as large
    assert found.step_bytes == found.logits_bytes + 2 * 768 * 4
    assert found.peak_bytes == found.parameter_bytes + found.buffer_bytes + found.cache_bytes + found.step_bytes
    # without logits to speak of: what the residual reads and gives, and the two widest tensors inside it
    wide = text(
        "embedding 10 dim=8", "residual: [linear 800, relu, linear 8]", "attention heads=1 causal=true", "linear 10"
    )
    assert generate(wide, run_of("generate", precision="fp32")).step_bytes == 4 * (8 + 8 + 8 + 800 + 800)


def test_a_cache_of_another_type():
    half = generate(spec("llama3.yaml"), run_of("generate", cache="int8", precision="bf16"))
    assert half.token_bytes == 65_536
    assert half.parameter_bytes == generate(spec("llama3.yaml"), run_of("generate", precision="bf16")).parameter_bytes


WORDS = "embedding 9 dim=8"
LOOKS_BACK = "attention heads=1 causal=true"


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (lambda: spec("alexnet.yaml"), "cannot generate"),
        (lambda: spec("bert.yaml"), r"`encoder\.0\.attention` sees the positions after"),
        (lambda: spec("many-to-many.yaml"), "`lstm` sees the positions after"),
        (lambda: spec("many-to-one.yaml"), "no axis of positions"),
        (lambda: text(WORDS, LOOKS_BACK, dims="other: 3", input="[12]"), "no axis of positions"),
        (
            lambda: build_graph(Source("t.yaml", f"{{model: t, input: [8], layers: [{WORDS}, {LOOKS_BACK}]}}")),
            "make it a dim",
        ),
        (lambda: text(WORDS, LOOKS_BACK, "attention heads=1 name=both", "linear 9"), "`both` sees the positions after"),
        (
            lambda: text(
                WORDS, LOOKS_BACK, "transpose", "conv 8 kernel=3 padding=1 name=mix", "rearrange 'c s -> s c'"
            ),
            "`mix` sees the positions after",
        ),
        (
            lambda: text(
                WORDS, "rearrange '(w p) c -> w p c' p=4", "attention heads=1 causal=true name=group", "linear 9"
            ),
            "`group` attends within groups",
        ),
    ],
)
def test_says_why_not(graph, words):
    with pytest.raises(NotGenerativeError, match=words):
        generate(graph(), run_of("generate", precision="bf16"))


def test_no_more_positions_than_a_table_holds():
    with pytest.raises(SpecError, match="the table has 1024 positions"):
        generate(spec("gpt2.yaml"), run_of("generate", length=1025, precision="bf16"))


HEAD = "model: m\ndims: {seq: 12}\ninput: [seq]\nlayers:\n  - [embedding 10 dim=6, transpose]\n"
CONVOLUTIONS = {
    "  - [pad before=3, conv 8 kernel=4]": (3, 6),
    "  - [conv 8 kernel=4 padding=3, slice 0 end=-3 axis=1]": (3, 6),
    "  - [pad before=6, conv 8 kernel=3 dilation=3, relu]": (6, 6),
    "  - {repeat: 3, layers: [{residual: [pad before=1, conv 6 kernel=2]}]}": (1, 6),
    "  - [conv 8 kernel=3 padding=1]": None,
    "  - [conv 8 kernel=3 padding=same]": None,
    "  - [pad before=1 after=1, conv 8 kernel=3]": None,
    "  - [pad before=1, conv 8 kernel=3, pad after=1]": None,
    "  - [slice 2 axis=1, pad after=2, conv 8 kernel=1]": None,
    "  - [pad before=2 mode=circular, conv 8 kernel=3]": None,
    "  - [conv 8 kernel=3 padding=2 padding_mode=circular, slice 0 end=-2 axis=1]": None,
    "  - [pad before=2, conv 8 kernel=3 stride=2]": None,
}


@pytest.mark.parametrize("attends", [False, True])
@pytest.mark.parametrize("layers", CONVOLUTIONS)
def test_causal_convolutions_keep_what_their_window_reads(layers: str, attends: bool) -> None:
    """As PyTorch computes it: what comes later changes nothing before, and a change reaches no further than the window."""
    more = "  - attention 2 causal=true\n" if attends else ""
    graph = build_graph(Source("m.yaml", f"{HEAD}{layers}\n  - transpose\n{more}"))
    kept = CONVOLUTIONS[layers]
    module, ids = instantiate(graph).eval(), torch.arange(12)[None] % 10
    other = ids.clone()
    other[0, 7] = 0
    changed = (module(ids) != module(other)).any(-1)[0].nonzero().flatten()
    if kept is None:
        assert int(changed.min()) < 7 or "circular" in layers or "stride" in layers
        with pytest.raises(NotGenerativeError):
            generate(graph, run_of("generate", precision="bf16"))
        return
    assert int(changed.min()) == 7
    cache = generate(graph, run_of("generate", precision="fp32")).caches[0]
    assert cache.shapes == {"inputs": kept}
    assert (cache.positions, cache.token_bytes, cache.source) == (kept[0], 0, False)
    assert cache.bytes == 4 * cache.copies * kept[0] * kept[1]
    if cache.copies == 1 and not attends:
        assert 7 < int(changed.max()) <= 7 + kept[0]


def test_more_new_tokens_than_positions_are_refused_with_what_works():
    for command in (("memory",), ("predict", "--device", "a100")):
        name, *more = command
        asked = [name, "gpt2", "--mode", "generate", "--new-tokens", "2000", *more]
        said = inside(*asked).stderr
        assert "2000 new tokens leave no room for a prompt in 1024 positions" in said
        longer = re.search(r"--length \d+", said)[0].split()
        said = inside(*asked, *longer).stderr
        more_positions = re.search(r"--set context=\d+", said)[0].split()
        assert inside(*asked, *longer, *more_positions).returncode == 0


def test_a_position_beside_earlier_ones_keeps_those() -> None:
    """A shift by two positions and a convolution of four, beside the position itself."""
    text = (
        "{model: m, dims: {seq: 9}, input: [seq, 8], layers: [linear 6 name=x, pad axis=0 before=2 after=-2, "
        "{sub: [prev, x]}, gru 5]}"
    )
    found = generate(build_graph(Source("t.yaml", text), batch=3), run_of("generate"))
    assert [(cache.node.op, cache.shapes) for cache in found.caches] == [
        ("sub", {"earlier": (2, 6)}),
        ("gru", {"h": (1, 5)}),
    ]
    assert (found.cache_bytes, found.token_bytes) == (4 * 3 * (2 * 6 + 5), 0)


@each(
    [
        "softmax axis=0", "softmax axis=1", "normalize 0", "normalize 1", "flip 0", "flip 1", "roll 1", "roll 1 axes=1",
        "cumsum 0", "cumsum 1", "{add: [prev, [mean 0 keepdim=true]]}", "{add: [prev, [mean 1 keepdim=true]]}",
        "{mul: [prev, [max 0, linear 8, sigmoid]]}", "{add: [prev, [gru 8 name=g, reshape 1x8 from=g.last]]}",
    ]
)  # fmt: skip
def test_what_depends_on_later_positions_is_refused(layer: str) -> None:
    graph = text("attention 2 causal=true", layer, "linear 4", dims="seq: 5", input="[seq, 8]")
    x = torch.randn(1, 5, 8, requires_grad=True)
    y = instantiate(graph).eval()(x)
    seen = [torch.autograd.grad(y[:, one].square().sum(), x, retain_graph=True)[0] for one in range(5)]
    ahead = any(bool(later[:, one + 1 :].any()) for one, later in enumerate(seen))
    with pytest.raises(NotGenerativeError) if ahead else nullcontext():
        generate(graph, run_of("generate", length=5, precision="fp32"))


def test_a_running_sum_is_kept() -> None:
    graph = text("embedding 9 dim=6", "cumsum 0", "linear 9")
    assert generate(graph, run_of("generate", precision="fp32", length=7)).cache_bytes == 4 * 6
