"""A segmenter and scenes small enough to train on in a test."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from hsizoo import HyperCube, LabelMap, Scene


def _load_fake():
    path = Path(__file__).parents[1] / "fakes" / "trainable.py"
    spec = importlib.util.spec_from_file_location("trainable_fake", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    made = _load_fake().Tiny()
    made.train(True)
    return made


@pytest.fixture
def make_scene():
    """``make_scene(name, seed)``"""

    def make(name="scene", seed=0):
        """Three classes in stripes, a fourth label ignored, some pixels without a spectrum."""
        rng = np.random.default_rng(seed)
        labels = np.repeat([[0, 1, 2, 3]], 12, axis=0).repeat(4, axis=1)
        spectra = rng.random((4, 6))
        data = spectra[labels] + 0.05 * rng.standard_normal((12, 16, 6))
        data[0, 5] = np.nan
        label_map = LabelMap(labels, {1: "one", 2: "two", 3: "three"}, ignore=[0])
        return Scene(HyperCube(data), label_map, name)

    return make


@pytest.fixture
def scene(make_scene):
    return make_scene()


class _Scenes:
    """A dataset of scenes that are there."""

    def __init__(self, *scenes):
        self.held = scenes
        self.loaded = []

    def scene(self, index):
        self.loaded.append(index)
        return self.held[index]


@pytest.fixture
def dataset_of():
    """``dataset_of(scene, scene)``"""
    return _Scenes
