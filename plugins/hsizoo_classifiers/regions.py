"""Regions of an image that nest in each other, and how their spectra compare.

A. A. Green, M. Berman, P. Switzer, M. D. Craig, "A transformation for ordering multispectral data
in terms of image quality with implications for noise removal", IEEE Transactions on Geoscience and
Remote Sensing 26 (1988) 65-74, for the components.

J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal of the American
Statistical Association 58 (1963) 236-244, for the regions, as implemented by scikit-learn, and for
kinds of regions, as implemented by SciPy.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy import ndimage, sparse
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import ward_tree
from sklearn.feature_extraction.image import grid_to_graph

import hsizoo
from hsizoo_classifiers.pixels import check_cube

__all__ = [
    "boundaries",
    "covariance_within",
    "level",
    "means",
    "nested_regions",
    "noise_components",
    "positive",
]

_RIDGE: Final = 1e-8  # of the mean variance: keeps covariances of flat images positive
_GROWN_ON: Final = 15  # components that regions are grown on
_SMOOTHING: Final = 0.7  # of those, in pixels
_LEAST_OF_A_KIND: Final = 5  # regions in the mean; of fewer, a drift could be anything

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


def noise_components(cube: hsizoo.HyperCube, number: int) -> Floats:
    """Components of the highest ratio of signal to noise, each of unit variance.

    Noise is what neighbours differ by, in the calmer half of all pairs of neighbours, so that
    borders between fields are no noise.  Bands that are the same at all pixels are left out.  At
    its peak it holds about eight copies of the cube as float64.

    Parameters
    ----------
    cube : HyperCube
    number : int
        How many; fewer if fewer bands vary.

    Returns
    -------
    ndarray of float64, shape (H, W, number)
        The best first; of an image that is the same everywhere, one of zeros.  Pixels without a
        spectrum have that of the nearest that has one.

    Raises
    ------
    DataError
        If no pixel has a spectrum.
    """
    check_cube(cube)
    nearest = ndimage.distance_transform_edt(
        ~cube.valid, return_distances=False, return_indices=True
    )
    filled = cube.data[tuple(nearest)].astype(np.float64)
    # A constant band has neither signal nor noise, and their ratio would be that of two ridges.
    seen = filled[cube.valid]
    varying = (seen != seen[0]).any(axis=0)
    if not varying.all():
        varying[0] |= not varying.any()
        filled = filled[..., varying]
    del seen
    filled -= filled[cube.valid].mean(axis=0)
    noise = _differences(filled, cube.valid)
    centred = filled[cube.valid]
    total = centred.T @ centred / len(centred)
    values, vectors = scipy.linalg.eigh(positive(total), positive(noise))
    best = vectors[:, ::-1][:, :number] / np.sqrt(values[::-1][:number])
    # Signs that do not depend on the linear algebra library.
    signs = np.sign(best[np.abs(best).argmax(axis=0), np.arange(best.shape[1])])
    return filled @ (best * signs)


def _differences(image: Floats, valid: npt.NDArray[np.bool_]) -> Floats:
    """Covariance of the differences in the calmer half of the pairs of neighbours, halved."""
    found = np.concatenate(
        [
            np.diff(image, axis=0)[valid[1:] & valid[:-1]],
            np.diff(image, axis=1)[valid[:, 1:] & valid[:, :-1]],
        ]
    )
    if not len(found):
        return np.eye(image.shape[2])
    # Over bands, not components: a border changes many bands at once, noise one of them.
    size = np.abs(found)
    usual = np.array([np.median(band) for band in size.T])
    size /= np.where(usual > 0, usual, 1)
    mean = size.mean(axis=1)
    del size  # as large as two cubes
    calm = found[mean <= np.median(mean)]
    covariance: Floats = calm.T @ calm / (2 * len(calm))
    return covariance


def positive(covariance: Floats) -> Floats:
    """A covariance with a little added to its diagonal, so that it can be inverted."""
    mean = np.trace(covariance) / len(covariance)
    return covariance + (_RIDGE * mean or 1.0) * np.eye(len(covariance))


def nested_regions(components: Floats, numbers: tuple[int, ...]) -> list[Whole]:
    """Grow regions by Ward's rule, joining neighbours only.

    Parameters
    ----------
    components : ndarray of float64, shape (H, W, C)
        Of unit variance, the most telling first.
    numbers : tuple of int
        How many regions; at most one for three pixels, at least one.

    Returns
    -------
    list of ndarray of int, shape (H * W,)
        For each number, the region of each pixel, row by row.
    """
    height, width = components.shape[:2]
    pixels = height * width
    wide = (_SMOOTHING, _SMOOTHING, 0)
    seen = ndimage.gaussian_filter(components[..., :_GROWN_ON], wide, mode="nearest")
    joined = ward_tree(seen.reshape(pixels, -1), connectivity=grid_to_graph(height, width))[0]
    return [_cut(joined, pixels, max(1, min(number, pixels // 3))) for number in numbers]


def _cut(joined: npt.NDArray[Any], pixels: int, number: int) -> Whole:
    """Regions before the last joins: row i of `joined` holds the two that become `pixels` + i."""
    into = np.arange(2 * pixels - number)
    for step, pair in enumerate(joined[: pixels - number]):
        into[pair] = pixels + step
    for each in range(len(into) - 1, -1, -1):
        into[each] = into[into[each]]
    found: Whole = np.unique(into[:pixels], return_inverse=True)[1]
    return found


def means(regions: Whole, values: Floats) -> Floats:
    """Mean of `values` (n, C) in each region, (regions, C)."""
    size = np.bincount(regions)
    return np.stack([np.bincount(regions, each) for each in values.T], axis=1) / size[:, None]


def level(components: Floats, regions: Whole, kinds: int) -> Floats:
    """Take off what drifts over the scene among regions that are alike.

    The same crop is not the same at both ends of a scene: soil, moisture and the angle of view
    change slowly.  Regions are grouped by their spectra into kinds; within kinds a polynomial of
    second degree in row and column is fitted to all of them at once, and subtracted.  What kinds
    differ by stays.

    Parameters
    ----------
    components : ndarray of float64, shape (H, W, C)
        Of unit variance, the most telling first.
    regions : ndarray of int, shape (H * W,)
        For n of them it takes n² / 2 numbers of memory.
    kinds : int
        How many; 0 for no change.

    Returns
    -------
    ndarray of float64, shape (H, W, C)
        As they were, if there are fewer than five regions for each kind.
    """
    height, width, channels = components.shape
    size = np.bincount(regions).astype(np.float64)
    if not kinds or len(size) < _LEAST_OF_A_KIND * kinds:
        return components
    spectra = components.reshape(-1, channels)
    row, col = np.indices((height, width)).reshape(2, -1) / max(height, width) - 0.5
    terms = np.stack([row, col, row**2, row * col, col**2], axis=1)
    seen = means(regions, spectra)
    kind = fcluster(linkage(seen[:, :_GROWN_ON], "ward"), kinds, "maxclust") - 1

    def within(values: Floats) -> Floats:
        member = np.bincount(kind, size)
        mean = np.stack([np.bincount(kind, each * size) for each in values.T], axis=1)
        found: Floats = (values - (mean / member[:, None])[kind]) * np.sqrt(size)[:, None]
        return found

    # Least squares also where a term says nothing, as in an image of one row.
    drift = np.linalg.lstsq(within(means(regions, terms)), within(seen), rcond=None)[0]
    return components - (terms @ drift).reshape(components.shape)


def covariance_within(regions: Whole, values: Floats) -> Floats:
    """Covariance (C, C) of `values` (n, C) about the means of their regions."""
    rest = values - means(regions, values)[regions]
    covariance: Floats = rest.T @ rest / len(rest)
    return covariance


def boundaries(regions: Whole, shape: tuple[int, int]) -> tuple[Whole, Whole, Floats]:
    """Pairs of regions that touch, the smaller number first, and the length of their border."""
    image = regions.reshape(shape)
    one = np.concatenate([image[:, 1:].ravel(), image[1:].ravel()])
    other = np.concatenate([image[:, :-1].ravel(), image[:-1].ravel()])
    apart = one != other
    pairs = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
    count = int(regions.max()) + 1
    touching = sparse.coo_array((np.ones(len(pairs[0])), pairs), shape=(count, count))
    touching = touching.tocsr().tocoo()
    return touching.row.astype(np.intp), touching.col.astype(np.intp), touching.data
