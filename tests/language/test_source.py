"""YAML as the language takes it: what is left out of it, places, limits."""

import io

import pytest
import yaml

import archcalc.source
from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.opening import read
from archcalc.source import MAX_BYTES, MAX_KEYS, MAX_NODES, MAX_TEXT, Mapping, Scalar, Sequence, decode, parse
from tests.each import each

from .writing import at, graph, refused, spec

HEAD = "model: m\ninput: [3]\n"


@pytest.fixture(params=["c", "python"], autouse=True)
def scanner(request, monkeypatch):
    """Everything here holds with libyaml and without."""
    if request.param == "python":
        monkeypatch.setattr("archcalc.source._LOADER", yaml.SafeLoader)


def first(text):
    with pytest.raises(SpecError) as caught:
        parse(Source("t.yaml", text))
    return caught.value.diagnostics[0]


def test_nodes_have_places():
    root = parse(Source("t.yaml", "a: 1\nb: [x, 'y z']\nc:\n  - d\n  - e: f\n"))
    assert isinstance(root, Mapping)
    keys = [(key.text, key.line, key.column, key.end_column) for key, _ in root.pairs]
    assert keys == [("a", 1, 1, 2), ("b", 2, 1, 2), ("c", 3, 1, 2)]
    flow = root.pairs[1][1]
    assert isinstance(flow, Sequence)
    assert (flow.flow, flow.column, flow.end_column) == (True, 4, 14)
    quoted = flow.items[1]
    assert isinstance(quoted, Scalar)
    assert (quoted.text, quoted.quoted, quoted.column, quoted.end_column) == ("y z", True, 8, 13)
    assert (quoted.part(2, 3).text, quoted.part(2, 3).column) == ("z", 11)
    block = root.pairs[2][1]
    assert isinstance(block, Sequence)
    assert (block.flow, block.line, [item.line for item in block.items]) == (False, 4, [4, 5])


@each(
    [
        ("a: &x 1\n", (1, 4), "anchors/aliases"),
        ("a: 1\nb: *x\n", (2, 4), "anchors/aliases"),
        ("a: &x [1]\nb: *x\n", (1, 4), "anchors/aliases"),
        ("a: {<<: {b: 1}}\n", (1, 5), "merge keys"),
        ("a: !!int 3\n", (1, 4), "tags"),
        ("a: !x {b: c}\n", (1, 4), "tags"),
        ("a: 1\nb: 2\na: 3\n", (3, 1), "duplicate key `a`"),
        ("a: {b: 1, b: 2}\n", (1, 11), "duplicate key `b`"),
        ("a: b\n  c\n", (1, 4), "a value must be on one line"),
        ("a: |\n  b\n", (1, 4), "a value must be on one line"),
        ("a: >\n  b\n", (1, 4), "a value must be on one line"),
        ('a: "b\n  c"\n', (1, 4), "a value must be on one line"),
        ('a: "b\\nc"\n', (1, 4), "no line breaks or control characters"),
        ('a: "\\e[31m"\n', (1, 4), "no line breaks or control characters"),
        ('a: "\\0"\n', (1, 4), "no line breaks or control characters"),
        ('a: "\\uD800"\n', None, ""),
        ('a: "\\UFFFFFFFF"\n', None, ""),
        ("a: 1\n---\nb: 2\n", (2, 1), "a spec is one document"),
        ("? [a]\n: b\n", (1, 3), "a key must be a word"),
        ("{a: b}: c\n", (1, 1), "a key must be a word"),
        ("a: [1, 2\n", (2, 1), "not valid YAML"),
        ("a: b: c\n", (1, 5), "mapping values are not allowed"),
        ("a:\n\t- b\n", (2, 1), "cannot start any token"),
        ("a: @b\n", (1, 4), "cannot start any token"),
        ("a: 'b\n", (2, 1), "end of stream"),
        ("a: 1\n b: 2\n", (1, 4), "this one continues over a line break"),
        ("a: x\0\n", (1, 5), "control character U+0000"),
        ("a: 1\nb: \x1b[0m\n", (2, 4), "control character U+001B"),
        ("a: 1\r\nb: \ud800\r\n", (2, 4), "control character U+D800"),
        ("a: 1\rb: \x07\r", (2, 4), "control character U+0007"),
        ("", (1, 1), "the file is empty"),
        ("# nothing\n\n", (1, 1), "the file is empty"),
        ("---\n", (1, 1), "the file is empty"),
        ("~\n", None, ""),
    ],
)  # fmt: skip
def test_not_in_the_language(text, place, message):
    if place is None:  # the two scanners differ in where they see it
        refused(text)
        return
    said = first(text)
    assert message in said.message
    assert at(said) == place


