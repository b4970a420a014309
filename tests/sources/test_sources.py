"""Models of other kinds, in every command: what is read, what is refused with its place, and what is written."""

from __future__ import annotations

import contextlib
import json
import random
import re

import pytest
from click.testing import CliRunner

from archcalc.cli import group
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.load import load_graph
from archcalc.sources import readers
from archcalc.sources.huggingface.model import runs
from archcalc.sources.huggingface.neutral import NEUTRAL
from archcalc.sources.huggingface.reading import model_of, models
from tests.conftest import ROOT

from .all_cases import CASES

LLAMA = {
    "model_type": "llama",
    "vocab_size": 97,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 40,
}


def written(tmp_path, config, name="config.json"):
    path = tmp_path / name
    path.write_text(config if isinstance(config, str) else json.dumps(config, indent=1), encoding="utf-8")
    return str(path)


def run(*arguments):
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(group, words, prog_name="archcalc", standalone_mode=False)


def status(outcome):
    """The exit status that the program would end with."""
    return outcome.return_value or 0


def refused(path):
    with pytest.raises(SpecError) as caught:
        load_graph(path)
    (said,) = caught.value.diagnostics
    assert said.code == "SPC017"
    return said


@pytest.mark.parametrize(
    ("changes", "line", "column", "message"),
    [
        ({"model_type": "lama"}, 2, 16, "the model type `lama` is not supported yet"),
        ({"model_type": 3}, 2, 16, "`model_type` must name a model type"),
        ({"hidden_size": "32"}, 4, 17, '`hidden_size`: must be a whole number of at least 1, not "32"'),
        ({"hidden_size": True}, 4, 17, "`hidden_size`: must be a whole number of at least 1, not true"),
        ({"hidden_size": -1}, 4, 17, "not -1"),
        ({"hidden_size": 10**30}, 4, 17, "not 1000000000000000000000000000000"),
        ({"hidden_size": [32]}, 4, 17, "not [32]"),
        ({"hidden_size": 33}, 5, 25, "the width 33 is not divisible by 4 heads"),
        ({"num_key_value_heads": 3}, 8, 25, "4 heads are not divisible by 3"),
        ({"hidden_act": "sil"}, 8, 16, '"sil" is not known here'),
        ({"rope_scaling": {"type": "spiral"}}, 8, 18, "the RoPE type 'spiral' is unknown"),
        ({"rope_scaling": {"rope_thetas": 3}}, 8, 18, "`rope_thetas` is unknown"),
        ({"attention_dropout": 2}, 8, 23, "must be a probability"),
        ({"mlp_bias": "no"}, 8, 14, 'must be true or false, not "no"'),
        ({"architectures": ["LlamaForImages"]}, 8, 19, "the class 'LlamaForImages' is not supported yet"),
        ({"architectures": ["Llama\nModel: 3"]}, 8, 19, "the class 'Llama\\nModel: 3' is not supported yet"),
        ({"architectures": 3}, 8, 19, "must be a list of class names"),
        ({"pruned_heads": {"0": [1]}}, 8, 18, "changes the network"),
        ({"hiden_size": 32}, 8, 2, "`hiden_size` is unknown for `llama`"),
        ({"q_lora_rank": 8}, 8, 2, "`q_lora_rank` is unknown for `llama`"),
    ],
    ids=str,
)
def test_what_is_wrong_has_its_place(tmp_path, changes, line, column, message):
    said = refused(written(tmp_path, {**LLAMA, **changes}))
    assert message in said.message
    assert (said.place.line, said.place.column) == (line, column)


def test_a_key_of_another_case_is_suggested(tmp_path):
    assert "did you mean `hidden_size`?" in refused(written(tmp_path, {**LLAMA, "hiden_size": 32})).help


def test_what_is_left_out_is_said(tmp_path):
    config = {
        **LLAMA,
        "rope_scaling": {"type": "linear", "factor": 2.0},
        "quantization_config": {"quant_method": "gptq\nmodel: x"},
    }
    text = load_graph(written(tmp_path, config)).document.source.text
    assert "# Omitted, since it changes no count: rope_scaling: linear, factor 2.0: other angles.\n" in text
    assert "gptq model: x" in text


def test_a_key_that_stands_twice(tmp_path):
    said = refused(written(tmp_path, '{"model_type": "llama",\n "hidden_size": 32, "hidden_size": 64}'))
    assert said.message == "the key `hidden_size` is duplicated"
    assert (said.place.line, said.place.column) == (2, 21)


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        '{"model_type": "llama", "a": ' + "[" * 100_000,
        '{"model_type": "llama", "hidden_size": ' + "9" * 10_000 + "}",
        '{"model_type": "llama", "hidden_size": 1e999}',
        '{"model_type": "llama", "hidden_size": NaN}',
        '{"model_type": "llama", "rope_theta": -Infinity}',
        '{"model_type": "llama", "layer_types": {}, "id2label": []}',
        '{"model_type": "llama"',
        '{"model_type": "llama"} {}',
        '{"model_type": "qwen2", "layer_types": [1]}',
        '{"model_type": "\\ud800"}',
        '{"model_type": "llama", "num_hidden_layers": 1000000000000}',
        '{"model_type": "gemma3_text", "num_hidden_layers": 1000000000000}',
        '{"model_type": "albert", "num_hidden_groups": 1000000000000, "num_hidden_layers": 1000000000000}',
    ],
    ids=lambda text: text[:60],
)
def test_hostile_files_are_errors(tmp_path, text):
    with pytest.raises((SpecError, RequestError)):
        load_graph(written(tmp_path, text))


