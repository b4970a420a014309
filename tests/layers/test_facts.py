"""What is known of a layer stands in its class: nobody else keeps lists of layers by name."""

from __future__ import annotations

import ast
from functools import cache

from archcalc.layers import REGISTRY, Layer
from archcalc.layers.activation import Activation
from archcalc.layers.memory import unsaid
from archcalc.layers.recurrent import Recurrent
from archcalc.layers.regularization import Dropping
from archcalc.layers.structures import STRUCTURES
from archcalc.prediction import estimate, model
from archcalc.prediction.operations import form_of
from tests.conftest import ROOT
from tests.each import each

# What writes lines of specs, in which layers have names, and the worked examples, a function for each layer; all others
# ask the layers.
WRITES = [
    ROOT / "archcalc" / room
    for room in ("layers", "sources", "spelling", "tracing", "worked", "pytorch/capture", "symbolic/algebra.py")
]
FILES = [path for path in sorted((ROOT / "archcalc").rglob("*.py")) if not {*WRITES} & {path, *path.parents}]
# A question about two classes is about these two; what is asked of three and more is a fact of each.
MANY = 3
ROOM = "archcalc.layers"


def texts(nodes):
    """Those that are texts."""
    return [one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def classes(nodes, known):
    """Those that are classes of layers, by name."""
    return [one.id for one in nodes if isinstance(one, ast.Name) and one.id in known]


@cache
def names():
    """Those of all classes of layers."""
    assert REGISTRY.values()  # which reads all files
    return {kind.__name__ for kind in every(Layer)}


def imported(tree):
    """The names under which a file knows classes of layers."""
    kinds = names()
    froms = [one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and (one.module or "").startswith(ROOM)]
    return {alias.asname or alias.name for one in froms for alias in one.names if alias.name in kinds}


def every(layer):
    """All classes below one."""
    return {one for kind in layer.__subclasses__() for one in (kind, *every(kind))}


def joined(node):
    """The classes of `A | B | C`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*joined(node.left), *joined(node.right)]
    return [node]


def listed(node):
    """The items of what is a list of some kind: of a tuple, set, list, the keys of a dict, words that are split, A | B."""
    if isinstance(node, (ast.Tuple, ast.Set, ast.List)):
        return node.elts
    if isinstance(node, ast.Dict):
        return [key for key in node.keys if key is not None]
    if isinstance(node, ast.MatchOr):
        return [one.value for one in node.patterns if isinstance(one, ast.MatchValue)]
    if isinstance(node, ast.BinOp):
        return joined(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split":
        return [ast.Constant(word) for text in texts([node.func.value]) for word in text.split()]
    return []


def named(source):
    """Where layers are listed or compared by name, or asked by class one after the other: lines, with the names."""
    tree = ast.parse(source)
    known, found = imported(tree), []
    for node in ast.walk(tree):
        items = listed(node)
        words, kinds = texts(items), classes(items, known)
        if len(words) > 1 and set(words) <= set(REGISTRY):
            found.append((node.lineno, words))
        if len(kinds) >= MANY or (isinstance(node, ast.Dict) and len(kinds) > 1):
            found.append((node.lineno, kinds))
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            inside = [one for side in sides for one in (side, *listed(side))]
            words = [word for word in texts(inside) if word in REGISTRY]
            asked = any(isinstance(one, ast.Attribute) and one.attr == "op" for one in sides)
            if words and asked and (node.lineno, words) not in found:
                found.append((node.lineno, words))
    return found


def test_no_list_of_layers():
    assert FILES
    lists = {str(path.relative_to(ROOT)): named(path.read_text(encoding="utf-8")) for path in FILES}
    assert {path: lines for path, lines in lists.items() if lines} == {}, (
        "ask the layer: a fact of `archcalc/layers/facts.py` that it says, or isinstance of a base class"
    )


IMPORTS = "from archcalc.layers.dense import Linear, Embedding as Table\nfrom archcalc.layers.convolution import Conv\n"


@each([
        'X = ("relu", "conv")', 'y = node.op == "conv"', 'y = node.op in {"lstm"}', 'z = {"lstm": 1, "gru": 2}',
        'X = frozenset(["relu", "conv"])', 'X = "relu conv".split()', "X = (Linear, Table, Conv)", "X = {Linear: 1, Conv: 2}",
        "y = isinstance(layer, Linear | Table | Conv)", 'match name:\n    case "relu" | "conv":\n        pass',
    ],
)  # fmt: skip
def test_the_search_finds(text):
    assert named(IMPORTS + text), text


@each(['X = ("relu", "left")', 'y = unit == "conv"', 'z = {"attention": 1, "batch": 2}', "X = (Linear, Conv)"])
def test_the_search_passes_over(text):
    assert named(IMPORTS + text) == []


def kinds(layer=Layer):
    """All classes of layers that compute something, those too that no spec names."""
    computes = [kind for kind in layer.__subclasses__() if kind.op and kind not in STRUCTURES.values()]
    return [*computes, *(one for kind in layer.__subclasses__() for one in kinds(kind))]


@each(kinds())
def test_its_time_is_known(layer):
    assert form_of(layer)


def test_what_runs_step_by_step_or_not_at_all_is_known():
    """Times are kept by kinds of work, which files name; those of layers are their names."""
    for kind, known in ((Recurrent, model._STEPPED), (Dropping, estimate.IDLE)):
        assert {op for op, layer in REGISTRY.items() if issubclass(layer, kind)} == set(known)


@each(kinds())
def test_what_autograd_keeps_is_known(layer):
    assert layer.keeps_nothing != (layer.saved is not Layer.saved), unsaid(layer)


@each(kinds())
def test_what_it_computes_is_known(layer):
    said = layer.macs is not Layer.macs or layer.other_flops is not Layer.other_flops or layer.declared
    advice = "write `macs` or `other_flops`, or `computes_nothing = True` where it only moves or holds numbers"
    assert layer.computes_nothing != said, f"{layer.__name__}: {advice}"


@each([one for one in REGISTRY.values() if issubclass(one, Activation)])
def test_an_activation_says_what_it_gives(layer):
    for fact, asks in (
        ("span", "the least and the largest number that it gives"),
        ("rises", "whether it is monotone"),
        (
            "other_flops" if layer.other_flops is not Activation.other_flops else "operations",
            "what it does to each element",
        ),
    ):
        assert getattr(layer, fact, None) is not None, f"say with `{fact}` in {layer.__name__} {asks}"
    low, high = layer(**layer.defaults).span
    assert low < high
