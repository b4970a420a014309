"""Models of torchvision, such as `torchvision:swin_t`, or a part: `torchvision:retinanet_resnet50_fpn.backbone`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import nn

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture.building import RAISED, Found, built, library, real, unknown
from archcalc.pytorch.capture.examples import Example

# What torchvision's models take, by their folder: channels first, without the batch.
_SIZES = {"segmentation": (3, 520, 520), "video": (3, 16, 224, 224), "optical_flow": (3, 360, 520)}


def find(what: str, given: dict[str, Any]) -> Found:
    """The model of that name. Raises `RequestError`."""
    models = library("torchvision.models", f"torchvision:{what}", "list_models")
    what, _, part = what.partition(".")
    if what not in models.list_models():
        raise unknown("torchvision", what, models.list_models())
    builder = models.get_model_builder(what)
    names = inspect.signature(builder).parameters
    given = {**({"weights_backbone": None} if "weights_backbone" in names else {}), **given}
    module = built(f"torchvision:{what}", builder, given)
    if part:
        return _part(f"torchvision:{what}", module, part, lambda: real(what, builder, given).get_submodule(part))
    if ".detection." in builder.__module__:
        raise RequestError(
            f"what {what} detects depends on the numbers of an image: name a part, e.g. torchvision:{what}.backbone"
        )
    size: tuple[int, ...] = (3, 224, 224)
    for folder, usual in _SIZES.items():
        if f".{folder}." in builder.__module__:
            size = usual
    size = _crop(models, what, size)
    count = 2 if "optical_flow" in builder.__module__ else 1
    return Found(
        what,
        module,
        lambda: real(f"torchvision:{what}", builder, given),
        [Example(f"input{index}" if index else "input", size) for index in range(count)],
    )


def _part(name: str, module: nn.Module, part: str, real: Callable[[], nn.Module]) -> Found:
    """A module inside a model, such as the backbone of a detector."""
    parts = dict(module.named_modules())
    if part not in parts:
        near = suggest(part, [one for one in parts if one])
        raise RequestError(f"{name} has no part {part!r}" + (f": did you mean {near!r}?" if near else ""))
    return Found(
        part.replace(".", "_"), parts[part], real, [Example("input", (3, 800, 800))] if part == "backbone" else None
    )


def _crop(models: ModuleType, what: str, size: tuple[int, ...]) -> tuple[int, ...]:
    """The image size that its published weights were trained on."""
    try:
        transform = next(iter(models.get_model_weights(what))).transforms()
        crop = getattr(transform, "crop_size", None)
    except RAISED:
        return size
    if not crop or len(size) != 3 or size[1:] != (224, 224):
        return size
    high, wide = (crop[0], crop[-1]) if isinstance(crop, (list, tuple)) else (crop, crop)
    return (3, int(high), int(wide))