def test_drawn_values_give_a_network_or_an_error(tmp_path):
    draw = random.Random(3)
    values = [None, True, -1, 0, 1, 3, 2**41, 0.5, 1e40, "x", "", [], [1], {}, {"a": 1}, ["full_attention"], [[[]]]]
    for case in list(CASES.values())[::7]:
        config = case["config"]
        for _ in range(8):
            key = draw.choice([*config, *models()[config["model_type"]].defaults])
            path = written(tmp_path, {**config, key: draw.choice(values)})
            with contextlib.suppress(SpecError, RequestError):
                load_graph(path)


def test_runs():
    assert runs("aabaabaab") == [(3, ["a", "a", "b"])]
    assert runs("aaaa") == [(4, ["a"])]
    assert runs("abaab") == [(1, ["a", "b"]), (2, ["a"]), (1, ["b"])]
    for text in ("abcab", "aabb", "abab", "a", "aabaabaaaa"):
        assert "".join("".join(part) * count for count, part in runs(text)) == text


def test_neutral_keys_are_no_keys_of_a_model():
    read = {key for model in models().values() for key in model.defaults}
    assert read & set(NEUTRAL) <= {"pad_token_id", "max_length"}  # of the first rows, and of sound


def test_import_writes_a_spec_that_meets_what_it_expects(tmp_path):
    path, out = written(tmp_path, LLAMA), tmp_path / "net.yaml"
    assert status(run("import", path, "-o", out)) == 0
    mine, theirs = Costs(load_graph(path)).totals, Costs(load_graph(str(out))).totals
    assert mine == theirs
    text = out.read_text(encoding="utf-8")
    assert f"expect: {{params: {mine.params}, macs: {mine.macs}" in text
    assert status(run("lint", out, "--select", "SPC")) == 0
    again = run("import", path, "-o", out)
    assert (status(again), "exists: use --force to overwrite it" in again.stderr) == (2, True)
    spec = run("import", out)
    assert (status(spec), "is already a spec" in spec.stderr) == (2, True)
    empty = run("import", written(tmp_path, "", "empty"))
    assert (status(empty), "nor a spec: `archcalc lint " in empty.stderr) == (2, True)


def test_llama_is_read_at_a_glance(tmp_path):
    lines = run("import", written(tmp_path, LLAMA)).stdout.splitlines()
    assert len([line for line in lines if line and not line.startswith("#")]) <= 25


def test_commands_take_the_file_itself(tmp_path):
    path = written(tmp_path, LLAMA)
    spec = tmp_path / "net.yaml"
    # what `expect:` holds is told under the table, and the file itself has none
    spec.write_text(run("import", path).stdout.split("expect:")[0], encoding="utf-8")
    for words in (["shapes"], ["memory"], ["explain", "lm_head"]):
        mine, theirs = (run(words[0], one, *words[1:]) for one in (path, spec))
        assert (status(mine), mine.stdout) == (status(theirs), theirs.stdout)
        assert status(mine) == 0
    mine, theirs = (run("build", one).stdout for one in (path, spec))
    assert mine.replace("config.json", "net.yaml") == theirs
    assert run("diff", path, spec).stdout == "nothing changed\n"


def test_a_finding_says_which_text_its_line_is_of(tmp_path):
    told = run("shapes", written(tmp_path, LLAMA), "--set", "width=30")
    assert status(told) == 1
    assert "this line is from the spec that `archcalc import" in told.stderr


def test_a_file_of_another_kind_is_not_mended(tmp_path):
    path = written(tmp_path, LLAMA)
    before = (tmp_path / "config.json").read_bytes()
    told = run("lint", "--fix", path)
    assert "which is not fixed" in told.stderr
    assert "-fixes" not in run("lint", path).stdout
    assert (tmp_path / "config.json").read_bytes() == before


def test_what_shapes_saved_is_still_compared(tmp_path):
    path = written(tmp_path, LLAMA)
    saved = written(tmp_path, run("shapes", path, "--format", "json").stdout, "saved.json")
    assert status(run("diff", saved, path)) == 0


@pytest.mark.parametrize("name", models())
def test_one_family_is_found_by_its_name(name):
    assert model_of(name) is models()[name]


def test_every_source_has_tests_and_a_place_in_the_docs():
    docs = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    for reader in readers():
        name = reader.__name__.rpartition(".")[2]
        assert (ROOT / "tests" / "sources" / f"test_{name}.py").exists(), f"compare its counts in test_{name}.py"
        title = reader.KIND.split(" ", 1)[1].removesuffix(" model")
        assert f"## {title}" in docs, f"describe {name} in docs/import.md, under `## {title}`"


def test_docs_list_every_model_type():
    page = (ROOT / "docs" / "reference" / "model-types.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([\w-]+)`", page)) == set(models())


def test_code_beside_the_file_is_refused_by_name(tmp_path):
    said = refused(written(tmp_path, {"model_type": "internlm2", "auto_map": {"AutoConfig": "configuration_x.X"}}))
    assert "`internlm2` is Python code next to the file" in said.message


def test_broken_json_is_told_as_such(tmp_path):
    said = refused(written(tmp_path, '{"model_type": "llama",\n "hidden_size": }'))
    assert "not valid JSON" in said.message
    assert said.place.line == 2
