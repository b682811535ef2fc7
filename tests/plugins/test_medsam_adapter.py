"""The adapters, what is trained, and what an encoding with a gradient costs."""

from __future__ import annotations

import contextlib
import hashlib
from itertools import pairwise

import numpy as np
import pytest
import torch
from hsizoo_medsam import medsam_adapter
from hsizoo_medsam.medsam_adapter import MedSamAdapter
from hsizoo_medsam.sam import Sam, Vit
from hsizoo_medsam.weights import SAM_VIT_B
from hsizoo_sam2 import Sam21
from torch import nn
from torch.nn import functional

import hsizoo
from hsizoo.errors import ClickError, DataError, OptionError

SMALL = Vit(width=96, depth=3, heads=4, global_blocks=(1,))
ONE = hsizoo.Clicks([(5, 9)])
TWO = hsizoo.Clicks([(5, 9), (20, 30)], [True, False])


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(medsam_adapter, "VIT_B", SMALL)


def make(**options) -> MedSamAdapter:
    size = None if "backbone" in options and options["backbone"] != "sam-vit-b" else 128
    return MedSamAdapter(**{"checkpoint": "random", "image_size": size, **options})


def cube(seed: int = 0, shape: tuple[int, int] = (30, 40)) -> hsizoo.HyperCube:
    return hsizoo.HyperCube(np.random.default_rng(seed).random((*shape, 6)))


def scaled(model: MedSamAdapter, factor: float = 3.0) -> MedSamAdapter:
    """Adapters that matter: larger than their initial values."""
    with torch.no_grad():
        for parameter in model._in_encoder:
            parameter.mul_(factor)
    return model


@contextlib.contextmanager
def counted(model: MedSamAdapter):
    """Count the encodings that are made."""
    calls = []
    plain = model._model.encode
    model._model.encode = lambda image: (calls.append(torch.is_grad_enabled()), plain(image))[1]
    yield calls
    del model._model.encode


def by_hand(block: nn.Module, x: torch.Tensor, scale: float) -> torch.Tensor:
    """A block as Medical SAM Adapter describes it, written anew; windows by loops."""

    def adapt(adapter, tokens):
        hidden = functional.gelu(tokens @ adapter.down.weight.T + adapter.down.bias)
        return hidden @ adapter.up.weight.T + adapter.up.bias

    def attend(tokens):
        attended = block.attn.inner(tokens)
        return attended + adapt(block.attn.adapter, attended)

    normed = block.norm1(x)
    side = block.window_size
    if side:
        height, width = x.shape[1:3]
        padded = functional.pad(normed, (0, 0, 0, -width % side, 0, -height % side))
        out = torch.empty_like(padded)
        for row in range(0, padded.shape[1], side):
            for col in range(0, padded.shape[2], side):
                window = np.s_[:, row : row + side, col : col + side]
                out[window] = attend(padded[window])
        x = x + out[:, :height, :width]
    else:
        x = x + attend(normed)
    normed = block.norm2(x)
    return x + block.mlp.inner(normed) + scale * adapt(block.mlp.adapter, normed)


def test_blocks_are_those_of_the_description():
    model = scaled(make(adapter_scale=0.7))
    torch.manual_seed(0)
    tokens = torch.randn(1, 16, 17, SMALL.width)
    with torch.no_grad():
        for block in model._model.blocks:
            torch.testing.assert_close(block(tokens), by_hand(block, tokens, 0.7))
    assert {block.window_size for block in model._model.blocks} == {0, 14}


def test_parameter_counts(monkeypatch):
    """Of ViT-B: two adapters of 295 872 in each of 12 blocks, and what is used of the decoder."""
    monkeypatch.setattr(medsam_adapter, "VIT_B", Vit())
    model = MedSamAdapter(checkpoint="random")
    counts = {"image_encoder": 0, "mask_decoder": 0}
    for name, parameter in model.trainable().items():
        counts[name.partition(".")[0]] += parameter.numel()
    assert counts == {"image_encoder": 7_100_928, "mask_decoder": 3_506_304}
    assert sum(p.numel() for p in model._model.parameters()) == 93_735_472 + 7_100_928


