"""SAM 2.1's weights: which they are, where they come from, and what building from them touches."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hsizoo_sam2.building import build_sam21
from hsizoo_sam2.sam21 import Sam21
from hsizoo_sam2.sam21_ft import Sam21FineTuned
from hsizoo_sam2.sizes import SIZES, packaged_weights
from safetensors.torch import save_file

import hsizoo
from hsizoo.errors import DataError, MissingRequirement, OptionError


def count(modules):
    return sum(parameter.numel() for parameter in modules.parameters())


@pytest.mark.parametrize(
    ("size", "millions"),
    [
        ("nano", 4.93),
        ("tiny", 38.96),
        pytest.param("small", 46.06, marks=pytest.mark.slow),
        pytest.param("base-plus", 80.85, marks=pytest.mark.slow),
        pytest.param("large", 224.45, marks=pytest.mark.slow),
    ],
)
def test_parameter_counts(size, millions):
    model, pretrained = build_sam21(size, "random")
    assert not pretrained
    assert round(count(model) / 1e6, 2) == millions
    if size != "nano":
        assert count(model.sam_prompt_encoder) == 6_220
        assert count(model.sam_mask_decoder) == 4_215_109


def test_hydra_is_left_alone():
    code = """if True:
        from hydra import initialize_config_module, compose
        from hydra.core.global_hydra import GlobalHydra
        assert GlobalHydra.instance().hydra is None
        from hsizoo_sam2 import Sam21
        Sam21(size="nano", checkpoint="random")
        assert GlobalHydra.instance().hydra is None
        with initialize_config_module("hsizoo", version_base="1.2"):  # the host's own
            host = GlobalHydra.instance().hydra
            Sam21(size="nano", checkpoint="random")
            assert GlobalHydra.instance().hydra is host
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_random_weights_leave_all_generators_alone(monkeypatch):
    monkeypatch.delattr(torch, "manual_seed")  # it would seed the GPUs', which nobody restores
    before = torch.get_rng_state()
    build_sam21("nano", "random")
    assert torch.equal(torch.get_rng_state(), before)


def test_base_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    tiny, small = (f"sha256:{SIZES[size].weights.sha256}" for size in ("tiny", "small"))
    for kind in (Sam21, Sam21FineTuned):
        assert kind.base_weights() == kind.base_weights(rgb="even", checkpoint="auto") == tiny
        assert kind.base_weights(size="small") == small
        assert kind.base_weights(size="small", checkpoint="facebook/sam2.1-hiera-small") == small
        assert kind.base_weights(size="small", checkpoint="random") == "random:0"
    with pytest.raises(OptionError, match="size"):
        Sam21.base_weights(size="huge")
    own = tmp_path / "own.pt"
    assert Sam21.base_weights(checkpoint=str(own)) == f"missing:{own}"
    for number, content in enumerate((b"one", b"two")):
        own.write_bytes(content)
        os.utime(own, (number, number))
        digest = hashlib.sha256(content).hexdigest()
        assert Sam21.base_weights(checkpoint=str(own)) == f"sha256:{digest}"
    packaged = tmp_path / "nano.safetensors"
    monkeypatch.setattr(
        "hsizoo_sam2.identity.packaged_weights", lambda size, checkpoint="auto": packaged
    )
    assert Sam21.base_weights(size="nano") == "random:0"
    packaged.write_bytes(b"packaged")
    expected = f"sha256:{hashlib.sha256(b'packaged').hexdigest()}"
    assert Sam21.base_weights(size="nano") == expected
    assert Sam21.base_weights(size="nano", checkpoint="random") == "random:0"


def test_damaged_packaged_weights_are_refused(monkeypatch, tmp_path):
    real = packaged_weights("nano")
    packaged = tmp_path / "nano.safetensors"
    content = bytearray(real.read_bytes())
    content[-1] ^= 1
    packaged.write_bytes(content)
    shutil.copy(real.with_suffix(".json"), tmp_path)
    for module in ("building", "identity"):
        monkeypatch.setattr(
            f"hsizoo_sam2.{module}.packaged_weights", lambda size, checkpoint="auto": packaged
        )
    with pytest.raises(DataError, match=rf"{packaged} has changed .*Reinstall hsizoo"):
        Sam21(size="nano")


