"""The perceptron of a layer, in parts, against sam2's module."""

from __future__ import annotations

import pytest
import torch
from hsizoo_sam2.perceptron import perceptron
from sam2.modeling.sam2_utils import MLP

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("shape", [(1, 3, 8), (2, 64, 8), (3, 43, 8), (5, 100, 8)])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_tokens_are_those_of_sam2(shape, mode):
    torch.manual_seed(0)
    mlp = MLP(8, 32, 8, num_layers=2)
    tokens = torch.randn(shape)
    before = tokens.clone()
    with mode():
        found = perceptron(mlp, tokens)
        torch.testing.assert_close(found, mlp(tokens), rtol=1e-5, atol=1e-6)
    assert torch.equal(tokens, before)


def test_gradients_are_those_of_sam2():
    torch.manual_seed(0)
    mlp = MLP(8, 32, 8, num_layers=2)
    tokens = torch.randn((4, 90, 8), requires_grad=True)
    wanted = (tokens, *mlp.parameters())
    expected, found = (
        torch.autograd.grad(each.square().sum(), wanted)
        for each in (mlp(tokens), perceptron(mlp, tokens))
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_half_precision_is_left_to_torch():
    torch.manual_seed(0)
    mlp = MLP(8, 32, 8, num_layers=2)
    tokens = torch.randn((4, 90, 8))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = perceptron(mlp, tokens)
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found, mlp(tokens))
