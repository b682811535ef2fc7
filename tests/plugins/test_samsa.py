"""SAMSA 2.0 and the late-fusion stand-in: what they start from, share, train, and compute where."""

from __future__ import annotations

import copy
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from hsizoo_sam2.building import build_sam21
from hsizoo_sam2.sam21 import Sam21
from hsizoo_sam2.sam21_ft import Sam21FineTuned
from hsizoo_samsa.options import SamsaOptions
from hsizoo_samsa.samsa import Samsa
from hsizoo_samsa.samsa2 import Samsa2
from skimage.transform import resize

import hsizoo
from hsizoo.engine.embeddings import EmbeddingCache
from hsizoo.errors import DataError, OptionError
from hsizoo.zoo.factory import resolve

PROMPTS = [
    hsizoo.Clicks([(40, 61)]),
    hsizoo.Clicks([(40, 61), (5, 7)], [True, False]),
    hsizoo.Clicks([(9, 9), (47, 70)]),
]
EVERY = {
    "mask-prompt": lambda **more: Samsa2(size="nano", **more),
    "concat4": lambda **more: Samsa2(size="nano", injection="concat4", **more),
    "samsa": lambda **more: Samsa(size="nano", **more),
}


ONE_PIXEL = 1 / (48 * 96)
"""Rounding may move a pixel to the next bin of the equalisation, which changes a map by this."""

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def cache(monkeypatch):
    fresh = EmbeddingCache()
    monkeypatch.setattr("hsizoo_sam2.sam21.embedding_cache", lambda: fresh)
    return fresh


@pytest.fixture(scope="module")
def cube():
    rng = np.random.default_rng(0)
    rows, cols = np.meshgrid(np.linspace(0, 1, 48), np.linspace(0, 1, 96), indexing="ij")
    waves = rng.uniform(2, 12, (12, 2))
    data = np.stack([2 + np.sin(a * rows) * np.cos(b * cols) for a, b in waves], axis=2)
    return hsizoo.HyperCube(data + rng.normal(scale=0.1, size=data.shape))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Random weights that make something of their prompts."""
    model, _ = build_sam21("nano", "random")
    generator = torch.Generator().manual_seed(1)
    state = {
        name: each
        if "image_encoder" in name
        else each + (0.02 if each.ndim >= 2 else 0.1) * torch.randn(each.shape, generator=generator)
        for name, each in model.state_dict().items()
    }
    path = tmp_path_factory.mktemp("weights") / "nano.pt"
    torch.save({"model": state}, path)
    return str(path)


@pytest.mark.parametrize("form", ["signed", "plain"])
@pytest.mark.parametrize("order", ["each", "aggregated"])
def test_the_map_is_sams_mask_prompt(cube, checkpoint, form, order):
    """Against SAM 2.1 with a mask prompt made by hand from the scorer's map."""
    given = {"scorer": "sa-eq:order=each"} if order == "each" else {}
    samsa = Samsa2(size="nano", checkpoint=checkpoint, prompt_form=form, prompt_scale=7, **given)
    plain = Sam21(size="nano", checkpoint=checkpoint, multimask="single")
    scorer = hsizoo.create(f"sa-eq:order={order}", kind="segmenter", device="cpu")
    maps = scorer.predict(scorer.open(cube), PROMPTS).numpy()
    small = np.stack([resize(each, (64, 64), order=1, anti_aliasing=False) for each in maps])
    state = samsa.open(cube)
    dense = samsa.mask_prompts(state, PROMPTS)
    by_hand = 7 * (2 * small - 1 if form == "signed" else small)
    assert dense.shape == (3, 1, 64, 64)
    assert np.abs(dense[:, 0].numpy() - by_hand).mean() < 0.5  # another antialiasing filter
    opened = plain.open(cube)
    expected = plain._upsample(opened, plain._decode(opened, PROMPTS, dense)).sigmoid()
    found = samsa.predict(state, PROMPTS)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    without = plain.predict(opened, PROMPTS)
    assert (found - without).abs().max() > 1e-3  # the map does matter


