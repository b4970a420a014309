"""Windows over a tensor: which elements they read, and which of their taps and outputs have no effect."""

from __future__ import annotations

from archcalc.layers.convolution import Conv
from archcalc.layers.pooling import Pooling
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.quantity import varies

_LARGEST = 2**20  # longer axes are not checked


class Window:
    """Windows along one axis: `out` of them, over `size` elements."""

    __slots__ = ("dilation", "kernel", "out", "padding", "size", "stride")

    def __init__(self, size: int, kernel: int, stride: int, padding: int, dilation: int, out: int) -> None:
        self.size = size
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.out = out

    @property
    def reach(self) -> int:
        """The distance from the first tap to the last, both included."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def reads_all(self) -> bool:
        """Whether every element is under a tap, as with most windows."""
        gapless = self.kernel >= self.stride and (self.dilation == 1 or self.kernel == 1)
        return gapless and self._position(0, self.out - 1) + self.reach >= self.size

    def read(self) -> bytearray:
        """1 for each element that a tap of some window lies on."""
        seen = bytearray(self.size)
        for tap in range(self.kernel):
            first, last = self._outputs(tap)
            if first <= last:
                start, stop = self._position(tap, first), self._position(tap, last) + 1
                seen[start : stop : self.stride] = b"\1" * (last - first + 1)
        return seen

    def spanned(self) -> bytearray:
        """1 for each element under a window, including gaps inside it and up to the next one."""
        end = self._position(0, self.out - 1) + max(self.reach, self.stride)
        return bytearray(b"\1" * min(self.size, max(0, end))).ljust(self.size, b"\0")

    def dead_taps(self) -> int:
        """How many taps never lie on an element."""
        return sum(first > last for first, last in map(self._outputs, range(self.kernel)))

    def live_taps(self) -> tuple[int, int]:
        """The first tap that lies on an element in some window, and the one after the last."""
        live = [tap for tap, (first, last) in enumerate(map(self._outputs, range(self.kernel))) if first <= last]
        return (live[0], live[-1] + 1) if live else (0, 0)

    def blind_outputs(self) -> int:
        """How many windows lie on no element."""
        if self.dilation == 1 and self.padding < self.kernel and self._position(0, self.out - 1) < self.size:
            return 0
        sighted = bytearray(self.out)
        for tap in range(self.kernel):
            first, last = self._outputs(tap)
            if first <= last:
                sighted[first : last + 1] = b"\1" * (last - first + 1)
        return sighted.count(0)

    def _position(self, tap: int, output: int) -> int:
        return tap * self.dilation - self.padding + output * self.stride

    def _outputs(self, tap: int) -> tuple[int, int]:
        """The first and the last window whose `tap` lies on an element."""
        offset = self._position(tap, 0)
        return max(0, -(offset // self.stride)), min(self.out - 1, (self.size - 1 - offset) // self.stride)


def windows(node: Node) -> list[Window] | None:
    """The windows of a convolution or pooling along each axis; None for other layers, and for padding with other values than zero."""
    layer = node.layer
    if not isinstance(layer, (Conv, Pooling)):
        return None
    x, sizes = node.inputs[0], [int(size) for size in node.inputs[0].shape[1:]]
    if not isinstance(layer, Conv):
        axes = layer.axes(x)
    else:
        if layer.padding_mode != "zeros":  # its border holds pixels
            return None
        kernel, stride, dilation = (layer.per_axis(name, len(sizes), x) for name in ("kernel", "stride", "dilation"))
        axes = list(zip(kernel, stride, [before for before, _ in layer.borders(x)], dilation))
    found = [
        Window(size, int(k), int(s), int(p), int(d), int(out))
        for size, (k, s, p, d), out in zip(sizes, axes, node.exit.shape[1:])
    ]
    return None if any(max(w.size, w.out, w.kernel) > _LARGEST for w in found) else found


def space(x: Tensor) -> str:
    """`7×7`, the sizes of an image without its channels."""
    return "×".join(str(int(size)) for size in x.shape[1:])


def fixed(tensor: Tensor) -> bool:
    """Whether the sizes are the model's own, not those of a dim, which change from run to run."""
    return not varies(tensor.shape)
