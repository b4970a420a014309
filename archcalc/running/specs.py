"""Reads the `run:` key of a spec and its variants, with locations for errors."""

from __future__ import annotations

from archcalc.advice import meant
from archcalc.diagnostics import Findings
from archcalc.running.declaration import FIELDS, Running
from archcalc.source import Mapping, Node, Scalar, Sequence


def read_run(node: Node, findings: Findings) -> Running:
    """The settings in `run:`; errors go to `findings`."""
    if not isinstance(node, Mapping):
        findings.error("SPC010", "`run:` takes a mapping", node, "e.g. {precision: bf16, optimizer: adamw}")
        return Running()
    said = {}
    for key, value in node.pairs:
        field = FIELDS.get(key.text)
        if field is None:
            help = meant(key, key.text, list(FIELDS), f"the keys are {', '.join(FIELDS)}")
            findings.error("SPC003", f"`run` has no key `{key.text}`", key, help)
            continue
        if field.alone:
            help = f"give {field.option} on the command line"
            findings.error("SPC003", f"`{key.text}` is not allowed in specs: it runs a compiler", key, help)
            continue
        texts = _texts(value)
        if texts is None or not texts or (len(texts) > 1 and not field.kind.several):
            wanted = "a value or a list of values" if field.kind.several else "one value"
            findings.error("SPC010", f"`{key.text}` takes {wanted}", key, _about(key.text))
            continue
        try:
            said[key.text] = field.kind.read(texts if field.kind.several else texts[0])
        except ValueError as error:
            findings.error("SPC005", f"`{key.text}` {error}", value, _about(key.text))
    if "device" in said and _is_path(said["device"]):
        place = next(value for key, value in node.pairs if key.text == "device")
        findings.error("SPC005", "a spec names a device, not a file", place, "give the file with --device")
        del said["device"]
    return Running(**said)


def _about(key: str) -> str:
    """What a key is."""
    help = FIELDS[key].help.rstrip(".")
    return f"`{key}`: {help[0].lower()}{help[1:]}"


def _texts(value: Node) -> list[str] | None:
    entries = value.items if isinstance(value, Sequence) else [value]
    found = [entry.text for entry in entries if isinstance(entry, Scalar) and entry.text]
    return found if len(found) == len(entries) else None


def _is_path(name: str) -> bool:
    from archcalc.devices import is_file

    return is_file(name)
