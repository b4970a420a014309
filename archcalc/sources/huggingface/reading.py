"""From a config.json to a spec: the model type selects a family, which reads the rest."""

from __future__ import annotations

import os
from importlib import import_module
from typing import NoReturn

from archcalc.advice import suggest
from archcalc.sources.file import File, Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model

_NO_FAMILY = ("__init__", "reading")


def models() -> dict[str, Model]:
    """All supported model types."""
    return {name: model for _, family in families() for name, model in family.items()}


def model_of(name: str) -> Model | None:
    """A model type; None if it is not supported. Imports only the file of its family, which contains its name."""
    folder, entry = os.path.dirname(__file__), f'"{name}": Model('
    for file in _family_names():
        with open(os.path.join(folder, f"{file}.py"), encoding="utf-8") as text:
            if entry not in text.read():
                continue
        model: Model | None = import_module(f"archcalc.sources.huggingface.{file}").MODELS.get(name)
        if model is not None:
            return model
    return None


def _family_names() -> list[str]:
    """The files of this folder that may define families."""
    names = (name.removesuffix(".py") for name in os.listdir(os.path.dirname(__file__)) if name.endswith(".py"))
    return sorted(name for name in names if name not in _NO_FAMILY)


def families() -> list[tuple[str, dict[str, Model]]]:
    """The description of each family, in a sentence, and its model types."""
    modules = [import_module(f"archcalc.sources.huggingface.{name}") for name in _family_names()]
    return [((module.__doc__ or "").split("\n")[0], module.MODELS) for module in modules if hasattr(module, "MODELS")]


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for an unsupported model type, key or value."""
    file.check_form()
    name, model = _type(file)
    config = Config(file, file.keys, name, model.defaults, aliases=model.aliases)
    config.value("model_type")
    made = model.read(config)
    config.finish()
    architectures = file.keys.get("architectures")
    of = f", {architectures[0]}" if isinstance(architectures, list) and architectures else ""
    made.comments = [f"{name}{of}: imported from a Hugging Face config.json.", *made.comments]
    made.comments += [f"Omitted, since it changes no count: {note}." for note in config.notes]
    return made.text()


def _type(file: File) -> tuple[str, Model]:
    """The model type. Raises `SpecError` for an unsupported one."""
    name = file.keys.get("model_type")
    found = model_of(name) if isinstance(name, str) else None
    if not isinstance(name, str) or found is None:
        _unread(file, name)
    return name, found


def _unread(file: File, name: Json) -> NoReturn:
    """Raises `SpecError` for an unsupported model type."""
    known = list(models())
    listed = f"{len(known)} types are supported, from `{min(known)}` to `{max(known)}`: docs/reference/model-types.md lists them"
    if not isinstance(name, str):
        file.refuse(["model_type"], "`model_type` must name a model type", listed)
    if file.keys.get("auto_map"):
        file.refuse(
            ["model_type"],
            f"the model type `{name}` is Python code next to the file (`auto_map`), which is never run",
            "write its layers as a spec; `archcalc layers` lists what there is",
        )
    near = suggest(name, known)
    file.refuse(
        ["model_type"],
        f"the model type `{name}` is not supported yet",
        (f"did you mean `{near}`? " if near else "")
        + f"{listed}; with PyTorch and transformers installed, `transformers:{file.path}` reads any of their types",
    )
