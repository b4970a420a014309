"""From an .onnx file to the text of a spec, step by step."""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Callable, Mapping
from copy import copy
from math import prod

from archcalc.diagnostics import RequestError, cannot
from archcalc.onnx import operators
from archcalc.onnx.joining import join
from archcalc.onnx.model import Described, Model
from archcalc.onnx.protobuf import BrokenError
from archcalc.onnx.running import Running
from archcalc.quoting import visible
from archcalc.source import MAX_BYTES
from archcalc.tracing.calls import FLOAT, Run
from archcalc.tracing.dims import Size, agree, joined, with_dims
from archcalc.tracing.lineup import BATCHES, line_up
from archcalc.tracing.telling import Telling, tell

_MOST_BYTES = 2**36
# Defaults for dynamic sizes.
_PIXELS, _STEPS, _CHANNELS = 224, 128, 3
# At most so many become dims; each takes another reading, with the size increased by so much.
_MOST_OPEN, _STEP = 4, 32
Shape = tuple[int, ...]


class Reading(Telling):
    """An imported file.

    Attributes:
        path: the file; running: the run that was translated.
    """

    def __init__(self, told: Telling, path: str, running: Running) -> None:
        super().__init__(told.spec, told.text, told.comparison, told.graph, told.is_flat, told.order)
        self.path = path
        self.running = running

    def open_sizes(self, sizes: Sizes, again: Callable[[Sizes], str]) -> None:
        """Writes dynamic sizes as dims if a second reading shows what depends on each."""
        if not sizes.free:
            return
        opened = [Size(_named(name), size, size + _STEP) for name, size in list(sizes.free.items())[:_MOST_OPEN]]
        variants: list[tuple[Size, str]] = []
        try:
            for size, name in zip(opened, sizes.free):
                variants.append((size, again(sizes.larger(name, _STEP))))
        except RequestError:
            pass
        made = joined(self.spec, variants) if len(variants) == len(sizes.free) else None
        if made is not None and all(agree(with_dims(made, opened, size), text) for size, text in variants):
            expected = self.text[len(self.spec) :]
            self.spec = with_dims(made, opened)
            self.text = self.spec + expected
            return
        given = ", ".join(f"{name} = {size}" for name, size in sizes.free.items())
        note = f"Values used for dynamic sizes: {given}."
        self.comparison.notes.append(note)
        self.spec, self.text = (
            text.replace("\nmodel:", f"\n# {visible(note)}\nmodel:", 1) for text in (self.spec, self.text)
        )


def read(path: str, data: bytes) -> Reading:
    """Imports a file; `data` is its beginning, or all of it. Raises `RequestError` with advice."""
    model = opened(path, data)
    operators.load()
    name = os.path.splitext(os.path.basename(path))[0]
    try:
        return _told(path, name, model)
    except RequestError as error:
        raise RequestError(f"cannot read {path!r}: {error}") from None
    except RecursionError:
        raise RequestError(f"cannot read {path!r}: its layers are nested too deeply") from None


def opened(path: str, data: bytes) -> Model:
    """Parses the file. Raises `RequestError` if it is not an ONNX model."""
    try:
        if len(data) <= MAX_BYTES:
            return Model(memoryview(data))
        return _mapped(path)
    except BrokenError as error:
        raise RequestError(f"cannot read {path!r} as an ONNX model: {error}") from None


