"""Models of transformers: `transformers:config.json`, or `transformers:detr` for a type's published defaults.

Only classes of transformers itself are run: code that a configuration refers to (`auto_map`) is ignored, and
nothing is fetched.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import nn

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError, cannot
from archcalc.pytorch.capture.building import (
    RAISED,
    Found,
    asks_numbers,
    built,
    library,
    package,
    quiet,
    real,
    told,
    unknown,
)
from archcalc.pytorch.capture.examples import Example
from archcalc.pytorch.capture.record import record
from archcalc.source import MAX_BYTES
from archcalc.sources.file import File, Json

_TOKENS, _STEPS, _DECODED, _REGIONS = 128, 16_000, 32, 36


def find(what: str, given: dict[str, Any]) -> Found:
    """The model of a configuration, with inputs that it runs with. Raises `RequestError`."""
    name = f"transformers:{what}"
    os.environ["HF_HUB_OFFLINE"] = "1"  # a configuration may ask for a backbone with its published weights
    with contextlib.suppress(RequestError):
        package("torchvision", name)  # which transformers imports where it is installed
    transformers = library("transformers", name, "CONFIG_MAPPING")
    keys = {**_keys(what, name, transformers), **given}
    try:
        with quiet():
            config = transformers.CONFIG_MAPPING[keys.pop("model_type")].from_dict(keys)
            _plainly(config)
            model = _class(keys.get("architectures"), config, transformers)
    except RAISED as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError(f"{name!r} cannot be read: {told(error)}") from None
    module = built(name, model, {"config": config})
    return Found(
        config.model_type.replace("-", "_"),
        module,
        lambda: real(name, model, {"config": config}),
        _inputs(module, config),
    )


def _plainly(config: Any) -> None:
    """Asks for the plain form of a model: no cache, and experts computed by products whose shapes are fixed."""
    config.use_cache = False
    for part in (config, *(getattr(config, name, None) for name in getattr(config, "sub_configs", {}))):
        if part is not None:
            part._experts_implementation = "batched_mm"


def _keys(what: str, name: str, transformers: ModuleType) -> dict[str, Any]:
    """The keys of a configuration: those of a file; for a model type, only its name."""
    types = list(transformers.CONFIG_MAPPING.keys())
    if os.path.isdir(what):
        what = os.path.join(what, "config.json")
    if not os.path.lexists(what):
        if what in types:
            return {"model_type": what}
        if what.endswith(".json") or os.sep in what:
            raise RequestError(f"cannot read {what!r}: there is no such file")
        raise unknown("transformers", what, types)
    try:
        with open(what, "rb") as opened:
            file = File(what, opened.read(MAX_BYTES))
    except (OSError, ValueError) as error:
        raise cannot("read", what, error) from None
    kind = file.keys.get("model_type")
    if not isinstance(kind, str):
        raise RequestError(f"{name!r} is not a configuration of transformers: it has no `model_type`")
    if kind not in types:
        raise RequestError(f"{name!r}: {unknown('transformers', kind, types)}")
    return dict(file.keys)


def _class(architectures: Json, config: Any, transformers: ModuleType) -> Any:
    """The class that a configuration names, else the base model of its type. Raises `RequestError`."""
    named = architectures[0] if isinstance(architectures, list) and architectures else None
    if named is None:
        return transformers.MODEL_MAPPING[type(config)]
    found = getattr(transformers, named, None) if isinstance(named, str) else None
    if not (inspect.isclass(found) and issubclass(found, transformers.PreTrainedModel)):
        near = suggest(str(named), [one for one in dir(transformers) if one.endswith(("Model", "LM")) or "For" in one])
        raise RequestError(f"transformers has no model {named!r}" + (f": did you mean {near!r}?" if near else ""))
    return found


def _inputs(module: nn.Module, config: Any) -> list[Example]:
    """The first of some common sets of inputs that the model runs with; if none does, the one that got furthest."""
    tried = list(_candidates(module, config))
    furthest = tried[0] if tried else [Example("input", (3, 224, 224))]
    for unpadded in (False, True):
        if unpadded:  # otherwise some look for padding among the tokens, to warn about it
            for part in _parts(config):
                with contextlib.suppress(*RAISED):  # where it has to be a number
                    part.pad_token_id = None
        for examples in tried:
            try:
                with quiet():
                    record(module.eval(), [(one.name, one.tensor(2), True) for one in examples], count=False)
            except RAISED as error:
                if asks_numbers(error):  # then its sizes are right
                    furthest = examples
            else:
                return examples
    return furthest


# What some models are called with besides their main input, and which inputs go together.
_TOGETHER = (("bbox",), ("bbox", "decoder_input_ids"), ("visual_feats", "visual_pos"), ("visual_embeds",))


def _candidates(module: Any, config: Any) -> Iterator[list[Example]]:
    """What it may be called with, smallest sets first."""
    taken = inspect.signature(module.forward).parameters
    makers = {
        "input_ids": _tokens,
        "pixel_values": _images,
        "input_values": _waves,
        "input_features": _features,
        "past_values": _series,
        "decoder_input_ids": _decoded,
        "inputs": _vectors,
        "bbox": _boxes,
        "visual_feats": _regions,
        "visual_pos": _regions_at,
        "visual_embeds": _seen,
    }
    known = [name for name in makers if name in taken]
    main = module.main_input_name if module.main_input_name in makers else (known or ["input_ids"])[0]
    # If a decoder gets no tokens, some models derive them from the encoder's.
    sets = [[main, "decoder_input_ids"], [main], [main, "pixel_values"], [main, "input_ids"]]
    sets += [[main, one] for one in known if one != main]
    sets += [[main, *others] for others in _TOGETHER]
    sets.append([name for name in known if name not in _UNUSUAL])
    for names in sets:
        if names and len(set(names)) == len(names) and all(name in taken for name in names):
            for sizes in makers[names[0]](config):
                yield [
                    Example(name, size, torch.long if name.endswith(("_ids", "bbox")) else torch.float32, keyword=True)
                    for name, size in [(names[0], sizes), *((name, next(makers[name](config))) for name in names[1:])]
                ]


# What is given for a reason that others name.
_UNUSUAL = frozenset(one for together in _TOGETHER for one in together) - {"decoder_input_ids"}


def _parts(config: Any) -> list[Any]:
    """A configuration and those nested in it."""
    inside = dict.fromkeys(
        ("vision_config", "audio_config", "text_config", "encoder", *getattr(config, "sub_configs", ()))
    )
    return [config, *(part for part in (getattr(config, one, None) for one in inside) if part is not None)]


def _asked(config: Any, *names: str) -> Any:
    """The first of these keys that a configuration, or one nested in it, has."""
    for part in _parts(config):
        for name in names:
            value = getattr(part, name, None)
            if value is not None:
                return value
    return None


def _tokens(config: Any) -> Iterator[tuple[int, ...]]:
    most = _asked(config, "max_position_embeddings", "n_positions", "max_seq_len")
    yield (min(_TOKENS, most) if isinstance(most, int) and most > 8 else _TOKENS,)


def _decoded(config: Any) -> Iterator[tuple[int, ...]]:
    yield (_DECODED,)


def _images(config: Any) -> Iterator[tuple[int, ...]]:
    """Images, as large as the configuration says; several for videos."""
    channels = _asked(config, "num_channels", "in_channels", "in_chans") or 3
    size = _asked(config, "image_size", "input_size", "img_size") or 224
    if isinstance(size, dict):
        size = list(size.values())
    high, wide = (size, size) if isinstance(size, int) else (size[-2], size[-1])
    frames = _asked(config, "num_frames")
    if isinstance(frames, int):
        yield (frames, channels, high, wide)
    yield (channels, high, wide)


def _waves(config: Any) -> Iterator[tuple[int, ...]]:
    """A second of sound, or its spectrogram."""
    yield (_STEPS,)
    bins = _asked(config, "num_mel_bins")
    if isinstance(bins, int):
        yield (_asked(config, "max_length") or 1024, bins)
    yield (_asked(config, "audio_channels") or 1, _STEPS)


def _features(config: Any) -> Iterator[tuple[int, ...]]:
    """A spectrogram: bins first, or steps first."""
    bins = (
        _asked(config, "num_mel_bins", "input_feat_per_channel", "feature_projection_input_dim", "num_mel_channels")
        or 80
    )
    steps = _asked(config, "max_source_positions")
    yield (bins, 2 * steps if isinstance(steps, int) else 3000)
    yield (1000, bins)


def _vectors(config: Any) -> Iterator[tuple[int, ...]]:
    """Vectors of the model's width, one for each position."""
    yield (_TOKENS, _asked(config, "d_model", "hidden_size") or 768)


def _boxes(config: Any) -> Iterator[tuple[int, ...]]:
    """Where on its page each token stands."""
    for (steps,) in _tokens(config):
        yield (steps, 4)


def _regions(config: Any) -> Iterator[tuple[int, ...]]:
    """Features of as many image regions as detectors give."""
    yield (_REGIONS, _asked(config, "visual_feat_dim") or 2048)


def _regions_at(config: Any) -> Iterator[tuple[int, ...]]:
    """Where each region lies."""
    yield (_REGIONS, _asked(config, "visual_pos_dim") or 4)


def _seen(config: Any) -> Iterator[tuple[int, ...]]:
    """Regions as embeddings."""
    yield (_REGIONS, _asked(config, "visual_embedding_dim") or 2048)


def _series(config: Any) -> Iterator[tuple[int, ...]]:
    """A time series of one channel or several."""
    steps = _asked(config, "context_length") or 512
    yield (steps, _asked(config, "num_input_channels") or 1)
    yield (steps,)
