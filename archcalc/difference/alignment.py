"""The alignment of two lists, in time linear in their length.

Equal ends are paired first, then entries that occur once in each list. For the rest, the fewest insertions
and deletions are used that lead to a longer run of equal entries (E. W. Myers, An O(ND) difference algorithm,
1986) or, if these are too many, those that lead furthest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise

# This many equal entries in a row end the search for where both lists agree again.
_STRETCH = 8
# Search steps per entry; and how often unique entries are looked for again inside the gaps between pairs.
_STEPS = 4
_DEPTH = 12

Pairs = list[tuple[int, int]]


def align(a: Sequence[Hashable], b: Sequence[Hashable]) -> Pairs:
    """Positions of equal entries, ascending in both lists."""
    common = {*a} & {*b}
    x = [index for index, entry in enumerate(a) if entry in common]
    y = [index for index, entry in enumerate(b) if entry in common]
    found: Pairs = []
    _align([a[index] for index in x], [b[index] for index in y], 0, len(x), 0, len(y), _DEPTH, found)
    return [(x[i], y[k]) for i, k in found]


def _align(
    a: Sequence[Hashable], b: Sequence[Hashable], i: int, j: int, k: int, m: int, depth: int, found: Pairs
) -> None:
    """Add the pairs between a[i:j] and b[k:m]."""
    while i < j and k < m and a[i] == b[k]:
        found.append((i, k))
        i, k = i + 1, k + 1
    ends: Pairs = []
    while i < j and k < m and a[j - 1] == b[m - 1]:
        j, m = j - 1, m - 1
        ends.append((j, m))
    if i < j and k < m:
        anchors = _once(a, b, i, j, k, m) if depth else []
        if anchors:
            for x, y in [*anchors, (j, m)]:
                _align(a, b, i, x, k, y, depth - 1, found)
                if x < j:
                    found.append((x, y))
                i, k = x + 1, y + 1
        else:
            _search(a, b, i, j, k, m, found)
    found += reversed(ends)


def _once(a: Sequence[Hashable], b: Sequence[Hashable], i: int, j: int, k: int, m: int) -> Pairs:
    """Pairs of entries that occur once in each stretch, if their order is the same."""
    counts, others = Counter(a[i:j]), Counter(b[k:m])
    places = {b[y]: y for y in range(k, m) if others[b[y]] == 1}
    return ascending([(x, places[a[x]]) for x in range(i, j) if counts[a[x]] == 1 and a[x] in places])


def ascending(pairs: Pairs) -> Pairs:
    """The longest subsequence of `pairs`, sorted by their first numbers, that ascends in both numbers."""
    if all(one[1] < other[1] for one, other in pairwise(pairs)):
        return pairs
    tails: list[int] = []  # the smallest number in which a sequence of each length can end
    at: list[int] = []  # the pair with that number
    before: list[int] = []
    for index, (_, y) in enumerate(pairs):
        place = bisect_left(tails, y)
        before.append(at[place - 1] if place else -1)
        tails[place : place + 1] = [y]
        at[place : place + 1] = [index]
    found, index = [], at[-1]
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]


def _search(a: Sequence[Hashable], b: Sequence[Hashable], i: int, j: int, k: int, m: int, found: Pairs) -> None:
    """Go on from gap to gap between a[i:j] and b[k:m], each time to where they agree again."""
    budget = _STEPS * (j - i + m - k) + 1000
    while i < j and k < m:
        if a[i] == b[k]:
            found.append((i, k))
            i, k = i + 1, k + 1
            continue
        most = max(4, int((max(budget, 0) / 2) ** 0.5))
        x, y, steps, path = _gap(a, b, i, j, k, m, most)
        budget -= steps
        found += path
        i, k = x, y


def _gap(
    a: Sequence[Hashable], b: Sequence[Hashable], i: int, j: int, k: int, m: int, most: int
) -> tuple[int, int, int, Pairs]:
    """Where the gap that begins at a[i] and b[k] ends, after at most `most` insertions and deletions.

    Returns the place in both lists, the steps it took, and the pairs on the way.
    """
    # for each number of changes, by how many more entries of a than of b they skip: where the equal entries
    # after the last change begin and end in a, and the state one change earlier
    rows = [{0: (i, i, 0)}]
    steps, best = 0, (-1, 0, 0, 0)
    for changes in range(1, most + 1):
        before = rows[-1]
        row: dict[int, tuple[int, int, int]] = {}
        rows.append(row)
        for diagonal in range(-changes, changes + 1, 2):
            x, origin = -1, 0
            left, right = before.get(diagonal - 1), before.get(diagonal + 1)
            if left and left[1] < j:
                x, origin = left[1] + 1, diagonal - 1
            if right and right[1] >= x and k + right[1] - i - diagonal <= m:
                x, origin = right[1], diagonal + 1
            if x < 0:
                continue
            start, y = x, k + x - i - diagonal
            while x < j and y < m and a[x] == b[y]:
                x, y = x + 1, y + 1
            row[diagonal] = (start, x, origin)
            steps += 1 + x - start
            ends = x - start >= _STRETCH or (x == j and y == m)
            best = max(best, (2 * (j + m) if ends else x + y, -abs(diagonal), changes, diagonal))
            if ends:
                break
        if best[0] == 2 * (j + m):
            break
    _, _, changes, diagonal = best
    x = rows[changes][diagonal][1]
    y, path = k + x - i - diagonal, []
    for row in reversed(rows[: changes + 1]):
        start, end, origin = row[diagonal]
        path += [(one, k + one - i - diagonal) for one in range(end - 1, start - 1, -1)]
        diagonal = origin
    return x, y, steps, path[::-1]
