"""Models of timm, such as `timm:resnet50`."""

from __future__ import annotations

from typing import Any

from archcalc.pytorch.capture.building import Found, built, library, real, unknown
from archcalc.pytorch.capture.examples import Example


def find(what: str, given: dict[str, Any]) -> Found:
    """The model of that name, for images of the size it was trained on. Raises `RequestError`."""
    timm = library("timm", f"timm:{what}", "create_model")
    if not timm.is_model(what):
        raise unknown("timm", what, timm.list_models())
    module = built(f"timm:{what}", timm.create_model, {"model_name": what, **given})
    size = getattr(module, "pretrained_cfg", {}).get("input_size") or (3, 224, 224)
    return Found(
        what,
        module,
        lambda: real(f"timm:{what}", timm.create_model, {"model_name": what, **given}),
        [Example("input", tuple(size))],
    )
