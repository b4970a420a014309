"""What a user names instead of a file: `timm:resnet50`, `transformers:config.json`, `pkg.module:Net`, `path/model.py:Net`.

Naming a module runs its code, so only the command line and `archcalc.load` may do it: no spec, config or folder can.
This file needs no PyTorch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from archcalc.diagnostics import OptionNeededError, RequestError, Source
from archcalc.opening import LIBRARIES, NAMED

KIND = "a PyTorch module"
_PYTHON = r"(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|[^:\0]+\.py):[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
# A library's model by its name; for transformers also a config.json.
_ZOO = rf"(?:{'|'.join(LIBRARIES)}):[\w.\-]+|transformers:[^\0]+"
# A file of a git revision is named in the same way.
_FILE = r".*\.(?:ya?ml|json)"


def recognises(name: str) -> bool:
    """Whether it names a module, and there is no file of that name."""
    if re.fullmatch(_ZOO, name, re.ASCII):
        return True
    named = re.fullmatch(_PYTHON, name, re.ASCII) and not re.fullmatch(_FILE, name)
    return bool(named) and not os.path.lexists(name)


def allow(names: Iterable[str]) -> None:
    """Lets `opening` read the modules among `names`: the user has named them, and so wants them run."""
    for name in names:
        if ":" in name and recognises(name):
            NAMED[name] = NAMED[os.path.normpath(name)] = spec


def spec(name: str) -> Source:
    """The spec of a module, read once. Raises `RequestError` that says what to do."""
    if name not in _READ:
        from archcalc.pytorch.needs import require

        require(f"reading {name}")
        from archcalc.pytorch.capture.reading import read

        try:
            _READ[name] = read(name).text
        except OptionNeededError as error:
            raise RequestError(f"{error}; `archcalc import {name} -o net.yaml` takes these") from None
    return Source(name, _READ[name], KIND)


_READ: dict[str, str] = {}
