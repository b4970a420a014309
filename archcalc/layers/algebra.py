"""Products of tensors, and the mixture of experts."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Number, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression, given, module
from archcalc.layers.content import numbers_only
from archcalc.layers.field import Field
from archcalc.layers.layout import ENDS, FEATURES_LAST, KEEPS
from archcalc.layers.memory import LOW, ROUTED
from archcalc.layers.operands import Body, Operands
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import NUMBER, Strides, are_rows, iterated, joined
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain, product
from archcalc.terms import part, work

# Bytes of an index (int64).
_INDEX = 8


@layer("matmul", first="operands", aliases=("bmm", "mm", "dot", "batchmatmul"))
class MatMul(Layer):
    """Matrix product over the last two axes. [*, m, k] and [*, k, n] -> [*, m, n].

    nonzero=N: only N elements of the first factor, such as the matrix of a graph's edges, are not 0, and only these are
    multiplied. `build` writes the dense product, to which memory and time refer. Source: torch.matmul, torch.sparse.mm.
    """

    autocast = LOW
    notation = "y[i, j] = Σ a[i, k] · b[k, j]"

    layout = ENDS
    takes_input = False
    broadcasts = True

    operands: tuple[Tensor, ...] = arg(Operands, "the two factors", max=2)
    nonzero: int | None = arg(
        Whole, "elements of the first factor that are not 0; default: all", min=0, default=None, aliases=("nnz",)
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the inner sizes differ, the leading axes do not match, or `nonzero` is more than all."""
        other = others[0]
        numbers_only(self.op, (x, other))
        for index, tensor in enumerate((x, other)):
            if tensor.rank < 2:
                raise ShapeError(
                    "SHP101",
                    f"`matmul` needs matrices [..., rows, columns], not {tensor}",
                    operand=index,
                    help="`reshape` the vector to a matrix first",
                )
        if x.shape[-1] != other.shape[-2]:
            swapped = x.shape[-1] == other.shape[-1]
            raise ShapeError(
                "SHP107",
                f"`matmul`: {x} has {x.shape[-1]} columns, {other} has {other.shape[-2]} rows",
                operand=1,
                help="the first has as many columns as the second has rows",
                changes=[Change(operand=1, behind="transpose", reads=Tensor((*other.shape[:-2], *other.shape[:-3:-1])))]
                if swapped
                else (),
            )
        lead = _leading(x, other)
        if self.nonzero is not None and self.nonzero > x.elements:
            raise ShapeError(
                "SHP101",
                f"nonzero={self.nonzero} is more than the {x.elements} elements of {x}",
                "nonzero",
                "delete it for a matrix without zeros",
            )
        return Tensor((*lead, x.shape[-2], other.shape[-1]))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Rows of one factor meet columns of the other."""
        return None

    def letters(self, *inputs: Tensor) -> tuple[list[str], str]:
        """Of the stack, then `i`, `j` and `k` of its notation."""
        stack = "pqrstuvw"[: inputs[0].rank - 2]
        return [f"{stack}ik", f"{stack}kj"], f"{stack}ij"

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Every output element is a dot product over the inner size; with `nonzero`, only of the elements that are not 0."""
        x, other = inputs
        if self.nonzero is None:
            return self.counted(0, y, x, other)
        stretched = product(y.shape[:-2]) // product(x.shape[:-2])
        return stretched * self.nonzero * other.shape[-1]

    def counted(self, macs: int, y: Tensor, *inputs: Tensor) -> int:
        """Zeros count too: PyTorch's counter ignores `nonzero`, and sparse matrices likewise."""
        return y.elements * inputs[0].shape[-1]

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """As many as in the forward pass for each operand whose gradient is needed."""
        return self.macs(y, *inputs) * sum(needs)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Each factor, for the other's gradient; a copy if it is broadcast over a stack that is not contiguous."""
        kept, extra = [], {}
        for index, other in ((0, 1), (1, 0)):
            if how.needs[other]:
                factor = inputs[index]
                stretched = how.strides[index].expanded((how.batch, *y.shape[:-2], *factor.shape[-2:]))
                if stretched.viewed(joined(stretched.sizes, 0, y.rank - 2)) is not None:
                    kept.append(index)
                else:
                    elements = product((*y.shape[:-2], *factor.shape[-2:]))
                    extra[f"operand {index}"] = how.batch * plain(elements) * how.width
        return Saved(tuple(kept), extra=extra)

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """The blocks of 16-bit products of stacks; backward the gradient of the first factor comes first."""
        a, b = inputs
        if how.width != 2 or not (a.batched and b.batched):
            return 0, 0
        from archcalc.layers.kernels.narrow import room  # only memory asks

        rows, depth, columns = (plain(size) for size in (*a.shape[-2:], b.shape[-1]))
        turned = how.strides[0].steps[-1] != 1
        backward = 0
        if how.needs[0]:
            later = how.batch * b.numel * how.width * how.needs[1]
            backward = max(0, room(how, rows, columns, depth) - later)
        if how.needs[1]:
            backward = max(backward, room(how, depth, rows, columns, turned=not turned))
        return room(how, rows, depth, columns, turned), backward

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0} @ {1}")


