"""The smallest model learns: from its training command to its table."""

import pytest

import hsizoo

TWO_SCENES = (
    "phantom:height=64,width=64,bands=30,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=2"
)


@pytest.mark.slow
def test_samsa2_nano_overfits_two_scenes(tmp_path, monkeypatch):
    """Even over a random encoder: prompt encoder and decoder can say what they are taught."""
    monkeypatch.chdir(tmp_path)
    settings = {"epochs": 80, "lr": 1e-3, "validate_every": 80, "keep": "last"}
    hsizoo.train("samsa2-nano", TWO_SCENES, device="cpu", **settings)
    result = hsizoo.bench(["samsa2-nano"], TWO_SCENES, clicks=5, split="train", device="cpu")
    (row,) = result.table
    assert row["component"] == "samsa2-nano (random encoder, seen)"
    assert row["dice@0.5 1c"] >= 0.95
    assert row["dice@0.5 5c"] >= 0.95
