"""Resizing, on devices that can and on those that cannot."""

import pytest
import torch
from hsizoo_sam2 import resize, resizing
from skimage.transform import downscale_local_mean


@pytest.mark.parametrize("lacking", [set(), {"cpu"}])
def test_shrinking_averages(monkeypatch, lacking):
    monkeypatch.setattr(resizing, "_UNSUPPORTED", lacking)
    maps = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    found = resize(maps, 4)
    assert found.shape == (2, 3, 4, 4)
    assert found.device == maps.device
    # Antialiased, each value is a mean with triangular weights over two cells: near their mean.
    torch.testing.assert_close(
        found,
        torch.from_numpy(downscale_local_mean(maps.numpy(), (1, 1, 16, 16))),
        atol=0.06,
        rtol=0,
    )
    flat = torch.full((1, 1, 10, 30), 0.25)
    torch.testing.assert_close(resize(flat, 8), torch.full((1, 1, 8, 8), 0.25))
