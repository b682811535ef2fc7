"""Fakes small enough to be run, and trained, in a test."""

from pathlib import Path

import numpy as np
import pytest
import torch

import hsizoo
from hsizoo.training.folder import TrainingFolder, publish

FAKES = Path(__file__).parents[1] / "fakes"


@pytest.fixture
def zoo(fake_dist, tmp_path, monkeypatch):
    """Install `tests/fakes`; the current folder, and HSIZOO_HOME, are in the folder returned."""
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hsizoo.training.run.training_png", lambda log, title: b"")
    for name, module in (("tiny-zoo", "trainable"), ("asking-zoo", "labelers")):
        own = name.replace("-", "_")
        fake_dist(name, "1.0", {own: (FAKES / f"{module}.py").read_text()}, {own: own})
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small tensors only wait for other threads
    yield tmp_path
    torch.set_num_threads(threads)


@pytest.fixture
def put_weights(zoo):
    """``put_weights(3.0)``: publish weights of ``tiny`` that sum to 3; the newest are the last."""
    number = 0

    def put(total, name="tiny", *, folder=None, dataset="hsizoo/phantom", subjects=()):
        nonlocal number
        number += 1
        segmenter = hsizoo.create(f"{name}:weights=none", kind="segmenter", device="cpu")
        state = {key: torch.zeros_like(each) for key, each in segmenter.state_dict().items()}
        state["0.bias"][0] = total
        card = {
            "component": f"tiny-zoo/{name}",
            "options": {"hidden": 8, "dropout": 0.0, "speed": 1},
            "frozen_digest": segmenter.frozen_digest,
            "finished": f"2026-01-01T00:00:{number:02}+00:00",
            "dataset": {"component": dataset, "options": {}},
            "subjects": {"train": list(subjects), "val": []},
        }
        with TrainingFolder(zoo / "trained-here" / str(number)) as made:
            made.save_result(state, card)
        return publish(made.folder, card["component"], folder or str(number))

    return put


@pytest.fixture
def put_cubes(tmp_path):
    """``put_cubes(seed)``: write a folder of cubes, or write other cubes into it."""

    def put(seed=0, split=True):
        folder = tmp_path / "cubes"
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(seed)
        labels = np.repeat([[1, 2]], 12, axis=0).repeat(6, axis=1)
        lines = ["ignore = [0]", "[names]", '1 = "left"', '2 = "right"']
        if split:
            lines += ["[split]", 'a = "train"', 'b = "val"', 'c = "test"']
        for name in "abc":
            cube = labels[:, :, None] + rng.random((12, 12, 4))
            np.savez(folder / f"{name}.npz", cube=cube.astype(np.float32), gt=labels)
        (folder / "hsizoo.toml").write_text("\n".join(lines))
        return f"{folder}/"

    return put
