"""Materials of a scene: spectral features, and clusters of similar spectra at several levels.

The features describe the shape (unit spectra, as compared by the spectral angle) and the logarithms
in units of the noise.  The noise is estimated from neighbouring pixels: the minimum noise fraction
of A. A. Green et al., IEEE Transactions on Geoscience and Remote Sensing 26 (1988) 65-74.
Clustering: J. H. Ward, Journal of the American Statistical Association 58 (1963) 236-244.
Everything is estimated in float64 on the CPU from a fixed sample of the scene, so the result is the
same for every device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.cluster.hierarchy import fcluster, linkage

import hsizoo
from hsizoo_spectral.spectra import require_valid, rounding

__all__ = ["SceneStatistics", "find_materials", "scene_statistics"]

Float = npt.NDArray[np.float64]

_SPECTRA = 16384
"""Maximum number of spectra, and of pairs of neighbours, used to estimate statistics."""

_LEAVES = 2000
"""Maximum number of spectra to cluster; the time of Ward's method is quadratic in it."""

_NOISE_SHARE = 0.9
"""Fraction of neighbour pairs, the most similar, used to estimate noise; the rest are edges."""

_RIDGE = 1e-3
"""Fraction of the mean noise variance added to all bands, so that no band is noise-free."""

_FLOOR = 1e-3
"""Lower limit of values before the logarithm, as a fraction of the mean magnitude."""


@dataclass(frozen=True, eq=False)
class SceneStatistics:
    """Feature transform and materials of a scene.

    Parameters
    ----------
    floor : float
        Lower limit of values before the logarithm, in the units of the cube.
    shape_mean, log_mean : ndarray of float64, shape (B,)
        Means of the unit spectra and of the logarithms.
    shape_axes, log_axes : ndarray of float64, shape (B, at most `components`)
        Projections of the deviations from these means, scaled so that the median squared length
        over the scene is 1.
    materials : tuple of ndarray of float32, each of shape (K, F)
        Mean features of the materials at each level, coarse to fine.
    """

    floor: float
    shape_mean: Float
    shape_axes: Float
    log_mean: Float
    log_axes: Float
    materials: tuple[npt.NDArray[np.float32], ...]

    @property
    def size(self) -> int:
        """Number of features, F."""
        return self.shape_axes.shape[1] + self.log_axes.shape[1]

    def features(self, spectra: torch.Tensor) -> torch.Tensor:
        """Return the features (n, F) of (n, B) float64 spectra, shape features first."""
        place = spectra.device

        def project(values: torch.Tensor, mean: Float, axes: Float) -> torch.Tensor:
            return (values - torch.from_numpy(mean).to(place)) @ torch.from_numpy(axes).to(place)

        norms = torch.linalg.vector_norm(spectra, dim=1, keepdim=True)
        shapes = spectra / norms.masked_fill(norms == 0, 1)
        logs = spectra.clamp_min(self.floor).log_()
        return torch.cat(
            [
                project(shapes, self.shape_mean, self.shape_axes),
                project(logs, self.log_mean, self.log_axes),
            ],
            dim=1,
        )


def scene_statistics(
    cube: hsizoo.HyperCube, components: int, levels: Sequence[int]
) -> SceneStatistics:
    """Estimate the features and the materials of a scene from a fixed sample of its pixels.

    Parameters
    ----------
    cube : HyperCube
    components : int
        Number of axes for the unit spectra, and for the logarithms.
    levels : sequence of int
        Numbers of materials; fewer are found if the scene has fewer distinct spectra.

    Returns
    -------
    SceneStatistics

    Raises
    ------
    DataError
        If no pixel is valid.
    """
    require_valid(cube)
    rng = np.random.default_rng(0)
    spectra = _spectra(cube, _choose(np.flatnonzero(cube.valid), _SPECTRA, rng))
    floor = max(_FLOOR * float(np.abs(spectra).mean()), float(np.finfo(np.float32).tiny))

    norms = np.linalg.norm(spectra, axis=1, keepdims=True)
    shapes = spectra / np.where(norms == 0, 1, norms)
    logs = np.log(np.maximum(spectra, floor))
    steps = [
        np.log(np.maximum(one, floor)) - np.log(np.maximum(other, floor))
        for one, other in _neighbours(cube, rng)
    ]
    shape_mean, log_mean = shapes.mean(axis=0), logs.mean(axis=0)
    shapes -= shape_mean
    logs -= log_mean
    whitening = _noise_whitening(np.concatenate(steps))
    shape_axes = _scaled(shapes, _axes(shapes, components))
    log_axes = _scaled(logs, whitening @ _axes(logs @ whitening, components))

    some = _choose(np.arange(len(spectra)), _LEAVES, rng)
    leaves = np.concatenate([shapes[some] @ shape_axes, logs[some] @ log_axes], axis=1)
    materials = tuple(_materials(leaves, levels))
    return SceneStatistics(floor, shape_mean, shape_axes, log_mean, log_axes, materials)


