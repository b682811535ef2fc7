"""SAM 2.1 against Meta's predictor, its encodings, its gradients, and a GPU that is not there."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hsizoo_sam2 import building, prompted
from hsizoo_sam2.building import build_sam21
from hsizoo_sam2.sam21 import Sam21
from hsizoo_sam2.sam21_ft import Sam21FineTuned
from hsizoo_sam2.sizes import SIZES

import hsizoo
from hsizoo.engine.embeddings import EmbeddingCache
from hsizoo.errors import ClickError, DataError, OptionError

CLICKS = {
    "one": hsizoo.Clicks([(40, 61)]),
    "two, one negative": hsizoo.Clicks([(40, 61), (5, 7)], [True, False]),
    "many": hsizoo.Clicks(
        [(9, 9), (47, 70), (0, 0), (30, 2), (12, 55)], [True, True, False, True, True]
    ),
    "negative only": hsizoo.Clicks([(20, 33)], [False]),
}
SHAPES = {"non-square": (48, 96), "square": (80, 80), "larger than the input": (300, 280)}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def cache(monkeypatch):
    """Each test begins with an empty cache of its own."""
    fresh = EmbeddingCache()
    monkeypatch.setattr("hsizoo_sam2.sam21.embedding_cache", lambda: fresh)
    return fresh


def make_cube(shape=(48, 96), bands=12, seed=0):
    """Smooth structures, so that masks have a shape."""
    rng = np.random.default_rng(seed)
    rows, cols = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    waves = rng.uniform(2, 12, (bands, 2))
    data = np.stack([np.sin(a * rows) * np.cos(b * cols) for a, b in waves], axis=2)
    return hsizoo.HyperCube(data + rng.normal(scale=0.1, size=data.shape))


def lively(state):
    """Random weights whose masks are neither empty nor full, nor all alike."""
    generator = torch.Generator().manual_seed(1)
    out = {}
    for name, each in state.items():
        noise = torch.randn(each.shape, generator=generator)
        if "image_encoder" in name or "no_mem_embed" in name or not each.is_floating_point():
            out[name] = each
        elif each.ndim >= 2:
            out[name] = each * 1.5 + 0.02 * noise
        else:
            out[name] = each + 0.1 * noise
    return out


def save_checkpoint(size, folder):
    model, _ = build_sam21(size, "random")
    path = folder / f"{size}.pt"
    torch.save({"model": lively(model.state_dict())}, path)
    return path


def meta_predictor(size, path):
    """Meta's own loader and predictor; for nano, whose YAML it does not have, our model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from sam2.sam2_image_predictor import SAM2ImagePredictor
    if size == "nano":
        model, _ = build_sam21(size, str(path))
    else:
        from hydra import initialize_config_module
        from hydra.core.global_hydra import GlobalHydra
        from sam2.build_sam import build_sam2

        GlobalHydra.instance().clear()  # `import sam2` may have left its own
        with initialize_config_module("sam2", version_base="1.2"):
            model = build_sam2(SIZES[size].config, str(path), "cpu", apply_postprocessing=False)
        GlobalHydra.instance().clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.script is deprecated
        predictor = SAM2ImagePredictor(model)
    side = model.image_size
    predictor._bb_feat_sizes = [(side // stride, side // stride) for stride in (4, 8, 16)]
    return predictor


def assert_same(segmenter, predictor, state, clicks, multimask, mask):
    segmenter.options = replace(segmenter.options, multimask=multimask)
    logits, quality, _ = predictor.predict(
        clicks.points[:, ::-1].copy(),
        clicks.positive.astype(int),
        mask_input=None if mask is None else mask.numpy(),
        multimask_output=multimask == "best",
        return_logits=True,
    )
    expected = logits[quality.argmax()]
    with torch.no_grad():
        masks = segmenter._decode(state, [clicks], None if mask is None else mask[None])
        found = segmenter._upsample(state, masks)[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(found > 0, expected > 0)
    if mask is not None:
        return expected
    probability = segmenter.predict(state, [clicks])[0].numpy()
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-expected.astype(float))), atol=1e-4)
    return expected


