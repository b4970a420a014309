"""The optimizers: states, temporaries, reads and writes of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from archcalc.records import NamedTuple

# bitsandbytes quantises states block by block, each with an fp32 scale, and leaves small tensors alone; all parameters share
# a table of 256 numbers for each of the two states.
# Source: bitsandbytes.optim.optimizer, `min_8bit_size` and `blocksize` of release 0.45; torchao's blocks are as large.
_BLOCK, _SMALL, _TABLES = 256, 4096, 2 * 256 * 4

Shape = Sequence[int]


class Optimizer(NamedTuple):
    """What an optimizer needs for a trained parameter.

    Attributes:
        kept: the bytes of each of its states, from a parameter's shape and the bytes of a number.
        reads, writes: numbers that a step moves per element, including the parameter and its gradient.
        flops: operations of a step per element.
        passing: temporary bytes of a step for a parameter, and how many of them are still alive during the next one.
        counts: whether it keeps a step count per tensor, in fp32.
        shared: bytes needed once for all parameters.
        together: whether `update=foreach` needs the remaining temporaries for all parameters at once.
        products: FLOPs of the matrix products in a step, for a parameter.
        torch: whether PyTorch has it.
    """

    kept: Callable[[Shape, int], tuple[int, ...]]
    reads: float
    writes: float
    flops: int
    passing: Callable[[Shape, int], tuple[int, int]] = lambda shape, width: (0, 0)
    counts: bool = False
    shared: int = 0
    together: bool = False
    products: Callable[[Shape], int] = lambda shape: 0
    torch: bool = True


def _nothing(shape: Shape, width: int) -> tuple[int, ...]:
    return ()


def _one(shape: Shape, width: int) -> tuple[int, ...]:
    return (prod(shape) * width,)


def _two(shape: Shape, width: int) -> tuple[int, ...]:
    return (prod(shape) * width,) * 2


def _two_of_bytes(shape: Shape, width: int) -> tuple[int, ...]:
    numbers = prod(shape)
    if numbers < _SMALL:
        return _two(shape, 4)
    return (numbers, numbers, 4 * -(-numbers // _BLOCK), 4 * -(-numbers // _BLOCK))


def _rows_and_columns(shape: Shape, width: int) -> tuple[int, ...]:
    if len(shape) < 2:
        return _one(shape, width)
    return prod(shape[:-1]) * width, prod((*shape[:-2], shape[-1])) * width


def _root(shape: Shape, width: int) -> tuple[int, int]:
    """The root of the second average, a new tensor, made while that of the previous parameter is still alive."""
    return 2 * prod(shape) * width, prod(shape) * width


def _estimate(shape: Shape, width: int) -> tuple[int, int]:
    """The second average, rebuilt from rows and columns, beside the means of both; for a vector, beside its square."""
    size = prod(shape) * width
    if len(shape) < 2:
        return 2 * size, 2 * size
    left = size + sum(_rows_and_columns(shape, width))
    return left + prod(shape[:-2]) * width, left


def _sign(shape: Shape, width: int) -> tuple[int, int]:
    """A copy of the average, and its sum with the gradient."""
    return 2 * prod(shape) * width, 0


def _momentum_or_two(shape: Shape, width: int) -> tuple[int, ...]:
    """Momentum for a matrix; any other parameter has AdamW's states and step count."""
    return _one(shape, width) if len(shape) == 2 else (*_two(shape, width), 4)


def _orthogonal(shape: Shape, width: int) -> tuple[int, int]:
    """For a matrix: the update and, in bf16, two iterates of it with two products the size of its shorter side."""
    size = prod(shape)
    if len(shape) != 2:
        return _root(shape, width)
    return size * width + 4 * size + 4 * min(shape) ** 2, 2 * size


def _products(shape: Shape) -> int:
    """For a matrix: five steps of the Newton-Schulz iteration, with three products each."""
    short = min(shape) if len(shape) == 2 else 0
    return 5 * (4 * short * prod(shape) + 2 * short**3)


# Muon leaves non-matrices to AdamW; they are so few that they count like matrices here.
OPTIMIZERS = {
    "sgd": Optimizer(_nothing, 2, 1, 2),
    "momentum": Optimizer(_one, 3, 2, 4),
    "adam": Optimizer(_two, 4, 3, 12, _root, counts=True, together=True),
    "adamw": Optimizer(_two, 4, 3, 14, _root, counts=True, together=True),
    "adam8bit": Optimizer(_two_of_bytes, 2.5, 1.5, 20, shared=_TABLES, torch=False),
    "adafactor": Optimizer(_rows_and_columns, 5, 2, 12, _estimate, counts=True, together=True),
    "lion": Optimizer(_one, 3, 2, 8, _sign, torch=False),
    "muon": Optimizer(_momentum_or_two, 3, 2, 8, _orthogonal, products=_products),
}
