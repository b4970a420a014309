"""The arguments of every class of torch.nn beside ours: each is a key, follows from the rest, or is refused with a reason."""

import inspect
import re

import pytest
from torch import nn

from archcalc.diagnostics import SpecError
from archcalc.layers import REGISTRY
from archcalc.layers.arguments import REQUIRED
from archcalc.spelling.names import meaning
from archcalc.spelling.signatures import LEFT_OUT, TORCH
from tests.each import each

from .oracle import graph, text

CLASSES = sorted(
    name for name, one in vars(nn).items() if inspect.isclass(one) and issubclass(one, nn.Module) and name[0] != "_"
)
# Their arguments are those of nn.RNNBase, to which they pass them on.
RECURRENT = ("RNN", "LSTM", "GRU")


def layer_of(name):
    """The layer that a class of torch.nn is."""
    known = meaning(name)
    return REGISTRY.get(known.layer) if known else None


def arguments(name):
    """The arguments of a class with their defaults, but for those that PyTorch keeps to itself."""
    made = inspect.signature((nn.RNNBase if name in RECURRENT else getattr(nn, name)).__init__).parameters
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    pairs = [(key, one.default) for key, one in made.items() if one.kind in kinds and key[0] != "_"]
    pairs = [pair for pair in pairs if pair[0] not in ("self", *(["mode"] if name in RECURRENT else []))]
    if name == "RNN":
        pairs.insert([key for key, _ in pairs].index("bias"), ("nonlinearity", "tanh"))
    return dict(pairs)


def key_of(layer, name):
    """Our key for an argument of PyTorch's."""
    return next((one.name for one in layer.arguments.values() if name == one.name or name in one.aliases), None)


LAYERS = [name for name in CLASSES if layer_of(name)]


@each(CLASSES)
def test_every_class_is_a_layer_or_told(name):
    known = meaning(name)
    assert known is not None
    assert known.sentence


@each(LAYERS)
def test_every_argument_is_a_key_or_refused(name):
    layer = layer_of(name)
    for argument in arguments(name):
        places = [key_of(layer, argument) is not None, argument in layer.refused, argument in LEFT_OUT]
        assert sum(places) == 1 or places == [True, False, True], argument


@each([name for name in LAYERS if not name.startswith("Lazy")])
def test_defaults_are_pytorchs(name):
    """Or the layer says in its description what PyTorch's is."""
    layer = layer_of(name)
    for argument, theirs in arguments(name).items():
        key = key_of(layer, argument)
        twice = [other for other in arguments(name) if key_of(layer, other) == key]
        if key is None or theirs is inspect.Parameter.empty or (theirs is None and len(twice) > 1):
            continue
        ours = layer.arguments[key].default
        assert ours is not REQUIRED, argument
        ours = ours[0] if isinstance(ours, tuple) and len(set(ours)) == 1 else ours
        axes = key in ("axis", "start", "end")  # which count no batch
        same = ours == theirs or (not ours and not theirs)
        assert same or axes or "PyTorch" in layer.arguments[key].doc, (argument, ours, theirs)


@each(TORCH)
def test_calls_are_read_in_pytorchs_order(op):
    """As far as both go: PyTorch says at the end where a module lives."""
    for name in LAYERS:
        if layer_of(name).op == op and op == re.sub(r"[123]d$", "", name.lower()):
            written, theirs = [word.partition("=")[0] for word in TORCH[op].split()], list(arguments(name))
            both = min(len(written), len(theirs))
            assert written[:both] == theirs[:both]
            assert all(key in (*LEFT_OUT, "min_value", "max_value") for key in theirs[both:]), theirs


@each([(op, key) for op, layer in REGISTRY.items() for key in layer.refused])
def test_what_is_refused_is_an_argument_and_told(pair):
    op, key = pair
    layer = REGISTRY[op]
    assert any(key in arguments(name) for name in LAYERS if layer_of(name) is layer), "no class has it any more"
    required = {name: one for name, one in layer.arguments.items() if one.required}
    line = " ".join([op, *(f"{name}={text(2)}" for name in required), f"{key}=2"])
    with pytest.raises(SpecError) as caught:
        graph(line, (4, 4))
    (finding,) = caught.value.diagnostics
    assert finding.message == f"`{op}` has no key `{key}`"
    assert finding.help == layer.refused[key]
    assert re.match(r"[a-z`]", finding.help)
