"""Every weights file that comes with hsizoo: its digest, its card, and one mask.

``golden_masks.json`` holds the masks, packed; after new weights, run this file as a script.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import hsizoo
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.registry import registry

GOLDEN = Path(__file__).with_name("golden_masks.json")
SCENE = "phantom:height=64,width=64,bands=24"


def shipped():
    """Names of components with weights in their package, and where those are."""
    found = {}
    for entry in registry().entries():
        path = entry.packaged
        if path is not None and path.exists():
            found[entry.spec.name] = path
    return found


def mask(name):
    """Two classes of a test subject after three clicks each, (2, 64, 64)."""
    scene = hsizoo.load_scene(SCENE, "s11-v1")
    segmenter = hsizoo.create(name, kind="segmenter", device="cpu")
    labels = sorted(scene.label_map.targets & set(np.unique(scene.label_map.labels)))[:2]
    prompts = []
    for label in labels:
        inside = np.argwhere(scene.label_map.labels == label)
        prompts.append(hsizoo.Clicks(inside[len(inside) * np.array([1, 2, 3]) // 4].tolist()))
    probability = segmenter.predict(segmenter.open(scene.cube), prompts)
    return np.asarray(probability) > 0.5


@pytest.mark.parametrize("name", shipped())
def test_weights_are_those_of_their_card(name):
    path = shipped()[name]
    file = path / "weights.safetensors" if path.is_dir() else path
    card = json.loads(
        (path / "card.json" if path.is_dir() else path.with_suffix(".json")).read_text()
    )
    assert hashlib.sha256(file.read_bytes()).hexdigest() == card["digest"]
    assert card["stored"] == "bfloat16"
    assert {each.dtype for each in load_file(file).values()} == {torch.bfloat16}
    for key in ("command", "seed", "hours", "settings", "limits"):
        assert key in card, key
    for ours in ("benchmarks/pretrain_nano.py", "plugins/hsizoo_sam2/weights/nano.safetensors"):
        card["command"] = card["command"].replace(ours, "")
    assert "/" not in card["command"]


@pytest.mark.parametrize("name", shipped())
def test_weights_are_used_and_give_the_mask_they_gave(name):
    found = resolve(name, "segmenter")
    assert not found.starts_at_random
    if found.is_trainable:
        assert found.weights is not None
        assert not found.is_untrained()
    masks = mask(name)
    golden = json.loads(GOLDEN.read_text())[name]
    expected = np.unpackbits(np.frombuffer(bytes.fromhex(golden), np.uint8)).reshape(masks.shape)
    # Another processor may round differently; a pixel at the rim may then fall on the other side.
    assert (masks != expected).mean() < 0.003
    assert 0.01 < expected.mean() < 0.9


def test_all_weights_together_are_small():
    files = [file for path in shipped().values() for file in (path, *path.glob("*.safetensors"))]
    assert sum(file.stat().st_size for file in files if file.is_file()) <= 40e6


if __name__ == "__main__":
    packed = {name: np.packbits(mask(name)).tobytes().hex() for name in shipped()}
    GOLDEN.write_text(json.dumps(packed, indent=1) + "\n")
