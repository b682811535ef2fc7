"""Extended morphological profiles as features of another classifier: ``emp:base=rf``.

J. A. Benediktsson, J. A. Palmason, J. R. Sveinsson, "Classification of hyperspectral data from
urban areas based on extended morphological profiles", IEEE Transactions on Geoscience and Remote
Sensing 43 (2005) 480-491.

An opening by reconstruction removes what is bright and smaller than a disc, and leaves the shape of
the rest; a closing does so with what is dark.  For each of a few principal components, openings
and closings with growing discs tell how large and how bright the thing is that a pixel lies in.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import disk, reconstruction

import hsizoo
from hsizoo_classifiers.bases import OnFeatures
from hsizoo_classifiers.options.spatial import ProfileOptions
from hsizoo_classifiers.pixels import Components, filled

__all__ = ["ExtendedProfiles", "Profiles", "profile"]

Floats = npt.NDArray[np.float64]


def profile(image: Floats, radii: list[int]) -> Floats:
    """Return the morphological profile of an image.

    Parameters
    ----------
    image : ndarray of float64, shape (H, W)
    radii : list of int
        Radii of the discs in pixels.

    Returns
    -------
    ndarray of float64, shape (H, W, 2 * len(radii) + 1)
        The image; the openings; the closings.
    """
    found = [image]
    for sign in (1, -1):  # a closing is the opening of the negative
        for radius in radii:
            eroded = ndimage.grey_erosion(sign * image, footprint=disk(radius), mode="nearest")
            found.append(sign * reconstruction(eroded, sign * image, "dilation"))
    return np.stack(found, axis=-1)


class Profiles:
    """Profiles of the principal components of a cube.

    Parameters
    ----------
    cube : HyperCube
        Cube that the components are computed on.
    components : int
        Number of components.
    radii : list of int
        Radii of the discs in pixels.
    """

    def __init__(self, cube: hsizoo.HyperCube, components: int, radii: list[int]) -> None:
        self._components = Components(cube, components, scale_bands=False, whiten=False)
        self._radii = radii

    def of(self, cube: hsizoo.HyperCube) -> Floats:
        """Return the profiles of all components, (H, W, D).

        Raises
        ------
        DataError
            If the number of bands differs, or no pixel is valid.
        """
        whole = hsizoo.HyperCube(filled(cube), name=cube.name)
        seen = self._components.of(whole).astype(np.float64)
        return np.concatenate(
            [profile(np.ascontiguousarray(each), self._radii) for each in np.moveaxis(seen, -1, 0)],
            axis=-1,
        )


class ExtendedProfiles(OnFeatures):
    """Another classifier on extended morphological profiles.

    Parameters
    ----------
    device : str, default "cpu"
        Device of the other classifier.
    **options
        See `hsizoo_classifiers.options.spatial.ProfileOptions`.
    """

    Options: ClassVar = ProfileOptions
    options: ProfileOptions

    def _learn(self, cube: hsizoo.HyperCube, rng: np.random.Generator) -> Profiles:
        chosen = self.options
        radii = [1 + step * chosen.growth for step in range(chosen.steps)]
        return Profiles(cube, chosen.components, radii)