def test_zero_initialised_adapters_add_nothing():
    model = make(adapter_init="zero")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = Sam(128, SMALL).eval()
    image = model.open(cube()).image
    with torch.no_grad():
        torch.testing.assert_close(model._model.encode(image), plain.encode(image), rtol=0, atol=0)
    other = make().predict(make().open(cube()), [ONE])
    assert not torch.equal(other, model.predict(model.open(cube()), [ONE]))


def test_seeds():
    """Adapters follow torch's seed, or their own; the generator is left as it was."""
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    models = [make(), make(seed=1), make(seed=2)]
    assert torch.equal(torch.rand(3), expected)
    first, second, third = (model.state_dict() for model in models)
    for name, value in first.items():
        assert torch.equal(value, second[name])
        assert torch.equal(value, third[name]) == (".adapter." not in name)
    assert len({model.frozen_digest for model in models}) == 1
    assert models[0].frozen_digest != make(image_size=112).frozen_digest


@pytest.mark.parametrize("init", ["default", "zero"])
def test_gradients_reach_the_trainable_parameters_and_no_other(init):
    model = make(adapter_init=init)
    model.train()
    model.logits(model.open(cube()), [ONE, TWO]).square().mean().backward()
    reached = {name for name, p in model._model.named_parameters() if p.grad is not None}
    assert reached == set(model.trainable()) == set(model.state_dict())
    for name, parameter in model._model.named_parameters():
        assert parameter.requires_grad == (name in reached)
        if init == "default" and name in reached and not name.endswith("k_proj.bias"):
            assert parameter.grad.any(), name  # a constant added to all keys changes nothing
    assert any(".attn.adapter." in name for name in reached)
    assert any(".mlp.adapter." in name for name in reached)
    assert not any("prompt_encoder" in name or ".inner." in name for name in reached)


def test_gradients_equal_those_of_a_plain_graph():
    model = scaled(make())
    state = model.open(cube())

    def loss(features):
        logits = [
            model._decode(model._model.project(features), state.frame, [clicks])
            for clicks in (ONE, TWO)
        ]
        return torch.cat(logits).square().mean()

    features = model._model.encode(state.image)
    expected = torch.autograd.grad(loss(features), model.trainable().values())
    logits = model.logits(state, [ONE, TWO])
    found = torch.autograd.grad(logits.square().mean(), model.trainable().values())
    # Only the order in which float32 sums are taken differs: measured, by 5e-6 of a parameter's
    # largest gradient at most.  20 times that is allowed; a gradient that is lost or counted twice
    # is off by tenths.  Biases of keys have gradient 0, so theirs is rounding alone (3e-9 of the
    # largest gradient of all), which is what the second term is for.
    largest = max(each.abs().max().item() for each in expected)
    for name, one, other in zip(model.trainable(), expected, found, strict=True):
        allowed = 1e-4 * one.abs().max().item() + 1e-6 * largest
        torch.testing.assert_close(
            other, one, rtol=0, atol=allowed, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_one_encoding_per_image_and_weights_and_one_per_backward():
    model = make()
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=1e-3)
    state, other = model.open(cube()), model.open(cube(1))
    with counted(model) as calls:
        clicks = [ONE, TWO, TWO.add(0, 0), ONE.add(3, 3), hsizoo.Clicks([(29, 39)])]
        first = model.predict(state, clicks)
        assert torch.equal(model.predict(state, clicks), first)
        assert calls == [False]
        # Each click from the prediction before it, as training does; then one backward pass.
        maps = [model.logits(state, [each]) for each in clicks]
        assert calls == [False]
        sum(each.square().mean() for each in maps).backward()
        assert calls == [False, True]
        model.logits(state, [TWO]).square().mean().backward()  # the next class, same weights
        assert calls == [False, True, True]
        optimizer.step()
        changed = model.predict(state, clicks)
        assert calls == [False, True, True, False]
        assert not torch.equal(changed, first)
        model.predict(other, [ONE])
        assert calls == [False, True, True, False, False]


