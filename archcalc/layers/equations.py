"""Equations of recurrences: their biases, where they start, and how layers and directions are joined."""

from __future__ import annotations

# Separates an equation from a remark about it.
_GAP = " " * 8


def with_biases(notation: str, biases: int) -> str:
    """The equations of a recurrence with one bias for each product, or without biases."""
    if biases < 2:
        notation = notation.replace(" + b′", "").replace(", b and b′", " and b").replace("(U h(t−1))", "U h(t−1)")
    return notation if biases else notation.replace(" + b", "").replace(", U and b", " and U")


def stacked(notation: str, goes_on: bool, directions: int, layers: int) -> str:
    """The equations of a recurrence of several layers or directions; `goes_on`: it starts from the state of another layer."""
    if goes_on:
        equation, _, start = notation.rpartition(_GAP)
        notation = f"{equation}{_GAP}{start.removesuffix('= 0')}from the final state of `state`"
    if directions > 1:
        notation += (
            f"\nand the same from the last step to the first{_GAP}with weights of its own; y(t) has both side by side"
        )
    if layers > 1:
        notation += f"\na layer reads at each step what the one below it gives{_GAP}with weights of its own"
    return notation