def test_help_for_common_slips():
    assert "no tab" in first("a:\n\t- b\n").help
    assert first('a: "x\nb: 1\n').help == "the quote opened at 1:4 is not closed"
    assert first("a: [x, 'y'\n'b'\n").help == "the bracket opened at 1:4 is not closed"
    assert "`#` starts a comment" in first("a: [x, y # z\n- b\n").help
    assert "must be quoted" in first("a: b: c\n").help


def test_several_errors_are_told():
    with pytest.raises(SpecError) as caught:
        parse(Source("t.yaml", "a: &x 1\na: 2\nb: !t c\nd: [\n"))
    assert [d.place.line for d in caught.value.diagnostics][:3] == [1, 2, 3]


@each(["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_line_breaks(breaks):
    text = breaks.join(["model: m", "input: [3]", "layers:", "  - relu", "  - relux", ""])
    said = refused(text)[0]
    assert at(said) == (5, 5)
    assert said.place.source.line(5) == "  - relux"


def test_byte_order_mark():
    text = f"{HEAD}layers:\n  - relu\n"
    assert decode("t", b"\xef\xbb\xbf" + text.encode()).text == text
    with pytest.raises(SpecError, match="0xff is not UTF-8"):
        decode("t", text.encode("utf-16"))


def test_not_utf8_has_its_place():
    with pytest.raises(SpecError) as caught:
        decode("t", b"model: m\r\nl\xc3\xa4yers: \xff\n")
    assert at(caught.value.diagnostics[0]) == (2, 9)


def test_columns_count_characters():
    said = refused(spec("conv 8 kernel=3 name=a # häßlich 日本 😀", "conv 8 kernel=3 näme=b"))[0]
    assert at(said)[0] == 5
    assert at(refused(HEAD + "layers: [{'😀': {a: b}}]\n")[0]) == (3, 11)


def test_limits(request, monkeypatch):
    assert MAX_NODES == 100_000
    if "python" in request.node.name:  # so many words take the scanner in Python seconds
        monkeypatch.setattr("archcalc.source.MAX_NODES", 5000)
    for text, what in (
        (HEAD + "layers: " + "[" * 100, "nested deeper than 40 levels"),
        (HEAD + "layers: " + "{a: " * 100, "nested deeper than 40 levels"),
        ("- " * 100, "nested deeper than 40 levels"),
        ("".join(f"k{index}: 1\n" for index in range(MAX_KEYS + 1)), "a mapping can have at most 1,000 keys"),
        (
            HEAD + "layers: [" + "relu," * archcalc.source.MAX_NODES + "]\n",
            f"at most {archcalc.source.MAX_NODES:,} words",
        ),
        (HEAD + "layers: [" + "a" * (MAX_TEXT + 1) + "]\n", "a value can have at most 4,000 characters"),
    ):
        said = first(text)
        assert said.code == "SPC014"
        assert what in said.message
    with pytest.raises(RequestError, match="larger than 4 MiB"):
        decode("t", b"#" * (MAX_BYTES + 1))


def test_reading(tmp_path, monkeypatch):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\r\n")
    assert read(str(path)).text == "a: 1\r\n", "the text is spliced later, so it must stay as it is"
    for name in (str(tmp_path / "nothing.yaml"), str(tmp_path), "a\0b", "x" * 5000, ""):
        with pytest.raises(RequestError, match="cannot read"):
            read(name)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"b: 2\n")))
    assert (read("-").path, read("-").text) == ("<stdin>", "")


def test_quoted_keys_and_values_mean_the_same():
    text = '"model": \'m\'\n\'input\': ["3"]\n"layers": [{\'linear\': {"features": \'4\'}}, "relu"]\n'
    assert refused(text.replace("'linear'", "'linaer'"))[0].place.line == 3
    assert [node.op for node in graph("'linear 4'", '"relu"', input="['3']").nodes] == ["linear", "relu"]


def test_directives_and_document_marks():
    for text in ("%YAML 1.1\n---\na: 1\n", "---\na: 1\n...\n", "--- # x\na: 1\n"):
        assert isinstance(parse(Source("t", text)), Mapping)
