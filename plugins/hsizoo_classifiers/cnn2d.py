"""Small 2D CNN trained on the pseudo labels of IPG.

Z. Zhao et al., "An Iterative Pseudo Label Generation framework for semi-supervised hyperspectral
image classification using the Segment Anything Model", Frontiers in Plant Science 15 (2024),
doi:10.3389/fpls.2024.1515403.  The paper gives patch size and optimiser, but no layers.

M. E. Paoletti, J. M. Haut, J. Plaza, A. Plaza, "Deep learning classifiers for hyperspectral
imaging: a review", ISPRS Journal of Photogrammetry and Remote Sensing 158 (2019) 279-317, for the
variant ``paoletti``.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

import hsizoo
from hsizoo_classifiers.nets import FullyConvolutional, paoletti, plain
from hsizoo_classifiers.options.networks import Cnn2dOptions
from hsizoo_classifiers.patch_network import PatchNetwork
from hsizoo_classifiers.pixels import Components

__all__ = ["Cnn2d"]


class Cnn2d(PatchNetwork):
    """Small 2D CNN on patches of principal components.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.networks.Cnn2dOptions`.
    """

    Options: ClassVar = Cnn2dOptions
    options: Cnn2dOptions

    def _scaling(self, cube: hsizoo.HyperCube) -> Components:
        return Components(
            cube, self.options.components, scale_bands=True, whiten=self.options.whiten
        )

    def _build(self, channels: int, classes: int) -> nn.Module:
        common = channels, classes, self.options.patch, self.options.dropout
        if self.options.net == "plain":
            return plain(*common)
        if self.options.net == "paoletti":
            return paoletti(*common)
        return FullyConvolutional(*common, padding=self.options.net == "mean")
