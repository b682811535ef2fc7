"""What all networks on patches do alike: scale the cube, train on its labelled pixels, classify."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import hsizoo
from hsizoo_classifiers.options.networks import NetworkOptions
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
    device : str, default "cpu"
        Torch device that trains and classifies.
    **options
        See `hsizoo_classifiers.options.networks.NetworkOptions`, of which a network's are a
        subclass.
    """

    Options: ClassVar = NetworkOptions
    options: NetworkOptions

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        self._schedule = Schedule.of(self.options)
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
            train(net, image, self.options.patch, seeds, self._schedule, chance)
        self._learnt = scaling, net
        return self

    def _image(self, scaling: Scaling, cube: hsizoo.HyperCube) -> torch.Tensor:
        return bordered(
            scaling.of(cube), self.options.patch, self._device, cube.name, self.options.least_patch
        )

    def predict_proba(self, cube: hsizoo.HyperCube) -> torch.Tensor:
        """Softmax of the network at every pixel; see `PixelClassifier.predict_proba`."""
        learnt: Any = fitted_first(self._learnt)
        scaling, net = learnt
        return predict(net, self._image(scaling, cube), self.options.patch).softmax(dim=0)
