"""The file of IPG's rounds: resumed as it was, or, if damaged, not at all."""

import os

import numpy as np
import pytest
import torch
from hsizoo_ipg.prompts import Labelled
from hsizoo_ipg.resuming import Progress, RunFile
from hsizoo_ipg.voting import Verdict
from safetensors import safe_open
from safetensors.torch import save_file

CPU = torch.device("cpu")


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A run's file after one round."""
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    known = Labelled(np.arange(3), np.array([0, 1, 0]), 2)
    trained = {"w": torch.ones(2)}
    verdict = Verdict(torch.zeros(2, 2, dtype=torch.int64), *torch.ones(2, 2, 2, 2))
    history = [{"round": 1, "loss": float("nan")}]
    progress = Progress(known, [0.5], history, verdict, trained)
    RunFile("key").save(progress, np.random.default_rng(5))
    return tmp_path / "ipg" / "runs" / "key.safetensors"


def rewrite(path, without="", **texts):
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors.pop(without, None)
    save_file(tensors, path, {**about, **texts})


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def of_another_run(path):
    RunFile("other").save(
        Progress(Labelled(np.arange(2), np.arange(2), 2)), np.random.default_rng(7)
    )
    path.with_name("other.safetensors").replace(path)


DAMAGES = {
    "bit": flip,
    "of another run": of_another_run,
    "deep": lambda path: rewrite(path, history="[" * 10_000),
    "rng of another kind": lambda path: rewrite(path, rng='{"bit_generator": "MT19937"}'),
    "rng is a number": lambda path: rewrite(path, rng="7"),
    "seeds": lambda path: rewrite(path, seeds="7" * 5000),
    "no pixels": lambda path: rewrite(path, without="pixels"),
    "no winner": lambda path: rewrite(path, without="verdict.winner"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "pipe": pipe,
}


def test_a_round_is_resumed(path):
    rng = np.random.default_rng(0)
    found = RunFile("key").load(rng, CPU)
    assert rng.bit_generator.state == np.random.default_rng(5).bit_generator.state
    assert found.known.pixels.tolist() == [0, 1, 2]
    assert found.history[0]["round"] == 1
    assert torch.equal(found.trained["w"], torch.ones(2))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_no_round_and_changes_no_random_numbers(path, damage):
    DAMAGES[damage](path)
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert RunFile("key").load(rng, CPU) is None
    assert rng.bit_generator.state == before
