"""What is reported: every independent error of the syntax, the first error of each chain of shapes."""

from archcalc.diagnostics import Findings, Source, Span, SpecError

from .writing import at, refused, spec


def places(*layers, **keys):
    return [at(d) for d in refused(spec(*layers, **keys))]


def test_all_errors_of_the_syntax():
    text = """\
model: m
hparams: {a: 1/0, prev: 3}
input: [3, 0, 32]
blocks:
  b(n): [conv n kernal=3, relux]
  2c: [relu]
layers:
  - conv 8 kernel_size=3
  - relu from=nothing
  - {add: [prev, prv]}
  - b
  - linear 3 bias=no
  - dropout 7
  - residual: [{concat: [[foo], [bar]]}]
output: missing
loss: crossentropi
surprise: 1
"""
    assert [at(d) for d in refused(text)] == [
        (2, 14), (2, 19), (3, 12), (5, 17), (5, 27), (6, 3), (8, 12), (9, 15), (10, 18), (11, 5), (12, 19), (13, 13),
        (14, 27), (14, 34), (15, 9), (16, 7), (17, 1),
    ]  # fmt: skip


def test_shapes_wait_for_the_syntax():
    assert places("conv 8 kernel=99", "relux") == [(5, 5)]


def test_the_first_error_of_a_chain():
    assert places("conv 8 kernel=99", "linear 3", "conv 8 kernel=99", "maxpool 99") == [(4, 19)]


def test_each_chain_has_its_own():
    assert places("conv 8 kernel=99", "relu", "maxpool 98 from=input name=x", "relu") == [(4, 19), (6, 13)]
    assert places("concat: [[conv 8 kernel=99], [conv 8 kernel=98], [relu]]", "linear 3") == [(4, 29), (4, 49)]
    assert places("relu name=a", "{residual: [conv 8 kernel=99]}", "conv 8 kernel=98 from=a") == [(5, 31), (6, 19)]
    assert places("conv 8 kernel=99 name=a", "relu from=input", "{add: [a, prev]}", "conv 3 kernel=98") == [(4, 19)]


def test_what_hangs_on_a_broken_layer_is_silent():
    layers = ["conv 8 kernel=99 name=a", "relu from=a name=b", "b1 b", "b1 a", "{repeat: 3, layers: [relu from=b]}"]
    assert places(*layers, "linear 3 from=b", top="blocks: {b1(x): [{add: [x, prev]}]}\n") == [(5, 19)]
    assert places("lstm 3 from=bad name=e", "gru 3 state=e", input="[7, 4]") == [(4, 17)]
    assert places("conv 8 kernel=99 name=a", "conv 8 kernel=3 tie=a from=input") == [(4, 19)]


def test_names_defined_after_an_error_are_known():
    assert places("conv 8 kernel=99", "{concat: [[relu name=a], [relu]]}", "relu from=a") == [(4, 19)]
    assert places("conv 8 kernel=99", "{residual: [relu name=a]}", "relu from=a") == [(4, 19)]


def test_an_error_in_a_block_is_told_once_with_the_calls():
    top = "blocks:\n  inner(k): [conv 8 kernel=k]\n  outer(k): [relu, inner k+1]\n"
    said = refused(spec("outer 98", "outer 99 from=input", "outer 100 from=input", top=top))
    assert [at(d) for d in said] == [(3, 28)]
    assert [(note.message, str(note.place)) for note in said[0].notes] == [
        ("in block inner(k=99)", "t.yaml:4:20"),
        ("in block outer(k=98)", "t.yaml:7:5"),
    ]


def test_a_call_that_works_and_one_that_does_not():
    top = "blocks: {b(k): [conv 8 kernel=k]}\n"
    said = refused(spec("b 3", "b 99", top=top))
    assert [(at(d), d.notes[0].message) for d in said] == [((2, 31), "in block b(k=99)")]


def test_every_output_is_checked():
    text = spec("conv 4 kernel=1 name=a", "split 2 name=s") + "output: [a, a.h, s.9, s.0]\n"
    assert [at(d) for d in refused(text)] == [(6, 13), (6, 18)]


def test_text_of_a_finding():
    (said,) = refused(spec("b 99", top="blocks: {b(k): [conv 8 kernel=k]}\n"))
    assert str(said) == (
        "t.yaml:2:31: error[SHP103]: kernel 99 is larger than the padded input [3, 32, 32]\n"
        "  = note: in block b(k=99) at t.yaml:5:5\n"
        "  = help: `kernel=32`, giving [8, 1, 1], or `padding=34`, giving [8, 2, 2] would do for this call"
    )


def test_no_more_than_a_hundred():
    said = refused(spec(*["relux"] * 101))
    assert len(said) == Findings.MOST == 100
    assert said[-1].notes[-1].message == "only the first 100 errors are shown; there are more"
    said = refused(spec(*["relux"] * 100))
    assert (len(said), said[-1].notes) == (100, ())
    said = refused(spec(*["conv 3 kernel=99 from=input"] * 101))
    assert len(said) == 100


def test_findings_are_sorted_and_one_to_a_place():
    source = Source("t", "abc\ndef\n")
    findings = Findings()
    for line, column in ((2, 1), (1, 2), (1, 1), (2, 1)):
        findings.error("SPC010", f"{line}:{column}", Span(source, line, column, line, column + 1))
    assert [d.message for d in findings] == ["1:1", "1:2", "2:1"]
    findings.take(SpecError(list(findings)))
    assert len(findings) == 3


def test_long_words_are_cut():
    (said,) = refused(spec("conv " + "a" * 3000 + " kernel=3"))
    assert len(str(said)) < 1000
