"""What tests of pictures share."""

import io
import sys

import pytest
from matplotlib.image import imread


@pytest.fixture
def pixels_of():
    """Decode a PNG to (H, W, 3), 0 to 1, after a look at its edge: what is cut would reach it."""

    def decode(png):
        pixels = imread(io.BytesIO(png))[..., :3]
        edge = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
        assert all((side == 1).all() for side in edge)
        return pixels

    return decode


@pytest.fixture
def without_matplotlib(monkeypatch):
    """As if it were not installed."""
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)
