"""Modules by their names, as the user of the program gives them."""

from __future__ import annotations

import importlib.util
import re

import pytest
import torch
from torch import nn

import archcalc
from archcalc.pytorch.capture.named import recognises
from tests.program import run

NET = """
import sys
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4, depth=2, *, classes=10):
        super().__init__()
        print("building")
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.layers = nn.Sequential(*(nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()) for _ in range(depth)))
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.layers(self.stem(x)).mean((2, 3)))

class Needs(Net):
    def __init__(self, width):
        super().__init__(width)

class Data(Net):
    def forward(self, x):
        if x.sum() > 0:
            return x
        return x * 2

class Counts(Net):
    def forward(self, x):
        return torch.linalg.lstsq(x[..., :4], x[..., :4])[0]

class Turns(Net):
    def forward(self, x):
        return (self.stem(x) * torch.fft.fft(x).mean(1, keepdim=True)).abs()

class Raises(Net):
    def forward(self, x):
        raise ValueError("wrong\\nsize")

class Exits(Net):
    def __init__(self):
        sys.exit(0)

class Huge(nn.Linear):
    def __init__(self):
        super().__init__(10**6, 10**6)

class Two(Net):
    def forward(self, image, tokens):
        return self.head(self.stem(image).mean((2, 3))) + tokens.float().sum(1, keepdim=True)

class Entries(Net):
    def forward(self, batch: dict[str, torch.Tensor], pair):
        mean = (batch["image"] + batch["more"]["noise"]).mean((2, 3))
        return self.head(torch.cat([mean, pair[0] + pair[1]], 1))

class Each(Net):
    def forward(self, maps):  # of several sizes
        return [self.stem(one.reshape(one.shape[0], 3, one.shape[2], one.shape[3])) for one in maps]

class Listed(Net):
    def forward(self, pair: "list[torch.Tensor]"):
        return self.head(pair[0])

def made(width: int = 4):
    return Net(width)

number = 3
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    return tmp_path


def test_a_file(folder):
    done = run("import", "net.py:Net", "--arg", "width=8", "--input", "3x16x16", "-o", "net.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "building" in done.stderr
    assert "net.py:Net: 1,482 parameters, 350,288 MACs, output 10, as in PyTorch" in done.stderr
    text = (folder / "net.yaml").read_text(encoding="utf-8")
    assert "expect: {params: 1482, macs: 350288, output: [10]}" in text
    assert "repeat: 2" in text
    assert run("shapes", "net.yaml", cwd=folder).returncode == 0


def test_entries_of_dictionaries_and_lists_are_inputs(folder):
    entries = {"batch.image": "3x6x6", "batch.more.noise": "3x1x1", "pair.0": "1", "pair.1": "1"}
    options = [word for name, size in entries.items() for word in ("--input", f"{name}={size}")]
    done = run("import", "net.py:Entries", "--check", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "input: {batch_image: [3, 6, 6], batch_more_noise: [3, 1, 1], pair_0: [1], pair_1: [1]}" in done.stdout
    assert "outputs equal" in done.stderr


def test_complex_numbers_are_told(folder):
    done = run("import", "net:Turns", "--input", "3x8x8", cwd=folder)
    told = "Complex numbers are real ones in the spec: that changes values and halves bytes, but changes no count."
    assert f"# {told}\n" in done.stdout
    assert told in done.stderr
    assert "Complex" not in run("import", "net:Net", cwd=folder).stdout


def test_a_module_of_the_working_directory_in_every_command(folder):
    for command in ("shapes", "memory", "lint", "build", "verify", "explain", "predict"):
        more = ["linear"] if command == "explain" else ["--device", "h100"] if command == "predict" else []
        done = run(command, "net:Net", *more, cwd=folder)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        assert "cannot" not in done.stderr
    assert run("diff", "net:Net", "net:made", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net:Needs"], "needs width: --arg width=..."),
        (["net:Net", "--arg", "widht=3"], "takes no 'widht': did you mean 'width'?"),
        (["net:Nett"], "net has no 'Nett': did you mean 'Net'?"),
        (["net:Raises"], r"ValueError: wrong size \(net.py:\d+\)"),
        (
            ["net:Counts"],
            r"cannot tell the sizes of linalg_lstsq\S* without numbers \(net.py:\d+\): import a module that does",
        ),
        (["net:Data"], r"depends on the numbers of a tensor, and only shapes are known \(net.py:\d+\)"),
        (["net:Exits"], r"it exits \(net.py:\d+\)"),
        (["net:number"], "is a int: name a class or function"),
        (["net:Two"], "forward needs 2 inputs: --input image=SIZE --input tokens=SIZE"),
        (["net:Two", "--input", "3x8x8"], "forward also needs tokens"),
        (["net:Entries"], "batch of forward is a dict: --input batch.NAME=SIZE for each entry"),
        (["net:Each", "--input", "3x8x8"], r"it runs with a list of tensors: --input maps.0=3x8x8 for each"),
        (["net:Listed"], r"pair of forward is a list: --input pair.0=SIZE"),
        (["net:Listed", "--input", "pair=4", "--input", "pair.0=4"], "pair is one tensor, and pair.0 an entry of it"),
        (["net:Listed", "--input", "pairs.0=4"], "forward takes no 'pairs': did you mean 'pair'?"),
        (["net:Net", "--input", "3*8"], "--input takes sizes without the batch"),
        (["net:Net", "--input", "batchxbatchx3"], "an input has one batch"),
        (["net:Net", "--input", "3x8x8:text"], "--input has the types float, int, bool"),
        (["net:Net", "--input", "5x8x8"], r"\(net.py:\d+\)"),
        (["missing.py:Net"], "there is no such file"),
        (["missing:Net"], "there is no module 'missing' here"),
        (["net:Net", "--arg", "width"], "--arg takes NAME=VALUE"),
        (["specs/resnet18.yaml", "--input", "3x8x8"], "are for PyTorch modules"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(folder, arguments, message):
    done = run("import", *arguments, cwd=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("archcalc:")]
    assert re.search(message, sentence), sentence
    assert "Traceback" not in done.stderr


CONFIG = """
from dataclasses import dataclass

