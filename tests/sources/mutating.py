"""Files with a few things changed: values of JSON, lines, bytes. What reads them gives a network or an error."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.load import load_graph

_VALUES = (
    None, True, False, -1, 0, 1, 2, 7, 2**31, 2**63, 10**30, -(2**40), 0.5, -0.5, 1e300, "", "x", "relu", "same", [], [1],
    [1, 2], [0, 0], [None], [[]], [[1, 2], [3, 4]], {}, {"a": 1}, {"class_name": "x", "config": {}}, "\u202e", "a" * 300,
)  # fmt: skip


def mutated(texts: Sequence[bytes], count: int, seed: int = 7) -> Iterator[bytes]:
    """`count` files, the same for the same seed; JSON is changed as such in most, and by bytes in the others."""
    draw = random.Random(seed)
    for _ in range(count):
        data = draw.choice(texts)
        if data.lstrip()[:1] == b"{" and draw.random() < 0.8:
            document = json.loads(data)
            for _ in range(draw.randint(1, 3)):
                _change(document, draw)
            yield json.dumps(document).encode()
        else:
            yield _bytes(bytearray(data), draw)


def _change(document: Any, draw: random.Random) -> None:
    """Another value at one place of a document, or an entry gone, doubled or moved."""
    place, key = document, None
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
        if not keys:
            return
        key = draw.choice(keys)
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or draw.random() < 0.15:
            break
        place = inner
    kind = draw.random()
    if kind < 0.7:
        place[key] = copy.deepcopy(draw.choice(_VALUES))
    elif kind < 0.85:
        del place[key]
    elif isinstance(place, list):
        place.insert(draw.randrange(len(place) + 1), copy.deepcopy(place[key]))
    else:
        place[draw.choice(["x", "name", "config", "layers", "hidden_size"])] = copy.deepcopy(place[key])


def _bytes(data: bytearray, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(data))
        kind = draw.random()
        if kind < 0.6:
            data[at] = draw.randrange(256)
        elif kind < 0.8:
            del data[at : at + draw.randint(1, 40)]
        else:
            data[at:at] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 8)))
        if not data:
            return b"{"
    return bytes(data)


def survives(data: bytes, path: Path) -> None:
    """Reads a file: counts come out, or an error of ours with a message of one line."""
    path.write_bytes(data)
    said = ["counts"]
    try:
        assert Costs(load_graph(str(path))).totals.params >= 0
    except SpecError as error:
        said = [one.message for one in error.diagnostics]
    except RequestError as error:
        said = [str(error)]
    assert all(one and "\n" not in one for one in said)