def _leading(a: Tensor, b: Tensor) -> tuple[int, ...]:
    """The broadcast leading axes of two stacks of matrices, aligned from the right as in PyTorch.

    Stacks of unequal depth are refused: the batch axis in front would be broadcast along with them.
    """
    if a.rank != b.rank:
        raise ShapeError(
            "SHP107",
            f"`matmul`: {a} and {b} have different numbers of axes",
            operand=1,
            help="`reshape` one of them; axes of size 1 stretch",
        )
    lead = []
    for m, n in zip(a.shape[:-2], b.shape[:-2]):
        if m != n and 1 not in (m, n):
            raise ShapeError(
                "SHP107",
                f"`matmul`: the leading axes of {a} and {b} do not match",
                operand=1,
                help="they must be equal or 1",
            )
        lead.append(n if m == 1 else m)
    return tuple(lead)


@layer("scale", first="factor")
class Scale(Layer):
    """Multiplies by a fixed number. [...] -> the same shape."""

    one_pass = True
    bare = True
    keeps_nothing = True
    notation = "y = factor · x"
    symbols = {"factor": "factor"}

    layout = KEEPS
    elementwise = True
    reads_stretched = True

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the input and a number."""
        return iterated(how.strides[0], NUMBER)

    factor: float = arg(Number, "the number")

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """Times the factor."""
        return True

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One product an element."""
        return work(y.elements, "element", ("product", 1))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0} * {factor}", factor=self.factor)


