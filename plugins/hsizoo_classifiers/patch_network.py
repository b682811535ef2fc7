"""What all networks on patches do alike: scale the cube, train on its labelled pixels, classify."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import hsizoo
from hsizoo_classifiers.options import odd
from hsizoo_classifiers.patches import Schedule, bordered, own_chance, predict, train
from hsizoo_classifiers.pixels import find_seeds, fitted_first

__all__ = ["PatchNetwork", "Scaling"]


class Scaling(Protocol):
    """How a network sees a cube, found on the cube that it learns from."""

    def of(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
        """Channels of every pixel, (H, W, C); 0 where a pixel is not valid."""


class PatchNetwork(hsizoo.PixelClassifier):
    """A classifier whose network sees a square around each pixel.

    A network that has a method ``whole`` classifies the image with it, in strips; any other patch
    by patch.

    Parameters
    ----------
    patch : int
        Side of the square; odd.
    least_patch : int
        Smallest side that the network can take.
    schedule : Schedule
        How it is trained.
    device : str

    Raises
    ------
    OptionError
        If `patch` is even or too small.
    """

    def __init__(self, *, patch: int, least_patch: int, schedule: Schedule, device: str) -> None:
        odd(least_patch, patch=patch)
        self._patch = patch
        self._least_patch = least_patch
        self._schedule = schedule
        self._device = torch.device(device)
        self._learnt: tuple[Scaling, nn.Module] | None = None

    @abstractmethod
    def _scaling(self, cube: hsizoo.HyperCube) -> Scaling:
        """Find how the network is to see a cube."""

    @abstractmethod
    def _build(self, channels: int, classes: int) -> nn.Module:
        """Make the network, with weights drawn from torch's global chance."""

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Train anew; see `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        scaling = self._scaling(cube)
        image = self._image(scaling, cube)
        with own_chance(rng, self._device) as chance:
            net = self._build(image.shape[0], seeds.count).to(self._device)
            train(net, image, self._patch, seeds, self._schedule, chance)
        self._learnt = scaling, net
        return self

    def _image(self, scaling: Scaling, cube: hsizoo.HyperCube) -> torch.Tensor:
        return bordered(scaling.of(cube), self._patch, self._device, cube.name, self._least_patch)

    def predict_proba(self, cube: hsizoo.HyperCube) -> torch.Tensor:
        """Softmax of the network at every pixel; see `PixelClassifier.predict_proba`."""
        learnt: Any = fitted_first(self._learnt)
        scaling, net = learnt
        return predict(net, self._image(scaling, cube), self._patch).softmax(dim=0)
