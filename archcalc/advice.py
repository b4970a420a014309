"""What was probably meant: names of similar spelling, and the edit that writes one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archcalc.diagnostics import Advice, Edit, Fix, Span

# How many typos a word of up to so many letters may have.
_ALLOWED = ((4, 1), (8, 2), (60, 3))
_SHORTEST_BEGINNING = 3


def instead(place: Span, text: str, safe: bool = False) -> Advice:
    """Write `text` in place of what stands there."""
    return Advice(f"write `{text}`", written(place, text, safe))


def either(readings: Sequence[str], fixes: Sequence[Fix | None], otherwise: str | Advice) -> str | Advice:
    """Write one of the readings, each with its own fix; `otherwise` if there is none."""
    if not readings:
        return otherwise
    text = "write " + " or ".join(f"`{reading}`" for reading in readings)
    made = tuple(fix for fix in fixes if fix is not None)
    if len(readings) == 1:
        return Advice(text, fixes[0])
    return Advice(text, choices=made if len(made) == len(readings) else ())


def written(place: Span, text: str, safe: bool = False) -> Fix | None:
    """The fix that writes `text` at `place`; None if the file has no such place, for example after an escape."""
    at = place.source.line(place.line)[place.column - 1 : place.end_column - 1]
    was = getattr(place, "text", at)
    if place.line != place.end_line or at not in (was, f"'{was}'", f'"{was}"'):
        return None
    return Fix(f"write `{text}`", (Edit(place, text),), safe)


def deleted(word: Span) -> Advice:
    """Delete a word of a line, and the spaces before it."""
    start = len(word.source.line(word.line)[: word.column - 1].rstrip()) + 1
    edit = Edit(Span(word.source, word.line, start, word.end_line, word.end_column), "")
    return Advice("delete it", Fix("delete it", (edit,)))


def meant(
    place: Span,
    word: str,
    known: Sequence[str],
    otherwise: str | Advice | None = None,
    shown: Callable[[str], str] = str,
) -> Advice | str | None:
    """Which of the `known` words `word` at `place` was meant to be; several are listed, a single one gets a fix.

    Args:
        otherwise: what to say if none is close.
        shown: how to write one of the known words at the place.
    """
    near = nearest(word, known)
    if not near:
        return otherwise
    if len(near) == 1:
        text = shown(near[0])
        return Advice(f"did you mean `{text}`?", written(place, text))
    texts = [shown(name) for name in near[:3]]
    fixes = tuple(fix for text in texts if (fix := written(place, text)))
    return Advice(f"did you mean {' or '.join(f'`{text}`' for text in texts)}?", choices=fixes)


def suggest(word: str, known: Sequence[str]) -> str | None:
    """The known word that a typo most likely meant, if any is close enough."""
    return next(iter(nearest(word, known)), None)


def nearest(word: str, known: Sequence[str]) -> list[str]:
    """The known words that were most likely meant: those that begin with it, else the closest ones, allowing for a typo."""
    if len(word) > _ALLOWED[-1][0]:
        return []
    most = 20_000 // (len(word) + 1) ** 2  # comparing takes time: of very many names, those with similar ends
    if len(known) > most:
        import heapq

        known = heapq.nlargest(most, known[-2000:], key=lambda name: _alike(name, word))
    plain = _plain(word)
    limit = next(allowed for length, allowed in _ALLOWED if len(plain) <= length)
    distances = {name: _distance(plain, _plain(name), limit) for name in dict.fromkeys(known)}
    least = min(distances.values(), default=limit + 1)
    begun = [name for name in distances if len(plain) >= _SHORTEST_BEGINNING and _plain(name).startswith(plain)]
    begun.sort(key=len)  # the shortest one needs the fewest more letters
    if least > limit or least >= len(plain):
        return begun
    return list(dict.fromkeys([*begun, *(name for name, distance in distances.items() if distance == least)]))


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _distance(a: str, b: str, limit: int) -> int:
    """How many letters are wrong, missing, extra or swapped with the next; `limit` + 1 for more than `limit`."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        above, row, earlier = row, [i], before
        before = above
        for j, other in enumerate(b, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return min(row[-1], limit + 1)


def _alike(name: str, word: str) -> int:
    """How many letters two words share at their beginnings and ends."""
    count = 0
    for letters in (zip(name, word), zip(reversed(name), reversed(word))):
        for a, b in letters:
            if a != b:
                break
            count += 1
    return count