def test_encoding_follows_the_weights():
    """However they change: a fresh state has nothing to be stale."""
    model, state = make(), None
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    state = model.open(cube())
    before = model.predict(state, [ONE])
    for foreach in (False, True):
        model.logits(state, [ONE]).square().mean().backward()
        optimizer = torch.optim.Adam(model.trainable().values(), lr=1e-2, foreach=foreach)
        optimizer.step()
        assert torch.equal(model.predict(state, [ONE]), model.predict(model.open(cube()), [ONE]))
    model.load_state_dict(saved)
    assert torch.equal(model.predict(state, [ONE]), before)


@pytest.mark.parametrize("tell", ["train", "load_state_dict", "invalidate"])
def test_steps_that_torch_does_not_count_are_noticed(tell):
    model = make()
    state = model.open(cube())
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=0.01, fused=True)
    logits = model.logits(state, [ONE])
    model.logits(state, [TWO]).square().mean().backward()
    optimizer.step()
    {
        "train": lambda: model.train(False),
        "load_state_dict": lambda: model.load_state_dict(model.state_dict()),
        "invalidate": model.invalidate,
    }[tell]()
    assert torch.equal(model.predict(state, [ONE]), model.predict(model.open(cube()), [ONE]))
    with pytest.raises(RuntimeError, match=r"weights changed|inplace"):
        logits.mean().backward()


@pytest.mark.parametrize("backbone", ["sam-vit-b", "sam2.1-nano"])
def test_an_image_opened_in_inference_mode_can_be_trained_on(backbone):
    model = make(backbone=backbone)
    with torch.inference_mode():
        state = model.open(cube())
        found = model.predict(state, [ONE])
    logits = model.logits(state, [ONE])
    logits.sum().backward()
    torch.testing.assert_close(logits.detach().sigmoid(), found)


def test_base_weights(tmp_path):
    known = MedSamAdapter.base_weights
    assert known() == known(image_size=256) == f"sha256:{SAM_VIT_B.sha256}"
    assert known(checkpoint="random") == "random:0"
    assert known(backbone="sam2.1-small") == Sam21.base_weights(size="small")
    assert known(backbone="sam2.1-nano", checkpoint="random") == "random:0"
    own = tmp_path / "own.pth"
    assert known(checkpoint=str(own)) == f"missing:{own}"
    own.write_bytes(b"own")
    assert known(checkpoint=str(own)) == f"sha256:{hashlib.sha256(b'own').hexdigest()}"


def test_weights_must_not_change_before_backward():
    model = make()
    logits = model.logits(model.open(cube()), [ONE])
    model.load_state_dict({name: value + 1 for name, value in model.state_dict().items()})
    with pytest.raises(RuntimeError):
        logits.mean().backward()


def test_state_keeps_no_activations():
    """What a state holds after `logits` is the encoding; the graph behind it has no tensors."""
    model = make()
    state = model.open(cube())
    assert state.encoding is None
    model.logits(state, [ONE])
    (feature,) = state.differentiable
    assert feature.shape == (1, 256, 8, 8)
    assert feature.data_ptr() == state.encoding[0].data_ptr()
    assert not any(isinstance(each, torch.Tensor) for each in feature.grad_fn.saved_tensors)


def test_an_object_does_not_depend_on_the_others():
    model = make()
    state = model.open(cube())
    clicks = [TWO, ONE, hsizoo.Clicks([(0, 0)]), TWO.add(1, 1)] * 9
    together = model.predict(state, clicks)
    assert together.shape == (36, 30, 40)
    assert together.dtype == torch.float32
    for each, expected in zip(clicks[:4], together, strict=False):
        torch.testing.assert_close(model.predict(state, [each])[0], expected)
    assert model.predict(state, []).shape == (0, 30, 40)


