"""A tensor as the header of a file describes it, and the bytes of a header, read within bounds."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
from typing import BinaryIO

from archcalc.diagnostics import RequestError, cannot

# Limits: elements of a tensor, and tensors of a file.
MOST_ELEMENTS = 2**62
MOST_TENSORS = 1_000_000
# Buffers that are stored beside parameters, by the ends of their names: statistics, tables, masks.
_BUFFERS = re.compile(
    r"(?:^|\.)(?:running_mean|running_var|num_batches_tracked|inv_freq|position_ids|token_type_ids|rope_freqs\.weight"
    r"|masked_bias|relative_position_index|attn_mask|attn\.bias|rotary_emb\.\w+)$"
)


class Tensor:
    """One tensor of a file.

    Attributes:
        name: its name; dtype: its type, in the format's words; shape: its sizes.
        bytes: its size in the file.
    """

    __slots__ = ("bytes", "dtype", "name", "shape")

    def __init__(self, name: str, dtype: str, shape: tuple[int, ...], size: int) -> None:
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.bytes = size

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return product(self.shape)

    @property
    def is_buffer(self) -> bool:
        """Whether its name is that of a buffer: stored, but not learned."""
        return _BUFFERS.search(self.name) is not None


def product(sizes: tuple[int, ...]) -> int:
    """The product of sizes."""
    total = 1
    for size in sizes:
        total *= size
    return total


class Header:
    """The beginning of a file, read piece by piece: never more than `most` bytes, and never past its end.

    Every method raises `RequestError` if the file ends too early, or claims to be larger than it is.
    """

    def __init__(self, path: str, most: int) -> None:
        self.path = path
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            self._file: BinaryIO = io.open(handle, "rb")  # noqa: SIM115, UP020
            status = os.fstat(handle)
        except (OSError, ValueError) as error:
            raise cannot("read", path, error) from None
        if not stat.S_ISREG(status.st_mode):
            self._file.close()
            raise RequestError(f"cannot read {path!r}: it is not a regular file")
        self.size = status.st_size
        self._most = min(most, self.size)
        self.at = 0

    def __enter__(self) -> Header:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def bytes(self, count: int) -> bytes:
        """The next bytes."""
        if count < 0 or self.at + count > self._most:
            raise self.wrong("its header is longer than the file, or than any header is")
        try:
            data = self._file.read(count)
        except OSError as error:
            raise cannot("read", self.path, error) from None
        if len(data) != count:
            raise self.wrong("it ends within its header")
        self.at += count
        return data

    def skip(self, count: int) -> None:
        """Skip bytes."""
        if count < 0 or self.at + count > self._most:
            raise self.wrong("its header is longer than the file, or than any header is")
        self._file.seek(count, os.SEEK_CUR)
        self.at += count

    def number(self, form: str) -> int:
        """The next number, in a `struct` format such as `<Q`."""
        (value,) = struct.unpack(form, self.bytes(struct.calcsize(form)))
        return int(value)

    def wrong(self, why: str) -> RequestError:
        """The error for a file that is not what its first bytes say."""
        return RequestError(f"cannot read {self.path!r}: {why}")
