"""`include:`, files that hold blocks for others."""

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import SpecError
from archcalc.network.load import load_graph

from .writing import at


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


MAIN = "model: m\ninclude: [{0}]\ninput: [3, 8, 8]\nlayers:\n  - double 4\n"
BLOCK = "blocks:\n  double(n):\n    - conv n kernel=1\n    - conv 2*n kernel=1\n"


def said(path):
    with pytest.raises(SpecError) as caught:
        load_graph(path)
    assert len(caught.value.diagnostics) == 1, str(caught.value)
    return caught.value.diagnostics[0]


def test_path_is_relative_to_the_file_that_includes(write, monkeypatch, tmp_path):
    write("deep/blocks/a.yaml", BLOCK)
    main = write("deep/main.yaml", MAIN.format("blocks/a.yaml"))
    assert Costs(load_graph(main)).totals.params == 16 + 40
    monkeypatch.chdir(tmp_path / "deep")
    assert Costs(load_graph("main.yaml")).totals.params == 16 + 40
    write("archcalc.toml", "")
    write("other/main.yaml", MAIN.format("../deep/blocks/a.yaml"))
    assert Costs(load_graph(str(tmp_path / "other" / "main.yaml"))).totals.params == 16 + 40


def test_blocks_of_a_file_see_the_hparams(write):
    write("a.yaml", "blocks:\n  double(n): [conv n*width kernel=1]\n")
    main = write("main.yaml", MAIN.format("a.yaml") + "hparams: {width: 2}\n")
    assert Costs(load_graph(main)).totals.params == 32


def test_missing_file(write):
    wrong = said(write("main.yaml", MAIN.format("nothing.yaml") + "blocks: {double(n): [relu]}\n"))
    assert at(wrong) == (2, 11)
    assert wrong.code == "SPC013"
    assert "no such file" in wrong.message
    assert "relative to the file" in wrong.help


def test_directory(write, tmp_path):
    (tmp_path / "folder").mkdir()
    wrong = said(write("main.yaml", MAIN.format("folder") + "blocks: {double(n): [relu]}\n"))
    assert at(wrong) == (2, 11)
    assert wrong.code == "SPC013"


def test_more_than_blocks(write):
    other = write("a.yaml", "hparams: {n: 1}\n" + BLOCK)
    wrong = said(write("main.yaml", MAIN.format("a.yaml")))
    assert (wrong.place.source.path, at(wrong)) == (other, (1, 1))
    assert wrong.message == "an included file may hold only `blocks:`, not `hparams:`"


def test_file_that_includes_another(write):
    write("b.yaml", BLOCK)
    write("a.yaml", "include: [b.yaml]\n")
    wrong = said(write("main.yaml", MAIN.format("a.yaml") + "blocks: {double(n): [relu]}\n"))
    assert wrong.message.endswith("must hold `blocks:`; this one has none")


def test_file_that_includes_itself(write):
    path = write("main.yaml", MAIN.format("main.yaml") + BLOCK)
    with pytest.raises(SpecError) as caught:
        load_graph(path)
    assert [d.message for d in caught.value.diagnostics] == ["`main.yaml` is included by itself"]


def test_error_in_an_included_file_is_told_there(write):
    other = write("a.yaml", "blocks:\n  double(n):\n    - conv n kernal=1\n")
    wrong = said(write("main.yaml", MAIN.format("a.yaml")))
    assert (wrong.place.source.path, at(wrong), wrong.code) == (other, (3, 14), "SPC003")


def test_shape_error_in_an_included_file_tells_the_call(write):
    other = write("a.yaml", "blocks:\n  double(n):\n    - conv n kernel=9\n")
    main = write("main.yaml", MAIN.format("a.yaml"))
    wrong = said(main)
    assert (wrong.place.source.path, at(wrong)) == (other, (3, 21))
    (note,) = wrong.notes
    assert (note.message, str(note.place)) == ("in block double(n=4)", f"{main}:5:5")


def test_not_yaml_in_an_included_file(write):
    other = write("a.yaml", "blocks: [\n")
    wrong = said(write("main.yaml", MAIN.format("a.yaml") + "blocks: {double(n): [relu]}\n"))
    assert (wrong.place.source.path, at(wrong), wrong.code) == (other, (2, 1), "SPC013")


def test_same_block_twice(write):
    write("a.yaml", BLOCK)
    wrong = said(write("main.yaml", MAIN.format("a.yaml") + "blocks: {double(n): [relu]}\n"))
    assert wrong.code == "SPC011"
    assert wrong.message == "`double` is already the name of a block"


@pytest.mark.parametrize(
    ("include", "message"),
    [("a.yaml", "`include:` must be a list of files"), ("[{a: b}]", "a file path"), ("['']", "a file path"), ("", "list")],
)  # fmt: skip
def test_wrong_include(write, include, message):
    path = write("main.yaml", f"model: m\ninclude: {include}\ninput: [3]\nlayers: [relu]\n")
    wrong = said(path)
    assert message in wrong.message
    assert wrong.place.line == 2


def test_strange_paths(write):
    for name in ("'\\0'", '"a\\0b"', "https://example.org/a.yaml", "'a\x01'", "x" * 3000, "/dev/null", "."):
        path = write("main.yaml", f"model: m\ninclude: [{name}]\ninput: [3]\nlayers: [relu]\n")
        with pytest.raises(SpecError):
            load_graph(path)
