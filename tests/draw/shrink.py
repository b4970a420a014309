"""Makes a spec that fails a check as small as it can be while it fails in the same way."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.draw.case import Case
from tests.draw.checks import Check, Skipped
from tests.draw.spec_data import Data, data, put, spec, walk

# So many attempts at most, and so many seconds: an attempt of `diff` may take some of them.
_BUDGET = 1500
_SECONDS = 60.0
Fails = Callable[[Case], bool]


def shrink(check: Check, case: Case, kind: str, budget: int = _BUDGET, seconds: float = _SECONDS) -> Case:
    """The smallest case found for which `check` says `kind`."""
    end = time.monotonic() + seconds

    def fails(one: Case) -> bool:
        try:
            found = check(one)
        except Skipped:
            return False
        return found is not None and found.kind == kind

    best = replace(case, whole=True)
    if not fails(best):
        return case
    again = True
    while again and budget > 0:
        again = False
        for smaller in _smaller(best):
            budget -= 1
            if budget < 0 or time.monotonic() > end:
                return best
            if _weight(smaller) < _weight(best) and fails(smaller):
                best, again = smaller, True
                break
    return best


def _weight(case: Case) -> tuple[int, ...]:
    """Fewer items first, then fewer words, then smaller numbers, then less text."""
    document = data(case.text)
    items = sum(1 for _, value in walk(document) if isinstance(value, (dict, list)))
    texts = [value for _, value in walk(document) if isinstance(value, str)]
    keys = sum(len(value) for _, value in walk(document) if isinstance(value, dict))
    words = sum(len(text.split()) for text in texts) + keys
    numbers = sum(min(int(n), 10**6) for text in texts for n in re.findall(r"\d+", text)[:20] if len(n) < 12)
    named = {**(document.get("hparams") or {}), **(document.get("dims") or {})}
    names = sum(word in named for text in texts for word in re.findall(r"[A-Za-z_]\w*", text))
    return items + words + names, numbers + case.batch, len(case.text)


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with something less, the largest steps first."""
    document = data(case.text)
    for change in (*_without_variant(document, case.variant), *_without_parts(document), *_simpler_values(document)):
        yield replace(case, text=spec(change), variant=case.variant if change.get("variants") else None)
    if case.batch > 1:
        yield replace(case, batch=1)
    if case.batch > 2:
        yield replace(case, batch=2)


def _without_variant(document: Data, variant: str | None) -> Iterator[Data]:
    """The settings of the variant as the spec's own."""
    if variant:
        changed = copy.deepcopy(document)
        for name, value in changed.pop("variants")[variant].items():
            changed.setdefault("hparams", {})[name] = value
        yield changed


def _without_parts(document: Data) -> Iterator[Data]:
    """Fewer entries: several of a list at once, one of a list, a key; or what is inside of one instead of it."""
    places = list(walk(document))
    for path, value in places:
        if isinstance(value, list) and len(value) > 3:
            half = len(value) // 2
            yield put(document, path, value[half:])
            yield put(document, path, value[:half])
    for path, value in places:
        for key in range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ():
            if path or key not in ("model", "input", "layers"):
                rest = [*value[:key], *value[key + 1 :]] if isinstance(value, list) else {**value}
                if isinstance(rest, dict):
                    del rest[key]
                yield put(document, path, rest)
    blocks = document.get("blocks") or {}
    for path, value in places:
        if not isinstance(value, list):
            continue
        for index, item in enumerate(value):
            inner = _inside(item, blocks)
            for body in inner:
                yield put(document, path, [*value[:index], *copy.deepcopy(body), *value[index + 1 :]])


def _inside(item: Data, blocks: dict[str, Data]) -> Iterator[list[Data]]:
    """The lists of layers inside an item, or of the block that it calls."""
    if isinstance(item, dict):
        for path, value in walk(item):
            if isinstance(value, list) and len(path) <= 3:
                yield value
    call, *given = item.split() if isinstance(item, str) and item else [""]
    for head, body in blocks.items():
        name, _, parameters = head.rstrip(")").partition("(")
        if name == call:
            yield _called(body, [one.strip() for one in parameters.split(",") if one.strip()], given)


def _called(body: list[Data], parameters: list[str], given: list[str]) -> list[Data]:
    """A block's layers with what a call gives for its parameters; the last one has the name of the call."""
    values = dict(one.split("=", 1) for one in (*parameters, *given) if "=" in one)
    plain = [one for one in given if "=" not in one]
    values |= {parameter.partition("=")[0]: value for parameter, value in zip(parameters, plain)}
    body = copy.deepcopy(body)
    for path, value in list(walk(body)):
        if isinstance(value, str):
            new = re.sub(r"[A-Za-z_]\w*(?!\w|=)", lambda match: values.get(match.group(), match.group()), value)
            body = put(body, path, new)
    if "name" in values and isinstance(body[-1], str):
        body[-1] += f" name={values['name']}"
    return body


def _simpler_values(document: Data) -> Iterator[Data]:
    """Texts with a word less, or a smaller number; a name for a number as that number."""
    numbers = {**(document.get("hparams") or {}), **(document.get("dims") or {})}
    for path, value in list(walk(document)):
        if isinstance(value, dict) and len(value) == 1 and path and path[0] in ("layers", "blocks"):
            (op, keys), *_ = value.items()
            if isinstance(keys, dict) and all(isinstance(one, str) for one in keys.values()):
                yield put(document, path, " ".join([op, *(f"{name}={one}" for name, one in keys.items())]))
        if isinstance(value, str) and path[:1] != ("model",):
            for text in _simpler(value, numbers, 2 if path[:1] == ("input",) else 0):
                yield put(document, path, text)


def _simpler(text: str, numbers: dict[str, str], least: int) -> Iterator[str]:
    """Sizes of inputs stay two and more: with ones alone a spec fails in ways of its own."""
    words = text.split(" ")
    for index in range(1, len(words)):
        yield " ".join([*words[:index], *words[index + 1 :]])
    for match in re.finditer(r"[A-Za-z_]\w*", text):
        if match.group() in numbers and not text[match.end() :].startswith("="):
            yield text[: match.start()] + numbers[match.group()] + text[match.end() :]
    for match in re.finditer(r"[\d(][\d+*/()-]*[\d)]", text):
        if not match.group().isdigit() and re.fullmatch(r"[\d+*/() -]+", match.group()):
            try:
                yield text[: match.start()] + str(int(eval(match.group()))) + text[match.end() :]
            except (SyntaxError, ArithmeticError, TypeError):
                continue
    for match in re.finditer(r"\d+", text):
        if len(match.group()) < 10:
            number = int(match.group())
            for other in sorted({1, 2, number // 2, number - 1}):
                if least <= other < number:
                    yield text[: match.start()] + str(other) + text[match.end() :]
    for match in re.finditer(r"\d+x(?=\d)", text):
        yield text[: match.start()] + text[match.end() :]
