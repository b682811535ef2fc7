"""A studio on a small image with two materials, and its labels."""

import numpy as np
import pytest

from hsizoo import HyperCube, LabelMap, Scene
from hsizoo.studio import Studio


@pytest.fixture
def scene():
    """Two materials and a background, 30 × 40 pixels of 12 bands; one pixel has no data."""
    rng = np.random.default_rng(0)
    spectra = rng.random((3, 12)).astype(np.float32) + 0.2
    labels = np.zeros((30, 40), dtype=int)
    labels[4:14, 5:17] = 1
    labels[16:27, 20:36] = 2
    data = spectra[labels] * rng.uniform(0.97, 1.03, (30, 40, 12)).astype(np.float32)
    data[0, 0] = np.nan
    cube = HyperCube(data, np.linspace(450, 1000, 12), "field")
    return Scene(cube, LabelMap(labels, {1: "corn", 2: "soy"}, ignore=[0]), "field")


@pytest.fixture
def studio(scene):
    made = Studio(scene, component="sa:aggregate=max", device="cpu")
    made.jobs.wait()
    return made


@pytest.fixture
def do(studio):
    """``do("click", object="leaf", row=1, col=2)``: a message that must not be refused."""

    def send(action, **fields):
        answer = studio.answer({"do": action, **fields})
        assert "error" not in answer.about, answer.about
        return answer

    return send
