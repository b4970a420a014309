"""A spec as plain data, all scalars texts; and the spec that is written from it."""

from __future__ import annotations

from typing import Any

import yaml

Data = Any


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
    written = yaml.dump(value, Dumper=_Plain, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return written.removesuffix("...\n").strip()
