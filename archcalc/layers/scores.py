"""Attention scores: how many a mask lets through, and the operations on one."""

from __future__ import annotations

# Operations on one attention score.
SCORING = (("scaling by 1/√d", 1), ("softmax", 5))


def masked(line: str, causal: bool, window: int | None) -> list[str]:
    """The equation `line` of a softmax with the mask that is added to the scores, and what that mask is."""
    if not causal and window is None:
        return [line]
    if window is None:
        hidden, said = "j > i", "no position sees later ones"
    else:
        hidden = f"j > i or j ≤ i − {window}" if causal else f"|i − j| ≥ {window}"
        said = f"a position sees {'itself and those before it, ' if causal else 'those '}less than {window} away"
    equation, gap, note = line.partition("        ")
    closed = equation.rfind(")")
    return [
        f"{equation[:closed]} + M){equation[closed + 1 :]}{gap}{note}",
        f"M[i, j] = −∞ for {hidden}, 0 otherwise        {said}",
    ]


def visible_scores(queries: int, keys: int, causal: bool, window: int | None) -> int:
    """How many of the queries·keys scores a mask lets through.

    Causal: query i sees keys 0..i. A window w: only keys less than w positions away.
    """
    if not causal and window is None:
        return queries * keys
    reach = keys + queries if window is None else min(window, keys + queries)
    # Keys up to the query itself: i - j in [0, reach), j < keys.
    before = _staircase(queries, reach) - _staircase(max(0, queries - keys), reach)
    if causal:
        return before
    after = _staircase(keys - 1, reach - 1) - _staircase(max(0, keys - 1 - queries), reach - 1) if keys > 1 else 0
    return before + after


def _staircase(rows: int, reach: int) -> int:
    """1 + 2 + ... over `rows` rows, no row longer than `reach`."""
    if rows <= 0 or reach <= 0:
        return 0
    growing = min(rows, reach)
    return growing * (growing + 1) // 2 + (rows - growing) * reach
