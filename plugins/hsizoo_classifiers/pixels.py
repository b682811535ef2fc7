"""Shared preprocessing of the classifiers: checks, labelled pixels, principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import hsizoo
from hsizoo.errors import DataError

__all__ = [
    "Components",
    "FittedCubeOnly",
    "Seeds",
    "check_cube",
    "fill",
    "filled",
    "find_seeds",
    "fitted_first",
]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Seeds:
    """The labelled pixels of a cube.

    Parameters
    ----------
    rows, cols : ndarray of int, shape (n,)
        Coordinates, in row-major order.
    classes : ndarray of int, shape (n,)
        Class index of each pixel, 0 to K - 1, in ascending order of the targets.
    count : int
        K, the number of classes.
    """

    rows: npt.NDArray[np.intp]
    cols: npt.NDArray[np.intp]
    classes: npt.NDArray[np.intp]
    count: int


def check_cube(cube: hsizoo.HyperCube, bands: int | None = None) -> None:
    """Raise if a cube cannot be learnt from or classified.

    Parameters
    ----------
    cube : HyperCube
    bands : int, optional
        Number of bands that the classifier learnt from.

    Raises
    ------
    DataError
        If no pixel is valid, or the number of bands differs.
    """
    if bands is not None and cube.bands != bands:
        raise DataError(f"the classifier learnt from {bands} bands; {cube.name} has {cube.bands}")
    if not cube.valid.any():
        finite_bands = [n for n in range(cube.bands) if np.isfinite(cube.data[..., n]).any()]
        empty = np.setdiff1d(np.arange(cube.bands), finite_bands)
        advice = ""
        if finite_bands and len(empty):
            which = ", ".join(map(str, empty))
            advice = f"; bands without any (counted from 0): {which}. Drop these from the cube"
        raise DataError(
            f"{cube.name}: no pixel has finite values in all {cube.bands} bands{advice}"
        )


def find_seeds(cube: hsizoo.HyperCube, labels: hsizoo.LabelMap) -> Seeds:
    """Find the labelled pixels with a valid spectrum.

    Raises
    ------
    DataError
        If the shapes differ, there are fewer than two classes, or a class has no such pixel.
    """
    check_cube(cube)
    if labels.labels.shape != cube.shape[:2]:
        raise DataError(
            f"{cube.name} has {cube.shape[:2]} (rows, columns) but the labels have "
            f"{labels.labels.shape}"
        )
    targets = np.array(sorted(labels.targets))
    if len(targets) < 2:
        raise DataError(f"a classifier needs two classes or more; the labels have {len(targets)}")
    rows, cols = np.nonzero(np.isin(labels.labels, targets) & cube.valid)
    classes = np.searchsorted(targets, labels.labels[rows, cols])
    counts = np.bincount(classes, minlength=len(targets))
    if missing := [labels.class_names[int(label)] for label in targets[counts == 0]]:
        raise DataError(
            f"{cube.name}: no labelled pixel with a finite spectrum for: {', '.join(missing)}; "
            "label one, or remove the class from the targets"
        )
    return Seeds(rows, cols, classes, len(targets))


class Components:
    """Principal components of a cube's valid pixels.

    Parameters
    ----------
    cube : HyperCube
        Cube that the components are computed on.
    number : int
        Number of components; fewer if the cube has fewer bands.
    scale_bands : bool
        Scale every band to unit variance first.
    whiten : bool
        Scale every component to unit variance.  Otherwise all are divided by the standard deviation
        of the first.

    Notes
    -----
    Each component is oriented so that its largest loading is positive, so that results do not
    depend on the linear algebra library.  Components without variance are zero.
    """

    def __init__(
        self, cube: hsizoo.HyperCube, number: int, *, scale_bands: bool, whiten: bool
    ) -> None:
        check_cube(cube)
        spectra = cube.data[cube.valid].astype(np.float64)
        self._mean = spectra.mean(axis=0)
        centred = spectra - self._mean
        spread = centred.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0) if scale_bands else np.ones(cube.bands)
        centred /= self._scale
        values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
        order = np.argsort(values)[::-1][:number]
        values, vectors = values[order], vectors[:, order]
        signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(order))])
        kept = values > 1e-12 * max(float(values[0]), np.finfo(float).tiny)
        deviation = np.sqrt(np.where(kept, values, 1.0))
        unit = deviation if whiten else deviation[0]
        self._basis = np.where(kept, vectors * signs / unit, 0.0)

    def of(self, cube: hsizoo.HyperCube) -> Floats:
        """Return the components, (H, W, number) float32; 0 at invalid pixels.

        Raises
        ------
        DataError
            If the number of bands differs, or no pixel is valid.
        """
        check_cube(cube, len(self._mean))
        found = np.zeros((*cube.shape[:2], self._basis.shape[1]), dtype=np.float32)
        for out, row, valid in zip(found, cube.data, cube.valid, strict=True):
            out[valid] = ((row[valid] - self._mean) / self._scale) @ self._basis
        return found


def fill(cube: hsizoo.HyperCube, probability: npt.NDArray[Any]) -> Floats:
    """Expand probabilities (n, K) of the valid pixels to (K, H, W); uniform elsewhere."""
    classes = probability.shape[1]
    whole = np.full((classes, *cube.shape[:2]), 1 / classes, dtype=np.float32)
    whole[:, cube.valid] = probability.T
    return whole


def filled(cube: hsizoo.HyperCube) -> npt.NDArray[np.float32]:
    """Return the spectra, (H, W, B); pixels without one take that of the nearest valid pixel.

    Raises
    ------
    DataError
        If no pixel is valid.
    """
    check_cube(cube)
    if cube.valid.all():
        return cube.data
    nearest = ndimage.distance_transform_edt(
        ~cube.valid, return_distances=False, return_indices=True
    )
    return cube.data[tuple(nearest)]


def fitted_first(thing: Any) -> Any:
    """Return the result of `fit`, or raise if `fit` was not called.

    Raises
    ------
    DataError
    """
    if thing is None:
        raise DataError("the classifier is not fitted: call fit(cube, labels, rng=...) first")
    return thing


class FittedCubeOnly(hsizoo.PixelClassifier):
    """Classifier that labels only the cube that it was fitted on, during `fit`."""

    fitted_cube_only = True
    receptive_field = "scene"
    _found: tuple[str, Floats] | None = None

    def _keep(self, cube: hsizoo.HyperCube, probability: npt.NDArray[Any]) -> None:
        """Store the probabilities of the valid pixels, (n, K)."""
        self._found = cube.digest, fill(cube, probability)

    def predict_proba(self, cube: hsizoo.HyperCube) -> Floats:
        """Return the result of `fit`; see `PixelClassifier.predict_proba`.

        Raises
        ------
        DataError
            If the cube is not the one that was fitted.
        """
        digest, probability = fitted_first(self._found)
        if cube.digest != digest:
            raise DataError(
                f"{type(self).__name__} can only classify the cube that it was fitted on; "
                f"{cube.name} is a different one: call fit again"
            )
        found: Floats = probability
        return found
