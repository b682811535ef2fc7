"""Trained weights that come with a plugin: from its spec to a row of the table."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import hsizoo
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.training.folder import package
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.registry import registry

PLUGIN = (Path(__file__).parent / "fakes" / "trainable.py").read_text()
DATA = (
    "phantom:height=32,width=32,bands=12,train_subjects=1,val_subjects=1,test_subjects=1,"
    "scenes_per_subject=1"
)
QUICK = {"epochs": 1, "clicks": 1, "lr": 0.01}


def no_picture(log, title):
    raise MissingRequirement("no matplotlib here")


@pytest.fixture
def shipped(fake_dist, tmp_path, monkeypatch):
    """The folder of a package with weights of ``tiny``; what `hsizoo train` published is gone."""
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    fake_dist("tiny-zoo", "1.0", {"tiny_zoo": PLUGIN}, {"tiny": "tiny_zoo"})
    monkeypatch.setattr("hsizoo.training.run.training_png", no_picture)
    result = hsizoo.train("tiny", DATA, device="cpu", **QUICK)
    folder = tmp_path / "tiny_weights" / "weights" / "tiny"
    (tmp_path / "tiny_weights").mkdir()
    (tmp_path / "tiny_weights" / "__init__.py").write_text("raise AssertionError('imported')")
    package(result.folder, folder)
    shutil.rmtree(tmp_path / "home")
    return folder


def test_they_are_found_and_computed_with_in_float32(shipped):
    found = resolve("tiny", "segmenter")
    assert (found.weights.path.parent, found.is_untrained()) == (shipped, False)
    stored = load_file(found.weights.path)
    assert {each.dtype for each in stored.values()} == {torch.bfloat16}
    made = hsizoo.create("tiny", device="cpu")
    for name, each in made.state_dict().items():
        assert each.dtype == torch.float32
        assert torch.equal(each, stored[name].float())


def test_nothing_is_imported_to_find_them(shipped):
    (entry,) = [each for each in registry().entries() if each.spec.name == "tiny"]
    assert entry.packaged == shipped
    assert "tiny_weights" not in sys.modules
    (other,) = [each for each in registry().entries() if each.spec.name == "tiny-frozen"]
    assert other.packaged is None


def test_list_and_info_tell_of_them(shipped):
    def said(*words):
        return subprocess.run(
            [sys.executable, "-m", "hsizoo", *words], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(shipped.parents[2]), "COLUMNS": "200"},
        ).stdout  # fmt: skip

    packaged = {each["name"]: each["packaged"] for each in json.loads(said("list", "--json"))}
    assert (packaged["tiny"], packaged["tiny-frozen"], packaged["sa"]) == (True, False, False)
    lines = {line.split()[0]: line for line in said("list").splitlines() if line.strip()}
    assert lines["tiny"].endswith("weights here")
    assert "here" not in lines["tiny-frozen"]
    here = json.loads(said("info", "tiny", "--json"))["weights here"]
    assert here == f"{shipped / 'weights.safetensors'} (trained on phantom)"


def test_other_options_do_not_get_them(shipped):
    assert resolve("tiny:hidden=9").weights is None
    assert resolve("tiny:weights=none").weights is None
    assert resolve("tiny:speed=3").weights.path.parent == shipped
    assert resolve("tiny:weights=packaged").identity() == resolve("tiny").identity()
    with pytest.raises(DataError, match=r"hidden=8 \(here 9\)"):
        resolve("tiny:hidden=9,weights=packaged")
    with pytest.raises(DataError, match="tiny-zoo/tiny-frozen ships no trained weights"):
        resolve("tiny-frozen:weights=packaged")


def test_training_does_not_start_from_them_and_comes_before_them(shipped):
    result = hsizoo.train("tiny", DATA, device="cpu", **QUICK)
    assert result.card["starts_from"] == "untrained"
    assert result.is_newest
    assert resolve("tiny").weights.path == result.weights
    assert resolve("tiny:weights=packaged").weights.path.parent == shipped


def test_the_dataset_decides(shipped):
    phantom, other = resolve(DATA), resolve("indian-pines")
    hsizoo.train("tiny", DATA.replace("bands=12", "bands=13"), device="cpu", **QUICK)
    assert resolve("tiny", on_dataset=phantom).weights.path.parent == shipped
    ours = resolve("tiny", on_dataset=other)
    assert ours.weights.path.parent != shipped
    assert ours.trained_elsewhere(other) == "phantom"
    assert ours.trained_elsewhere(phantom) == ""
    assert resolve("tiny:weights=none").trained_elsewhere(other) == ""


def test_bench_uses_them(shipped):
    (record,) = hsizoo.bench(["tiny"], DATA, clicks=1, device="cpu").records
    assert record["identity"]["component"]["weights"] == resolve("tiny").weights.digest