@pytest.mark.parametrize("shape", [(30, 40), (33, 7), (130, 131)])
def test_clicks_and_maps_keep_their_place(shape):
    """A click lands on the pixel it names, scaled; a map comes back in the image's size."""
    frame = make().open(cube(shape=shape)).frame
    height, width = shape
    corners = hsizoo.Clicks([(0, 0), (height - 1, width - 1), (0, width - 1)])
    (x0, y0), (x1, y1), (x2, y2) = frame.points(corners)
    assert (x0, y0, y2) == (0, 0, 0)
    assert x1 == x2 > y1 or height > width
    assert max(frame.inner) == 128
    assert x1 < frame.inner[1]
    assert y1 < frame.inner[0]
    ramp = torch.linspace(0, 1, 32).expand(1, 32, 32)
    restored = frame.restore(ramp)
    assert restored.shape == (1, height, width)
    assert (restored[0, 0].diff() >= 0).all()


def test_state_dict_round_trip():
    model, other = scaled(make()), make(seed=3)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(DataError, match="mask_tokens"):
        other.load_state_dict({name: v for name, v in state.items() if "mask_tokens" not in name})
    with pytest.raises(DataError, match="unknown"):
        other.load_state_dict({**state, "unknown": torch.zeros(1)})
    other.load_state_dict(state)
    for name, value in other.state_dict().items():
        assert torch.equal(value, state[name])


