"""What the script on learning curves writes of a training that it watched."""

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import hsizoo

SCRIPT = Path(hsizoo.__file__).resolve().parents[1] / "benchmarks" / "learning_curves.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="hsizoo is installed without sources")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("learning_curves", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))
    spec.loader.exec_module(module)
    sys.path.remove(str(SCRIPT.parent))
    return module


def field():
    """Two fields of noisy spectra."""
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 2], 10)[:, None].repeat(16, axis=1)
    data = rng.random((3, 9))[labels] + 0.3 * rng.standard_normal((20, 16, 9))
    names = {1: "corn", 2: "wheat"}
    return hsizoo.Scene(hsizoo.HyperCube(data), hsizoo.LabelMap(labels, names), name="field")


def test_a_curve_is_watched_written_and_kept(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script.hsizoo, "load_scene", lambda name: field())
    monkeypatch.setattr(script, "TESTED", 100)
    monkeypatch.setattr(script, "circumstances", lambda *_: [])  # asks git
    names = ["sln-sni:epochs=2,rounds=1,refit_steps=1,patch=5", "cnn2d:epochs=30,net=plain"]
    for name in names:  # one run for each
        monkeypatch.setattr(sys, "argv", ["learning_curves.py", name, "--out", str(tmp_path)])
        script.main()
    lines = list(csv.DictReader((tmp_path / "learning_curves.csv").read_text().splitlines()))
    plain = [line for line in lines if line["component"] == names[1]]
    assert [int(line["epoch"]) for line in plain] == list(range(1, 31))
    assert float(plain[-1]["loss"]) < float(plain[0]["loss"])
    assert [int(line["epoch"]) for line in plain if line["test_oa"]] == [1, *range(2, 31, 2)]
    assert float(plain[-1]["test_oa"]) == pytest.approx(float(plain[-1]["oa"]), abs=0.1)
    networks = [line["network"] for line in lines if line["component"] == names[0]]
    assert list(dict.fromkeys(networks)) == ["1", "2", "3", "4"]  # two, and the last layer of each
    page = (tmp_path / "learning_curves.md").read_text()
    assert page.count("\n| `") == 2
    assert (tmp_path / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
