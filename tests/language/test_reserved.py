"""Names that Python or PyTorch uses itself."""

import keyword

import pytest
import torch

import archcalc
from archcalc.language.reserved import MODULE_ATTRIBUTES
from tests.each import each

from .writing import at, graph, refused, spec, wrong


def test_every_attribute_of_a_module_is_known():
    own = {name for name in dir(torch.nn.Module()) if not name.startswith("__")}
    assert own == {name for name in MODULE_ATTRIBUTES if not name.startswith("__")}


@each([*keyword.kwlist, "__x"])
def test_no_layer_has_a_name_that_python_keeps(name):
    said = wrong(f"linear 8 name={name}", input="[8]")
    assert (said.code, at(said)) == ("SPC011", (4, 19))
    assert f"`{name}`" in said.message
    new = said.help.removeprefix("choose another name, e.g. ").strip("`")
    net = archcalc.loads(spec(f"linear 8 name={new}", input="[8]"))
    assert net.to_torch().state_dict().keys() == {f"{new}.weight", f"{new}.bias"}


@each(sorted(name for name in MODULE_ATTRIBUTES if not name.startswith("__")))
def test_a_layer_with_the_name_of_an_attribute_does_not_replace_it(name):
    net = archcalc.loads(spec(f"linear 8 name={name}", f"relu from={name}", input="[8]"))
    assert net[f"{name}_"].params == 72
    assert net.to_torch().state_dict().keys() == {f"{name}_.weight", f"{name}_.bias"}


def test_two_layers_do_not_get_one_id():
    net = archcalc.loads(spec("linear 8 name=half_", "linear 8 name=half", "linear 8 name=half__", input="[8]"))
    assert [layer.id for layer in net.layers] == ["half_", "half___", "half__"]


@pytest.mark.parametrize("name", ["in", "lambda", "global", "None", "__x"])
def test_nothing_has_a_name_that_is_no_variable(name):
    for top in (f"hparams: {{{name}: 3}}\n", f"dims: {{{name}: 3}}\n", f"blocks: {{{name}: [relu]}}\n",
                f"blocks: {{b({name}): [relu]}}\n"):  # fmt: skip
        (said,) = refused(spec("relu", top=top))
        assert (said.code, f"`{name}`" in said.message) == ("SPC011", True)
    assert wrong(f"relu from={name}", input=f"{{{name}: [3], other: [4]}}").code == "SPC011"


@pytest.mark.parametrize("name", ["half", "forward", "type", "register_buffer"])
def test_a_block_may_have_the_name_of_an_attribute(name):
    """The layers that it makes are numbered."""
    text = spec(name, top=f"blocks: {{{name}: [linear 8]}}\n", input="[8]")
    assert f"{name}1.linear.weight" in archcalc.loads(text).to_torch().state_dict()


def test_names_of_hparams_become_no_attributes():
    assert graph("linear half", top="hparams: {half: 4}\n", input="[8]").nodes
