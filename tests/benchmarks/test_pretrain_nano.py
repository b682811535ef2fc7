import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

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
    for name in ("pretrain_nano", "nano_batches", "nano_photos"):
        del sys.modules[name]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three sources of photographs; those of one are crops of few originals."""
    folder = tmp_path / "real_rgb"
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = [f"nuclei-{n}" for n in range(20)] + [f"coco-{n}" for n in range(10)]
    names += [f"aerial-{n}-{crop}" for n in range(10) for crop in range(2)]
    for name in names:
        labels = np.zeros((70, 60), np.uint16)
        labels[10:40, 5:30], labels[30:60, 25:55] = 300, 7
        image = np.where(labels[..., None] > 0, 200, 40) + rng.integers(0, 30, (70, 60, 3))
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{name}.jpg")
        Image.fromarray(labels).save(folder / f"{name}.png")
    index = [{"name": name, "licence": "CC0"} for name in names]
    (folder / "index.json").write_text(json.dumps(index))
    monkeypatch.setenv("HSIZOO_DATA", str(tmp_path))
    return folder


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


def test_a_tenth_of_each_source_is_held_out_and_crops_stay_together(pretrain, photos):
    train, held = (pretrain.divided(photos, part) for part in ("train", "held-out"))
    assert {source: len(names) for source, names in held.items()} == {
        "aerial": 2, "coco": 1, "nuclei": 2,
    }  # fmt: skip
    for source, names in train.items():
        assert not set(names) & set(held[source])
    assert len({name.rpartition("-")[0] for name in held["aerial"]}) == 1


def test_photographs_join_the_stream_and_others_stay_as_they_were(pretrain, photos):
    settings = {"small_side": 48, "images": 4, "objects": 2, "phantoms": 0}
    without = pretrain.Batches(pretrain.Settings(**settings))[3]
    with_some = pretrain.Batches(pretrain.Settings(**settings, photos=0.5))[3]
    same = [torch.equal(a, b) for a, b in zip(without["images"], with_some["images"], strict=True)]
    assert True in same
    assert False in same
    every = pretrain.Batches(pretrain.Settings(**settings, photos=1.0))
    batch = every[0]
    assert torch.equal(batch["images"], every[0]["images"])
    for mask, (x, y) in zip(batch["masks"], batch["clicks"].long(), strict=True):
        assert mask[y, x]


def test_a_missing_folder_of_photographs_is_named(pretrain, tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="HSIZOO_DATA"):
        pretrain.photo_folder()


def test_a_training_starts_from_given_weights_and_the_card_says_what_it_saw(
    pretrain, photos, tmp_path
):
    start = tmp_path / "start.safetensors"
    save_file(pretrain.Nano(5).model.state_dict(), start)
    settings = pretrain.Settings(
        small_side=64, large_side=64, small_steps=1, large_steps=1, images=1, large_images=1,
        objects=1, phantoms=0, photos=1.0, clicks=4, start=str(start),
    )  # fmt: skip
    training = pretrain.Training(settings, tmp_path)
    for name, each in load_file(start).items():
        assert torch.equal(training.nano.model.state_dict()[name], each), name
    training.run()
    card = json.loads((tmp_path / "nano.json").read_text())
    assert "photographs: 18 aerial, 9 coco, 18 nuclei; held out: 2 aerial" in card["data"]
    assert card["settings"]["photos"] == 1.0
