"""Files of weights by their headers: counted, compared with specs, and refused where they cannot be true."""

from __future__ import annotations

import json
import random
import struct

import pytest
from click.testing import CliRunner

from archcalc.cli import group
from archcalc.diagnostics import RequestError
from archcalc.weights.files import tensors_of

TENSORS = {
    "model.layers.0.a.weight": ("BF16", [3, 5]),
    "model.layers.1.a.weight": ("F32", [7]),
    "bn.running_mean": ("F32", [2]),
}
SIZES = {"BF16": 2, "F32": 4, "F8_E4M3": 1}


def safetensors(tensors=TENSORS, change=lambda header: None, cut=0):
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, shape) in tensors.items():
        size = SIZES[dtype]
        for one in shape:
            size *= one
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end - cut)


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(
    tensors=(("blk.0.attn_q.weight", [256, 4], 12), ("output.weight", [10, 3], 1)),
    keys=None,
    version=3,
    data=10_000,
    begin=None,
):
    pairs = (
        keys
        if keys is not None
        else [
            text("general.architecture") + struct.pack("<I", 8) + text("llama"),
            text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc"),
            text("scores") + struct.pack("<IIQ", 9, 6, 2) + bytes(8),
            text("flag") + struct.pack("<I", 7) + b"\1",
        ]
    )
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs)
    for index, (name, shape, kind) in enumerate(tensors):
        head += (
            text(name)
            + struct.pack("<I", len(shape))
            + struct.pack(f"<{len(shape)}Q", *shape)
            + struct.pack("<IQ", kind, 2048 * index if begin is None else begin)
        )
    return head + bytes(data)


def saved(tmp_path, data, name="model.bin"):
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


def run(*arguments):
    return CliRunner().invoke(group, [str(one) for one in arguments], prog_name="archcalc", standalone_mode=False)


def test_safetensors_are_counted(tmp_path):
    told = json.loads(run("weights", saved(tmp_path, safetensors()), "--format", "json").stdout)
    assert (told["params"], told["buffers"], told["bytes"]) == (22, 2, 66)
    assert [(part["name"], part["elements"], part["bytes"]) for part in told["types"]] == [
        ("F32", 9, 36),
        ("BF16", 15, 30),
    ]
    assert [part["name"] for part in told["modules"]] == ["model.layers", "bn"]
    shown = run("weights", saved(tmp_path, safetensors()), "--depth", "3").stdout
    assert "22 parameters · 66 B in the file" in shown
    assert "model.layers.1" in shown


def test_names_stay_on_their_line(tmp_path):
    """Names are data of the file: what moves the cursor or breaks a line is escaped, for people too."""
    shown = run("weights", saved(tmp_path, safetensors({"a\x1b[31m\u202e\nb.w": ("F32", [4])}))).stdout
    assert r"a\x1b[31m\u202e\nb " in shown


def test_gguf_is_counted(tmp_path):
    found = tensors_of(saved(tmp_path, gguf()))
    assert [(one.name, one.dtype, one.shape, one.bytes) for one in found] == [
        ("blk.0.attn_q.weight", "Q4_K", (4, 256), 4 * 144),
        ("output.weight", "F16", (3, 10), 60),
    ]


# Numbers in a block, and its bytes: scales of two bytes or one, then the numbers in so many bits.
BLOCKS = {
    "Q4_0": (32, 2 + 32 * 4 // 8), "Q4_1": (32, 4 + 32 * 4 // 8), "Q5_0": (32, 2 + 32 * 5 // 8), "Q5_1": (32, 4 + 32 * 5 // 8),
    "Q8_0": (32, 2 + 32), "Q2_K": (256, 4 + 16 + 64), "Q3_K": (256, 2 + 12 + 32 + 64), "Q4_K": (256, 4 + 12 + 128),
    "Q5_K": (256, 4 + 12 + 32 + 128), "Q6_K": (256, 2 + 16 + 64 + 128), "Q8_K": (256, 4 + 256 + 32),
    "IQ4_NL": (32, 2 + 16), "IQ4_XS": (256, 2 + 2 + 4 + 128), "IQ2_XXS": (256, 2 + 64), "IQ2_XS": (256, 2 + 64 + 8),
    "IQ2_S": (256, 2 + 64 + 8 + 8), "IQ3_XXS": (256, 2 + 96), "IQ3_S": (256, 2 + 64 + 8 + 32 + 4), "IQ1_S": (256, 2 + 32 + 16),
    "IQ1_M": (256, 32 + 16 + 8), "TQ1_0": (256, 2 + 48 + 4), "TQ2_0": (256, 2 + 64), "MXFP4": (32, 1 + 16),
    "NVFP4": (64, 4 + 32), "Q1_0": (128, 2 + 16), "Q2_0": (64, 2 + 16),
}  # fmt: skip
KINDS = {"Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14,
         "Q8_K": 15, "IQ2_XXS": 16, "IQ2_XS": 17, "IQ3_XXS": 18, "IQ1_S": 19, "IQ4_NL": 20, "IQ3_S": 21, "IQ2_S": 22,
         "IQ4_XS": 23, "IQ1_M": 29, "TQ1_0": 34, "TQ2_0": 35, "MXFP4": 39, "NVFP4": 40, "Q1_0": 41, "Q2_0": 42}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_quantised_kinds(name, tmp_path):
    numbers, size = BLOCKS[name]
    (found,) = tensors_of(saved(tmp_path, gguf(tensors=[("x", [512, 3], KINDS[name])])))
    assert (found.dtype, found.elements, found.bytes) == (name, 1536, 1536 // numbers * size)


def test_tensors_begin_where_the_header_is_aligned(tmp_path):
    keys = [text("general.alignment") + struct.pack("<II", 4, 4096)]
    one = gguf(tensors=[("x", [1024], 0)], keys=keys, data=0)
    room = 4096 - len(one)
    assert tensors_of(saved(tmp_path, one + bytes(room + 4096)))[0].bytes == 4096
    with pytest.raises(RequestError, match="incomplete"):
        tensors_of(saved(tmp_path, one + bytes(room + 4095)))


def test_several_files_and_their_index(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(safetensors({"x": ("BF16", [3])}))
    (tmp_path / "b.safetensors").write_bytes(safetensors({"y": ("F8_E4M3", [4, 4])}))
    assert sum(one.elements for one in tensors_of(str(tmp_path))) == 19
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "a.safetensors"}}), encoding="utf-8")
    assert sum(one.elements for one in tensors_of(str(index))) == 3
    assert sum(one.elements for one in tensors_of(str(tmp_path))) == 3
    for names in ({"x": "../a.safetensors"}, {"x": 3}, {}, [], {"x": ""}):
        index.write_text(json.dumps({"weight_map": names}), encoding="utf-8")
        with pytest.raises(RequestError, match="not an index of files beside it"):
            tensors_of(str(index))
    (tmp_path / "b.safetensors").write_bytes(safetensors({"x": ("BF16", [4])}))
    index.unlink()
    with pytest.raises(RequestError, match="is in several files"):
        tensors_of(str(tmp_path))


