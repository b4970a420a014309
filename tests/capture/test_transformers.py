"""`transformers:config.json`, with a package of that name which has what the real one is asked for."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

import archcalc
from archcalc.pytorch.capture.reading import read
from tests.program import run

PACKAGE = """
import torch
from torch import nn

class PreTrainedModel(nn.Module):
    main_input_name = "input_ids"
    def __init__(self, config):
        super().__init__()
        self.config = config

class TinyConfig:
    model_type = "ti-ny"
    def __init__(self, width=8, vocab_size=50, max_position_embeddings=16, pad_token_id=0, **others):
        self.width, self.vocab_size, self.pad_token_id = width, vocab_size, pad_token_id
        self.max_position_embeddings = max_position_embeddings
        vars(self).update(others)
    @classmethod
    def from_dict(cls, keys):
        return cls(**keys)

class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.width)
        self.out = nn.Linear(config.width, config.width)
    def forward(self, input_ids=None, decoder_input_ids=None):
        if self.config.pad_token_id is not None and (input_ids == self.config.pad_token_id).any():
            print("there is padding")
        mask = torch.ones(input_ids.shape, device=input_ids.device)
        hidden = self.embed(input_ids)
        if not mask.all():
            hidden = hidden * 2
        return {"last_hidden_state": self.out(hidden), "pooled": self.out(hidden)[:, 0]}

class TinyForTranslation(TinyModel):
    def forward(self, input_ids=None, decoder_input_ids=None):
        return self.out(self.embed(decoder_input_ids) + self.embed(input_ids).mean(1, keepdim=True))

class TinyThatShifts(TinyForTranslation):
    def forward(self, input_ids=None, decoder_input_ids=None):
        if decoder_input_ids is None:
            decoder_input_ids = input_ids.new_zeros(input_ids.shape)
            decoder_input_ids[:, 1:] = input_ids[:, :-1]
        return super().forward(input_ids, decoder_input_ids)

class Picture(PreTrainedModel):
    main_input_name = "pixel_values"
    def __init__(self, config):
        super().__init__(config)
        self.stem = nn.Conv2d(3, config.width, 4, stride=4)
    def forward(self, pixel_values):
        return self.stem(pixel_values)

CONFIG_MAPPING = {"ti-ny": TinyConfig}
MODEL_MAPPING = {TinyConfig: TinyModel}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "transformers.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    yield tmp_path
    sys.modules.pop("transformers", None)


def config(**keys):
    Path("config.json").write_text(json.dumps({"model_type": "ti-ny", **keys}), encoding="utf-8")


def test_the_class_that_a_file_names(folder):
    config(architectures=["TinyForTranslation"], width=12)
    reading = read("transformers:config.json")
    assert "dims: {input_ids_len: 16, decoder_input_ids_len: 32}" in reading.text
    assert reading.comparison.equal
    assert not reading.guessed
    config(architectures=["Picture"], image_size=32)
    reading = read("transformers:config.json")
    assert "input: [3, 32, 32]" in reading.text
    assert reading.comparison.params == (8 * (3 * 16 + 1),) * 2


def test_a_decoder_has_tokens_of_its_own_where_it_could_do_without(folder):
    config(architectures=["TinyThatShifts"])
    reading = read("transformers:config.json")
    assert "dims: {input_ids_len: 16, decoder_input_ids_len: 32}" in reading.text
    assert not reading.comparison.declared


@pytest.mark.parametrize("name", ["config.json", ".", "ti-ny"])
def test_the_trunk_where_it_names_none_and_numbers_that_no_input_decides(folder, name):
    config()
    reading = read(f"transformers:{name}")
    assert reading.comparison.equal
    assert "model: ti_ny" in reading.text
    assert "embedding 50 dim=8" in reading.text
    assert "scale" not in reading.text  # of a mask that hides something
    assert "dim=20" in read(f"transformers:{name}", arguments={"width": "20"}).text


@pytest.mark.parametrize(
    ("keys", "name", "message"),
    [
        ({}, "no.json", "cannot read 'no.json': there is no such file"),
        ({}, "tiny", "transformers has no model 'tiny': did you mean 'ti-ny'?"),
        ({"model_type": "ti_ny"}, "config.json", "transformers has no model 'ti_ny': did you mean 'ti-ny'?"),
        ({"model_type": 3}, "config.json", "it has no `model_type`"),
        ({"architectures": ["TinyModl"]}, "config.json", "no model 'TinyModl': did you mean 'TinyModel'?"),
        ({"architectures": ["CONFIG_MAPPING"]}, "config.json", "no model 'CONFIG_MAPPING'"),
        ({"architectures": [3]}, "config.json", "no model 3"),
        ({"width": -1}, "config.json", "cannot be built"),
        ({"width": "wide"}, "config.json", "cannot be built"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(folder, keys, name, message):
    config(**keys)
    with pytest.raises(archcalc.RequestError) as raised:
        read(f"transformers:{name}")
    assert message in str(raised.value)


def test_a_file_of_the_name_of_a_library(folder):
    Path("transformers.py").write_text("x = 1", encoding="utf-8")
    with pytest.raises(archcalc.RequestError, match=r"transformers\.py' is another one of that name: rename it"):
        read("transformers:bert")


def test_no_name_of_a_file_starts_a_line_of_the_spec(folder):
    config()
    name = "a\nlayers: []\u2028b.json"
    Path("config.json").rename(name)
    text = read(f"transformers:{name}").text
    assert len([line for line in text.splitlines() if line.startswith("layers:")]) == 1


def test_the_message_for_a_type_that_is_not_read_leads_there(folder):
    config()
    with pytest.raises(archcalc.SpecError, match=r"`transformers:config\.json` reads any of their types"):
        archcalc.load("config.json")
    assert archcalc.load("transformers:config.json").params == 50 * 8 + 8 * 9


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="transformers is not installed")
@pytest.mark.parametrize("name", ["bert", "detr", "mobilenet_v2"])
def test_types_of_transformers(name):
    done = run("import", f"transformers:{name}")
    assert done.returncode == 0, done.stderr
    assert "as in PyTorch" in done.stderr
