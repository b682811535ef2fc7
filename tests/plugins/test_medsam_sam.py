"""SAM as hsizoo builds it, without adapters, against Meta's package ``segment-anything``."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from hsizoo_medsam import medsam_adapter, sam_vit
from hsizoo_medsam.medsam_adapter import MedSamAdapter
from hsizoo_medsam.sam import SIZES, VIT_B, Sam, Vit, sam_name
from hsizoo_medsam.sam_vit import SamVit
from torch import nn

import hsizoo
from hsizoo.errors import DataError, HsizooError, OptionError
from hsizoo.io import PseudoRgb

segment_anything = pytest.importorskip(
    "segment_anything", reason="the oracle: pip install segment-anything"
)
from segment_anything import modeling  # noqa: E402

SMALL = Vit(width=96, depth=4, heads=4, global_blocks=(1, 3))
CLICKS = {
    "one": ([(20, 31)], [True]),
    "negative": ([(7, 50)], [False]),
    "many": ([(20, 31), (7, 50), (0, 0), (35, 9), (21, 30)], [True, False, True, False, True]),
}
SHAPES = {"square": (56, 56), "wide": (40, 70), "tall": (77, 52)}


def oracle(vit: Vit, size: int, seed: int = 0) -> modeling.Sam:
    """Meta's SAM with random weights; nothing in it is 0 or 1 as it would be before training."""
    torch.manual_seed(seed)
    grid = (size // 16, size // 16)
    sam = modeling.Sam(
        modeling.ImageEncoderViT(
            depth=vit.depth,
            embed_dim=vit.width,
            img_size=size,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_heads=vit.heads,
            use_rel_pos=True,
            global_attn_indexes=vit.global_blocks,
            window_size=14,
            out_chans=256,
        ),
        modeling.PromptEncoder(256, grid, (size, size), 16),
        modeling.MaskDecoder(
            transformer_dim=256,
            transformer=modeling.TwoWayTransformer(
                depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8
            ),
            num_multimask_outputs=3,
        ),
    )
    with torch.no_grad():
        for name, parameter in sam.named_parameters():
            if parameter.ndim == 1 or "pos" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return sam.eval()


def ours(sam: modeling.Sam, vit: Vit, size: int, tmp_path, monkeypatch) -> MedSamAdapter:
    """Our component, without what adapters add, from a file in Meta's layout."""
    monkeypatch.setattr(medsam_adapter, "VIT_B", vit)
    path = tmp_path / "sam.pth"
    torch.save(sam.state_dict(), path)
    return MedSamAdapter(checkpoint=str(path), image_size=size, adapter_init="zero")


def scene(shape: tuple[int, int]) -> hsizoo.HyperCube:
    rows, cols = np.indices(shape)
    waves = [np.sin(rows / (3 + k)) + np.cos(cols / (5 - k)) for k in range(3)]
    noise = np.random.default_rng(0).normal(size=(*shape, 3))
    return hsizoo.HyperCube(np.stack(waves, axis=-1) + 0.3 * noise)


def compare(model, sam, cube, masks=(False, True)) -> None:
    """Logits within 1e-4 and masks identical, of the whole path from picture to mask."""
    predictor = segment_anything.SamPredictor(sam)
    predictor.set_image(PseudoRgb().render(cube))
    state = model.open(cube)
    for points, positive in CLICKS.values():
        for with_mask in masks:
            compare_prompt(model, state, predictor, points, positive, with_mask)


def compare_prompt(model, state, predictor, points, positive, with_mask) -> None:
    side = predictor.model.image_encoder.img_size // 4
    mask = np.random.default_rng(1).normal(0, 5, (1, side, side)).astype(np.float32)
    expected, _, low = predictor.predict(
        np.array(points)[:, ::-1],
        np.array(positive, dtype=int),
        mask_input=mask if with_mask else None,
        multimask_output=False,
        return_logits=True,
    )
    clicks = hsizoo.Clicks(points, positive)
    if with_mask:
        with torch.no_grad():
            decoded = model._model.decode(
                model._model.project(model._features(state)),
                torch.from_numpy(state.frame.points(clicks))[None],
                torch.tensor([positive], dtype=torch.int32),
                torch.from_numpy(mask)[None],
            )
            logits = state.frame.restore(decoded)
            np.testing.assert_allclose(decoded, low, atol=1e-4)
    else:
        with torch.no_grad():
            logits = model.logits(state, [clicks])
        np.testing.assert_array_equal(model.predict(state, [clicks]) > 0.5, expected > 0)
    assert np.ptp(expected) > 0.1  # not a constant map
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    np.testing.assert_array_equal(logits > 0, expected > 0)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_equals_segment_anything(shape, tmp_path, monkeypatch):
    sam = oracle(SMALL, 256)
    compare(ours(sam, SMALL, 256, tmp_path, monkeypatch), sam, scene(shape))


@pytest.mark.slow
def test_equals_segment_anything_in_full_size(tmp_path, monkeypatch):
    sam = oracle(VIT_B, 1024)
    with torch.device("meta"):
        theirs = segment_anything.sam_model_registry["vit_b"]()
    assert {name: value.shape for name, value in sam.state_dict().items()} == {
        name: value.shape for name, value in theirs.state_dict().items()
    }
    compare(ours(sam, VIT_B, 1024, tmp_path, monkeypatch), sam, scene((60, 80)))


def test_position_tables_are_interpolated_for_another_image_size(tmp_path, monkeypatch):
    """Meta's code interpolates relative positions on its own when it meets a longer table."""
    small, big = oracle(SMALL, 256), oracle(SMALL, 128)
    weights = small.state_dict()
    model = ours(small, SMALL, 128, tmp_path, monkeypatch)
    own = model._model.state_dict()
    big.load_state_dict(
        {name: big.state_dict()[name] if "pos" in name else weights[name] for name in weights}
    )
    for number in SMALL.global_blocks:
        attention = big.image_encoder.blocks[number].attn
        attention.rel_pos_h = small.image_encoder.blocks[number].attn.rel_pos_h
        attention.rel_pos_w = small.image_encoder.blocks[number].attn.rel_pos_w
        assert len(own[f"image_encoder.blocks.{number}.attn.inner.rel_pos_h"]) == 2 * 8 - 1
    # Halving a grid by bilinear interpolation is the mean of 2 × 2 positions.
    table = small.image_encoder.pos_embed.detach()
    means = table.unflatten(1, (8, 2)).unflatten(3, (8, 2)).mean(dim=(2, 4))
    torch.testing.assert_close(own["image_encoder.pos_embed"], means)
    big.image_encoder.pos_embed.data = means
    for window in (0, 2):
        big.image_encoder.blocks[window].load_state_dict(
            small.image_encoder.blocks[window].state_dict()
        )
    big.prompt_encoder.pe_layer.load_state_dict(small.prompt_encoder.pe_layer.state_dict())
    compare(model, big, scene((40, 70)), masks=[False])


def test_another_layout_is_refused_by_name(tmp_path, monkeypatch):
    sam = oracle(SMALL, 64)
    weights = sam.state_dict()
    weights["mask_decoder.surprise"] = weights.pop("mask_decoder.iou_token.weight")
    weights["image_encoder.neck.0.weight"] = torch.zeros(2, 3)
    monkeypatch.setattr(medsam_adapter, "VIT_B", SMALL)
    path = tmp_path / "sam.pth"
    torch.save(weights, path)
    with pytest.raises(DataError) as caught:
        MedSamAdapter(checkpoint=str(path), image_size=64)
    for part in ("mask_decoder.iou_token.weight", "mask_decoder.surprise", "(2, 3)"):
        assert part in str(caught.value)


def test_missing_weights_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    monkeypatch.setattr(medsam_adapter, "VIT_B", SMALL)
    with pytest.raises(HsizooError, match=r"sam_vit_b_01ec64\.pth") as caught:
        MedSamAdapter()
    assert "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912" in str(caught.value)


def test_parameter_counts():
    """Those of Meta's ViT-B: 93 735 472, of which 89 670 912 are in the image encoder."""
    with torch.device("meta"):
        model, theirs = Sam(), segment_anything.sam_model_registry["vit_b"]()
    for part, count in {
        "image_encoder": 89_670_912,
        "prompt_encoder": 6_220,
        "mask_decoder": 4_058_340,
    }.items():
        for sam in (model, theirs):
            assert sum(p.numel() for p in sam.get_submodule(part).parameters()) == count


def test_normalisations_are_metas():
    """timm's own default is 1e-5 in the image encoder, too near to tell from the masks."""

    def eps(sam):
        return {name: each.eps for name, each in sam.named_modules() if hasattr(each, "eps")}

    with torch.device("meta"):
        assert eps(Sam()) == eps(segment_anything.sam_model_registry["vit_b"]())


@pytest.mark.parametrize("size", [0, -16, 100])
def test_bad_image_size(size):
    with pytest.raises(OptionError, match=f"image_size={size}"):
        Sam(size, SMALL)


def test_hydra_is_left_alone():
    code = (
        "import hsizoo_medsam.sam; from hydra.core.global_hydra import GlobalHydra; "
        "assert not GlobalHydra.instance().is_initialized()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_plugin_is_light():
    code = (
        "import sys, hsizoo_medsam.plugin as plugin; specs = list(plugin.hsizoo_components()); "
        "assert specs and not {'torch', 'numpy', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def plain(sam: modeling.Sam, tmp_path, monkeypatch, **options) -> SamVit:
    """The component `sam-vit-b`, reduced in size, from a file in Meta's layout."""
    monkeypatch.setattr(sam_vit, "SIZES", {"vit-b": SMALL})
    monkeypatch.setattr(sam_vit, "_IMAGE_SIZE", 256)
    path = tmp_path / "sam.pth"
    torch.save(sam.state_dict(), path)
    return SamVit(checkpoint=str(path), **options)


@pytest.mark.parametrize(
    ("size", "theirs", "parameters"),
    [
        ("vit-b", "vit_b", 93_735_472),
        ("vit-l", "vit_l", 312_342_832),
        ("vit-h", "vit_h", 641_090_608),
    ],
)
def test_every_size_has_the_layout_of_metas_file(size, theirs, parameters):
    with torch.device("meta"):
        own = Sam(1024, SIZES[size])
        expected = segment_anything.sam_model_registry[theirs]().state_dict()
    layout = {sam_name(name): tuple(each.shape) for name, each in expected.items()}
    assert {name: tuple(each.shape) for name, each in own.state_dict().items()} == layout
    assert sum(each.numel() for each in own.parameters()) == parameters


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("multimask", ["auto", "single", "best"])
def test_the_plain_segmenter_equals_the_predictor(shape, multimask, tmp_path, monkeypatch):
    sam, cube = oracle(SMALL, 256), scene(shape)
    model = plain(sam, tmp_path, monkeypatch, multimask=multimask)
    predictor = segment_anything.SamPredictor(sam)
    predictor.set_image(PseudoRgb().render(cube))
    state = model.open(cube)
    boxes = np.array([[3, 5, 30, 41]])
    prompts = [hsizoo.Clicks(*each) for each in CLICKS.values()]
    asked = [({"point_coords": np.array(p)[:, ::-1], "point_labels": np.array(s, dtype=int)}, s)
             for p, s in CLICKS.values()]  # fmt: skip
    found = [*model.predict(state, prompts), *model.predict_boxes(state, boxes)]
    asked.append(({"box": boxes[0, [1, 0, 3, 2]]}, [True, True]))
    for (prompt, signs), own in zip(asked, found, strict=True):
        several = multimask == "best" or (multimask == "auto" and len(signs) == 1)
        masks, quality, _ = predictor.predict(
            **prompt, multimask_output=several, return_logits=True
        )
        expected = torch.from_numpy(masks[quality.argmax()])
        assert expected.amax() - expected.amin() > 0.1
        torch.testing.assert_close(own.logit(eps=1e-7), expected, rtol=0, atol=1e-3)
        assert torch.equal(own > 0.5, expected > 0)


def test_random_weights_are_told_and_files_are_known(tmp_path, monkeypatch):
    sam = oracle(SMALL, 256)
    assert plain(sam, tmp_path, monkeypatch).pretrained
    random = SamVit(checkpoint="random")
    assert not random.pretrained
    assert SamVit.base_weights(size="vit-h") == f"sha256:{sam_vit.SAM_FILES['vit-h'].sha256}"
    assert SamVit.base_weights(checkpoint="random") == "random:0"
    (file,) = SamVit.weight_files(size="vit-l")
    assert file.url == "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_l_0b3195.pth"
    assert SamVit.weight_files(checkpoint="random") == ()
    with pytest.raises(OptionError, match="size='vit-g': expected one of vit-b, vit-l, vit-h"):
        SamVit(size="vit-g")
    torch.save(oracle(Vit(width=48, depth=2, heads=2), 256).state_dict(), tmp_path / "o.pth")
    with pytest.raises(DataError, match="do not fit SAM"):
        SamVit(checkpoint=str(tmp_path / "o.pth"))