@layer("moe", aliases=("mixtureofexperts", "experts", "switch", "switchffn"))
class MoE(Layer):
    """A router sends each position to its top_k of `experts` copies of the inner layers.

    [*, width] -> [*, out]; the inner layers see one position, a vector [width]. The router is a
    linear map, by default without bias. Source: Shazeer et al. 2017; Jiang et al. 2024 (Mixtral).
    """

    scope = "experts"
    one_pass = True
    notation = (
        "p = softmax(x W_R)        the router's weights for each position\n"
        "y = Σ p[e] · expert_e(x) / Σ p[e]        over the k experts e with the largest p"
    )
    symbols = {"k": "top_k"}
    inputs_read = ("x", "expert(x)")

    layout = FEATURES_LAST
    broadcasts = True
    autocast = ROUTED
    wants = "a vector or a sequence of vectors"
    depth = 0

    experts: int = arg(Whole, "copies of the inner layers, each with its own weights", min=1, aliases=("num_experts",))
    top_k: int = arg(Whole, "experts that each position goes to", min=1, aliases=("k",))
    layers: tuple[Tensor, ...] = arg(Body, "the layers of one expert")
    bias: bool = arg(Flag, "add a learned number to the router's score of each expert", default=False)

    @property
    def label(self) -> str:
        """E.g. `moe 8 experts, top 2`."""
        return f"moe {self.experts} experts, top {self.top_k}"

    def enter(self, x: Tensor) -> Tensor:
        """One position."""
        return Tensor((x.shape[-1],))

    def copies(self, x: Tensor) -> tuple[int, int, int]:
        """All experts are stored; each position runs top_k of them."""
        return self.experts, product(x.shape[:-1]) * self.top_k, self.top_k

    def output_rank(self, *inputs: Tensor) -> int:
        """Positions stay positions: the rank does not change."""
        return inputs[0].rank

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """It computes the same at every position."""
        return True

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a top_k above the number of experts, or experts that do not return a vector.

        Positions are routed sample by sample: an input that is the same for all samples is refused.
        """
        if not x.batched:
            raise ShapeError(
                "SHP101",
                f"`moe` routes the positions of each sample, but {x} depends only on parameters",
                help="use the layers of one expert without `moe`, or add something of the input",
            )
        if self.top_k > self.experts:
            changes = [Change({"top_k": self.experts}), Change({"experts": self.top_k})]
            raise ShapeError(
                "SHP101", f"top_k={self.top_k} is more than the {self.experts} experts", "top_k", changes=changes
            )
        if others[0].rank != 1:
            raise ShapeError(
                "SHP101",
                f"an expert gives {others[0]}, it must give a vector",
                "layers",
                "an expert sees one position and gives one vector",
            )
        return Tensor((*x.shape[:-1], others[0].shape[0]))

    def params(self, x: Tensor) -> dict[str, Shape]:
        """The router; the experts are counted separately."""
        bias = {"router.bias": (self.experts,)} if self.bias else {}
        return {"router.weight": (self.experts, x.shape[-1]), **bias}

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """The router's product for each position."""
        return inputs[0].elements * self.experts

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Bias and softmax over the experts, and the weighted sum of the chosen ones' outputs."""
        positions = product(inputs[0].shape[:-1])
        pieces = ("softmax", 5), ("bias", int(self.bias))
        router = part("router", work(positions * self.experts, "position and expert", *pieces))
        chosen = work(self.top_k * y.elements, "chosen expert's output element", ("product", 1), ("addition", 1))
        return router + part("weighted sum", chosen)

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """Vectors that cannot be viewed as the rows of one matrix."""
        return () if are_rows(how.strides[0]) else (0,)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The router's input, softmax and choice; for each routed token, its expert, weight and output."""
        positions = how.batch * plain(product(inputs[0].shape[:-1]))
        sent = positions * plain(self.top_k)
        routes = sent * (2 * _INDEX + (how.width if how.needs[1] else 0))
        extra = {"routes": routes, "weighted outputs": sent * plain(y.shape[-1]) * self.element_bytes(how)}
        spread = tuple(extra)
        if not how.learns and not how.needs[0]:  # no gradient goes to the router
            return Saved(extra=extra, spread=spread)
        extra["router"] = positions * (plain(self.experts) + 1) * how.width + sent * (_INDEX + how.width)
        return Saved((0, 1) if how.learns else (1,), extra=extra, spread=spread)

    def element_bytes(self, how: Saving) -> int:
        """The experts' type, which may be wider than that of the scores."""
        return max(how.width, how.given[1]) if how.given else how.width

    def _contribution(self, how: Saving, y: Tensor, x: Tensor) -> tuple[int, int]:
        """How many positions go to one expert if all have as many, and the bytes that it gives for them."""
        positions = how.batch * plain(product(x.shape[:-1]))
        sent = -(-positions * plain(self.top_k) // plain(self.experts))
        return sent, sent * plain(y.shape[-1]) * self.element_bytes(how)

    def around(self, how: Saving, y: Tensor, *inputs: Tensor) -> int:
        """The sum so far, and what is kept for backward of the router and of the experts before.

        At inference the scores, the chosen experts with their weights, and the previous expert's contribution.
        """
        several = plain(self.experts) > 1
        sent, given = self._contribution(how, y, inputs[0])
        answer = y.numel * how.batch * self.element_bytes(how) * several
        if how.keeps:
            kept = self.saved(how, y, *inputs)
            own = sum(kept.extra[name] for name in kept.spread) // plain(self.experts)
            return sum(kept.extra.values()) - own + answer
        positions, chosen = (
            how.batch * plain(product(inputs[0].shape[:-1])),
            plain(self.top_k) * (2 * how.width + _INDEX),
        )
        return positions * (plain(self.experts) * how.width + chosen) + answer + given * several + sent * 2 * _INDEX

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """The sum without the last expert, and at inference the router's output.

        Backward, for one expert: the gradient of what it adds, then of that before and after the weights.
        """
        sent, given = self._contribution(how, y, inputs[0])
        to_router = how.learns or how.needs[0]
        backward = max(1, how.needs[1] + to_router) * given + sent * how.width * to_router
        if not how.keeps:
            return self.around(how, y, *inputs) - given * (plain(self.experts) > 1), 0
        return y.numel * how.batch * self.element_bytes(how) * (plain(self.experts) > 1), backward

    def joining(self, how: Saving, y: Tensor, *inputs: Tensor) -> int:
        """Gradients of the weights or of the scores, with the router's part of that of the input."""
        x, asked = inputs[0], how.needs[0]
        if not (how.learns or asked):
            return 0
        positions = how.batch * plain(product(x.shape[:-1]))
        given = how.given[0] if how.given else how.width
        part = x.numel * how.batch * (how.width + given * (given != how.width)) * asked
        return max(5 * positions * plain(self.top_k) * how.width, positions * plain(self.experts) * how.width + part)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("MixtureOfExperts", x.shape[-1], top_k=self.top_k, **given(bias=(self.bias, False)))
