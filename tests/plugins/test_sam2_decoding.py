"""The mask decoder against sam2's own, whatever is kept, folded or left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hsizoo_sam2.dense_prompt import DensePrompt
from hsizoo_sam2.network import build_network

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def network():
    """Nano, with weights that no two of its parts share and biases that are not 0."""
    network = build_network("nano", "random", precision="float32")
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in (
            *network.sam_mask_decoder.parameters(),
            *network.sam_prompt_encoder.parameters(),
        ):
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def image(network):
    generator = torch.Generator().manual_seed(4)
    side = network.image_size
    inputs = torch.randn((1, 3, side, side), generator=generator)
    return network.encode(inputs)


def prompts(network, count, clicks, with_mask):
    generator = torch.Generator().manual_seed(clicks)
    points = network.image_size * torch.rand((count, clicks, 2), generator=generator)
    labels = torch.randint(0, 2, (count, clicks), generator=generator, dtype=torch.int32)
    side = network.mask_size
    masks = 5 * torch.randn((count, 1, side, side), generator=generator) if with_mask else None
    return points, labels, masks


def metas(network, image, points, labels, masks):
    """All masks and their quality from sam2's ``predict_masks``."""
    decoder, encoder = network.sam_mask_decoder, network.sam_prompt_encoder
    sparse, dense = encoder(points=(points, labels), boxes=None, masks=masks)
    logits, quality, *_ = decoder.predict_masks(
        image_embeddings=image["stride16"] + network.no_mem_embed.view(1, -1, 1, 1),
        image_pe=encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        repeat_image=True,
        high_res_features=[
            decoder.conv_s0(image["stride4"]),
            decoder.conv_s1(image["stride8"]),
        ],
    )
    return logits, quality


