"""Patches of the image as the kernels of an untrained network: ``rpnet:base=svm``.

Y. Xu, B. Du, F. Zhang, L. Zhang, "Hyperspectral image classification via a random patches network",
ISPRS Journal of Photogrammetry and Remote Sensing 142 (2018) 344-357.

Each layer whitens what it is given, reduces it to a few components, and convolves them with patches
of themselves around random pixels.  The answers of all layers and the spectra are the features of
another classifier.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

import hsizoo
from hsizoo_classifiers.bands import BandScaling
from hsizoo_classifiers.bases import OnFeatures
from hsizoo_classifiers.options.spatial import RandomPatchesOptions
from hsizoo_classifiers.pixels import Components, filled

__all__ = ["PatchLayers", "RandomPatches", "answers"]

Floats = npt.NDArray[np.float64]


def answers(image: Floats, kernels: Floats) -> Floats:
    """Return the scalar product of kernels with the patch around each pixel, where above its mean.

    Parameters
    ----------
    image : ndarray of float64, shape (H, W, C)
        Beyond its border it is mirrored.
    kernels : ndarray of float64, shape (N, side, side, C)

    Returns
    -------
    ndarray of float64, shape (H, W, N)
        0 where a product is below the mean over the image.
    """
    half = kernels.shape[1] // 2
    bordered = np.pad(image, ((half, half), (half, half), (0, 0)), mode="symmetric")
    maps = [
        # Turned around, a convolution is a sliding product.
        fftconvolve(bordered, each[::-1, ::-1, ::-1], mode="valid")[..., 0]
        for each in kernels
    ]
    found = np.stack(maps, axis=-1)
    return np.maximum(found - found.mean(axis=(0, 1)), 0)


class PatchLayers:
    """Layers whose kernels are random patches of one cube.

    Parameters
    ----------
    cube : HyperCube
        Cube that components and patches are taken from.
    options : RandomPatchesOptions
    rng : numpy.random.Generator
        Chooses the patches.
    """

    def __init__(
        self, cube: hsizoo.HyperCube, options: RandomPatchesOptions, rng: np.random.Generator
    ) -> None:
        self._bands = BandScaling(cube)
        self._layers: list[tuple[Components, Floats]] = []
        given = hsizoo.HyperCube(filled(cube), name=cube.name)
        half = options.side // 2
        for _ in range(options.layers):
            whitened = Components(given, options.components, scale_bands=True, whiten=True)
            image = whitened.of(given).astype(np.float64)
            places = rng.integers(image[..., 0].size, size=options.kernels)
            bordered = np.pad(image, ((half, half), (half, half), (0, 0)), mode="symmetric")
            kernels = np.stack(
                [
                    bordered[row : row + options.side, col : col + options.side]
                    for row, col in zip(*np.unravel_index(places, image.shape[:2]), strict=True)
                ]
            )
            self._layers.append((whitened, kernels))
            given = hsizoo.HyperCube(answers(image, kernels), name=cube.name)

    def of(self, cube: hsizoo.HyperCube) -> Floats:
        """Return the scaled spectra and the answers of all layers, each of unit variance.

        Raises
        ------
        DataError
            If the number of bands differs, or no pixel is valid.
        """
        given = hsizoo.HyperCube(filled(cube), name=cube.name)
        found = [self._bands.of(given).astype(np.float64)]
        for whitened, kernels in self._layers:
            maps = answers(whitened.of(given).astype(np.float64), kernels)
            found.append(maps)
            given = hsizoo.HyperCube(maps, name=cube.name)
        features = np.concatenate(found, axis=-1)
        spread = features.std(axis=(0, 1))
        return (features - features.mean(axis=(0, 1))) / np.where(spread > 0, spread, 1)


class RandomPatches(OnFeatures):
    """Another classifier on the answers of random patches.

    Parameters
    ----------
    device : str, default "cpu"
        Device of the other classifier.
    **options
        See `hsizoo_classifiers.options.spatial.RandomPatchesOptions`.
    """

    Options: ClassVar = RandomPatchesOptions
    options: RandomPatchesOptions

    def _learn(self, cube: hsizoo.HyperCube, rng: np.random.Generator) -> PatchLayers:
        return PatchLayers(cube, self.options, rng)
