"""Models of the Hugging Face Hub, named `hf:ORG/NAME` or `hf:ORG/NAME@REVISION`, through huggingface_hub.

Token, cache, mirror and offline mode work as usual in huggingface_hub. Only what the user named is requested: its
config.json, and the headers of its safetensors files. This file needs no huggingface_hub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

from archcalc.diagnostics import RequestError, Source
from archcalc.opening import NAMED
from archcalc.source import MAX_BYTES
from archcalc.weights.tensor import MOST_ELEMENTS, MOST_TENSORS, Tensor

KIND = "a model of the Hugging Face Hub"
_NAME = re.compile(r"hf:(?P<repository>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_CONFIG = "config.json"
_Given = TypeVar("_Given")


def is_hub(name: str) -> bool:
    """Whether a name refers to the Hub."""
    return name.startswith("hf:")


def allow(names: Iterable[str]) -> None:
    """Lets `opening` read the Hub's models among `names`: the user has named them."""
    for name in names:
        if is_hub(name):
            NAMED[name] = spec


def spec(name: str) -> Source:
    """The spec of a model, from its config.json. Raises `RequestError`, which says what to do, and `SpecError`."""
    from archcalc.sources import reader_of
    from archcalc.sources.file import File

    data = _config(name)
    file = File(name, data)
    reader = reader_of(file)
    if reader is None:
        raise RequestError(f"{name}: its {_CONFIG} is not that of a transformers model: it has no `model_type`")
    return Source(name, reader.spec(file), KIND)


def tensors(name: str) -> list[Tensor]:
    """The tensors of its safetensors files, from their headers. Raises `RequestError` if there are none."""
    repository, revision = _parts(name)
    hub = _library(name)
    metadata = _asked(name, lambda: hub.get_safetensors_metadata(repository, revision=revision))
    found: dict[str, Tensor] = {}
    for part in metadata.files_metadata.values():
        for key, info in part.tensors.items():
            sizes = tuple(info.shape)
            whole = all(isinstance(size, int) and 0 <= size <= MOST_ELEMENTS for size in sizes)
            begin, end = info.data_offsets
            if not whole or len(found) >= MOST_TENSORS or not 0 <= begin <= end <= MOST_ELEMENTS:
                raise RequestError(f"{name}: its header has no valid entry for `{key[:80]}`")
            found[key] = Tensor(key, str(info.dtype), sizes, end - begin)
    return list(found.values())


def _config(name: str) -> bytes:
    """The contents of its config.json."""
    repository, revision = _parts(name)
    hub = _library(name)
    hub.utils.disable_progress_bars()

    def fetched() -> str:
        size = _size(hub, repository, revision)
        if size is not None and size > MAX_BYTES:
            raise RequestError(f"{name}: its {_CONFIG} has {size:,} bytes, more than any real one")
        # do not keep asking a Hub that did not answer: the cache may have it
        path = hub.hf_hub_download(
            repository, _CONFIG, revision=revision, library_name="archcalc", local_files_only=size is None
        )
        return str(path)

    with open(_asked(name, fetched), "rb") as file:
        return file.read(MAX_BYTES + 1)


def _size(hub: Any, repository: str, revision: str | None) -> int | None:
    """The size of its config.json in bytes, before it is fetched; None if the Hub cannot be reached."""
    if hub.constants.HF_HUB_OFFLINE:
        return None
    try:
        return hub.get_hf_file_metadata(hub.hf_hub_url(repository, _CONFIG, revision=revision)).size or 0
    except Exception as error:  # the request that follows reports a refusal
        return 0 if _is_refusal(error) else None


def _is_refusal(error: Exception) -> bool:
    """Whether the Hub answered, but not with what was asked for."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"HfHubHTTPError", "EntryNotFoundError", "HFValidationError", "RepositoryNotFoundError"})


def _parts(name: str) -> tuple[str, str | None]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise RequestError(f"{name!r} is not a model on the Hub: write hf:ORG/NAME or hf:ORG/NAME@REVISION")
    return match["repository"], match["revision"]


def _library(name: str) -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.utils
    except ImportError:
        raise RequestError(f"reading {name} needs huggingface_hub: pip install 'archcalc[hf]'") from None
    return huggingface_hub


def _asked(name: str, ask: Callable[[], _Given]) -> _Given:
    """The Hub's answer. Raises `RequestError` with a sentence for each way to get none."""
    try:
        return ask()
    except RequestError:
        raise
    except Exception as error:  # errors of huggingface_hub, of its HTTP library, and of the system
        _told(name, error)


def _told(name: str, error: Exception) -> NoReturn:
    repository, revision = _parts(name)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    login = "log in with `hf auth login`, or set HF_TOKEN"
    if "GatedRepoError" in kinds:
        why = f"{repository} is gated: accept its terms on its page, and {login}"
    elif "RevisionNotFoundError" in kinds:
        why = f"{repository} has no revision {revision}"
    elif "RepositoryNotFoundError" in kinds:
        why = f"there is no model {repository}, or it is private: check the name, or {login}"
    elif "NotASafetensorsRepoError" in kinds:
        why = f"{repository} has no safetensors files"
    elif "LocalEntryNotFoundError" in kinds or "OfflineModeIsEnabled" in kinds:
        why = f"no network, and {_CONFIG} of {repository} is not in the cache: huggingface_hub is offline, or the Hub cannot be reached"
    elif "EntryNotFoundError" in kinds:
        why = f"{repository} has no {_CONFIG}"
    elif "HFValidationError" in kinds:
        why = "that is not the name of a repository"
    elif "HfHubHTTPError" in kinds:
        status = getattr(getattr(error, "response", None), "status_code", "an error")
        why = f"the Hub answered {status}" + (f": {login}" if status in (401, 403) else "")
    elif kinds & {"ConnectError", "ConnectionError", "TimeoutException", "TransportError", "Timeout", "OSError"}:
        why = "no network: the Hub cannot be reached"
    else:
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    raise RequestError(f"cannot read {name}: {why}") from None
