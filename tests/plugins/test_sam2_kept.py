"""What a training step keeps of an image's projection, against plain convolutions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hsizoo_sam2 import Sam21FineTuned
from hsizoo_sam2.kept import grouped, kept_convolution
from torch import nn

import hsizoo

pytestmark = pytest.mark.usefixtures("one_thread")

CLICKS = hsizoo.Clicks([(4, 7), (20, 30)], [True, False])


@pytest.mark.parametrize("levels", [1, 2])
def test_blocks_are_grouped_by_quarters(levels):
    side = 2**levels
    height, width = 3 * side, 2 * side
    image = torch.arange(5.0 * height * width).view(5, height, width)
    found = grouped(image, levels)
    assert found.shape == (6, *[4] * levels, 5)
    for row in range(height):
        for col in range(width):
            quarters = [(row >> n & 1) * 2 + (col >> n & 1) for n in reversed(range(levels))]
            place = (row // side * 2 + col // side, *quarters)
            assert torch.equal(found[place], image[:, row, col])


@pytest.mark.parametrize("levels", [1, 2])
def test_gradients_are_those_of_the_convolution(levels):
    generator = torch.Generator().manual_seed(levels)
    layer = nn.Conv2d(6, 5, 1)
    features = torch.randn((1, 6, 8, 12), generator=generator)
    expected = grouped(layer(features)[0], levels)
    found = kept_convolution(layer, features, expected.detach())
    assert torch.equal(found, expected)
    share = torch.randn(expected.shape, generator=generator)
    parameters = tuple(layer.parameters())
    plain = torch.autograd.grad((expected * share).sum(), parameters)
    for _ in range(2):  # each click has a pass of its own
        again = kept_convolution(layer, features, expected.detach())
        kept = torch.autograd.grad((again * share).sum(), parameters)
        torch.testing.assert_close(kept, plain, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def segmenter():
    return Sam21FineTuned(size="nano", checkpoint="random", precision="float32")


@pytest.fixture
def state(segmenter):
    data = np.random.default_rng(1).uniform(0.1, 1, (40, 48, 6)).astype(np.float32)
    return segmenter.open(hsizoo.HyperCube(data))


def gradients(segmenter, loss):
    named = segmenter.trainable()
    found = torch.autograd.grad(loss, named.values(), allow_unused=True)
    return dict(zip(named, found, strict=True))


def loss_of(segmenter, state):
    return segmenter.logits(state, [CLICKS]).sigmoid().mean()


def test_a_step_projects_an_image_once(segmenter, state, monkeypatch):
    calls = []
    project = segmenter.network.project
    monkeypatch.setattr(segmenter.network, "project", lambda x: calls.append(1) or project(x))
    found = [gradients(segmenter, loss_of(segmenter, state)) for _ in range(3)]
    assert len(calls) == 1
    monkeypatch.setattr(segmenter.network, "attach", lambda kept, features: project(features))
    expected = gradients(segmenter, loss_of(segmenter, state))
    for name, plain in expected.items():
        for kept in found:
            assert (kept[name] is None) == (plain is None)
            if plain is not None:
                torch.testing.assert_close(kept[name], plain, rtol=1e-4, atol=1e-7, msg=name)
    for part in ("conv_s0", "conv_s1"):
        assert expected[f"sam_mask_decoder.{part}.weight"].abs().max() > 0


def test_changed_weights_are_projected_with(segmenter, state):
    before = loss_of(segmenter, state)
    weight = segmenter.trainable()["sam_mask_decoder.conv_s0.weight"]
    with torch.no_grad():
        weight += 0.5
    try:
        after = loss_of(segmenter, state)
        state.projection = None
        assert after.item() == loss_of(segmenter, state).item() != before.item()
    finally:
        with torch.no_grad():
            weight -= 0.5


def test_what_was_kept_in_inference_mode_can_be_trained_on(segmenter, state):
    with torch.inference_mode():
        segmenter.predict(state, [CLICKS])
    assert state.projection.first is not None
    found = gradients(segmenter, loss_of(segmenter, state))
    layer = "sam_mask_decoder.transformer.layers.0.cross_attn_token_to_image.v_proj.weight"
    assert found[layer].abs().max() > 0  # not lost in what is kept of the first layer


def test_gradients_in_half_precision_are_float32():
    segmenter = Sam21FineTuned(size="nano", checkpoint="random", precision="bfloat16")
    data = np.random.default_rng(1).uniform(0.1, 1, (40, 48, 6)).astype(np.float32)
    state = segmenter.open(hsizoo.HyperCube(data))
    found = gradients(segmenter, loss_of(segmenter, state))
    project = segmenter.network.project
    segmenter.network.attach = lambda kept, features: project(features)
    plain = gradients(segmenter, loss_of(segmenter, state))
    for part in ("conv_s0", "conv_s1"):
        for name in (f"sam_mask_decoder.{part}.{each}" for each in ("weight", "bias")):
            assert found[name].dtype == torch.float32
            error = (found[name] - plain[name]).abs().max()
            assert error < 0.05 * plain[name].abs().max()