@pytest.mark.parametrize("size", ["nano", "tiny", "small", "base-plus", "large"])
def test_the_papers_order_is_the_default_unless_weights_were_trained_with_the_other(size):
    here = resolve(f"samsa2-{size}", "segmenter")
    trained = here.weights.card["options"]["scorer"]["options"] if here.weights else None
    expected = "aggregated" if trained is None else trained.get("order", "each")
    assert here.nested["scorer"].options["order"] == expected


@pytest.mark.skipif(resolve("samsa2-nano", "segmenter").weights is None, reason="no weights here")
def test_weights_are_not_used_with_another_order_than_they_were_trained_with():
    here = resolve("samsa2-nano", "segmenter").nested["scorer"].options["order"]
    (other,) = {"each", "aggregated"} - {here}
    assert resolve(f"samsa2-nano:scorer=sa-eq:order={here}", "segmenter").weights is not None
    assert resolve(f"samsa2-nano:scorer=sa-eq:order={other}", "segmenter").weights is None
    with pytest.raises(DataError, match="trained with other options of hsizoo/samsa2-nano: scorer"):
        resolve(f"samsa2-nano:scorer=sa-eq:order={other},weights=packaged", "segmenter")


def test_concat4_begins_equal_to_mask_prompt(cube, checkpoint):
    one, four = (
        Samsa2(size="nano", checkpoint=checkpoint, injection=injection)
        for injection in ("mask-prompt", "concat4")
    )
    torch.testing.assert_close(
        four.predict(four.open(cube), PROMPTS), one.predict(one.open(cube), PROMPTS),
        rtol=0, atol=1e-6,
    )  # fmt: skip
    count = {
        each.options.injection: sum(weight.numel() for weight in each.trainable().values())
        for each in (one, four)
    }
    assert count["concat4"] - count["mask-prompt"] == 48
    name = "sam_prompt_encoder.mask_downscaling.0.weight"
    assert four.state_dict()[name].shape == (4, 4, 2, 2)
    four.logits(four.open(cube), PROMPTS).square().mean().backward()
    grad = four.trainable()[name].grad
    assert (grad.abs().amax(dim=(0, 2, 3)) > 0).all()  # red, green, blue and the map are trained


def test_late_fusion_begins_as_sam(cube, checkpoint):
    fused = Samsa(size="nano", checkpoint=checkpoint)
    plain = Sam21FineTuned(size="nano", checkpoint=checkpoint)
    assert torch.equal(
        fused.predict(fused.open(cube), PROMPTS), plain.predict(plain.open(cube), PROMPTS)
    )
    with torch.no_grad():
        fused.fusion.layers[2].weight.fill_(0.5)
    assert not torch.equal(
        fused.predict(fused.open(cube), PROMPTS), plain.predict(plain.open(cube), PROMPTS)
    )


@pytest.mark.parametrize("scorer", ["pcc", "ace", "[ace:shrinkage=0.2]", "sid"])
def test_any_scorer(cube, checkpoint, scorer):
    maps = {}
    for name in ("sa-eq", scorer.strip("[]")):
        samsa = Samsa2(size="nano", checkpoint=checkpoint, scorer=name)
        maps[name] = samsa.predict(samsa.open(cube), PROMPTS)
        assert torch.isfinite(maps[name]).all()
    assert not torch.equal(*maps.values())


def test_scorers_options_through_the_name(cube):
    samsa = Samsa2(size="nano", scorer="sa:aggregate=mean")
    assert samsa.similarity._segmenter.options.aggregate == "mean"


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_invalid_pixels_and_no_objects(cube, make):
    data = cube.data.copy()
    data[:10, :10, 3] = np.nan
    model = make(checkpoint="random")
    state = model.open(hsizoo.HyperCube(data))
    assert torch.isfinite(model.predict(state, PROMPTS[:1])).all()
    assert model.predict(state, []).shape == (0, 48, 96)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_too_few_bands(make):
    model = make(checkpoint="random")
    assert model.min_bands == 2
    with pytest.raises(DataError, match="at least 2 bands"):
        model.open(hsizoo.HyperCube(np.ones((4, 4, 1))))


