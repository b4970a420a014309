"""Device files: those that come with the program are whole, and a wrong one is told what is wrong."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from archcalc.devices import LOCAL, Device, find, local_path, names, save
from archcalc.diagnostics import RequestError
from archcalc.reports.devices.report import known_from
from tests.each import each

from .conftest import ROOT

WHOLE = {
    "version": 1, "name": "mine", "title": "Mine", "kind": "gpu", "memory_bytes": 8, "context_bytes": 0,
    "bandwidth": 2.0, "peaks": {"fp32": 8.0}, "processors": 1, "source": "nowhere",
}  # fmt: skip


@each([path.stem for path in (ROOT / "archcalc" / "devices").glob("*.json")])
def test_is_whole(name: str) -> None:
    device = find(name)
    assert device.name == name, f'"name" in {name}.json must be "{name}", as its file is called'
    assert device.source, f'say in "source" of {name}.json where its numbers are from'
    assert device.peaks.get("fp16", 0) >= device.peaks["fp32"] or device.kind == "cpu"
    assert device.context_bytes < device.memory_bytes


def test_every_card_of_nvidia_has_its_compute_capability(tmp_path: Path) -> None:
    cards = {name: find(name) for name in names() if name not in LOCAL}
    for name, card in cards.items():
        assert bool(card.capability) == card.title.startswith("NVIDIA"), name
    assert (cards["a100"].capability, cards["rtx4090"].capability, cards["h200"].capability) == ("8.0", "8.9", "9.0")
    save(cards["t4"], str(tmp_path / "mine.json"))
    assert find(str(tmp_path / "mine.json")).capability == "7.5"
    save(cards["m4"], str(tmp_path / "mine.json"))
    assert "capability" not in json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))


def test_a_device_says_what_its_times_are_known_from() -> None:
    found = {name: known_from(find(name)) for name in ("h100", "rtx4090", "h200")}
    assert found == {"h100": "profiles", "rtx4090": "benchmarks", "h200": "datasheet"}


def test_the_format_is_documented() -> None:
    text = (ROOT / "docs" / "devices.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert set(documented) == {"version", *(field.name for field in fields(Device))}


@each(
    [
        ("RTX A6000", "a6000"), ("GeForce RTX 5090", "rtx5090"), ("RTX 3060 Ti", "rtx3060ti"), ("Apple M4 Max", "m4max"),
        ("Jetson Orin Nano Super", "orin-nano"), ("A10G", "a10g"), ("NVIDIA B200", "b200"), ("RTX PRO 6000", "rtxpro6000"),
        ("4060 Ti 16GB", "rtx4060ti-16gb"), ("RTX 4090 24GB", "rtx4090"), ("RTX 4090 24 GB", "rtx4090"), ("1x A100", "a100"), ("RTX 4061", None),
        ("a100-40", "a100-40gb"), ("A100 40 GB", "a100-40gb"), ("a100_80", "a100"), ("A100 48GB", None), ("RTX 3080 12GB", None),
        ("V100-16", "v100-16gb"), ("M3 Max 64GB", None), ("RTX 6000 Ada 48GB", "rtx6000ada"),
        ("H100 PCIe", None), ("H100 SXM", "h100"), ("NVIDIA A100-SXM4-80GB", "a100"), ("A100 PCIe", None), ("V100 SXM2", "v100"),
        ("RTX 4070 Ti Super", None), ("RTX 4080 Super", None), ("T4 PCIe", "t4"),
        ("NVIDIA H100 80GB HBM3", "h100"), ("NVIDIA RTX 6000 Ada Generation", "rtx6000ada"), ("AMD Instinct MI300X OAM", "mi300x"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "rtxpro6000"),
    ],
)  # fmt: skip
def test_names_as_people_and_drivers_write_them(written: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(RequestError):
            find(written)
    else:
        assert find(written).name == name


def test_memory_is_less_than_the_number_in_the_name() -> None:
    for name in names():
        device = find(name)
        stated = re.search(r"(\d+) GB", device.title)
        assert stated is not None, name
        assert device.memory_bytes < int(stated[1]) * 1024**3, name


def test_the_ridge_of_an_h100() -> None:
    assert find("h100").ridge("bf16") == pytest.approx(989.4 / 3.35, rel=1e-9)


def test_a_number_is_enough() -> None:
    assert [find(name).name for name in ("4090", "3090", "3060 ti")] == ["rtx4090", "rtx3090", "rtx3060ti"]


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(WHOLE))
    assert find(str(path)).ridge("fp32") == 4


@each([("h1000", "h100"), ("rtx4091", "rtx4090"), ("4x A100", "a100"), ("8 × 4090", "rtx4090"), ("2 A100", "a100")])
def test_suggests_a_name(written: str, name: str) -> None:
    with pytest.raises(RequestError, match=f"(did you mean|use) `{name}`"):
        find(written)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no \"version\": 1"),
        (json.dumps({**WHOLE, "kind": "tpu"}), "gpu or cpu"),
        (json.dumps({**WHOLE, "bandwidth": "fast"}), "`bandwidth` must be a number"),
        (json.dumps({**WHOLE, "bandwidth": True}), "`bandwidth` must be a number"),
        (json.dumps({**WHOLE, "memory_bytes": 10**400}), "`memory_bytes` must be a number"),
        (json.dumps({**WHOLE, "peaks": {}}), "`peaks`"),
        (json.dumps({**WHOLE, "peaks": {"fp31": 1}}), "'fp31', which is not one of tf32, fp64"),
        (json.dumps({**WHOLE, "calibration": 3}), "`calibration`"),
    ],
)  # fmt: skip
def test_tells_what_is_wrong(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(RequestError, match=says):
        find(str(path))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such file"):
        find(str(tmp_path / "none.json"))


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mine.json"
    device = replace(find("h100"), name="mine", calibration={"coefficients": {"forward": {"relu": [1e-9, 0.0]}}})
    save(device, str(path))
    assert find(str(path)) == device
    assert '"relu": [1e-09, 0.0]' in path.read_text()
    with pytest.raises(RequestError, match="cannot write"):
        save(device, str(path / "below"))


def test_this_machines_own_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    assert "cpu" not in names()
    with pytest.raises(RequestError, match="archcalc calibrate --device cpu"):
        find("cpu")
    save(replace(find("h100"), name="cpu", kind="cpu"), local_path("cpu"))
    assert "cpu" in names()
    assert find("cpu").kind == "cpu"