def test_packaged_weights_in_bfloat16_are_computed_with_in_float32(monkeypatch, tmp_path):
    model, _ = build_sam21("nano", "random")
    rounded = {name: each.bfloat16() for name, each in model.state_dict().items()}
    packaged = tmp_path / "nano.safetensors"
    save_file(rounded, packaged)
    for module in ("building", "identity"):
        monkeypatch.setattr(
            f"hsizoo_sam2.{module}.packaged_weights", lambda size, checkpoint="auto": packaged
        )
    segmenter = Sam21(size="nano")
    assert segmenter.pretrained
    network = segmenter.network
    assert {each.dtype for each in network.state_dict().values()} == {torch.float32}
    kept = network.sam_mask_decoder.state_dict()["conv_s0.weight"]
    assert torch.equal(kept, rounded["sam_mask_decoder.conv_s0.weight"].float())
    cube = hsizoo.HyperCube(np.random.default_rng(0).random((20, 30, 4)))
    state = segmenter.open(cube)
    assert {each.dtype for each in state.features.values()} == {torch.float32}
    exact = {name: each.float() for name, each in rounded.items()}
    torch.save({"model": exact}, tmp_path / "exact.pt")
    same = Sam21(size="nano", checkpoint=str(tmp_path / "exact.pt"))
    prompts = [hsizoo.Clicks([(4, 6)])]
    assert torch.equal(segmenter.predict(state, prompts), same.predict(same.open(cube), prompts))
    assert same.network.encoder_digest == network.encoder_digest  # they share encodings
    digest = hashlib.sha256(packaged.read_bytes()).hexdigest()
    assert Sam21.base_weights(size="nano") == f"sha256:{digest}"


def test_metas_names_on_hugging_face(monkeypatch, tmp_path):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    with pytest.raises(MissingRequirement, match=r"sam2\.1_hiera_base_plus\.pt"):
        Sam21(size="base-plus", checkpoint="facebook/sam2.1-hiera-base-plus")
    for size in ("small", "nano"):
        with pytest.raises(OptionError, match=f"hiera-tiny is SAM 2.1 tiny, but size={size}"):
            Sam21(size=size, checkpoint="facebook/sam2.1-hiera-tiny")


def test_weights_that_do_not_fit_are_named(tmp_path):
    model, _ = build_sam21("nano", "random")
    state = model.state_dict()
    state["extra"] = torch.zeros(1)
    state["no_mem_embed"] = torch.zeros(1, 1, 7)
    torch.save({"model": state}, tmp_path / "w.pt")
    with pytest.raises(
        DataError, match=r"SAM 2\.1 nano.*1 unknown: extra; 1 of another shape: no_"
    ):
        Sam21(size="nano", checkpoint=str(tmp_path / "w.pt"))


def test_missing_weights_say_what_to_put_where(monkeypatch, tmp_path):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    with pytest.raises(MissingRequirement, match="7402e0d864fa"):
        Sam21(size="tiny")


def test_the_checkpoint_photos_is_other_weights_of_nano_only(monkeypatch, tmp_path):
    file = packaged_weights("nano", "photos")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert Sam21.base_weights(size="nano", checkpoint="photos") == f"sha256:{digest}"
    assert Sam21.base_weights(size="nano") != f"sha256:{digest}"
    one, other = (Sam21(size="nano", checkpoint=each) for each in ("photos", str(file)))
    assert one.pretrained
    assert one.network.encoder_digest == other.network.encoder_digest
    assert one.network.encoder_digest != Sam21(size="nano").network.encoder_digest
    for refused in (Sam21.base_weights, Sam21):
        with pytest.raises(OptionError, match="checkpoint=photos is of size=nano"):
            refused(size="tiny", checkpoint="photos")
    monkeypatch.setattr("hsizoo_sam2.building.packaged_weights", lambda *_: tmp_path / "no")
    with pytest.raises(DataError, match="reinstall hsizoo"):
        Sam21(size="nano", checkpoint="photos")
