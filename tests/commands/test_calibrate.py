"""`archcalc calibrate`, and `archcalc profile --save-device`, as a user runs them."""

from __future__ import annotations

import pytest

from archcalc.devices import find
from tests.program import run

# A fit's least layers, a fifth of a second for each at most.
QUICK = ("--time", "30s", "--layers", "40")
ONE = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of settings with a device file over the layers of one spec, and what was printed at 40 columns."""
    folder = tmp_path_factory.mktemp("settings")
    places = {"XDG_CONFIG_HOME": str(folder), "APPDATA": str(folder), "COLUMNS": "40", **ONE}
    done = run("calibrate", "specs/lenet.yaml", *QUICK, "--color", "never", env=places)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def device(made):
    folder, _ = made
    return folder / "archcalc" / "devices" / "cpu.json"


def test_writes_a_device_file(device):
    calibration = find(str(device)).calibration
    assert calibration["layers"] == len(calibration["measured"]) >= 40
    assert "first convolution" in calibration["coefficients"]["forward"]


def test_a_narrow_terminal(made):
    _, done = made
    assert "all layers, " in done.stdout
    long = [line for line in done.stdout.splitlines() if len(line) > 40]
    assert all("cpu.json" in line for line in long), long  # a path is not broken


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--device", "mps"), "cannot be calibrated"),
        (("--device", "cuda:99"), "CUDA|CPU only|there is no"),
        (("--time", "soon"), "is not a time: write 60s or 2m"),
        (("--time", "-3s"), "is not a time"),
        (("--time", "nan"), "is not a time"),
        (("specs/none.yaml",), "no such file"),
    ],
)
def test_what_cannot_run(arguments, says):
    done = run("calibrate", *arguments, env=ONE)
    assert done.returncode == 2
    assert not done.stdout
    assert any(word in done.stderr for word in says.split("|"))


def test_a_profile_adds_its_layers(device):
    before = len(find(str(device)).calibration["measured"])
    quick = ("--time", "0.2", "--repeat", "3", "--warmup", "1", "--threads", "1")
    done = run("profile", "specs/lstm.yaml", *quick, "--save-device", str(device), env=ONE)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"added 1 layer to {device}\n"
    after = find(str(device)).calibration
    assert len(after["measured"]) == before + 1
    assert "lstm" in after["coefficients"]["cached forward"]  # all weights of that network fit into the cache
    trained = run("profile", "specs/net.yaml", "--mode", "train", *quick, "--save-device", str(device), env=ONE)
    assert trained.returncode == 0, trained.stderr
    assert len(find(str(device)).calibration["measured"]) > before + 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--threads", "2"), "it is for 1 thread: use --threads 1"),
        (("--threads", "1", "--precision", "bf16"), "use --precision fp32"),
        (("--threads", "1", "--memory-format", "channels-last"), "leave out --memory-format channels-last"),
        (("--threads", "1", "--compare", "specs/net.yaml"), "leave out --compare"),
    ],
)
def test_a_profile_that_does_not_fit(device, arguments, says):
    done = run("profile", "specs/net.yaml", *arguments, "--save-device", str(device), env=ONE)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_profile_needs_a_calibration():
    done = run("profile", "specs/net.yaml", "--save-device", "archcalc/devices/t4.json", env=ONE)
    assert done.returncode == 2
    assert "t4 is not calibrated" in done.stderr
    done = run("profile", "specs/net.yaml", "--save-device", "none.json", env=ONE)
    assert done.returncode == 2
    assert "there is no none.json" in done.stderr
    assert "archcalc calibrate -o none.json" in " ".join(done.stderr.split())
