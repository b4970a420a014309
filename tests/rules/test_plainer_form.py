"""Every trick that has a plainer form is found, and its fix gives the same network."""

from __future__ import annotations

import pytest

from tests.each import each
from tests.rules.linting import apply, findings

CODES = ("GRF709", "GRF710")
# Lines after a table `e` of [20, 8] and an image `c` of [4, 6, 6], what they become, and whether that needs --unsafe-fixes.
TRICKS = {
    "- [mean 0, scale 20 name=z]": "- [sum 0 name=z]",
    "- [mean 0 keepdim=true, scale 20]": "- [sum 0 keepdim=true]",
    "- scale -1": "- neg",
    "- [pow 2 name=z]": "- [square name=z]",
    "- [abs, pow exponent=0.5]": "- [abs, sqrt]",
    "- hardtanh low=0 high=6": "- relu6",
    "- sub: [e, e]   # zeros": "- constant (size(e, 0))x(size(e, 1))   # zeros",
    "- mul: [e, e]": "- square from=e",
    "- concat: [e, e, e]": "- tile 1x3 from=e",
    "- {concat: {operands: [e, e], axis: 0}}": None,
    "- linear 8 from=e name=f\n  - add:\n    - [sub: [e, f], relu]\n    - [sub: [f, e], relu]": "- linear 8 from=e name=f\n  - sub: [e, f]\n  - abs",
    "- pad axis=0 before=1\n  - slice end=20 axis=0 name=z": "- pad axis=0 before=1 after=-1 name=z",
    "- [maxpool 2 from=c, upsample size=6x6]\n  - add: [prev, c]": "- [maxpool 2 from=c, upsample like=c]\n  - add: [prev, c]",
    "- linear 8\n  - linear 8\n  - linear 8": "- linear 8 repeat=3",
    "- [linear 8, relu]\n  - [linear 8, relu]\n  - [linear 8, relu]": "- repeat: 3\n    layers: [linear 8, relu]",
    "- residual: [linear 8]\n  - residual: [linear 8]\n  - residual: [linear 8]": "- residual: [linear 8]\n    repeat: 3",
}
# Lines of the same look that are no tricks.
PLAIN = (
    "- [mean 0, scale 19]",
    "- [mean 0 name=z, scale 20]\n  - add: [prev, z]",
    "- scale 1",
    "- pow 3",
    "- hardtanh low=-1 high=6",
    "- linear 8 name=f\n  - sub: [e, f]",
    "- linear 8 name=f\n  - add:\n    - [sub: [e, f], relu]\n    - [sub: [e, f], relu]",
    "- pad axis=0 before=1\n  - slice end=19 axis=0",
    "- pad axis=0 before=1\n  - slice 1 axis=0",
    "- [maxpool 2 from=c, upsample size=6x6]\n  - conv 2 kernel=1",
    "- add:\n    - [linear 8]\n    - [linear 8]\n    - [linear 8]",
    "- [linear 8, relu]\n  - [linear 8, relu]",
)


def spec(lines: str) -> str:
    return (
        "model: t\ninput: {x: {size: [20, 8], layout: features-last}, picture: [4, 12, 12]}\nlayers:\n  - maxpool 2 from=picture name=c\n"
        f"  - identity from=x name=e\n  {lines}\n"
    )


@each(TRICKS)
def test_tricks_become_what_they_mean(lines: str) -> None:
    found = findings(spec(lines), CODES)
    assert [one.severity for one in found] == ["info"]
    assert found[0].help
    fix = found[0].fix
    assert (fix is None) == (TRICKS[lines] is None)
    if fix is None:
        return
    mended = apply(spec(lines), [fix])
    assert mended == spec(TRICKS[lines] or "")
    assert fix.safe == (found[0].code == "GRF709")
    assert not findings(mended, CODES)


@each(PLAIN)
def test_what_is_no_trick_is_left(lines: str) -> None:
    assert not findings(spec(lines), CODES)


def test_a_count_that_a_dim_gives_is_no_proof() -> None:
    text = "model: t\ndims: {n: 20}\ninput: [n, 8]\nlayers:\n  - [mean 0, scale N]\n"
    assert not findings(text.replace("N", "20"), CODES)
    assert findings(text.replace("N", "n"), CODES)


def test_a_triangle_as_a_mask() -> None:
    text = (
        "model: t\ndims: {n: 6}\ninput: [n, 8]\nlayers:\n  - constant (n)x(n) kind=triangle name=mask\n"
        "  - attention 2 from=input mask=mask\n"
    )
    (found,) = findings(text, CODES)
    assert found.fix
    assert "  - attention 2 from=input causal=true\n" in apply(text, [found.fix])


def test_the_values_are_the_same() -> None:
    torch = pytest.importorskip("torch")
    from archcalc.diagnostics import Source
    from archcalc.network.load import build_graph
    from archcalc.pytorch.instance import instantiate

    for lines, plain in TRICKS.items():
        if not plain:
            continue
        one, other = (instantiate(build_graph(Source("t.yaml", spec(text)))).eval() for text in (lines, plain))
        with torch.no_grad():
            for theirs, ours in zip(one.parameters(), other.parameters(), strict=True):
                ours.copy_(theirs)
            inputs = torch.randn(2, 20, 8), torch.randn(2, 4, 12, 12)
            assert torch.allclose(one(*inputs), other(*inputs), atol=1e-6), lines
