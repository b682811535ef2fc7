"""Nested regions of an image and comparison of their spectra.

A. A. Green, M. Berman, P. Switzer, M. D. Craig, "A transformation for ordering multispectral data
in terms of image quality with implications for noise removal", IEEE Transactions on Geoscience and
Remote Sensing 26 (1988) 65-74, for the components.

J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal of the American
Statistical Association 58 (1963) 236-244, for the regions, as implemented in scikit-learn, and for
kinds of regions, as implemented in SciPy.
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
from hsizoo_classifiers.pixels import filled

__all__ = [
    "boundaries",
    "covariance_within",
    "level",
    "means",
    "nested_regions",
    "noise_components",
    "positive",
]

_RIDGE: Final = 1e-8  # times the mean variance: keeps covariances of flat images positive
_GROWN_ON: Final = 15  # components used to grow regions
_SMOOTHING: Final = 0.7  # of these components, in pixels
_LEAST_OF_A_KIND: Final = 5  # mean regions per kind; with fewer, the drift is ill-determined

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


def noise_components(cube: hsizoo.HyperCube, number: int) -> Floats:
    """Compute the components with the highest signal-to-noise ratio, each of unit variance.

    Noise is estimated from differences between neighbours, in the half of all pairs that differ
    least, so that borders between fields do not count as noise.  Constant bands are left out.  Peak
    memory is about eight copies of the cube as float64.

    Parameters
    ----------
    cube : HyperCube
    number : int
        Number of components; fewer if fewer bands vary.

    Returns
    -------
    ndarray of float64, shape (H, W, number)
        Best first; a single component of zeros for a constant image.  Invalid pixels take the
        spectrum of the nearest valid pixel.

    Raises
    ------
    DataError
        If no pixel is valid.
    """
    whole = filled(cube).astype(np.float64)
    # A constant band has neither signal nor noise; their ratio would be that of two ridges.
    seen = whole[cube.valid]
    varying = (seen != seen[0]).any(axis=0)
    if not varying.all():
        varying[0] |= not varying.any()
        whole = whole[..., varying]
    del seen
    whole -= whole[cube.valid].mean(axis=0)
    noise = _differences(whole, cube.valid)
    centred = whole[cube.valid]
    total = centred.T @ centred / len(centred)
    values, vectors = scipy.linalg.eigh(positive(total), positive(noise))
    best = vectors[:, ::-1][:, :number] / np.sqrt(values[::-1][:number])
    # Fix the signs, so that they do not depend on the linear algebra library.
    signs = np.sign(best[np.abs(best).argmax(axis=0), np.arange(best.shape[1])])
    return whole @ (best * signs)


def _differences(image: Floats, valid: npt.NDArray[np.bool_]) -> Floats:
    """Half the covariance of neighbour differences, over the less different half of the pairs."""
    found = np.concatenate(
        [
            np.diff(image, axis=0)[valid[1:] & valid[:-1]],
            np.diff(image, axis=1)[valid[:, 1:] & valid[:, :-1]],
        ]
    )
    if not len(found):
        return np.eye(image.shape[2])
    # Over bands, not components: a border changes many bands at once, noise only one.
    size = np.abs(found)
    usual = np.array([np.median(band) for band in size.T])
    size /= np.where(usual > 0, usual, 1)
    mean = size.mean(axis=1)
    del size  # as large as two cubes
    calm = found[mean <= np.median(mean)]
    covariance: Floats = calm.T @ calm / (2 * len(calm))
    return covariance


def positive(covariance: Floats) -> Floats:
    """Add a small ridge to the diagonal of a covariance, so that it can be inverted."""
    mean = np.trace(covariance) / len(covariance)
    return covariance + (_RIDGE * mean or 1.0) * np.eye(len(covariance))


def nested_regions(components: Floats, numbers: tuple[int, ...]) -> list[Whole]:
    """Grow regions by Ward linkage, merging neighbours only.

    Parameters
    ----------
    components : ndarray of float64, shape (H, W, C)
        Components of unit variance, most informative first.
    numbers : tuple of int
        Numbers of regions; each is limited to one region per three pixels, and at least one.

    Returns
    -------
    list of ndarray of int, shape (H * W,)
        For each number, the region of each pixel, in row-major order.
    """
    height, width = components.shape[:2]
    pixels = height * width
    wide = (_SMOOTHING, _SMOOTHING, 0)
    seen = ndimage.gaussian_filter(components[..., :_GROWN_ON], wide, mode="nearest")
    joined = ward_tree(seen.reshape(pixels, -1), connectivity=grid_to_graph(height, width))[0]
    return [_cut(joined, pixels, max(1, min(number, pixels // 3))) for number in numbers]


def _cut(joined: npt.NDArray[Any], pixels: int, number: int) -> Whole:
    """Cut the tree into `number` regions: row i of `joined` holds the children of `pixels` + i."""
    into = np.arange(2 * pixels - number)
    for step, pair in enumerate(joined[: pixels - number]):
        into[pair] = pixels + step
    for each in range(len(into) - 1, -1, -1):
        into[each] = into[into[each]]
    found: Whole = np.unique(into[:pixels], return_inverse=True)[1]
    return found


def means(regions: Whole, values: Floats) -> Floats:
    """Return the mean of `values` (n, C) in each region, (regions, C)."""
    size = np.bincount(regions)
    return np.stack([np.bincount(regions, each) for each in values.T], axis=1) / size[:, None]


def level(components: Floats, regions: Whole, kinds: int) -> Floats:
    """Subtract the drift over the scene among similar regions.

    The same crop looks different at the two ends of a scene: soil, moisture and viewing angle
    change slowly.  Regions are grouped into kinds by their spectra; one polynomial of second degree
    in row and column is fitted within all kinds at once, and subtracted.  Differences between kinds
    remain.

    Parameters
    ----------
    components : ndarray of float64, shape (H, W, C)
        Components of unit variance, most informative first.
    regions : ndarray of int, shape (H * W,)
        Region of each pixel.  For n regions, n² / 2 numbers are held in memory.
    kinds : int
        Number of kinds; 0 for no change.

    Returns
    -------
    ndarray of float64, shape (H, W, C)
        Levelled components; unchanged if there are fewer than five regions per kind.
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

    # Least squares also handles a constant term, as in an image of one row.
    drift = np.linalg.lstsq(within(means(regions, terms)), within(seen), rcond=None)[0]
    return components - (terms @ drift).reshape(components.shape)


def covariance_within(regions: Whole, values: Floats) -> Floats:
    """Return the covariance (C, C) of `values` (n, C) about the means of their regions."""
    rest = values - means(regions, values)[regions]
    covariance: Floats = rest.T @ rest / len(rest)
    return covariance


def boundaries(regions: Whole, shape: tuple[int, int]) -> tuple[Whole, Whole, Floats]:
    """Return pairs of adjacent regions, smaller index first, and the lengths of their borders."""
    image = regions.reshape(shape)
    one = np.concatenate([image[:, 1:].ravel(), image[1:].ravel()])
    other = np.concatenate([image[:, :-1].ravel(), image[:-1].ravel()])
    apart = one != other
    pairs = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
    count = int(regions.max()) + 1
    touching = sparse.coo_array((np.ones(len(pairs[0])), pairs), shape=(count, count))
    touching = touching.tocsr().tocoo()
    return touching.row.astype(np.intp), touching.col.astype(np.intp), touching.data
