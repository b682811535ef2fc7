"""The smallest model learns: from its training command to its table."""

import hashlib

import pytest
import torch

import hsizoo
from hsizoo.training.run import TrainEvents

RANDOM = "samsa2-nano:checkpoint=random"

TWO_SCENES = (
    "phantom:height=64,width=64,bands=30,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=2"
)

FEW = (
    "phantom:height=48,width=48,bands=8,"
    "train_subjects=2,val_subjects=1,test_subjects=1,scenes_per_subject=1"
)


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Stop(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.usefixtures("one_thread")
def test_samsa2_nano_ends_with_the_same_weights_again_and_when_stopped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    settings = {"epochs": 2, "clicks": 2, "lr": 1e-3, "seed": 3, "classes_per_scene": 3}

    def digest(out, **more):
        result = hsizoo.train(
            RANDOM, FEW, out=out, device="cpu", checkpoint_steps=2, **settings, **more
        )
        return hashlib.sha256(result.weights.read_bytes()).hexdigest()

    def stop(step):
        if step.step == 5:
            raise Stop

    first = digest("one")
    assert digest("two") == first
    with pytest.raises(Stop):
        digest("cut", events=TrainEvents(stepped=stop))
    planned = []
    events = TrainEvents(planned=lambda done, total: planned.append((done, total)))
    assert digest("cut", events=events) == first
    assert planned == [(4, 12)]


@pytest.mark.slow
def test_samsa2_nano_overfits_two_scenes(tmp_path, monkeypatch):
    """Even over a random encoder: prompt encoder and decoder can say what they are taught."""
    monkeypatch.chdir(tmp_path)
    settings = {"epochs": 80, "lr": 1e-3, "validate_every": 80, "keep": "last"}
    hsizoo.train(RANDOM, TWO_SCENES, device="cpu", **settings)
    result = hsizoo.bench([RANDOM], TWO_SCENES, clicks=5, split="train", device="cpu")
    (row,) = result.table
    assert row.component == f"{RANDOM} (random encoder, seen)"
    assert row["dice@0.5 1c"] >= 0.95
    assert row["dice@0.5 5c"] >= 0.95