# 7 tokens and the clicks: few, more than the folded products take, more than are kept as a matrix.
@pytest.mark.parametrize("clicks", [1, 12, 90])
@pytest.mark.parametrize("with_mask", [False, True], ids=["no mask", "mask"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("keep", [False, True], ids=["fresh", "kept"])
def test_masks_equal_those_of_sam2(network, image, clicks, with_mask, count, keep):
    given = prompts(network, count, clicks, with_mask)
    expected, quality = metas(network, image, *given)
    projection = network.project(image)
    if keep:
        projection = network.keep(projection)
        assert projection.first is not None
    found, rated = network.decode(projection, *given)
    scale = expected.abs().max()
    assert scale > 1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(scale))
    torch.testing.assert_close(rated, quality, rtol=1e-4, atol=1e-5)
    (single, _), (best, _) = (
        network.decode(projection, *given, masks=which) for which in ("single", "best")
    )
    chosen = found[torch.arange(count), 1 + rated[:, 1:].argmax(dim=1)]
    for one, same in ((single, found[:, 0]), (best, chosen)):
        assert one.shape[1] == 1
        torch.testing.assert_close(one[:, 0], same, rtol=0, atol=1e-5 * float(scale))


@pytest.mark.parametrize("clicks", [1, 12])
@pytest.mark.parametrize("with_mask", [False, True], ids=["no mask", "mask"])
def test_gradients_equal_those_of_sam2(network, image, clicks, with_mask):
    given = prompts(network, 2, clicks, with_mask)
    trained = dict(network.sam_mask_decoder.named_parameters(prefix="decoder"))
    trained |= dict(network.sam_prompt_encoder.named_parameters(prefix="prompts"))
    gradients = []
    try:
        for parameter in trained.values():
            parameter.requires_grad_(True)
        for masks in (
            metas(network, image, *given)[0],
            network.decode(network.project(image), *given)[0],
        ):
            loss = masks.sigmoid().mean()
            gradients.append(torch.autograd.grad(loss, trained.values(), allow_unused=True))
    finally:
        for parameter in trained.values():
            parameter.requires_grad_(False)
    for name, expected, found in zip(trained, *gradients, strict=True):
        if expected is None or expected.abs().max() < 1e-7:  # the bias of keys changes nothing
            assert found is None or found.abs().max() < 1e-6, name
            continue
        assert found is not None, name
        torch.testing.assert_close(
            found, expected, rtol=0, atol=1e-3 * float(expected.abs().max()) + 1e-7, msg=name
        )


def test_features_are_what_masks_are_products_of(network, image):
    projection = network.project(image)
    given = network.encode_prompts(*prompts(network, 2, 3, with_mask=True))
    whole = network.decode_prompts(projection, given, features=True)
    assert network.decode_prompts(projection, given).features is None
    side = network.mask_size
    assert whole.features.shape[:-1] == (2, (side // 4) ** 2, 4, 4)
    pixels = whole.features.unflatten(1, (side // 4, side // 4)).unflatten(3, (2, 2))
    image_order = pixels.unflatten(5, (2, 2)).permute(0, 1, 3, 5, 2, 4, 6, 7)
    rows = image_order.reshape(2, side * side, -1).double()
    wanted = whole.logits.flatten(2).mT.double()
    fit = rows @ torch.linalg.lstsq(rows, wanted).solution
    torch.testing.assert_close(fit, wanted, rtol=0, atol=1e-3 * float(wanted.abs().max()))


def test_a_dense_prompt_is_that_of_sam2(network):
    _, _, masks = prompts(network, 2, 1, with_mask=True)
    encoder = network.sam_prompt_encoder
    dense = network.encode_prompts(*prompts(network, 2, 1, with_mask=True)).dense
    side = network.mask_size // 4
    pixels = torch.zeros((1, side * side, dense.bias.shape[0]))
    expected = encoder.mask_downscaling(masks).flatten(2).mT
    torch.testing.assert_close(dense.add_to(pixels), expected, rtol=1e-4, atol=1e-4)
    weight = torch.randn((5, dense.bias.shape[0]), generator=torch.Generator().manual_seed(0))
    found = dense.project(weight).add_to(torch.zeros((1, side * side, 5)))
    torch.testing.assert_close(found, expected @ weight.T, rtol=1e-3, atol=1e-3)
    assert not pixels.any()  # what is shared is not written
    twice = dense.repeat(2).add_to(pixels)
    torch.testing.assert_close(twice, expected.repeat(2, 1, 1), rtol=1e-4, atol=1e-4)
    none = DensePrompt(None, None, dense.bias)
    assert none.repeat(3).add_to(pixels).shape == pixels.shape


@pytest.mark.parametrize("stacked", [False, True], ids=["one image", "own images"])
def test_some_places_are_those_of_the_whole(network, image, stacked):
    projection = network.project(image)
    if stacked:
        projection = replace(
            projection,
            tokens=torch.cat([projection.tokens, projection.tokens.flip(1)]),
            middle=torch.stack([projection.middle, projection.middle.flip(0)]),
            fine=torch.stack([projection.fine, projection.fine.flip(0)]),
        )
    given = network.encode_prompts(*prompts(network, 2, 3, with_mask=True))
    whole = network.decode_prompts(projection, given, features=True)
    at = torch.tensor([5, 4095, 0, 5, 33, 1000])  # in any order, one of them twice
    some = network.decode_prompts(projection, given, features=True, at=at)
    features = whole.features.flatten(1, 3)[:, at]
    torch.testing.assert_close(some.features, features, rtol=1e-4, atol=1e-4)
    height, width = projection.height, projection.width
    order = torch.arange(16 * height * width).view(height, width, 2, 2, 2, 2)
    in_mask = order.permute(0, 2, 4, 1, 3, 5).flatten().argsort()[at]
    logits = whole.logits.flatten(2)[:, :, in_mask]
    torch.testing.assert_close(some.logits, logits, rtol=1e-4, atol=1e-3)


def test_gradients_wait_where_prompts_are_cut(network, image):
    given = prompts(network, 2, 3, with_mask=True)
    trained = dict(network.sam_prompt_encoder.named_parameters())
    trained |= dict(network.sam_mask_decoder.transformer.layers[0].named_parameters())
    projection = network.project(image)

    def loss(encoded):
        return network.decode_prompts(projection, encoded).logits.sigmoid().mean()

    try:
        for parameter in trained.values():
            parameter.requires_grad_(True)
        loss(network.encode_prompts(*given)).backward()
        expected = {name: each.grad for name, each in trained.items()}
        network.zero_grad()
        whole = network.encode_prompts(*given)
        cut = whole.cut()
        for _ in range(2):
            (loss(cut) / 2).backward()
        assert trained["point_embeddings.1.weight"].grad is None
        whole.backward(cut)
        found = {name: each.grad for name, each in trained.items()}
    finally:
        network.zero_grad()
        for parameter in trained.values():
            parameter.requires_grad_(False)
    assert sum(each is not None for each in expected.values()) > 20
    for name, gradient in expected.items():
        assert (gradient is None) == (found[name] is None), name
        if gradient is not None:
            scale = float(gradient.abs().max())
            torch.testing.assert_close(found[name], gradient, rtol=0, atol=1e-4 * scale + 1e-8)