def _mapped(path: str) -> Model:
    """Memory-maps a large file, so that only the pages in use are read."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise cannot("read", path, error) from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise RequestError(f"cannot read {path!r}: it is not a regular file, or it is too large")
        return Model(memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ)))
    except (OSError, ValueError) as error:
        raise cannot("read", path, error) from None
    finally:
        os.close(handle)


def _told(path: str, name: str, model: Model) -> Reading:
    reached(model)
    parted(model)
    join(model)
    reached(model)
    sizes = Sizes(model)
    running, told = _telling(path, name, model, sizes)
    found = Reading(told, path, running)
    found.open_sizes(sizes, lambda other: _telling(path, name, model, other)[1].spec)
    return found


def _telling(path: str, name: str, model: Model, sizes: Sizes) -> tuple[Running, Telling]:
    """The spec at given sizes."""
    running, run = _runs(model, sizes)
    own = (f"opset {model.opset}", f"written by {model.producer}" if model.producer else "")
    comments = [f"From {os.path.basename(path)}, an ONNX model ({', '.join(filter(None, own))})."]
    comments += [*_said(running), *_left_out(running)]
    called = re.sub(r"[^\w.\-]", "_", name) or "model"
    told = tell(called, run, running.weights.numbers, comments, "the file")
    told.comparison.remarks += _left_out(running)
    told.comparison.notes += _said(running)
    return running, told


def _said(running: Running) -> list[str]:
    """How the spec differs from the file."""
    found = []
    merged = running.weights.merged + running.model.merged
    if merged:
        found.append(f"The file stores equal weights once; here each layer has its own, {merged:,} parameters more.")
    computed = running.computed()
    if computed:
        names = list(dict.fromkeys(name.partition(":")[0] for name in computed))
        named = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        found.append(
            f"{sum(computed.values()):,} constants computed by the exporter count as parameters, since it does not say what "
            f"they were: {named}."
        )
    return found


def _left_out(running: Running) -> list[str]:
    """Operators that change values and are not in the spec."""
    return [
        f"{count} {what} are not in the spec: they change values but no count."
        for what, count in running.passed.items()
    ]


def reached(model: Model) -> None:
    """Removes nodes that no output needs."""
    needed = {one.name for one in model.outputs}
    kept = []
    for node in reversed(model.nodes):
        if any(name in needed for name in node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    model.nodes = kept[::-1]


def parted(model: Model) -> None:
    """Splits initialisers that exporters merged because they were equal."""
    kept = []
    for node in model.nodes:
        tensor = model.tensors.get(node.inputs[0]) if node.op == "Identity" and len(node.inputs) == 1 else None
        if tensor is None or len(node.outputs) != 1:
            kept.append(node)
            continue
        model.tensors[node.outputs[0]] = tensor.copied(node.outputs[0])
        model.merged += prod(tensor.shape) if tensor.kind == FLOAT else 0
    model.nodes = kept


# Common names of the batch axis.
_BATCH = re.compile(r"n|b|bs|.*batch.*", re.IGNORECASE)
_RECURRENT = ("LSTM", "GRU", "RNN")


class Sizes:
    """The sizes of the inputs.

    Attributes:
        inputs: their sizes by name, where a string is a dynamic size; axes: the batch axis of each; batches: the
        file's names for the batch, empty if it is fixed, in which case `batch` is its size.
        free: dynamic sizes other than the batch.
    """

    def __init__(self, model: Model) -> None:
        self.inputs: dict[str, list[int | str]] = {}
        self.axes: dict[str, int] = {}
        stepped = {
            node.inputs[0] for node in model.nodes if node.op in _RECURRENT and not node.attributes.get("layout")
        }
        for one in model.inputs:
            if not one.is_tensor or one.sizes is None:
                raise RequestError(f"the input {one.name[:80]!r} is not a tensor, or the file does not give its sizes")
            sizes = self.inputs[one.name] = list(one.sizes)
            named = [axis for axis, size in enumerate(sizes) if isinstance(size, str) and _BATCH.fullmatch(size)]
            if sizes:
                self.axes[one.name] = named[0] if named else 1 if one.name in stepped and len(sizes) > 1 else 0
        if not self.axes:
            raise RequestError("it has no input")
        firsts = [self.inputs[name][axis] for name, axis in self.axes.items()]
        self.batches = {size for size in firsts if isinstance(size, str)}
        self.batch = 1 if self.batches else int(firsts[0])
        self.free: dict[str, int] = {}
        for one in model.inputs:
            self._leave(one)

    def _leave(self, one: Described) -> None:
        """Typical values for dynamic sizes: of an image, or of a sequence."""
        sizes = self.inputs[one.name]
        for axis, size in enumerate(sizes):
            if isinstance(size, str) and not (size in self.batches and (size or axis == self.axes[one.name])):
                wide = len(sizes) > 3
                usual = _PIXELS if wide and axis > 1 else _CHANNELS if wide else _STEPS
                sizes[axis] = name = size or f"{one.name}.{axis}"
                self.free.setdefault(name, usual)

    def larger(self, name: str, by: int) -> Sizes:
        """The same with one of the dynamic sizes larger."""
        other = copy(self)
        other.free = {**self.free, name: self.free[name] + by}
        return other

    def shapes(self, batch: int) -> dict[str, Shape]:
        """The inputs with this batch size."""
        found = {}
        for name, sizes in self.inputs.items():
            whole = [self.free.get(size, batch) if isinstance(size, str) else size for size in sizes]
            if name in self.axes and not self.batches and whole[self.axes[name]] == self.batch:
                whole[self.axes[name]] = batch
            found[name] = tuple(whole)
        return found

    def symbols(self, batch: int) -> Mapping[str, int]:
        """The values of named sizes."""
        return {**self.free, **{name: batch for name in self.batches if name}}


def _runs(model: Model, sizes: Sizes) -> tuple[Running, Run]:
    """The graph at two batch sizes, starting with the file's own if it is fixed."""
    fixed: dict[str, Shape] | None = None
    old = sizes.batch
    if not sizes.batches:
        before = Running(model, sizes.shapes(old), sizes.symbols(old))
        before.go()
        fixed = before.shapes
    done = []
    for batch in BATCHES:
        new = batch * old
        running = Running(model, sizes.shapes(new), sizes.symbols(new), fixed, (new, old))
        running.go()
        done.append(running)
    line_up(done[0].run, done[1].run)
    _name(done[0].run)
    return done[0], done[0].run


def _named(name: str) -> str:
    """A size's name as a valid spec name."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_")
    return plain if plain and not plain[0].isdigit() else f"size_{plain}"


def _name(run: Run) -> None:
    """Names of inputs as valid spec names."""
    taken: set[str] = set()
    for value in run.inputs:
        name = re.sub(r"\W", "_", value.name, flags=re.ASCII).strip("_") or "x"
        name = f"x_{name}" if name[0].isdigit() or name in ("input", "prev") else name
        while name in taken:
            name += "_"
        taken.add(name)
        value.name = name