def test_four_components_encode_an_image_once(cube, cache, checkpoint):
    makers = [partial(Sam21, size="nano"), partial(Sam21FineTuned, size="nano")]
    makers += [EVERY["concat4"], EVERY["samsa"]]
    calls = []
    for make in makers:
        component = make(checkpoint=checkpoint)
        encode = component.network.encode
        component.network.encode = lambda inputs, encode=encode: calls.append(1) or encode(inputs)
        rng = np.random.default_rng(0)
        state = component.open(cube)
        prompts = [hsizoo.Clicks([rng.integers(0, 48, 2)]) for _ in range(16)]
        for _ in range(5):
            component.predict(state, prompts)
            prompts = [clicks.add(*rng.integers(0, 48, 2)) for clicks in prompts]
    assert len(calls) == 1
    assert (cache.misses, cache.hits) == (1, 3)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_gradients_reach_what_is_trained_and_nothing_else(cube, checkpoint, make):
    model = make(checkpoint=checkpoint)
    if isinstance(model, Samsa):
        with torch.no_grad():
            model.fusion.layers[2].weight.fill_(0.1)  # at zero it hides the layer before it
    model.train()
    model.logits(model.open(cube), PROMPTS).square().mean().backward()
    part = {name: ".".join(name.split(".")[:2]) for name in model.trainable()}
    reached = {part[name] for name, each in model.trainable().items() if each.grad is not None}
    unreached = set(part.values()) - reached
    expected = {"sam_mask_decoder.iou_prediction_head", "sam_mask_decoder.pred_obj_score_head"}
    if isinstance(model, Samsa):
        assert unreached == {*expected, "sam_prompt_encoder.mask_downscaling"}
        assert model.trainable()["fusion.layers.0.weight"].grad.abs().max() > 0
    else:
        assert unreached == {*expected, "sam_prompt_encoder.no_mask_embed"}
    ours = {id(each) for each in model.trainable().values()}
    others = [each for each in model.network.parameters() if id(each) not in ours]
    assert others
    assert all(each.grad is None and not each.requires_grad for each in others)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_state_dict_round_trip(cube, checkpoint, make):
    model, other = make(checkpoint=checkpoint), make(checkpoint=checkpoint)
    optimizer = torch.optim.SGD(model.trainable().values(), lr=1e-3)
    state = model.open(cube)
    for _ in range(2):
        optimizer.zero_grad()
        model.logits(state, PROMPTS).mean().backward()
        optimizer.step()
    trained = model.predict(state, PROMPTS)
    assert not torch.equal(trained, other.predict(other.open(cube), PROMPTS))
    other.load_state_dict(model.state_dict())
    assert torch.equal(trained, other.predict(other.open(cube), PROMPTS))
    with pytest.raises(DataError, match="do not fit Samsa"):
        other.load_state_dict({})