def compare(size, folder, shape):
    """All prompts, on one image; the masks must not be trivial."""
    path = save_checkpoint(size, folder)
    predictor = meta_predictor(size, path)
    segmenter = Sam21(size=size, checkpoint=str(path))
    cube = make_cube(shape)
    state = segmenter.open(cube)
    predictor.set_image(segmenter.pseudo_rgb.render(cube))
    side = segmenter.network.mask_size
    dense = torch.from_numpy(np.random.default_rng(3).normal(scale=6, size=(1, side, side))).float()
    shares = [
        (assert_same(segmenter, predictor, state, clicks, multimask, mask) > 0).mean()
        for clicks in CLICKS.values()
        for multimask in ("single", "best")
        for mask in (None, dense)
    ]
    assert any(0.02 < share < 0.98 for share in shares)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_nano_equals_metas_predictor(tmp_path, shape):
    compare("nano", tmp_path, shape)


@pytest.mark.parametrize("multimask", ["single", "best"])
def test_boxes_equal_metas_predictor(tmp_path, multimask):
    path = save_checkpoint("nano", tmp_path)
    predictor = meta_predictor("nano", path)
    segmenter = Sam21(size="nano", checkpoint=str(path), multimask=multimask)
    cube = make_cube(SHAPES["non-square"])
    state = segmenter.open(cube)
    predictor.set_image(segmenter.pseudo_rgb.render(cube))
    boxes = np.array([[5, 8, 40, 61], [0, 0, 47, 95], [30, 70, 30, 70]])
    found = segmenter.predict_boxes(state, boxes).numpy()
    for (top, left, bottom, right), probability in zip(boxes, found, strict=True):
        logits, quality, _ = predictor.predict(
            box=np.array([left, top, right, bottom]),  # sam2 counts (x, y)
            multimask_output=multimask == "best",
            return_logits=True,
        )
        expected = 1 / (1 + np.exp(-logits[quality.argmax()].astype(float)))
        np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-4)
    assert 0.02 < (found[0] > 0.5).mean() < 0.98
    assert np.abs(found[0] - found[1]).max() > 0.05
    assert segmenter.predict_boxes(state, boxes[:0]).shape == (0, 48, 96)
    with pytest.raises(ClickError, match="not inside the image of 48 rows × 96 columns"):
        segmenter.predict_boxes(state, np.array([[0, 0, 48, 95]]))


def test_tiny_equals_metas_predictor(tmp_path):
    compare("tiny", tmp_path, SHAPES["non-square"])


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["square", "non-square"])
@pytest.mark.parametrize("size", ["tiny", "small", "base-plus", "large"])
def test_other_sizes_equal_metas_predictor(tmp_path, size, shape):
    compare(size, tmp_path, SHAPES[shape])