def find_materials(
    features: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], levels: Sequence[int]
) -> tuple[npt.NDArray[np.float32], ...]:
    """Find the materials of a scene from features (P, F) of all pixels and which are valid (P,)."""
    some = _choose(np.flatnonzero(valid), _LEAVES, np.random.default_rng(0))
    return tuple(_materials(features[some].astype(np.float64), levels))


def _choose(
    indices: npt.NDArray[np.intp], most: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Return the indices, or a sorted random sample of `most` of them if there are more."""
    return indices if len(indices) <= most else np.sort(rng.choice(indices, most, replace=False))


def _spectra(cube: hsizoo.HyperCube, pixels: npt.NDArray[np.intp]) -> Float:
    """Return the spectra (n, B) of pixels given by flat index."""
    rows, cols = np.divmod(pixels, cube.shape[1])
    return np.asarray(cube.data[rows, cols], dtype=np.float64)


def _neighbours(cube: hsizoo.HyperCube, rng: np.random.Generator) -> Iterator[tuple[Float, Float]]:
    """Yield spectra of valid pixels and of their neighbours: to the right, then below."""
    valid, width = cube.valid, cube.shape[1]
    for step, both in ((1, valid[:, :-1] & valid[:, 1:]), (width, valid[:-1] & valid[1:])):
        rows, cols = np.nonzero(both)
        pixels = _choose(rows * width + cols, _SPECTRA // 2, rng)
        yield _spectra(cube, pixels), _spectra(cube, pixels + step)


def _axes(deviations: Float, components: int) -> Float:
    """Return principal axes (B, at most `components`) of deviations (n, B), widest first."""
    _, axes = np.linalg.eigh(deviations.T @ deviations)
    return np.asarray(axes[:, ::-1][:, :components])


def _scaled(deviations: Float, axes: Float) -> Float:
    """Scale axes to a median squared length of projected deviations of 1; 0 without spread."""
    lengths = np.square(deviations @ axes).sum(axis=1)
    # The mean, if more than half of the scene is a single spectrum.
    spread = np.median(lengths) if np.median(lengths) > rounding else lengths.mean()
    return np.asarray(axes / np.sqrt(spread) if spread > rounding**2 else np.zeros_like(axes))


def _noise_whitening(steps: Float) -> Float:
    """Return the transform (B, B) that gives the smaller steps (n, B) unit covariance."""
    identity = np.eye(steps.shape[1])
    energy = np.square(steps).sum(axis=1)
    if not energy.any():  # no neighbours, or a scene without noise
        return identity
    calm = steps[energy <= np.quantile(energy, _NOISE_SHARE)]
    calm = calm if calm.any() else steps
    covariance = calm.T @ calm / len(calm)
    ridge = _RIDGE * np.trace(covariance) / len(covariance)
    values, vectors = np.linalg.eigh(covariance + ridge * identity)
    return np.asarray(vectors / np.sqrt(np.maximum(values, ridge)))


def _materials(leaves: Float, levels: Sequence[int]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the mean features (at most K, F) of Ward's clusters at each level."""
    tree = linkage(leaves, "ward") if len(leaves) > 1 else None
    for level in levels:
        groups = np.ones(1, dtype=int) if tree is None else fcluster(tree, level, "maxclust")
        means = [leaves[groups == group].mean(axis=0) for group in np.unique(groups)]
        yield np.stack(means).astype(np.float32)
