"""What PyTorch's interpolation on the CPU needs in passing.

Source: _use_vectorized_kernel_cond_2d and _3d in aten/src/ATen/native/cpu/UpSampleKernel.cpp of PyTorch 2.13, and the
backward passes there and in UpSampleMoreKernel.cpp; compared with PyTorch's allocator.
"""

from __future__ import annotations

from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain

# Kernels for channels last are taken from this many channels on, or for images up to this height plus width.
_CHANNELS, _SMALL = 4, 128
# Elements that are weighted along an axis; two unless said here.
_TAPS = {"nearest": 1, "nearest-exact": 1, "bicubic": 4}
_INDEX = 8


def passing(mode: str, how: Saving, written: Strides, y: Tensor, x: Tensor) -> tuple[int, int]:
    """Bytes forward and backward; `written` is how the output lies in memory."""
    if how.gpu:
        return 0, 0
    read, images = how.strides[0], x.rank == 3
    backward, given = 0, how.batch * y.numel * how.width
    if mode == "bicubic" and not written.is_contiguous:
        backward = given
    elif mode in ("nearest", "nearest-exact") and x.rank == 4 and not read.is_contiguous:
        backward = how.batch * x.numel * how.width
    is_small = images and sum(map(plain, y.shape[1:])) <= _SMALL
    if mode == "bicubic" or not (is_small or (read.is_channels_last and plain(x.shape[0]) >= _CHANNELS)):
        weights = _TAPS.get(mode, 2) * sum(map(plain, y.shape[1:])) * (_INDEX + how.width)
        return weights, backward * how.needs[0]
    copies = how.batch * x.numel * how.width * (not read.is_channels_last)
    return copies + given * (not written.is_channels_last), backward * how.needs[0]
