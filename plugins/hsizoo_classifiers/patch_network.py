"""Base class of networks on patches: scale the cube, train on its labelled pixels, classify."""

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
    """Maps a cube to the network's input channels; fitted on the training cube."""

    def of(self, cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
        """Return the channels of every pixel, (H, W, C); 0 at invalid pixels."""


class PatchNetwork(hsizoo.PixelClassifier):
    """Classifier whose network sees a square patch around each pixel.

    A network with a method ``whole`` classifies the image in strips, any other network patch by
    patch.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device for training and classification.
    **options
        See `hsizoo_classifiers.options.networks.NetworkOptions`; each network has its own
        subclass.
    """

    Options: ClassVar = NetworkOptions
    options: NetworkOptions

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        self.receptive_field = self.options.patch
        self._schedule = Schedule.of(self.options)
        self._device = torch.device(device)
        self._learnt: tuple[Scaling, nn.Module] | None = None

    @abstractmethod
    def _scaling(self, cube: hsizoo.HyperCube) -> Scaling:
        """Fit the scaling on a cube."""

    @abstractmethod
    def _build(self, channels: int, classes: int) -> nn.Module:
        """Build the network, with weights drawn from torch's global generator."""

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Train from scratch; see `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        scaling = self._scaling(cube)
        image = self._image(scaling, cube)
        with own_chance(rng, self._device) as torch_rng:
            net = self._build(image.shape[0], seeds.count).to(self._device)
            train(net, image, self.options.patch, seeds, self._schedule, torch_rng)
        self._learnt = scaling, net
        return self

    def _image(self, scaling: Scaling, cube: hsizoo.HyperCube) -> torch.Tensor:
        return bordered(
            scaling.of(cube), self.options.patch, self._device, cube.name, self.options.least_patch
        )

    def predict_proba(self, cube: hsizoo.HyperCube) -> torch.Tensor:
        """Return the softmax of the network at every pixel; see `PixelClassifier.predict_proba`."""
        learnt: Any = fitted_first(self._learnt)
        scaling, net = learnt
        return predict(net, self._image(scaling, cube), self.options.patch).softmax(dim=0)
