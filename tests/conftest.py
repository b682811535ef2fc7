"""What several test modules need."""

import contextlib
import http.server
import io
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.parse

import hypothesis
import pytest

# Workers of pytest-xdist share the cores, and so do the processes that tests start: threads that
# wait for each other's core make small networks ten times slower.  Set before torch is imported,
# and in workers only, as these inherit what their controller sets.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    _share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, _share)))

import torch

import hsizoo.zoo.registry
from hsizoo.engine.logs import seal
from hsizoo.engine.store import Store

# The same examples every time, and no limit of time, which a busy machine would exceed.
# `--hypothesis-profile explore` tries new ones.
hypothesis.settings.register_profile(
    "explore", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "hsizoo", hypothesis.settings.get_profile("explore"), derandomize=True
)
hypothesis.settings.load_profile("hsizoo")

PATIENCE = 180  # seconds: only a test that fails waits so long


@pytest.fixture(autouse=True)
def _no_run_is_influenced(monkeypatch, tmp_path_factory):
    """Environment of the person who runs the tests must not matter; nor may registries leak."""
    for variable in ("COLUMNS", "HSIZOO_DATA", "HSIZOO_NO_PLUGINS", "HSIZOO_STRICT_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    # Weights that somebody trained or downloaded here must not change a test.
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    # Nor may the tests that ran before.
    torch.manual_seed(0)
    random.seed(0)
    yield
    hsizoo.zoo.registry.reset()


@pytest.fixture
def in_old_layout():
    """Give the records of a run folder a file each, as versions before 0.2 did."""

    def rewrite(folder):
        store = Store(folder)
        paths = {key: store.cells / f"{key}.json" for key in store.stored()}
        contents = {key: store.load(key) for key, path in paths.items() if not path.exists()}
        for log in store.cells.glob("records-*.jsonl"):
            log.unlink()
        for key, record in contents.items():
            del record["digest"]
            paths[key].write_bytes(seal(json.dumps(record).encode()))
        return paths

    return rewrite


@pytest.fixture
def fake_dist(tmp_path, monkeypatch):
    """Put a distribution on disk and on the path, as pip would; no pip needed.

    ``fake_dist("hsizoo-good", "1.0", {"hsizoo_good": "<code>"}, {"good": "hsizoo_good"})``
    """
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(name, version, modules, entry_points, group="hsizoo.plugins"):
        for module, code in modules.items():
            made.append(module)
            (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = "\n".join(f"{point} = {target}" for point, target in entry_points.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")
        hsizoo.zoo.registry.reset()
        return tmp_path

    yield make
    for module in made:
        sys.modules.pop(module, None)


class Results:
    """Makes results of trainings of one component in a folder."""

    def __init__(self, folder):
        self._folder = folder
        self.name = "zoo/net"
        self.options = {"size": "small", "fast": False}
        self.card = {
            "component": self.name,
            "options": self.options,
            "frozen_digest": "f" * 64,
            "finished": "2026-01-01T00:00:00+00:00",
        }

    @staticmethod
    def tensors(value=1.0):
        return {"b": torch.full((2, 3), value), "a": torch.arange(4).float()}

    def finish(self, name="run", value=1.0, **card):
        """A run folder with a result."""
        from hsizoo.training.folder import TrainingFolder

        with TrainingFolder(self._folder / name) as folder:
            folder.save_result(self.tensors(value), {**self.card, **card})
        return folder.folder

    def make(self, name="run", value=1.0, **card):
        """A published result."""
        run = self.finish(name, value, **card)
        from hsizoo.training.folder import publish

        return publish(run, card.get("component", self.name), name)


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path)


@pytest.fixture
def pixels_of():
    """Decode a PNG to (H, W, 3), 0 to 1, after a look at its edge: what is cut would reach it."""

    def decode(png):
        from matplotlib.image import imread

        pixels = imread(io.BytesIO(png))[..., :3]
        edge = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
        assert all((side == 1).all() for side in edge)
        return pixels

    return decode


@pytest.fixture
def without_matplotlib(monkeypatch):
    """As if it were not installed."""
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)


@pytest.fixture
def wait_until():
    """``wait_until(condition, process)``: poll until it holds; fail if the process ends first."""

    def wait(condition, process=None):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            ended = process is not None and process.poll() is not None
            assert not ended or condition(), "ended too early"
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    return wait


@pytest.fixture
def hears_ctrl_c():
    """Processes started now hear SIGINT.

    They would not if these tests are run in the background of a script: the shell makes such a
    command ignore SIGINT, and so do all processes below it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


KILLED = """
    import importlib, os, signal, sys

    module, owner, name, calls = sys.argv[1:5]
    owner, left = getattr(importlib.import_module(module), owner), int(calls)
    real = getattr(owner, name)

    def killed(*arguments, **keywords):
        global left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return real(*arguments, **keywords)

    setattr(owner, name, killed)
"""


@pytest.fixture
def run_killed():
    """``run_killed(code, "module", "Class", "method", calls)``: run Python until ``kill -9``.

    The method works so many times; when it is called again the process is killed.  A signal from
    outside may come too late: on a busy machine a quick run is over before it.
    """

    def run(code, module, owner, method, calls):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(KILLED) + code,
             module, owner, method, str(calls)],
            capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL, done.stderr

    return run


@pytest.fixture
def run_command_killed(run_killed):
    """The same with an ``hsizoo`` command, given as a list of words."""

    def run(words, *when):
        code = (
            f"import runpy\nsys.argv = {['hsizoo', *words]!r}\n"
            "runpy.run_module('hsizoo', run_name='__main__', alter_sys=True)\n"
        )
        run_killed(code, *when)

    return run


class FileServer:
    """Serves bytes over HTTP like a careful server, a plain one, or a broken one.

    Also a proxy that answers for every host itself, and refuses to tunnel.
    """

    def __init__(self):
        self.files = {}  # content by path
        self.asked = []  # (method, target, headers) of each request
        self.etag = '"1"'  # None: no version is told
        self.ranges = True
        self.breaks = []  # bytes after which each of the next answers ends early
        self.statuses = {}  # status by path, instead of the file
        self.kind = "application/octet-stream"

    def answer(self, handler):
        self.asked.append((handler.command, handler.path, dict(handler.headers)))
        path = urllib.parse.urlsplit(handler.path).path
        if handler.command == "CONNECT" or path not in self.files or path in self.statuses:
            handler.send_error(
                self.statuses.get(path, 502 if handler.command == "CONNECT" else 404)
            )
            return
        content, start, asked = self.files[path], 0, handler.headers.get("Range")
        if asked and self.ranges and handler.headers.get("If-Range") in (None, self.etag):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                handler.send_error(416)
                return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Type", self.kind)
        handler.send_header("Content-Length", str(len(content) - start))
        if self.etag:
            handler.send_header("ETag", self.etag)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        end = start + self.breaks.pop(0) if self.breaks else None
        with contextlib.suppress(ConnectionError):  # who asked has seen enough
            handler.wfile.write(content[start:end])
        handler.close_connection = True


@pytest.fixture
def file_server(monkeypatch):
    """Start a `FileServer`, with its address as `url`, and allow downloads."""
    server = FileServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.answer(self)

        do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    monkeypatch.delenv("HSIZOO_OFFLINE", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http://127.0.0.1:{serving.server_port}"
        yield server
        serving.shutdown()
        thread.join()
