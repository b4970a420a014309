"""Published networks as functions in plain PyTorch, which take their weights one after the other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Take = Callable[[], Tensor]


class Written(nn.Module):
    """A function of weights of the shapes of `module`'s, a batch norm with what it stores, inputs, and the constants."""

    def __init__(self, function: Callable[..., object], module: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList([nn.Parameter(torch.zeros_like(one)) for one in module.parameters()])
        self.stored: list[str] = []
        self.constants: list[str] = []
        for index, (name, one) in enumerate(module.named_buffers()):
            self.register_buffer(f"stored{index}", one.clone())
            if name.endswith(("running_mean", "running_var")):
                self.stored.append(f"stored{index}")
            elif one.is_floating_point():
                self.constants.append(f"stored{index}")

    def forward(self, *inputs: Tensor) -> object:
        rest, stored = iter(self.weights), iter([self.get_buffer(name) for name in self.stored])

        def batch_norm(x: Tensor) -> Tensor:
            mean, var = (next(stored) for _ in range(2))
            return F.batch_norm(x, mean, var, next(rest), next(rest), self.training)

        result = self.function(lambda: next(rest), batch_norm, *inputs, *map(self.get_buffer, self.constants))
        assert not list(rest), "weights that nothing reads"
        return result


def linear(take: Take, x: Tensor, bias: bool = True) -> Tensor:
    return F.linear(x, take(), take() if bias else None)


def mlp(take: Take, x: Tensor, layers: int, between: Callable[[Tensor], Tensor]) -> Tensor:
    for index in range(layers):
        x = linear(take, x if index == 0 else between(x))
    return x


def nerf(take: Take, _: object, place: Tensor, direction: Tensor, ten: Tensor, four: Tensor) -> tuple[Tensor, Tensor]:
    """Mildenhall et al. 2020, equation 4 and figure 7, with octaves of 1 and not of π."""

    def waves(x: Tensor, rates: Tensor) -> Tensor:
        angles = x[..., None] * rates
        return torch.cat([x, torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)], -1)

    where = waves(place, ten)
    x = mlp(take, where, 5, F.relu).relu()
    features = mlp(take, torch.cat([where, x], -1), 3, F.relu).relu()
    density = linear(take, features).relu()
    seen = torch.cat([linear(take, features), waves(direction, four)], -1)
    return mlp(take, seen, 2, F.relu).sigmoid(), density


def graphsage(take: Take, _: object, x: Tensor, neighbours: Tensor) -> Tensor:
    """Hamilton et al. 2017, algorithm 1, whose aggregator is the mean."""
    for _layer in range(2):
        x = F.normalize(linear(take, torch.cat([x, neighbours @ x], -1), bias=False).relu(), dim=-1)
    return linear(take, x)


def gat(take: Take, _: object, x: Tensor, edges: Tensor) -> Tensor:
    """Veličković et al. 2017, equations 1 to 6: every pair scored as a pair."""

    def attend(x: Tensor) -> Tensor:
        weight, source, target = take(), take(), take()
        heads, _, size = source.shape
        found = []
        for head in range(heads):
            h = x @ weight[head * size : (head + 1) * size].T
            n = h.shape[1]
            pairs = torch.cat([h[:, :, None].expand(-1, n, n, -1), h[:, None].expand(-1, n, n, -1)], -1)
            scores = F.leaky_relu(pairs @ torch.cat([source[head, 0], target[head, 0]]), 0.2) + edges
            found.append(scores.softmax(-1) @ h)
        return torch.stack(found, 1)

    x = F.elu(attend(x).transpose(1, 2).flatten(2) + take())
    return attend(x).mean(1) + take()


