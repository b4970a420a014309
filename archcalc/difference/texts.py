"""Whether two specs say the same word by word, which is known without understanding them."""

from __future__ import annotations

import os

from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.source import Mapping, Scalar, Sequence, parse, read


def same(base: Source, head: Source) -> bool:
    """Whether both files and the files that they include have the same text."""
    if base.text != head.text:
        return False
    if "include" not in head.text:
        return True
    try:
        root = parse(head)
        entries = [value for key, value in root.pairs if key.text == "include"] if isinstance(root, Mapping) else []
        for entry in entries[0].items if entries and isinstance(entries[0], Sequence) else []:
            if not isinstance(entry, Scalar):
                return False
            texts = [read(os.path.join(os.path.dirname(one.path), entry.text)).text for one in (base, head)]
            if texts[0] != texts[1]:
                return False
    except (RequestError, SpecError):  # told when they are compared
        return False
    return True
