"""What a layer is called where there is little room: its kind and its name stay, what it was given is cut first."""

from __future__ import annotations

from archcalc.reports.blocks import columns_of


def fitted(label: str, name: str | None, copies: int, width: int) -> str:
    """`inception 64 …  (inception3a)`: the label with its number of copies and its name, in `width` columns if it can be.

    The kind of layer, the number of copies and the name are never cut.
    """
    end = (f"  ×{copies:,}" if copies > 1 else "") + (f"  ({name})" if name else "")
    if columns_of(label) + columns_of(end) <= width:
        return label + end
    kept, *words = label.split(" ")
    for word in words:
        if columns_of(f"{kept} {word} …{end}") > width:
            break
        kept += f" {word}"
    return f"{kept} …{end}"
