"""A spec as plain data, all scalars texts; and the spec that is written from it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

Data = Any
# Keys and numbers, from the outside in.
Path = tuple[Any, ...]


class _Plain(yaml.SafeDumper):
    """Writes texts without quotes wherever YAML can read them back as texts."""


_Plain.yaml_implicit_resolvers = {}


def data(text: str) -> Data:
    """The mappings, lists and texts of a spec."""
    return yaml.load(text, yaml.BaseLoader)


def spec(document: dict[str, Data]) -> str:
    """The spec of some data: each layer in a line of its own."""
    lines = []
    for key, value in document.items():
        if key == "layers":
            lines += ["layers:", *(f"  - {_flow(item)}" for item in value)]
        elif key == "blocks":
            lines.append("blocks:")
            for name, body in value.items():
                lines += [f"  {name}:", *(f"    - {_flow(item)}" for item in body)]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Data) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    return "[" + ", ".join(map(_flow, value)) + "]" if isinstance(value, list) else _scalar(value)


@cache
def _scalar(text: str) -> str:
    """A text as it is written between brackets."""
    written = yaml.dump([text], Dumper=_Plain, default_flow_style=True, width=10**6, allow_unicode=True)
    return written.strip()[1:-1]


# -- places ---------------------------------------------------------------------------------


def walk(value: Data, path: Path = ()) -> Iterator[tuple[Path, Data]]:
    """Every value with where it stands, outer ones first."""
    yield path, value
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(inner, (*path, key))


def put(document: Data, path: Path, value: Data) -> Data:
    """The document with another value at a place."""
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = put(document[path[0]], path[1:], value)
    return changed