@dataclass
class Head:
    classes: int = 10

@dataclass
class Config:
    width: int
    depth: int = 2
    head: Head | None = None
"""
BLOCK = """
from __future__ import annotations
from torch import nn
from ..config import Config

class Net(nn.Sequential):
    def __init__(self, config: Config):
        super().__init__(*(nn.Linear(config.width, config.width) for _ in range(config.depth)))

class Untyped(Net):
    def __init__(self, config):
        super().__init__(config)
"""


@pytest.fixture
def repository(tmp_path):
    """Files that import their siblings, in folders of which one says that it is a package."""
    (tmp_path / "shop" / "parts").mkdir(parents=True)
    (tmp_path / "shop" / "config.py").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "shop" / "parts" / "__init__.py").write_text("from .block import Net", encoding="utf-8")
    (tmp_path / "shop" / "parts" / "block.py").write_text(BLOCK, encoding="utf-8")
    (tmp_path / "shop" / "run.py").write_text("from shop.parts.block import Net", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["config.width=4"], r"40 parameters.*as in PyTorch"),
        (["config.width=4", "config.depth=3"], r"60 parameters.*as in PyTorch"),
        (["config.wdith=4"], "'Config' takes no 'wdith': did you mean 'width'?"),
        (["config.depth=4"], "'Config' needs width: --arg config.width=..."),
        (["config.head=Head", "config.head.clases=4"], "'Head' takes no 'clases': did you mean 'classes'?"),
    ],
)
def test_a_file_of_a_package_whose_settings_are_a_class(repository, arguments, message):
    given = [word for one in arguments for word in ("--arg", one)]
    done = run("import", "shop/parts/block.py:Net", *given, cwd=repository)
    assert re.search(message, done.stderr), done.stderr


@pytest.mark.parametrize(("module", "option"), [("net:Two", "--input image=SIZE"), ("net:Needs", "--arg width=...")])
def test_other_commands_say_which_one_takes_what_a_module_needs(folder, module, option):
    done = run("shapes", module, cwd=folder)
    assert option in " ".join(done.stderr.split())
    assert f"`archcalc import {module} -o net.yaml` takes these" in " ".join(done.stderr.split())


def test_a_class_of_settings_that_no_annotation_names(repository):
    first = run("import", "shop/parts/block.py:Untyped", "--arg", "config.width=4", cwd=repository)
    assert "--arg config=Config" in first.stderr
    done = run(
        "import", "shop/parts/block.py:Untyped", "--arg", "config=Config", "--arg", "config.width=4", cwd=repository
    )
    assert "40 parameters" in done.stderr


def test_a_file_that_imports_its_package_by_name(repository):
    (repository / "shop" / "__init__.py").touch()
    done = run("import", "run.py:Net", "--arg", "config.width=4", cwd=repository / "shop")
    assert "40 parameters" in done.stderr, done.stderr


def test_outputs_are_compared(folder):
    done = run("import", "net:Net", "--input", "3x8x8", "--check", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert re.search("outputs equal, to [0-9.e-]+ of the largest", done.stderr)
    assert "is for PyTorch modules" in run("import", "specs/resnet18.yaml", "--check").stderr


def test_a_spec_beside_a_module(folder):
    assert run("import", "net:Net", "--input", "3x8x8", "-o", "net.yaml", cwd=folder).returncode == 0
    done = run("verify", "net.yaml", "--against", "net:Net", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "as in PyTorch" in done.stdout
    text = (folder / "net.yaml").read_text(encoding="utf-8")
    (folder / "net.yaml").write_text(text.replace("linear 10", "linear 11"), encoding="utf-8")
    done = run("verify", "net.yaml", "--against", "net:Net", cwd=folder)
    assert done.returncode == 1
    assert "outputs 11 here, 10 in PyTorch" in done.stdout
    assert "--against takes a module" in run("verify", "net.yaml", "--against", "net.yaml", cwd=folder).stderr


def test_what_is_huge_takes_no_memory(folder):
    done = run("import", "net:Huge", cwd=folder)
    assert done.returncode == 0
    assert "1,000,001,000,000 parameters" in done.stderr


def test_several_inputs_by_name(folder):
    done = run("import", "net:Two", "--input", "image=3x8x8", "--input", "tokens=5:int", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "input: {image: [3, 8, 8], tokens: [5]}" in done.stdout


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("timm:resnet50.a1_in1k", True), ("torchvision:swin_t", True), ("pkg.module:Net", True), ("a/b.py:Net", True),
        ("HEAD:net.yaml", False), ("specs/resnet50.yaml", False), ("net.yaml@large", False), ("C:\\\\net.yaml", False),
        ("a b:Net", False), ("width=3", False),
    ],
)  # fmt: skip
def test_what_is_a_name(name, is_one):
    assert recognises(name) is is_one


def test_a_file_of_that_name_comes_first(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert recognises("net:Net")
    (folder / "net:Net").write_text("model: x", encoding="utf-8")
    assert not recognises("net:Net")


def test_a_live_module():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4))
    weights = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = archcalc.of(net, (3, 8, 8))
    assert found.params == sum(one.numel() for one in net.parameters())
    assert archcalc.of(net, torch.zeros(5, 3, 8, 8), batch=2).macs == 2 * found.macs
    assert all(torch.equal(tensor, weights[name]) for name, tensor in net.state_dict().items())
    with pytest.raises(archcalc.RequestError, match="takes what the module is called with"):
        archcalc.of(net)
    with pytest.raises(archcalc.RequestError, match="takes an nn"):
        archcalc.of(3, (3, 8, 8))


def test_timm():
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed")
    done = run("import", "timm:test_resnet")
    assert done.returncode == 0, done.stderr
    assert "as in PyTorch" in done.stderr
    assert re.search(
        r"timm has no model 'resnt18': did you mean '\w*resnet18\w*'\?", run("shapes", "timm:resnt18").stderr
    )
