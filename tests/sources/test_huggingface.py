"""config.json of Hugging Face: counts equal those of the classes that the configurations build."""

from __future__ import annotations

import json

import pytest

from archcalc.cost import Costs
from archcalc.network.load import load_graph
from archcalc.sources.huggingface.reading import models

from .all_cases import CASES, SEQ
from .reference import RECORD, WHOLE

EXPECTED = json.loads(RECORD.read_text(encoding="utf-8"))
WHOLE_FILES = json.loads(WHOLE.read_text(encoding="utf-8"))


def dims_of(case):
    """The run-time sizes for which the reference was counted."""
    return case.get("dims", {"seq": str(SEQ)})


def more_in_chunks(config):
    """The products by which the classes of Mamba 2 go beyond those of the recurrence, as they multiply whole chunks."""
    part = "mamba_" if "mamba_n_heads" in config else ""
    heads, size = config[f"{part}n_heads" if part else "num_heads"], config[f"{part}d_head" if part else "head_dim"]
    state, chunk = config[f"{part}d_state" if part else "state_size"], config[f"{part}chunk_size"]
    layers, chunks = config["num_hidden_layers"] - len(config.get("attn_layer_indices", ())), -(-SEQ // chunk)
    multiplied = chunks * chunk * (chunk * (state + size) + 2 * state * size) + (chunks + 1) ** 2 * state * size
    return layers * heads * (multiplied - SEQ * size * state)


@pytest.mark.parametrize("name", CASES)
def test_counts_are_those_of_the_classes(name, tmp_path):
    case, path = CASES[name], tmp_path / "config.json"
    path.write_text(json.dumps(case["config"]), encoding="utf-8")
    totals = Costs(load_graph(str(path), dims_of(case))).totals
    expected = {"macs": totals.macs, **EXPECTED[name]}
    if name.split("/")[0] in ("mamba2", "bamba"):
        expected["macs"] -= more_in_chunks(case["config"])
    assert {"params": totals.params, "macs": totals.macs} == expected


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_files_with_every_key_are_read(name, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(WHOLE_FILES[name]), encoding="utf-8")
    assert Costs(load_graph(str(path), dims_of(CASES[name]))).totals.params == EXPECTED[name]["params"]


def test_every_case_is_recorded():
    assert list(EXPECTED) == list(CASES)
    assert {name.split("/")[0] for name in WHOLE_FILES} == set(models())


# Keys that files of the past hold and today's classes do not read.
OLDER = {
    "bert": {"gradient_checkpointing": False, "pooler_type": "first_token_transform", "directionality": "bidi"},
    "gpt2": {"n_ctx": 1024, "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}}},
    "phi3": {
        "attention_bias": False,
        "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"},
        "rope_scaling": {"type": "su", "short_factor": [1.0], "long_factor": [2.0]},
    },
    "gpt_neox": {
        "attention_probs_dropout_prob": 0,
        "hidden_dropout_prob": 0,
        "rotary_emb_base": 10000,
        "rotary_pct": 0.25,
    },
    "distilbert": {"tie_weights_": True, "finetuning_task": "sst-2"},
    "bart": {
        "_num_labels": 3,
        "add_bias_logits": False,
        "add_final_layer_norm": False,
        "classif_dropout": 0.1,
        "normalize_before": False,
        "static_position_embeddings": False,
    },
    "whisper": {"forced_decoder_ids": [[1, 50259]], "max_length": 448, "num_hidden_layers": 6},
    "falcon": {"apply_residual_connection_post_layernorm": False, "auto_map": {}},
    "cohere": {"model_max_length": 131072, "rope_theta": 8000000.0, "rope_scaling": None},
    "bloom": {"masked_softmax_fusion": True, "skip_bias_add": True, "offset_alibi": 100, "n_inner": None},
    "albert": {"down_scale_factor": 1, "gap_size": 0, "net_structure_type": 0, "num_memory_blocks": 0},
    "wav2vec2": {
        "feat_extract_dropout": 0.0,
        "hidden_dropout_prob": 0.1,
        "mask_channel_prob": 0.0,
        "gradient_checkpointing": True,
    },
}


@pytest.mark.parametrize("model_type", OLDER)
def test_older_files_are_read(model_type, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": model_type, **OLDER[model_type]}), encoding="utf-8")
    assert Costs(load_graph(str(path))).totals.params > 0
