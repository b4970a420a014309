"""The specs that come with the program: found by name, listed, and in the package."""

from __future__ import annotations

import json
import sys

import pytest

import archcalc
from archcalc import shipped
from tests.conftest import ROOT, SPECS
from tests.program import inside, run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_they_are_those_of_the_repository():
    assert shipped.names() == tuple(sorted(path.stem for path in SPECS))
    assert shipped.path_of("resnet50") == str(ROOT / "specs" / "resnet50.yaml")
    assert shipped.path_of("blocks") is None


def test_the_package_holds_all_of_them():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert build["wheel"]["force-include"] == {"specs": "archcalc/specs"}
    assert "specs" in build["sdist"]["include"]


@pytest.mark.parametrize(
    "command", [["shapes", "resnet50"], ["memory", "vgg16@bn"], ["lint", "lenet"], ["explain", "lenet", "c1"]]
)
def test_a_name_stands_for_its_file(command, tmp_path):
    named = run(*command, "--format", "json", cwd=tmp_path).stdout
    path = (
        str(ROOT / "specs" / command[1].partition("@")[0])
        + ".yaml"
        + command[1][command[1].find("@") :] * ("@" in command[1])
    )
    by_path = run(command[0], path, *command[2:], "--format", "json", cwd=tmp_path).stdout
    assert json.loads(named)
    assert command[0] == "lint" or named == by_path


def test_a_file_of_that_name_comes_first(tmp_path):
    (tmp_path / "resnet50").write_text("model: mine\ninput: [3]\nlayers: [linear 2]\n")
    assert json.loads(run("shapes", "resnet50", "--format", "json", cwd=tmp_path).stdout)["model"] == "mine"


def test_a_name_that_is_not_one(tmp_path):
    told = run("shapes", "resnt50", cwd=tmp_path)
    assert told.returncode == 2
    assert (
        told.stderr
        == "archcalc: cannot read 'resnt50': no such file, and archcalc ships no spec of that name: did you mean `resnet50`?\n"
    )
    assert "did you mean `googlenet`" in run("shapes", "gogle", cwd=tmp_path).stderr
    assert "`archcalc specs` lists them" in run("shapes", "zzzzzz", cwd=tmp_path).stderr
    for word in ("a/resnt50", "resnt50.yaml"):
        assert (
            run("shapes", word, cwd=tmp_path).stderr == f"archcalc: cannot read {word!r}: no such file or directory\n"
        )


def test_the_list(specs_read_once):
    found = json.loads(inside("specs", "--format", "json").stdout)["specs"]
    assert [one["name"] for one in found] == list(shipped.names())
    assert all(one["about"] and one["source"] for one in found), "say at the top of a spec what it is, and its Source:"
    vgg = next(one for one in found if one["name"] == "vgg16")
    assert (vgg["params"], vgg["variants"]) == (138_357_544, ["bn"])
    assert [one["name"] for one in json.loads(inside("specs", "whisper", "--format", "json").stdout)["specs"]] == [
        "whisper"
    ]
    assert "did you mean `resnet50`" in inside("specs", "resnt50").stderr
    narrow = inside("specs", env={"COLUMNS": "80"}).stdout
    assert all(len(line) <= 80 for line in narrow.splitlines())
    assert "He, Zhang, Ren and Sun 2015, arXiv" in inside("specs").stdout


def test_in_a_network_agrees_with_its_items():
    net = archcalc.load("lenet")
    assert "c1" in net
    assert net["c1"] in net
    assert net[net.layers[0].id] is net.layers[0]
    assert all(layer in net and layer.id in net for layer in net)
    for wrong in ("c9", "wte", 3, None):
        assert wrong not in net
        with pytest.raises(KeyError):
            net[wrong]
    with pytest.raises(KeyError, match="did you mean 'output'"):
        net["outputs"]
