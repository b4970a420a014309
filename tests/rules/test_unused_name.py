"""GRF705: names that nothing reads."""

from __future__ import annotations

from archcalc.network.load import build_graph, load_graph
from archcalc.network.unused import unused
from archcalc.source import decode
from tests.cases import shared
from tests.conftest import SPECS
from tests.each import each
from tests.rules.linting import apply, findings

CASE = """\
model: t
hparams: {never: 3}
dims: {nope: 5}
input: [3, 56, 56]
blocks:
  a(c, unused):
    - conv c kernel=1
  nobody(c):
    - conv 4*c kernel=1
layers:
  - a 4 unused=3
  - relu
"""


def told(text: str) -> list[tuple[int, int, str]]:
    graph = build_graph(decode("t.yaml", text.encode()))
    return [(one.place.line, one.place.column, one.message) for one in unused(graph)]


def names(text: str) -> list[str]:
    return [message.split("`")[-2] for _, _, message in told(text)]


def spec(top: str, *layers: str) -> str:
    return f"model: m\n{top}\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)


def test_each_at_its_place():
    assert told(CASE) == [
        (2, 11, "nothing reads the hparam `never`"),
        (3, 8, "nothing reads the dim `nope`"),
        (6, 8, "block `a` never reads its argument `unused`"),
        (8, 3, "nothing calls the block `nobody`"),
    ]


@each(
    [
        ("hparams: {a: 3}\ninput: [a, 8]", ["relu"]),
        ("dims: {s: 3}\ninput: [s, 8]", ["relu"]),
        ("hparams: {a: 3, b: 2*a}\ninput: [8]", ["linear b"]),
        ("hparams: {a: 3}\ninput: [8]", ["linear 8 repeat=a"]),
        ("hparams: {a: 3}\ninput: [8]", ["{repeat: a, layers: [relu]}"]),
        ("hparams: {a: 3}\ninput: [9, 8]", ["rearrange '(a b) c -> a b c' a=a"]),
        ("hparams: {a: 3}\ninput: [9, 8]", ["reshape (a)x3x8"]),
        ("hparams: {a: 3}\ninput: [8]", ["{residual: [{mul: [[linear a, linear 8], [relu]]}]}"]),
        ("hparams: {a: 3}\nblocks: {b(n): [linear n]}\ninput: [8]", ["b a"]),
        ("hparams: {a: 3}\nblocks: {b(n=a): [linear n]}\ninput: [8]", ["b"]),
        ("hparams: {a: 3}\nblocks: {b: [c], c: [linear a]}\ninput: [8]", ["b"]),
        ("blocks: {b(x): [{add: [x, prev]}]}\ninput: [8]", ["relu name=r", "relu", "b r"]),
        ("blocks: {b(x): [relu from=x]}\ninput: [8]", ["relu name=r", "relu", "b r"]),
        ("blocks: {b(x): [gru 4 state=x.h]}\ninput: [5, 8]", ["gru 4 name=r", "b r from=input"]),
        ("hparams: {a: 3}\nvariants: {v: {a: 4}}\ninput: [8]", ["linear a"]),
        ("hparams: {a: 3, b: 2}\nvariants: {v: {b: 2*a}}\ninput: [8]", ["linear b"]),
        ("input: [8]", ["linear 4 name=only_a_label"]),
    ],
)  # fmt: skip
def test_what_is_read_somewhere(top, layers):
    assert names(spec(top, *layers)) == []


@each(
    [
        ("hparams: {a: 3, b: 2*a}\ninput: [8]", ["relu"], ["a", "b"]),  # what only `b` reads is not read either
        ("hparams: {n: 3}\nblocks: {b(n): [linear n]}\ninput: [8]", ["b 4"], ["n"]),  # the argument hides it
        ("blocks: {b: [c], c: [relu]}\ninput: [8]", ["relu"], ["b", "c"]),
        ("hparams: {a: 3}\nblocks: {b: [linear a]}\ninput: [8]", ["relu"], ["a", "b"]),
        ("hparams: {a: 3}\nvariants: {v: {a: 4}}\ninput: [8]", ["relu"], ["a"]),
        ("blocks: {'b(x, y)': [relu from=x]}\ninput: [8]", ["relu name=r", "b r y=r"], ["y"]),
    ],
)  # fmt: skip
def test_what_is_read_nowhere(top, layers, unread):
    assert names(spec(top, *layers)) == unread


def test_a_key_of_a_variant_that_another_one_replaces():
    text = spec("hparams: {a: 3, b: 2*a}\nvariants: {v: {a: 5, b: 7}}\ninput: [8]", "linear b")
    assert told(text) == [(3, 16, "nothing reads `a` in the variant `v`")]


def test_blocks_of_an_included_file_may_be_for_others(tmp_path):
    (tmp_path / "blocks.yaml").write_text("blocks: {a: [relu], b(n): [linear 4]}\n")
    (tmp_path / "t.yaml").write_text("model: m\ninclude: [blocks.yaml]\ninput: [8]\nlayers: [b 3]\n")
    assert unused(load_graph(str(tmp_path / "t.yaml"))) == []


@each(SPECS)
def test_specs_hold_none(path):
    assert unused(shared(path.stem)) == []


BLOCK = """\
model: m
hparams:
  a: 3  # of no use
  b: 4
# about the blocks
blocks:
  one():
    - conv b kernel=1
  two(c):
    - residual:
        - conv c kernel=1
      # the end
  three(): [relu]
input: [4, 8, 8]
layers: [one]
"""


def test_its_fix_deletes_what_is_not_read():
    text = BLOCK
    while fixes := [finding.fix for finding in findings(text, ("GRF705",)) if finding.fix]:
        text = apply(text, fixes[:1])
    assert "a: 3" not in text
    assert "two" not in text
    assert "three" not in text
    assert "# about the blocks\nblocks:\n  one():\n    - conv b kernel=1\n" in text
    assert names(text) == []
    text = CASE
    while fixes := [finding.fix for finding in findings(text, ("GRF705",)) if finding.fix]:
        text = apply(text, fixes[:1])
    assert "hparams" not in text
    assert "dims" not in text
    assert names(text) == ["unused"]
