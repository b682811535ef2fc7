import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "pretrain_nano.py"
TINY = ["--small-side", "64", "--large-side", "128", "--small-steps", "2", "--large-steps", "1",
        "--images", "2", "--large-images", "1", "--objects", "2", "--phantoms", "0"]  # fmt: skip


@pytest.fixture(scope="module")
def pretrain():
    spec = importlib.util.spec_from_file_location("pretrain_nano", SCRIPT)
    module = sys.modules["pretrain_nano"] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPT.parent))
    del sys.modules["pretrain_nano"], sys.modules["nano_batches"]


def test_a_batch_depends_on_its_number_only(pretrain):
    batches = pretrain.Batches(pretrain.Settings(small_side=48, images=2, objects=2, phantoms=0.5))
    first = batches[7]
    batches[3]
    again = batches[7]
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["images"], batches[8]["images"])


def test_first_clicks_are_on_their_objects(pretrain):
    batch = pretrain.Batches(pretrain.Settings(small_side=64, images=3, phantoms=0.3))[0]
    for mask, (x, y) in zip(batch["masks"], batch["clicks"].long(), strict=True):
        assert mask[y, x]
    assert batch["images"].shape == (3, 3, 64, 64)
    assert 0 <= batch["images"].min() <= batch["images"].max() <= 1


def test_corrections_are_where_the_model_is_wrong_and_signed_by_the_truth(pretrain):
    truth = torch.zeros(40, 16, 16)
    truth[:, 4:12, 4:12] = 1
    logits = torch.full((40, 16, 16), -4.0)
    logits[:, 4:12, 8:16] = 4  # right half found, and as much too much
    points, signs = pretrain.correct(logits, truth, 3, torch.Generator().manual_seed(0))
    col, row = (points / 4).long().unbind(-1)
    inside = truth[torch.arange(40)[:, None], row, col] > 0.5
    found = logits[torch.arange(40)[:, None], row, col] > 0
    assert torch.equal(signs.bool(), inside)
    assert (inside != found).float().mean() > 0.9  # but for the least certain of a right mask
    assert 0 < signs.float().mean() < 1


def test_losses_agree_with_counting(pretrain):
    truth = torch.zeros(1, 8, 8)
    truth[:, :4] = 1
    logits = torch.full((1, 2, 8, 8), -20.0)
    logits[:, 0, :4] = 20  # perfect
    logits[:, 1, :2] = 20  # half of it
    loss, iou = pretrain.losses(logits, truth, 1.0)
    assert iou.tolist() == [[1.0, 0.5]]
    assert loss[0, 0] < 1e-3
    dice = 1 - (2 * 16 + 1) / (16 + 32 + 1)
    # Sixteen of the object's 32 pixels cost 20 each; an object counts half, as does the rest.
    assert loss[0, 1] == pytest.approx(dice + 0.5 * 20 * 16 / 32, rel=1e-4)


def test_weights_fit_and_a_stopped_training_goes_on(tmp_path):
    def run(folder, *more):
        subprocess.run(
            [sys.executable, SCRIPT, "--out", folder, *TINY, *more], check=True, capture_output=True
        )

    run(tmp_path / "whole")
    run(tmp_path / "parts", "--until", "2")
    assert not (tmp_path / "parts" / "nano.safetensors").exists()
    run(tmp_path / "parts")
    whole, parts = (
        torch.load(tmp_path / name / "state.pt", weights_only=True)["average"]
        for name in ("whole", "parts")
    )
    shipped = load_file(tmp_path / "whole" / "nano.safetensors")
    for name in whole:
        # Where a gradient is all rounding, Adam makes a whole step of it: hence the mean.
        assert (whole[name] - parts[name]).abs().mean() < 8e-5, name
        assert torch.equal(whole[name].to(torch.bfloat16), shipped[name])
    card = json.loads((tmp_path / "whole" / "nano.json").read_text())
    assert card["steps"] == 3
    assert "--small-steps 2" in card["command"]

    from hsizoo import create

    component = f"sam2.1-nano:checkpoint=[{tmp_path / 'whole' / 'nano.safetensors'}]"
    assert create(component).pretrained
