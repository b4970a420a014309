"""Whether an edit fixes everything that a rule found."""

from __future__ import annotations

from collections.abc import Collection

from archcalc.diagnostics import Edit, Fix, Source, SpecError
from archcalc.language.edits import said
from archcalc.network.graph import Node
from archcalc.rules.model import Model, Spot, spot_of


def mend(
    model: Model,
    node: Node,
    affected: Collection[Spot],
    message: str,
    edit: Edit | tuple[Edit, ...] | None,
    safe: bool = True,
    ties: bool = False,
) -> Fix | None:
    """A fix by one edit or several, if all layers at the place of `node` are affected (`Model.everywhere`).

    There is none if weights are shared, because the other layer would have to change too, unless the edits take
    care of these `ties`.
    The same text may mean other networks in a spec with variants, or one linted with other settings, so the
    fix is unsafe there. Deleting an unnamed layer is unsafe too if layers of its kind have parameters: they are numbered,
    so the names of the others would change.
    """
    spot = spot_of(node)
    if not edit or spot not in affected or (not ties and spot in model.sharing):
        return None
    edits = (edit,) if isinstance(edit, Edit) else edit
    document = model.graph.document
    deletes = any(_deletes(one, node) for one in edits)
    if node.place.source is not document.source or (deletes and spot in model.deciding):
        return None
    numbered = deletes and not node.name and node.op in model.numbered
    fix = Fix(message, edits, safe=safe and not (numbered or document.variants or model.graph.given))
    # tied layers must stay alike, and so must the lists of layers around them
    return if_valid(model, fix) if said(document.source)["tie"] else fix


def if_valid(model: Model, fix: Fix | None, node: Node | None = None, **values: int) -> Fix | None:
    """The fix, unless it leaves an invalid spec: layers after a wider one may need its old width.

    If it only gives `node` these arguments, only what that affects is rebuilt.
    """
    if fix is None:
        return None
    valid = model.trials.valid(node, values) if node is not None else None
    if valid is not None:
        return fix if valid else None
    from archcalc.network.load import build_graph  # few rules ask
    from archcalc.rules.fixes import splice

    graph = model.graph
    source = graph.document.source
    edits = sorted(fix.edits, key=lambda edit: (edit.place.line, edit.place.column))
    try:
        build_graph(Source(source.path, splice(source, edits)), graph.variant, graph.given, graph.batch)
    except SpecError:
        return None
    return fix


def _deletes(edit: Edit, node: Node) -> bool:
    place = edit.place
    return not edit.text and (place.line, place.column) <= (node.place.line, node.place.column)
