"""What an imported spec looks like: the patterns that people know by name, blocks with arguments, repeats."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph

from .test_calls import Of, parameter, read


def layers(module: nn.Module, *inputs) -> str:
    """The spec without its head and `expect:`, in one line."""
    reading = read(module, *inputs)
    assert reading.comparison.equal, reading.text
    assert not reading.comparison.declared, reading.text
    text = reading.text.partition("blocks:\n")[2] or reading.text.partition("layers:\n")[2]
    return " ".join(text.partition("expect:")[0].split())


class Attention(nn.Module):
    """Attention as it is written by hand, in one of several ways."""

    def __init__(self, width=16, heads=4, *, way="fused", qkv_bias=True, bias=False, norm=False, positions=12):
        super().__init__()
        self.heads, self.size, self.way = heads, width // heads, way
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        if way == "three":
            del self.qkv
            self.q, self.k, self.v = (nn.Linear(width, width, bias=qkv_bias) for _ in range(3))
        self.proj = nn.Linear(width, width)
        self.norms = nn.ModuleList([nn.RMSNorm(self.size), nn.RMSNorm(self.size)]) if norm else None
        self.table = parameter(heads, positions, positions) if bias else None

    def forward(self, x):
        batch, n, width = x.shape
        if self.way == "three":
            q, k, v = (f(x).view(batch, n, self.heads, self.size).transpose(1, 2) for f in (self.q, self.k, self.v))
        elif self.way == "chunks":
            q, k, v = (one.unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in self.qkv(x).chunk(3, dim=-1))
        elif self.way == "mixed":
            q, k, v = self.qkv(x).view(batch, n, self.heads, 3, self.size).permute(3, 0, 2, 1, 4)
        else:
            q, k, v = self.qkv(x).reshape(batch, n, 3, self.heads, self.size).permute(2, 0, 3, 1, 4).unbind(0)
        if self.norms is not None:
            q, k = self.norms[0](q), self.norms[1](k)
        if self.way == "fused":
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            scores = (q * self.size**-0.5) @ k.transpose(-2, -1)
            if self.table is not None:
                scores = scores + self.table
            x = F.dropout(scores.softmax(-1), 0.0, self.training) @ v
        return self.proj(x.transpose(1, 2).reshape(batch, n, width))


@pytest.mark.parametrize("way", ["fused", "by hand", "three", "chunks", "mixed"])
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "attention 4"),
        ({"qkv_bias": False}, "attention 4 bias=o"),
        ({"norm": True}, "attention 4 qknorm=true qknorm_eps=1.19209289551e-7"),
    ],
)
def test_attention(way, keys, words):
    assert layers(Attention(way=way, **keys), (12, 16)) == f"- {words}"


def test_attention_with_a_table():
    assert (
        layers(Attention(way="by hand", bias=True), (12, 16))
        == "- [parameter 4x12x12 name=table, attention 4 relbias=table from=input]"
    )


def test_what_is_no_attention_stays_as_it_is():
    def transposed(m, x):
        q, k, v = m.qkv(x).view(len(x), 12, 4, 3, 4).permute(3, 0, 2, 1, 4)  # heads and features mixed otherwise
        y = F.scaled_dot_product_attention(q, k, v)
        return m.proj(y.permute(0, 2, 3, 1).reshape(len(x), 12, 16))

    module = Of(transposed, qkv=nn.Linear(16, 48), proj=nn.Linear(16, 16))
    assert "attention" not in layers(module, (12, 16))


def test_residuals_and_shortcuts():
    class Block(nn.Module):
        def __init__(self, width, out, stride=1):
            super().__init__()
            self.conv = nn.Sequential(nn.Conv2d(width, out, 3, stride, 1), nn.ReLU(), nn.Conv2d(out, out, 3, 1, 1))
            self.short = nn.Conv2d(width, out, 1, stride) if width != out else None

        def forward(self, x):
            return self.conv(x) + (x if self.short is None else self.short(x))

    text = layers(nn.Sequential(Block(8, 16, 2), Block(16, 16), Block(16, 16)), (8, 10, 10))
    assert text == (
        "conv_block(stride=1): - [conv 16 kernel=3 stride=stride padding=1, relu, conv 16 kernel=3 padding=1] layers: "
        "- residual: {layers: [conv_block 2], shortcut: [conv 16 kernel=1 stride=2]} - residual: [conv_block] repeat: 2"
    )


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return x + self.down(F.gelu(self.up(self.norm(x))))


def test_blocks_have_the_numbers_that_differ_as_arguments():
    net = nn.Sequential(Mlp(8), nn.Linear(8, 16), Mlp(16), Mlp(16), nn.Linear(16, 32), Mlp(32), Mlp(32), Mlp(32))
    assert layers(net, (5, 8)) == (
        "mlp(width): - residual: [layernorm, linear 4*width, gelu, linear width] "
        "layers: - [mlp 8, linear 16, mlp 16 repeat=2, linear 32, mlp 32 repeat=3]"
    )


def test_a_block_of_one_place_stands_there():
    assert layers(nn.Sequential(*(Mlp(8) for _ in range(6))), (5, 8)) == (
        "- residual: [layernorm, linear 32, gelu, linear 8] repeat: 6"
    )


def test_the_first_of_several_inputs_is_named_where_it_is_read():
    net = Of(lambda m, x, y: m.a(x.relu()) + m.b(y), a=nn.Linear(8, 4), b=nn.Linear(6, 4))
    assert layers(net, (8,), (6,)).startswith("- [relu from=input, linear 4")


def test_an_inlined_module_starts_from_a_layer_that_has_a_name():
    def forward(m, x):
        low, high = m.a(x), m.b(x)
        return m.c(low) * high.relu() * low

    net = Of(forward, a=nn.Linear(8, 8), b=nn.Linear(8, 8), c=Of(lambda m, x: x + m.d(x), d=nn.Linear(8, 8)))
    text = layers(net, (8,))
    assert "identity from=a] - residual: [linear 8]" in text
    assert text.count("name=a") == 1


def entangled() -> nn.Module:
    """Blocks that are no branches: what is between reads the same tensors."""

    def block(m, x):
        low = m.a(x)
        return (low * m.b(low) + m.c(x)) * x + low

    return nn.Sequential(*(Of(block, a=nn.Linear(8, 8), b=nn.Linear(8, 8), c=nn.Linear(8, 8)) for _ in range(3)))


def test_a_block_that_reads_its_input_by_name_stays_where_it_is_repeated():
    text = layers(entangled(), (8,))
    assert text.count("from=input") == 1
    assert text.endswith("layers: - of repeat=3")


class Layers(nn.Module):
    """Layers that read what they start from by name, with a table beside it."""

    def __init__(self, count=4):
        super().__init__()
        self.table = parameter(5, 8)
        self.stem = nn.Linear(8, 8)
        self.layers = nn.ModuleList(nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)]) for _ in range(count))

    def forward(self, x):
        x = self.stem(x)
        for a, b in self.layers:
            low = a(x + self.table)
            x = low * b(x).tanh() + low.relu()
        return x + x.sin()


def test_copies_that_read_their_input_by_name_have_a_name_for_it():
    text = layers(Layers(), (5, 8))
    assert "repeat: 4 layers: - identity name=x -" in text
    assert text.count("tanh") == 1


class Growing(nn.Module):
    """Layers that read what all before them gave; the first reads one tensor alone."""

    class Layer(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm, self.conv = nn.BatchNorm2d(width), nn.Conv2d(width, 4, 3, padding=1)

        def forward(self, found):
            return self.conv(F.relu(self.norm(torch.cat(found, 1))))

    def __init__(self, width, depth):
        super().__init__()
        self.layers = nn.ModuleList(Growing.Layer(width + 4 * index) for index in range(depth))

    def forward(self, x):
        found = [x]
        for layer in self.layers:
            found.append(layer(found))
        return torch.cat(found, 1)


def test_a_first_layer_that_is_a_module_call_of_its_own_joins_the_others():
    text = layers(nn.Sequential(Growing(8, 3), nn.AvgPool2d(2), Growing(20, 5), Growing(40, 4)), (8, 8, 8))
    assert text == (
        "growing(depth): - concat: [prev, [batchnorm, relu, conv 4 kernel=3 padding=1]] repeat: depth "
        "layers: - [growing 3, avgpool 2, growing 5, growing 4]"
    )


def test_branches_and_skips():
    def gated(m, x):
        return m.a(x) * torch.sigmoid(m.b(x))

    assert layers(Of(gated, a=nn.Linear(8, 4), b=nn.Linear(8, 4)), (8,)) == "- mul: [[linear 4], [linear 4, sigmoid]]"

    def unet(m, x):
        low = m.a(x)
        return torch.cat([low, m.c(F.interpolate(m.b(low), scale_factor=2))], 1)

    module = Of(unet, a=nn.Conv2d(3, 4, 3, padding=1), b=nn.Conv2d(4, 8, 2, 2), c=nn.Conv2d(8, 4, 1))
    text = layers(module, (3, 8, 8))
    assert (
        text == "- conv 4 kernel=3 padding=1 - concat: [prev, [conv 8 kernel=2 stride=2, upsample 2, conv 4 kernel=1]]"
    )


def test_positions_tokens_and_scales():
    def start(m, x):
        x = m.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([m.token.expand(len(x), -1, -1), x], 1) + m.table
        return x * m.gamma

    module = Of(
        start, patches=nn.Conv2d(3, 8, 4, 4), token=parameter(1, 1, 8), table=parameter(1, 5, 8), gamma=parameter(8)
    )
    assert layers(module, (3, 8, 8)) == (
        "- [conv 8 kernel=4 stride=4, rearrange 'c h w -> (h w) c', clstoken, posembed, layerscale]"
    )


def test_windows_are_one_pattern():
    def windows(m, x):
        batch, height, width, c = x.shape
        x = x.view(batch, height // 2, 2, width // 3, 3, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 6, c)
        x = m.map(x)
        x = x.view(batch, height // 2, width // 3, 2, 3, c).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(batch, height, width, c)

    text = layers(Of(windows, map=nn.LayerNorm(5)), (4, 6, 5))
    assert text == (
        "- [rearrange '(y h) (x w) c -> (y x) (h w) c' h=2 w=3, layernorm] - rearrange '(y x) (h w) c -> (y h) (x w) c' x=2 w=3"
    )


def test_every_text_is_a_spec_that_meets_what_it_expects():
    reading = read(nn.Sequential(Mlp(8), nn.Linear(8, 16), Mlp(16)), (5, 8))
    graph = build_graph(Source("net.yaml", reading.text))
    assert [list(map(int, one.shape)) for one in graph.outputs.values()] == [[5, 16]]


def test_repeats_read_what_lies_before_them():
    def forward(m, x):
        for one in m.maps:
            x = x + one(x * m.table)
        return x

    maps = nn.ModuleList(nn.Linear(5, 5) for _ in range(3))
    text = layers(Of(forward, maps=maps, table=parameter(4, 5)), (4, 5))
    assert "repeat: 3" in text or "repeat=3" in text, text


def test_positions_stay_apart():
    def forward(m, x):
        batch, channels, height, width = x.shape
        x = x.flatten(2).transpose(1, 2)
        x = x + m.map(x)
        return m.conv(x.transpose(1, 2).reshape(batch, channels, height, width))

    text = layers(Of(forward, map=nn.Linear(5, 5), conv=nn.Conv2d(5, 5, 3, padding=1)), (5, 4, 6))
    assert "rearrange 'c h w -> h w c'" in text, text
    assert "=4" not in text


class Unread(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 4), nn.Linear(6, 5)

    def forward(self, x):
        self.b(x)
        return self.a(x)


def test_what_is_computed_for_nothing_is_told():
    reading = read(Unread(), (6,))
    assert reading.comparison.equal
    assert reading.comparison.macs == (24, 24)
    (line,) = [line for line in reading.comparison.lines("x") if "MACs of results that nothing reads" in line]
    assert line.startswith("  30 MACs of results that nothing reads are not in the spec:")
    assert "test_text.py:" in line


class Alike(nn.Module):
    """Each layer makes the same table for itself, and another one draws."""

    def __init__(self, drawn=False):
        super().__init__()
        self.drawn = drawn

    def forward(self, x):
        for _ in range(3):
            table = torch.rand(6) if self.drawn else torch.arange(6.0) * 2
            x = x * table
        return x


def test_constants_that_are_made_alike_are_one():
    assert layers(Alike(), (6,)) == "- [constant 6 name=fixed, identity from=input] - mul: [prev, fixed] repeat: 3"
    assert layers(Alike(drawn=True), (6,)) == "- mul: [prev, [constant 6]] repeat: 3"


def test_features_that_grow_read_the_join_before():
    def forward(m, x):
        features = [x]
        for one in m.maps:
            features.append(one(torch.cat(features, 2)))
        return torch.cat(features, 2)

    maps = nn.ModuleList(nn.Linear(5 + 3 * index, 3) for index in range(6))
    text = layers(Of(forward, maps=maps), (4, 5))
    assert "repeat: 5" in text or "repeat: 6" in text, text


class Masked(nn.Module):
    """Asks for the numbers of a mask, writes into it, and asks again."""

    def forward(self, x):
        mask = torch.ones(x.shape, device=x.device)
        if not mask.all():
            x = x.exp()
        mask[:, 2:] = 0
        return x.relu() if mask.all() else x.tanh()


def test_numbers_of_a_constant_are_those_it_has_then():
    assert layers(Masked(), (6,)) == "- tanh"


def test_fractions_and_roots_are_written_as_such():
    module = Of(lambda m, x: x * (1 / 15) + x * 48**-0.5 + x * 2**0.5 + x * 0.04 + x * 0.0123456789)
    text = read(module, (8,)).text
    written = ("scale 1/15", "scale 48**-0.5", "scale 2**0.5", "scale 0.04", "scale 0.0123456789")
    assert [one for one in written if one not in text] == []


def test_channels_dealt_by_hand_are_a_channelshuffle():
    """As ShuffleNet is written: its rows of an image stay rows, and its blocks repeat."""

    def shuffled(m, x):
        for conv in m.convs:
            x = conv(x).relu()
            x = x.view(x.shape[0], 2, 4, 6, 5).transpose(1, 2).contiguous().view(x.shape[0], 8, 6, 5)
        return x

    convs = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(3))
    assert "[conv 8 kernel=1, relu, channelshuffle 2]" in layers(Of(shuffled, convs=convs), (8, 6, 5))

    def rows(m, x):
        x = x.movedim(1, -1)
        return m.a(x.reshape(x.shape[0], 2, 3, 5, 8).transpose(1, 2).reshape(x.shape[0], 6, 5, 8))

    assert "channelshuffle" not in layers(Of(rows, a=nn.Linear(8, 8)), (8, 6, 5))


def test_fractions_are_written_as_such():
    assert "scale 3/85" in layers(Of(lambda m, x: m.a(x) * (3 / 85), a=nn.Linear(8, 8)), (8,))