def test_specs_need_no_torch():
    code = """if True:
        import sys
        from hsizoo_samsa.plugin import hsizoo_components
        names = [spec.name for spec in hsizoo_components()]
        assert len(names) == 12 and {"jury", "samsa2-nano-corrected"} <= set(names)
        assert not {"torch", "numpy", "hydra", "sam2"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("values_are_made_up")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_on_a_fake_gpu(make, precision, cube, fake_mode, to_fake_device):
    """Every tensor must be on the right device; whole steps: `test_training_on_fake_devices`."""
    model = make(checkpoint="random")
    model.network = copy.deepcopy(model.network)  # its encoder is shared
    with fake_mode:
        to_fake_device(model.network, "cuda")
        if isinstance(model, Samsa):
            to_fake_device(model.fusion, "cuda")
        model.network.precision = precision
        model.similarity._device = "cuda"
        model.similarity._segmenter = resolve("sa-eq", "segmenter").build("cuda")
        state = model.open(cube)
        maps = model.similarity.maps(state.spectral, PROMPTS)
        assert (maps.device.type, maps.shape) == ("cuda", (3, 48, 96))
        found = model.predict(state, PROMPTS)
        assert (found.device.type, found.dtype) == ("cuda", torch.float32)
        logits = model.logits(state, PROMPTS)
        assert (logits.device.type, logits.requires_grad) == ("cuda", True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_on_a_real_gpu(cube, checkpoint, make):
    there, here = (
        make(checkpoint=checkpoint, precision="float32", device=device)
        for device in ("cuda", "cpu")
    )
    found = there.predict(there.open(cube), PROMPTS)
    exact = here.predict(here.open(cube), PROMPTS)
    assert found.device.type == "cuda"
    assert (found.cpu() - exact).abs().mean() < 1e-3
    there.logits(there.open(cube), PROMPTS).mean().backward()


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_an_image_opened_in_inference_mode_can_be_trained_on(make, cube, checkpoint):
    samsa = make(checkpoint=checkpoint)
    with torch.inference_mode():
        state = samsa.open(cube)
        samsa.predict(state, PROMPTS)
    samsa.logits(state, PROMPTS).sum().backward()


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_no_chance_is_taken_from_the_generator(make):
    before = torch.get_rng_state()
    first, second = (make(checkpoint="random").state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(each, second[name]) for name, each in first.items())


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_what_auto_has_come_to_is_told(make, cube):
    samsa, plain = make(checkpoint="random"), Sam21(size="nano", checkpoint="random")
    told = samsa.describe(samsa.open(cube))
    assert told == plain.describe(plain.open(cube))
    assert told["pseudo_rgb"]["bands"] == [10, 6, 2]


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_few_maps_are_kept_and_no_gpu_is_seeded(make, checkpoint, monkeypatch):
    monkeypatch.delattr(torch, "manual_seed")
    samsa = make(checkpoint=checkpoint)
    assert samsa.similarity._segmenter.cache_bytes == 16 * 2**20
    assert samsa.base_weights(size="nano", checkpoint="random") == "random:0"


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_objects_have_their_own_map_however_many_are_decoded_at_once(
    make, cube, checkpoint, monkeypatch
):
    monkeypatch.setattr("hsizoo_sam2.sam21._OBJECTS_AT_ONCE", 2)
    samsa = make(checkpoint=checkpoint)
    if isinstance(samsa, Samsa):  # an untrained head changes nothing
        torch.nn.init.constant_(samsa.fusion.layers[2].weight, 0.1)
    state = samsa.open(cube)
    prompts = [*PROMPTS, *(hsizoo.Clicks([place]) for place in ((5, 7), (20, 80)))]
    boxes = np.array([[3, 5, 20, 30], [10, 40, 40, 80], [0, 60, 9, 90]])
    for ask, asked in ((samsa.predict, prompts), (samsa.predict_boxes, boxes)):
        together = ask(state, asked)
        for number, found in enumerate(together):
            alone = ask(state, asked[number : number + 1])[0]
            torch.testing.assert_close(found, alone, rtol=0, atol=ONE_PIXEL)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_boxes_bring_their_similarity_map(make, cube, checkpoint, monkeypatch):
    samsa = make(checkpoint=checkpoint)
    if isinstance(samsa, Samsa):  # an untrained head changes nothing
        torch.nn.init.constant_(samsa.fusion.layers[2].weight, 0.1)
    state = samsa.open(cube)
    boxes = np.array([[3, 5, 20, 30], [10, 40, 40, 80]])
    found = samsa.predict_boxes(state, boxes)
    for n in range(2):  # one by one as in a batch
        alone = samsa.predict_boxes(state, boxes[n : n + 1])[0]
        torch.testing.assert_close(alone, found[n], rtol=0, atol=ONE_PIXEL)
    # What SAM sees of another box's spectrum must show.
    other = samsa.similarity.box_maps(state.spectral, boxes[::-1].copy())
    monkeypatch.setattr(samsa.similarity, "box_maps", lambda *_: other)
    assert (samsa.predict_boxes(state, boxes) - found).abs().max() > 1e-3


def test_a_fusion_head_without_channels_is_refused():
    with pytest.raises(OptionError, match=r"channels=0: the fusion head needs 1 or more"):
        SamsaOptions(channels=0)
