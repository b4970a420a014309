"""hf:ORG/NAME through huggingface_hub, against a server on loopback: what is fetched, what is said, what never happens."""

from __future__ import annotations

import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from archcalc import hub
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.network.load import load_graph, split_variant
from archcalc.opening import NAMED

from .test_sources import LLAMA, run, status

constants = pytest.importorskip("huggingface_hub.constants")
hf_api = pytest.importorskip("huggingface_hub.hf_api")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PARAMS = 22_240


def safetensors(count, dtype="F32"):
    header = json.dumps({"model.weight": {"dtype": dtype, "shape": [count], "data_offsets": [0, 4 * count]}}).encode()
    return struct.pack("<Q", len(header)) + header


class Hub(BaseHTTPRequestHandler):
    """The Hub's answers for a few repositories, and a list of what was asked."""

    asked: list[str] = []
    files = {
        "org/tiny": {"config.json": json.dumps(LLAMA).encode(), "model.safetensors": safetensors(PARAMS)},
        "org/other": {"config.json": json.dumps(LLAMA).encode(), "model.safetensors": safetensors(5)},
        "org/packed": {"config.json": json.dumps(LLAMA).encode(), "model.safetensors": safetensors(5, "I32")},
        "org/bare": {"config.json": json.dumps(LLAMA).encode()},
        "org/empty": {"README.md": b"no model"},
        "org/odd": {"config.json": b'{"a": 1}'},
        "org/huge": {"config.json": b" " * (5 * 2**20)},
    }

    def log_message(self, *_):
        """Says nothing."""

    def do_HEAD(self):
        self._answer(False)

    def do_GET(self):
        self._answer(True)

    def _answer(self, body):
        type(self).asked.append(f"{self.command} {self.path} {self.headers.get('range', '')}".strip())
        parts = self.path.split("?")[0].strip("/").split("/")
        owner, name, revision, file = parts[0], parts[1], parts[3] if len(parts) > 3 else "", "/".join(parts[4:])
        found = self.files.get(f"{owner}/{name}", {}).get(file)
        if f"{owner}/{name}" == "org/gated":
            return self._error(403, "GatedRepo")
        if f"{owner}/{name}" == "org/broken":
            return self._error(500, "")
        if f"{owner}/{name}" not in self.files:
            return self._error(401, "RepoNotFound")
        if revision not in ("main", "v1", COMMIT):
            return self._error(404, "RevisionNotFound")
        if found is None:
            return self._error(404, "EntryNotFound")
        self.send_response(200)
        for key, value in (("X-Repo-Commit", COMMIT), ("ETag", '"abc"'), ("Content-Length", str(len(found)))):
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(found)
        return None

    def _error(self, code, kind):
        self.send_response(code)
        self.send_header("X-Error-Code", kind)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def server(monkeypatch, tmp_path):
    here = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=here.serve_forever, args=(0.01,), daemon=True).start()
    place = f"http://127.0.0.1:{here.server_address[1]}"
    for name, value in (("ENDPOINT", place), ("HF_HUB_CACHE", str(tmp_path / "hub")), ("HF_HUB_OFFLINE", False)):
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", place + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(hf_api.api, "endpoint", place)
    Hub.asked = []
    yield here
    here.shutdown()
    here.server_close()
    NAMED.clear()


def named(*names):
    hub.allow(names)
    return names[0]


def test_a_model_is_read_as_its_file(server):
    assert Costs(load_graph(named("hf:org/tiny"))).totals.params == PARAMS
    assert Costs(load_graph(named("hf:org/tiny@v1"))).totals.params == PARAMS
    assert split_variant("hf:org/tiny@v1") == ("hf:org/tiny@v1", None)
    # of the repository; the library asks the Hub for a list of its own once a day
    assert [one for one in Hub.asked if "org/" in one and "/config.json" not in one] == []
    assert [one for one in Hub.asked if "/v1/" in one]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("tiny", 0, f"{PARAMS:,} parameters, equal to the headers of its weights"),
        ("other", 1, f"the headers of its weights have {PARAMS - 5:,} fewer"),
        ("packed", 0, "parameters are not compared: its weights are stored as I32"),
        ("bare", 0, "parameters are not compared: cannot read hf:org/bare: org/bare has no safetensors files"),
    ],
)
def test_import_compares_with_the_headers(server, name, code, said):
    told = run("import", named(f"hf:org/{name}"))
    assert (status(told), said in told.stderr) == (code, True)
    assert "model: llama" in told.stdout
    assert all("range" not in one or "bytes=0-100000" in one for one in Hub.asked)


def test_weights_are_counted_by_their_headers(server):
    told = run("weights", named("hf:org/tiny"), "--against", "hf:org/tiny")
    assert "hf:org/tiny has the same number of parameters" in told.stderr
    assert f"{PARAMS:,}" in told.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("org/gated", "org/gated is gated: accept its terms on its page, and log in with `hf auth login`"),
        ("org/none", "there is no model org/none, or it is private"),
        ("org/tiny@v9", "org/tiny has no revision v9"),
        ("org/empty", "org/empty has no config.json"),
        ("org/odd", "its config.json is not that of a transformers model"),
        ("org/huge", "its config.json has 5,242,880 bytes"),
        ("org/a/b", "is not a model on the Hub"),
        ("org/--", "that is not the name of a repository"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(server, name, said):
    with pytest.raises(RequestError) as caught:
        load_graph(named(f"hf:{name}"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_cache_serves_without_a_network(server, monkeypatch):
    load_graph(named("hf:org/tiny"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    Hub.asked = []
    assert Costs(load_graph("hf:org/tiny")).totals.params == PARAMS
    with pytest.raises(RequestError, match=r"no network, and config.json of org/other is not in the cache"):
        load_graph(named("hf:org/other"))
    assert Hub.asked == []


def test_a_hub_that_cannot_be_reached(server):
    load_graph(named("hf:org/tiny"))
    server.shutdown()
    server.server_close()
    assert Costs(load_graph("hf:org/tiny")).totals.params == PARAMS  # from the cache
    with pytest.raises(RequestError, match=r"no network, and config.json of org/other is not in the cache"):
        load_graph(named("hf:org/other"))


def test_nothing_is_fetched_that_nobody_named(server, tmp_path):
    grid = tmp_path / "grid.json"
    grid.write_text(json.dumps([{"spec": "hf:org/tiny"}]), encoding="utf-8")
    spec = tmp_path / "net.yaml"
    spec.write_text("include: ['hf:org/tiny']\nmodel: hf:org/tiny\ninput: [3]\nlayers: [linear 2]\n", encoding="utf-8")
    (tmp_path / "archcalc.toml").write_text('spec = "hf:org/tiny"\n', encoding="utf-8")
    run("shapes", spec)
    run("sweep", "--grid", grid)
    run("lint", tmp_path)
    with pytest.raises(RequestError):
        load_graph("hf:org/tiny")
    assert Hub.asked == []


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(RequestError, match=r"needs huggingface_hub: pip install 'archcalc\[hf\]'"):
        hub.spec("hf:org/tiny")