def test_a_spec_is_compared(tmp_path):
    spec = saved(tmp_path, b"model: m\ninput: [3]\nlayers: [linear 4]\n", "net.yaml")
    path = saved(tmp_path, safetensors({"w": ("F32", [4, 3]), "b": ("F32", [4])}))
    same = run("weights", path, "--against", spec)
    assert (same.return_value, "has the same number of parameters" in same.stderr) == (0, True)
    less = run("weights", saved(tmp_path, safetensors({"w": ("F32", [4, 3])})), "--against", spec)
    assert (less.return_value, "has 16 parameters: the file has 4 fewer" in less.stderr) == (1, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["bn.running_mean"].update(shape=[3]), "has 3 numbers of F32, and 8 bytes"),
        (lambda h: h["bn.running_mean"].update(data_offsets=[60, 68]), "do not follow"),
        (lambda h: h["bn.running_mean"].update(dtype="F33"), "has no valid entry for"),
        (lambda h: h["bn.running_mean"].update(shape=[-1]), "has no valid entry for"),
        (lambda h: h["bn.running_mean"].update(shape=[2**62, 2**62]), "numbers of F32"),
        (lambda h: h["bn.running_mean"].update(shape="22"), "has no valid entry for"),
        (lambda h: h.update(x=3), "has no valid entry for"),
    ],
)
def test_a_header_that_lies(tmp_path, change, message):
    with pytest.raises(RequestError, match=message):
        tensors_of(saved(tmp_path, safetensors(change=change)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (safetensors(cut=1), "it is incomplete"),
        (struct.pack("<Q", 90_000_000) + b"{}", "its header is longer"),
        (struct.pack("<Q", 4) + b"{]}}", "not valid JSON"),
        (struct.pack("<Q", 20_000) + b"{" + b'"a":[' * 4000, "longer than the file|not valid"),
        (struct.pack("<Q", 14) + b'{"a":1,"a":2}\n', "names a tensor twice"),
        (gguf(version=1), "version 1"),
        (gguf(data=0), "incomplete"),
        (gguf(version=3 << 24), "big-endian"),
        (gguf(begin=33), "does not begin at a multiple of 32 bytes"),
        (gguf(begin=64), "overlap those before it"),
        (gguf(keys=[text("general.alignment") + struct.pack("<II", 4, 48)]), "not a power of two"),
        (gguf(tensors=[("x", [128, 2], 12)]), "in blocks of 256 along its last axis"),
        (gguf(tensors=[("x", [5], 12)]), "in blocks of 256"),
        (gguf(tensors=[("x", [5], 99)]), "unknown type 99"),
        (gguf(tensors=[("x", [1] * 9, 1)]), "9 axes"),
        (gguf(tensors=[("x", [5], 1), ("x", [5], 1)]), "twice"),
        (gguf(keys=[text("k") + struct.pack("<I", 77)]), "unknown type 77"),
        (gguf(keys=[text("k") + struct.pack("<IIQ", 9, 9, 5)]), "lists of lists"),
        (gguf(keys=[text("k") + struct.pack("<IIQ", 9, 10, 2**61)]), "longer than the file"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "more tensors or keys"),
        (b"GGUF" + struct.pack("<I", 3), "longer than the file"),
        (b"", "not a supported weight file"),
        (b"model: m\n", "not a supported weight file"),
    ],
    ids=range(23),
)
def test_hostile_files(tmp_path, data, message):
    with pytest.raises(RequestError, match=message):
        tensors_of(saved(tmp_path, data))


def test_changed_bytes_give_tensors_or_an_error(tmp_path):
    draw = random.Random(5)
    for data in (safetensors(), gguf()):
        for _ in range(100):
            changed = bytearray(data)
            for _ in range(draw.randint(1, 4)):
                changed[draw.randrange(min(len(data), 300))] = draw.choice((0, 255, draw.randrange(256)))
            try:
                found = tensors_of(
                    saved(tmp_path, bytes(changed[: draw.choice((len(data), draw.randrange(len(data))))]))
                )
            except RequestError:
                continue
            assert sum(one.bytes for one in found) <= 2 * len(data)


def test_what_is_no_file(tmp_path):
    for path in (str(tmp_path), str(tmp_path / "none"), "/dev/null"):
        with pytest.raises(RequestError):
            tensors_of(path)
