import getpass
import json
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from hsizoo.engine import provenance as module
from hsizoo.engine.provenance import (
    available_cores,
    git_revision,
    machine,
    other_releases,
    provenance,
)


@pytest.fixture(autouse=True)
def _nothing_is_remembered():
    for cached in (git_revision, machine):
        cached.cache_clear()
    yield
    for cached in (git_revision, machine):
        cached.cache_clear()


def test_says_what_a_record_needs():
    about = provenance("cpu", ("pytest", "hsizoo", "no-such-distribution"))
    assert about["versions"]["python"] == platform.python_version()
    for name in ("hsizoo", "torch", "numpy", "scipy", "scikit-image", "pytest"):
        assert about["versions"][name] == version(name)
    assert about["versions"]["no-such-distribution"] is None
    assert about["device"] == "cpu"
    assert about["threads"] == torch.get_num_threads()
    assert about["cores"] == available_cores()
    assert isinstance(about["processor"], str)
    assert json.loads(json.dumps(about, allow_nan=False)) == about


def test_a_gpu_goes_by_its_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Big GPU at {device}")
    assert provenance("cuda:1")["device"] == "Big GPU at cuda:1"


def test_names_no_person_host_or_folder():
    text = json.dumps(provenance("cpu"))
    assert str(Path.home()) not in text
    assert str(Path(module.__file__).parents[2]) not in text
    if platform.node() and platform.node() not in ("localhost", "linux"):
        assert platform.node() not in text
    if len(getpass.getuser()) > 4:  # "root" may be part of another word
        assert getpass.getuser() not in text


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository, laid out like hsizoo's, that git_revision believes to run from."""

    def git(*arguments):
        command = ["git", "-C", tmp_path, "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "hsizoo" / "engine").mkdir(parents=True)
    (tmp_path / "plugins").mkdir()
    for name in ("hsizoo/engine/provenance.py", "plugins/a.py", "README.md"):
        (tmp_path / name).write_text("1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "x")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "hsizoo" / "engine" / "provenance.py"))
    return tmp_path, git("rev-parse", "HEAD")


def test_git_revision(checkout):
    assert re.fullmatch("[0-9a-f]{40}", checkout[1])
    assert git_revision() == checkout[1]


@pytest.mark.parametrize(
    ("name", "mark"),
    [("hsizoo/engine/provenance.py", "+"), ("plugins/a.py", "+"), ("README.md", "")],
)
def test_changed_code_is_marked(checkout, name, mark):
    (checkout[0] / name).write_text("2\n")
    assert git_revision() == checkout[1] + mark


def test_without_repository_or_git_there_is_no_revision(checkout, tmp_path, monkeypatch):
    def no_git(*arguments, **keywords):
        raise FileNotFoundError("git")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", no_git)
        assert git_revision() is None
    git_revision.cache_clear()
    (tmp_path / ".git").rename(tmp_path / "not-git")
    assert git_revision() is None


def test_another_release_is_named_and_another_library_is_not(fake_dist):
    fake_dist("hsizoo-mine", "1.1", {}, {})
    now = provenance("cpu", ("hsizoo-mine",))
    then = {**now, "versions": {**now["versions"], "hsizoo-mine": "1.0", "torch": "0.1"}}
    gone = {**now, "versions": {"hsizoo-gone": "1.0", "hsizoo": "0.0.1"}}
    assert other_releases([now, None, {}, {"versions": 3}]) == []
    told = ["hsizoo-mine 1.0 (now 1.1)", f"hsizoo 0.0.1 (now {version('hsizoo')})"]
    assert other_releases([then, now, then, gone]) == told
