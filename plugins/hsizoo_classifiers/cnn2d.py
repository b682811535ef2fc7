"""The small 2D CNN that IPG's pseudo labels feed.

Z. Zhao et al., "An Iterative Pseudo Label Generation framework for semi-supervised hyperspectral
image classification using the Segment Anything Model", Frontiers in Plant Science 15 (2024),
doi:10.3389/fpls.2024.1515403.  The paper gives patch and optimiser and no layers.

M. E. Paoletti, J. M. Haut, J. Plaza, A. Plaza, "Deep learning classifiers for hyperspectral
imaging: a review", ISPRS Journal of Photogrammetry and Remote Sensing 158 (2019) 279-317, for the
form ``paoletti``.
"""

from __future__ import annotations

from typing import Literal

from torch import nn

import hsizoo
from hsizoo_classifiers.nets import FullyConvolutional, paoletti, plain
from hsizoo_classifiers.options import at_least, below_one
from hsizoo_classifiers.patch_network import PatchNetwork
from hsizoo_classifiers.patches import Schedule
from hsizoo_classifiers.pixels import Components

__all__ = ["Cnn2d"]


class Cnn2d(PatchNetwork):
    """A small 2D CNN on patches of principal components.

    Parameters
    ----------
    net : {"mean", "valid", "plain", "paoletti"}, default "mean"
        ``mean``: 1×1 and two 3×3 convolutions, then the mean over the patch; ``valid``: the same
        without padding; both run over the whole image at once.  ``plain``: a pyramid; and the
        network of Paoletti et al.  Layers and parameters: `hsizoo_classifiers.nets`.
        INFERRED (as are `components`, `whiten`, `batch`, `epochs`, `max_steps` and `dropout`): the
        paper says "2D CNN" and no more, and the choice is worth ten points of accuracy.
    components : int, default 30
        Principal components of the scaled bands.
    whiten : bool, default true
        Bring every component to unit variance, as is customary; otherwise the first has it.
        There was no clear difference on a small Pavia University, nor on block-disjoint draws of
        Salinas-A and of Indian Pines.
    patch : int, default 9
        Side of the square that is seen around a pixel, as in the paper; odd.
    epochs : int, default 100
        Passes over the labelled pixels, by a cosine schedule.
    max_steps : int, default 1000
        So many steps at most, as many pseudo labels would take long.
    batch : int, default 16
        Pixels per step.
    rate : float, default 0.05
        Learning rate, as in the paper.
    momentum : float, default 0.7
        As in the paper.
    decay : float, default 1e-4
        Weight decay, as in the paper.
    dropout : float, default 0.3
        Before the last layer.
    """

    def __init__(
        self,
        *,
        net: Literal["mean", "valid", "plain", "paoletti"] = "mean",
        components: int = 30,
        whiten: bool = True,
        patch: int = 9,
        epochs: int = 100,
        max_steps: int = 1000,
        batch: int = 16,
        rate: float = 0.05,
        momentum: float = 0.7,
        decay: float = 1e-4,
        dropout: float = 0.3,
        device: str = "cpu",
    ) -> None:
        at_least(1, components=components)
        below_one(dropout=dropout)
        schedule = Schedule(
            rate=rate,
            momentum=momentum,
            decay=decay,
            batch=batch,
            epochs=epochs,
            max_steps=max_steps,
        )
        super().__init__(patch=patch, least_patch=5, schedule=schedule, device=device)
        self._form = net
        self._components = components
        self._whiten = whiten
        self._dropout = dropout

    def _scaling(self, cube: hsizoo.HyperCube) -> Components:
        return Components(cube, self._components, scale_bands=True, whiten=self._whiten)

    def _build(self, channels: int, classes: int) -> nn.Module:
        common = channels, classes, self._patch, self._dropout
        if self._form == "plain":
            return plain(*common)
        if self._form == "paoletti":
            return paoletti(*common)
        return FullyConvolutional(*common, padding=self._form == "mean")