def realnvp(take: Take, _: object, x: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Dinh et al. 2016, equation 9, whose mask is `first` and 1 less it, which is `second`; and the sum of what it stretches."""
    total = torch.zeros(len(x), 1, dtype=x.dtype)
    for index in range(4):  # of two copies with two couplings each
        keep, change = (first, second) if index % 2 == 0 else (second, first)
        kept = x * keep
        stretch = mlp(take, kept, 3, F.leaky_relu).tanh() * change
        moved = mlp(take, kept, 3, F.leaky_relu)
        x, total = kept + change * (x * stretch.exp() + moved), total + stretch.sum(-1, keepdim=True)
    return x, total


def vqvae(take: Take, _: object, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Van den Oord et al. 2017: the nearest code by distance, and its gradient copied to the encoder."""

    def conv(x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, take(), take(), stride, padding)

    def residuals(x: Tensor) -> Tensor:
        for _copy in range(2):
            x = x + conv(conv(x.relu(), padding=1).relu())
        return x.relu()

    x = conv(conv(conv(picture, 2, 1).relu(), 2, 1).relu(), padding=1)
    found = conv(residuals(x))
    table = take()
    places = found.permute(0, 2, 3, 1)
    nearest = (
        table[torch.cdist(places.flatten(1, 2), table).argmin(-1)].unflatten(1, places.shape[1:3]).permute(0, 3, 1, 2)
    )
    x = residuals(conv(found + (nearest - found).detach(), padding=1))
    x = F.conv_transpose2d(x, take(), take(), 2, 1).relu()
    return F.conv_transpose2d(x, take(), take(), 2, 1), found, nearest


def lstm(weights: list[Tensor], x: Tensor) -> Tensor:
    """The states of one direction at all steps."""
    size = weights[1].shape[1]
    h = c = torch.zeros(len(x), size, dtype=x.dtype)
    states = []
    for step in x.unbind(1):
        h, c = cell(weights, step, h, c)
        states.append(h)
    return torch.stack(states, 1)


def cell(weights: list[Tensor], x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    w, u, b, d = weights
    takes, keeps, new, shows = (F.linear(x, w, b) + F.linear(h, u, d)).chunk(4, -1)
    c = keeps.sigmoid() * c + takes.sigmoid() * new.tanh()
    return shows.sigmoid() * c.tanh(), c


def tacotron2(take: Take, batch_norm: Callable[[Tensor], Tensor], text: Tensor, mel: Tensor) -> tuple[Tensor, ...]:
    """Shen et al. 2017, figure 1, with the attention of Chorowski et al. 2015, equation 8; no dropout."""

    def unit(x: Tensor) -> Tensor:
        return batch_norm(F.conv1d(x, take(), take(), padding=2))

    x = F.embedding(text, take()).transpose(1, 2)
    for _layer in range(3):
        x = unit(x).relu()
    x = x.transpose(1, 2)
    forward, backward = ([take() for _ in range(4)] for _ in range(2))
    memory = torch.cat([lstm(forward, x), lstm(backward, x.flip(1)).flip(1)], -1)
    keys = linear(take, memory, bias=False)
    frames = F.pad(mel, (1, 0))[..., :-1].transpose(1, 2)
    frames = linear(take, linear(take, frames, bias=False).relu(), bias=False).relu()
    query_cell = [take() for _ in range(4)]
    around, place, query, score = take(), take(), take(), take()
    state_cell = [take() for _ in range(4)]
    ah = ac = dh = dc = torch.zeros(len(mel), query_cell[1].shape[1], dtype=mel.dtype)
    context = torch.zeros_like(memory[:, 0])
    weights = total = torch.zeros(memory.shape[:2], dtype=mel.dtype)
    states = []
    for frame in frames.unbind(1):
        ah, ac = cell(query_cell, torch.cat([frame, context], -1), ah, ac)
        located = F.conv1d(torch.stack([weights, total], 1), around, padding=15).transpose(1, 2)
        energies = (keys + F.linear(located, place) + F.linear(ah, query)[:, None]).tanh() @ score[0]
        weights = energies.softmax(-1)
        context, total = torch.einsum("bn,bnd->bd", weights, memory), total + weights
        dh, dc = cell(state_cell, torch.cat([ah, context], -1), dh, dc)
        states.append(torch.cat([dh, context], -1))
    decoded = torch.stack(states, 1)
    coarse = linear(take, decoded).transpose(1, 2)
    stop = linear(take, decoded)
    x = coarse
    for _layer in range(4):
        x = unit(x).tanh()
    return coarse, stop, unit(x) + coarse


def nbeats(take: Take, _: object, past: Tensor) -> Tensor:
    """Oreshkin et al. 2019, equations 1 and 2, and the doubly residual sums of section 3.2, of two blocks."""
    forecast = None
    for _block in range(2):
        h = mlp(take, past, 4, F.relu).relu()
        past = past - linear(take, linear(take, h, bias=False), bias=False)
        part = linear(take, linear(take, h, bias=False), bias=False)
        forecast = part if forecast is None else forecast + part
    assert forecast is not None
    return forecast


def pointnet(take: Take, batch_norm: Callable[[Tensor], Tensor], points: Tensor, *identities: Tensor) -> Tensor:
    """Qi et al. 2016, figure 2: shared layers as convolutions over points, as they are published."""

    def shared(x: Tensor, layers: int) -> Tensor:
        for _layer in range(layers):
            x = batch_norm(F.conv1d(x, take()[..., None])).relu()
        return x

    def full(x: Tensor) -> Tensor:
        for _layer in range(2):
            x = batch_norm(F.linear(x, take())).relu()
        return linear(take, x)

    def turned(x: Tensor, identity: Tensor) -> Tensor:
        turn = full(shared(x, 3).amax(-1)).unflatten(1, identity.shape) + identity
        return (x.transpose(1, 2) @ turn).transpose(1, 2)

    x = turned(points.transpose(1, 2), identities[0])
    x = turned(shared(x, 2), identities[1])
    return full(shared(x, 3).amax(-1))