def test_training_lowers_the_loss():
    model = make(adapter_init="zero")
    model.train()
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=3e-4)
    state, target = model.open(cube()), torch.zeros(1, 30, 40)
    target[:, 3:15, 5:20] = 1
    losses = []
    for _ in range(6):
        loss = functional.binary_cross_entropy_with_logits(model.logits(state, [ONE]), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(after < before for before, after in pairwise(losses))


def test_training_mode_changes_no_result():
    model = make()
    state = model.open(cube())
    expected = model.predict(state, [ONE])
    model.train()
    assert torch.equal(model.predict(model.open(cube()), [ONE]), expected)


@pytest.mark.parametrize(("backbone", "size"), [("sam-vit-b", 128), ("sam2.1-nano", 256)])
def test_what_auto_has_come_to_is_told(backbone, size):
    model = make(backbone=backbone, precision="bfloat16")
    assert model.describe(model.open(cube())) == {
        "pseudo_rgb": {"rgb": "even", "bands": [5, 3, 1], "stretch": "percentile"},
        "precision": "bfloat16",
        "image_size": size,
    }


def test_bad_clicks_and_options():
    model = make()
    state = model.open(cube())
    with pytest.raises(ClickError, match="at least one"):
        model.predict(state, [hsizoo.Clicks()])
    with pytest.raises(ClickError, match="outside"):
        model.predict(state, [hsizoo.Clicks([(30, 0)])])
    with pytest.raises(OptionError, match="adapter_ratio"):
        make(adapter_ratio=0.0)


def test_options_are_documented():
    from hsizoo.zoo.options import declared_options

    assert all(option.doc for option in declared_options(MedSamAdapter).values())


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_stays_near(precision):
    model = make()
    half = make(precision=precision)
    expected = model.predict(model.open(cube()), [ONE, TWO])
    found = half.predict(half.open(cube()), [ONE, TWO])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("backbone", ["sam-vit-b", "sam2.1-nano"])
@pytest.mark.parametrize(
    ("device", "precision"), [("cuda", "float32"), ("cuda", "bfloat16"), ("meta", "float32")]
)
def test_every_tensor_is_on_the_device(
    backbone, device, precision, fake_mode, to_fake_device, backward_is_made_up
):
    """On a pretended device, which fails on any tensor that was left on the CPU."""
    model = make(backbone=backbone, precision=precision)
    with fake_mode, backward_is_made_up(device):
        to_fake_device(model._model, device)
        model._adopt(model._model)
        state = model.open(cube())
        assert state.image.device.type == device
        maps = model.predict(state, [ONE, TWO])
        assert (maps.device.type, maps.dtype, maps.shape) == (device, torch.float32, (2, 30, 40))
        logits = model.logits(state, [ONE, TWO])
        assert (logits.device.type, logits.dtype) == (device, torch.float32)
        assert logits.requires_grad
        with torch.enable_grad():  # as backward does
            again = model._model.encode(state.image)
        for feature, kept in zip(again, state.encoding, strict=True):
            assert (feature.device, feature.dtype) == (kept.device, kept.dtype)
            assert feature.requires_grad
        logits.square().mean().backward()
        assert {each.grad.device.type for each in model.trainable().values()} == {device}
        torch.optim.AdamW(model.trainable().values(), lr=1e-3).step()
        assert model.predict(state, [TWO]).device.type == device


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("backbone", ["sam-vit-b", "sam2.1-nano"])
def test_on_a_real_gpu(backbone, precision):
    here = make(backbone=backbone)
    there = make(backbone=backbone, precision=precision, device="cuda")
    expected = here.predict(here.open(cube()), [ONE, TWO])
    found = there.predict(there.open(cube()), [ONE, TWO]).cpu()
    torch.testing.assert_close(
        found, expected, atol=0.02 if precision == "bfloat16" else 1e-3, rtol=0
    )
    there.logits(there.open(cube()), [ONE, TWO]).square().mean().backward()
    assert all(each.grad is not None for each in there.trainable().values())


def test_sam2_without_adapters_is_sam2():
    """Ours with adapters that add nothing, theirs before and after: the encoder is not shared."""
    model = make(backbone="sam2.1-nano", adapter_init="zero")
    theirs = Sam21(size="nano", checkpoint="random", multimask="single")
    clicks = [ONE, TWO, hsizoo.Clicks([(29, 39)], [False])]
    expected = theirs.predict(theirs.open(cube()), clicks)
    torch.testing.assert_close(
        model.predict(model.open(cube()), clicks), expected, rtol=0, atol=1e-6
    )
    scaled(make(backbone="sam2.1-nano"))
    again = Sam21(size="nano", checkpoint="random", multimask="single")
    assert again.network.encoder_digest == theirs.network.encoder_digest
    assert torch.equal(
        again.predict(again.open(cube(1)), clicks), theirs.predict(theirs.open(cube(1)), clicks)
    )


def test_sam2_blocks_have_both_adapters_where_sam_has_them():
    """Space adapter on the output of the attention, MLP adapter beside the MLP, at every width."""
    model = make(backbone="sam2.1-nano", adapter_scale=0.7)
    for block in model._model.blocks:
        torch.manual_seed(0)
        tokens = torch.randn(1, 5, 5, block.dim)
        widened = torch.randn(1, 5, 5, block.dim_out)
        space, mlp = block.attn.adapter, block.mlp.adapter
        with torch.no_grad():
            attended = block.attn.inner(tokens)
            torch.testing.assert_close(block.attn(tokens), attended + space(attended))
            torch.testing.assert_close(
                block.mlp(widened), block.mlp.inner(widened) + 0.7 * mlp(widened)
            )
        assert space.down.in_features == mlp.up.out_features == block.dim_out
    assert len({block.dim_out for block in model._model.blocks}) == 4


def test_sam2_gradients_reach_the_trainable_parameters_and_no_other():
    model = make(backbone="sam2.1-nano")
    state = model.open(cube())
    with counted(model) as calls:
        maps = [model.logits(state, [clicks]) for clicks in (ONE, TWO)]
        sum(each.square().mean() for each in maps).backward()
    assert calls == [False, True]
    reached = {name for name, p in model._model.named_parameters() if p.grad is not None}
    # A bias of the keys changes no softmax: its gradient is 0, and where keys are not made, none.
    idle = {"network.sam_mask_decoder.transformer.final_attn_token_to_image.k_proj.bias"}
    assert reached == set(model.trainable()) - idle
    assert any(".conv_s0." in name for name in reached)
    assert all(".adapter." in name or ".sam_mask_decoder." in name for name in reached)
    sizes = sum(p.numel() for p in model._in_encoder)
    expected = 0
    for block in model._model.blocks:
        hidden = block.dim_out // 4
        expected += 2 * (2 * block.dim_out * hidden + hidden + block.dim_out)
    assert sizes == expected


def test_sam2_has_its_own_image_size():
    with pytest.raises(OptionError, match="image_size=128"):
        MedSamAdapter(backbone="sam2.1-nano", checkpoint="random", image_size=128)