def test_specs_need_no_torch():
    code = """if True:
        import sys
        from hsizoo_sam2.plugin import hsizoo_components
        assert len(list(hsizoo_components())) == 11
        assert not {"torch", "numpy", "hydra", "sam2"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def nano():
    return Sam21(size="nano", checkpoint="random")


@pytest.fixture
def trained(tmp_path):
    return Sam21FineTuned(size="nano", checkpoint=str(save_checkpoint("nano", tmp_path)))


def test_objects_do_not_depend_on_each_other(trained):
    state = trained.open(make_cube())
    prompts = [*CLICKS.values(), *(hsizoo.Clicks([(n, n)]) for n in range(20))]
    together = trained.predict(state, prompts)
    alone = torch.cat([trained.predict(state, [clicks]) for clicks in prompts])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert together.shape == (24, 48, 96)
    assert together.dtype == torch.float32


def test_no_objects(nano):
    assert nano.predict(nano.open(make_cube()), []).shape == (0, 48, 96)


@pytest.mark.parametrize("clicks", [hsizoo.Clicks(), hsizoo.Clicks([(48, 0)])])
def test_wrong_clicks(nano, clicks):
    with pytest.raises(ClickError):
        nano.predict(nano.open(make_cube()), [clicks])


def test_any_cube_goes(nano):
    rng = np.random.default_rng(0)
    for shape in [(1, 1, 1), (3, 500, 2), (7, 5, 300)]:
        data = rng.random(shape)
        data[0, 0] = np.nan
        data[-1, -1, 0] = np.inf
        result = nano.predict(nano.open(hsizoo.HyperCube(data)), [hsizoo.Clicks([(0, 0)])])
        assert result.shape == (1, *shape[:2])
        assert torch.isfinite(result).all()


def counting(segmenter, calls):
    encode = segmenter.network.encode
    segmenter.network.encode = lambda inputs: calls.append(1) or encode(inputs)
    return segmenter


def test_one_encoding_serves_components_classes_and_clicks(cache):
    """Four components with one encoder, 16 classes, 5 clicks: one encoding."""
    calls = []
    makers = (Sam21, Sam21FineTuned, Sam21FineTuned, Sam21)
    components = [counting(make(size="nano", checkpoint="random"), calls) for make in makers]
    assert len({id(each.network.image_encoder) for each in components}) == 1  # one copy of weights
    cube = make_cube()
    rng = np.random.default_rng(0)
    for component in components:
        state = component.open(cube)
        prompts = [hsizoo.Clicks([rng.integers(0, 48, 2)]) for _ in range(16)]
        for _ in range(5):
            component.predict(state, prompts)
            prompts = [clicks.add(*rng.integers(0, 48, 2)) for clicks in prompts]
    assert len(calls) == 1
    assert (cache.misses, cache.hits) == (1, 3)


def test_results_are_the_same_with_cache_on_disk_and_off(trained, monkeypatch, tmp_path):
    cube, results = make_cube(), []
    for made in (
        EmbeddingCache(),
        EmbeddingCache(memory_bytes=0),
        EmbeddingCache(folder=tmp_path / "e"),
        EmbeddingCache(folder=tmp_path / "e"),  # reads what the one before wrote
    ):
        monkeypatch.setattr("hsizoo_sam2.sam21.embedding_cache", lambda made=made: made)
        prompts = list(CLICKS.values())
        results += [trained.predict(trained.open(cube), prompts) for _ in range(2)]
    assert all(torch.equal(each, results[0]) for each in results)


def test_changed_encoder_or_preprocessing_never_hits(cache, tmp_path):
    cube = hsizoo.HyperCube(make_cube().data, np.linspace(450, 900, 12), rgb_bands=(9, 5, 1))
    variants = [
        {},
        {"rgb": "wavelength"},
        {"rgb": "wavelength", "red_nm": 700.0},
        {"rgb": "tivita"},
        {"rgb": "even"},
        {"stretch": "range"},
        {"stretch": "reflectance"},
        {"precision": "bfloat16"},
        {"channels_last": True},
    ]
    for options in variants:
        Sam21(size="nano", checkpoint="random", **options).open(cube)
    assert (cache.hits, cache.misses) == (0, len(variants))
    model, _ = build_sam21("nano", "random")
    state = model.state_dict()
    for name in ("image_encoder.neck.convs.0.conv.bias", "image_encoder.trunk.pos_embed"):
        torch.save({"model": {**state, name: state[name] + 1e-6}}, tmp_path / "other.pt")
        Sam21(size="nano", checkpoint=str(tmp_path / "other.pt")).open(cube)
    assert (cache.hits, cache.misses) == (0, len(variants) + 2)
    torch.save({"model": lively(state)}, tmp_path / "decoder.pt")  # another decoder only
    Sam21(size="nano", checkpoint=str(tmp_path / "decoder.pt")).open(cube)
    assert (cache.hits, cache.misses) == (1, len(variants) + 2)
    Sam21(size="nano", checkpoint="random").open(make_cube(seed=1))
    assert (cache.hits, cache.misses) == (1, len(variants) + 3)


def test_changed_code_or_configuration_never_hits(cache, monkeypatch, tmp_path):
    cube = make_cube()
    other = tmp_path / "nano.yaml"
    other.write_bytes(building._config_path("nano").read_bytes() + b"\n# edited\n")
    for name, value in {
        "ENCODING_VERSION": "other",
        "version": lambda name: "0.0",
        "_config_path": lambda size: other,
    }.items():
        Sam21(size="nano", checkpoint="random").open(cube)
        misses = cache.misses
        with monkeypatch.context() as changed:
            changed.setattr(building, name, value)
            Sam21(size="nano", checkpoint="random").open(cube)
        assert cache.misses == misses + 1


@pytest.mark.parametrize("on_disk", [False, True])
def test_an_image_opened_in_inference_mode_can_be_trained_on(
    trained, monkeypatch, tmp_path, on_disk
):
    if on_disk:  # where another process wrote the entry
        trained.open(make_cube())
        written = EmbeddingCache(folder=tmp_path / "e")
        monkeypatch.setattr("hsizoo_sam2.sam21.embedding_cache", lambda: written)
        trained.open(make_cube())
        written.clear_memory()
    with torch.inference_mode():
        state = trained.open(make_cube())
        trained.predict(state, [CLICKS["one"]])
    for opened in (state, trained.open(make_cube())):
        trained.logits(opened, [CLICKS["one"]]).sum().backward()
    raw = trained.network.preprocess(torch.zeros((8, 8, 3), dtype=torch.uint8))
    with torch.inference_mode():
        features = trained.network.encode(raw.clone())
    assert not any(each.is_inference() or each.requires_grad for each in features.values())


def test_what_auto_has_come_to_is_told(nano):
    cube = hsizoo.HyperCube(make_cube().data, np.linspace(450, 900, 12), rgb_bands=(9, 5, 1))
    told = {"rgb": "bands", "bands": [9, 5, 1], "stretch": "percentile"}
    assert nano.describe(nano.open(cube)) == {"pseudo_rgb": told, "precision": "float32"}
    state = nano.open(make_cube())
    assert nano.describe(state)["pseudo_rgb"]["bands"] == [10, 6, 2]
    half = Sam21(size="nano", checkpoint="random", precision="bfloat16", rgb="tivita")
    assert half.describe(half.open(cube)) == {
        "pseudo_rgb": {"rgb": "tivita"}, "precision": "bfloat16",
    }  # fmt: skip


def test_positions_are_exact_in_any_precision(trained):
    features = trained.open(make_cube()).features
    exact = trained.network.project(features).position
    trained.network.precision = "bfloat16"
    found = trained.network.project(features)
    assert found.fine.dtype == torch.bfloat16
    assert found.position.dtype == torch.float32
    assert torch.equal(found.position, exact)


def test_gradients_reach_what_is_trained_and_nothing_else(trained):
    state = trained.open(make_cube())
    trained.train()
    trained.logits(state, list(CLICKS.values())).square().mean().backward()
    reached = {name for name, each in trained.trainable().items() if each.grad is not None}
    unreached = {name.split(".")[0] + "." + name.split(".")[1] for name in trained.trainable()} - {
        name.split(".")[0] + "." + name.split(".")[1] for name in reached
    }
    assert unreached == {
        "sam_prompt_encoder.mask_downscaling",  # no mask prompts here
        "sam_mask_decoder.iou_prediction_head",  # no loss on predicted quality
        "sam_mask_decoder.pred_obj_score_head",
    }
    assert {
        f"sam_mask_decoder.conv_s{n}.{kind}" for n in (0, 1) for kind in ("weight", "bias")
    } <= {name for name in reached if trained.trainable()[name].grad.abs().max() > 0}
    ours = {id(each) for each in trained.trainable().values()}
    others = [each for each in trained.network.parameters() if id(each) not in ours]
    assert others
    assert all(not each.requires_grad and each.grad is None for each in others)
    assert not any(each.requires_grad for each in state.features.values())


def test_training_changes_predictions_of_an_open_image(trained):
    state = trained.open(make_cube())
    prompts = [CLICKS["one"]]
    before = trained.predict(state, prompts)
    optimizer = torch.optim.SGD(trained.trainable().values(), lr=0.01)
    trained.logits(state, prompts).mean().backward()
    optimizer.step()
    after = trained.predict(state, prompts)
    assert not torch.equal(before, after)  # conv_s0 and conv_s1 are not remembered from before
    assert torch.equal(after, trained.predict(trained.open(make_cube()), prompts))
    with torch.no_grad():
        assert torch.equal(after, trained.logits(state, prompts).sigmoid())


@pytest.mark.parametrize("tell", ["train", "load_state_dict", "invalidate"])
def test_steps_that_torch_does_not_count_are_noticed(trained, tell):
    state, prompts = trained.open(make_cube()), [CLICKS["one"]]
    optimizer = torch.optim.AdamW(trained.trainable().values(), lr=0.01, fused=True)
    trained.train()
    trained.predict(state, prompts)
    trained.logits(state, prompts).mean().backward()
    optimizer.step()
    {
        "train": lambda: trained.train(False),
        "load_state_dict": lambda: trained.load_state_dict(trained.state_dict()),
        "invalidate": trained.invalidate,
    }[tell]()
    found = trained.predict(state, prompts)
    assert torch.equal(found, trained.predict(trained.open(make_cube()), prompts))


def test_state_dict_round_trip(trained, tmp_path):
    other = Sam21FineTuned(size="nano", checkpoint="random")
    cube, prompts = make_cube(), list(CLICKS.values())
    assert not torch.equal(
        other.predict(other.open(cube), prompts), trained.predict(trained.open(cube), prompts)
    )
    kept = trained.state_dict()
    with torch.no_grad():
        next(iter(trained.trainable().values())).add_(1)  # what was returned must not change
    other.load_state_dict(kept)
    trained.load_state_dict(kept)
    assert torch.equal(
        other.predict(other.open(cube), prompts), trained.predict(trained.open(cube), prompts)
    )
    assert other.frozen_digest == trained.frozen_digest
    kept.pop("sam_mask_decoder.conv_s0.weight")
    with pytest.raises(DataError, match=r"1 missing: sam_mask_decoder\.conv_s0\.weight"):
        other.load_state_dict(kept)


def test_options_that_cannot_be():
    with pytest.raises(OptionError, match="float16"):
        Sam21(size="nano", checkpoint="random", precision="float16")
    with pytest.raises(OptionError, match="size"):
        Sam21(size="huge", checkpoint="random")


def test_bfloat16_and_channels_last_change_little(tmp_path):
    path = str(save_checkpoint("nano", tmp_path))
    cube, prompts = make_cube(), list(CLICKS.values())
    results = {}
    for precision in ("float32", "bfloat16"):
        for channels_last in (False, True):
            segmenter = Sam21(
                size="nano", checkpoint=path, precision=precision, channels_last=channels_last
            )
            found = segmenter.predict(segmenter.open(cube), prompts)
            assert found.dtype == torch.float32
            results[precision, channels_last] = found
    exact = results["float32", False]
    torch.testing.assert_close(results["float32", True], exact, rtol=0, atol=1e-4)
    assert (results["bfloat16", False] - exact).abs().mean() < 0.02


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_on_a_fake_gpu(precision, fake_mode, to_fake_device):
    """Every tensor must be on the right device; whole steps: `test_training_on_fake_devices`."""
    segmenter = Sam21FineTuned(size="nano", checkpoint="random", multimask="auto")
    segmenter.network = copy.deepcopy(segmenter.network)  # its encoder is shared
    with fake_mode:
        to_fake_device(segmenter.network, "cuda")
        segmenter.network.precision = precision
        assert segmenter.network.device.type == "cuda"
        state = segmenter.open(make_cube())
        assert {each.device.type for each in state.features.values()} == {"cuda"}
        found = segmenter.predict(state, list(CLICKS.values()))
        assert (found.device.type, found.dtype) == ("cuda", torch.float32)
        assert found.shape == (4, 48, 96)
        logits = segmenter.logits(state, list(CLICKS.values()))
        assert (logits.device.type, logits.dtype) == ("cuda", torch.float32)
        assert logits.requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_on_a_real_gpu(tmp_path, precision):
    path = str(save_checkpoint("nano", tmp_path))
    cube, prompts = make_cube(), list(CLICKS.values())
    there = Sam21FineTuned(size="nano", checkpoint=path, precision=precision, device="cuda")
    here = Sam21FineTuned(size="nano", checkpoint=path)
    found = there.predict(there.open(cube), prompts)
    assert found.device.type == "cuda"
    exact = here.predict(here.open(cube), prompts)
    tolerance = 1e-3 if precision == "float32" else 0.05
    assert (found.cpu() - exact).abs().mean() < tolerance
    there.logits(there.open(cube), prompts).mean().backward()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler on the CPU")
def test_a_compiled_encoder_changes_little(tmp_path):
    path = str(save_checkpoint("nano", tmp_path))
    cube, prompts = make_cube(), list(CLICKS.values())
    plain = Sam21(size="nano", checkpoint=path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        compiled = Sam21(size="nano", checkpoint=path, compile=True)
        found = compiled.predict(compiled.open(cube), prompts)
    exact = plain.predict(plain.open(cube), prompts)
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-4)


def test_attention_of_the_decoder_leaves_cudnn_out_and_puts_it_back(nano, monkeypatch):
    decode, enabled = prompted.decode_masks, torch.backends.cuda.cudnn_sdp_enabled
    before, seen = enabled(), []

    def watched(*given, **more):
        seen.append(enabled())
        return decode(*given, **more)

    monkeypatch.setattr(prompted, "decode_masks", watched)
    nano.predict(nano.open(make_cube()), [CLICKS["one"]])
    assert seen == [False]
    assert enabled() == before
