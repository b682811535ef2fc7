"""Prompts of each class: its own labels as positive points, all others as negative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import hsizoo
from hsizoo.errors import DataError
from hsizoo_ipg.options import Choice, IPGOptions

__all__ = ["Labelled", "Points", "class_prompts", "read_seeds"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled pixels: the seeds, then the labels of each round in order.

    Parameters
    ----------
    pixels : ndarray of int, shape (n,)
        Flat indices.
    classes : ndarray of int, shape (n,)
        Index of the class, 0 to K - 1.
    seeds : int
        Number of seeds among them.
    """

    pixels: Ints
    classes: Ints
    seeds: int

    def plus(self, pixels: npt.ArrayLike, classes: npt.ArrayLike) -> Labelled:
        """Return a copy with further labelled pixels."""
        return Labelled(
            np.concatenate([self.pixels, np.asarray(pixels, dtype=np.int64)]),
            np.concatenate([self.classes, np.asarray(classes, dtype=np.int64)]),
            self.seeds,
        )


def read_seeds(cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap) -> tuple[Labelled, Ints]:
    """Return the seeds with a valid spectrum, and the class labels in ascending order.

    Raises
    ------
    DataError
        If cube and labels differ in size, there are fewer than two classes, or one has no seed.
    """
    height, width = cube.shape[:2]
    if seeds.labels.shape != (height, width):
        given = " × ".join(map(str, seeds.labels.shape))
        raise DataError(f"{cube.name} is {height} × {width} pixels, its labels are {given}")
    names = np.array(sorted(seeds.targets), dtype=np.int64)
    if len(names) < 2:
        raise DataError(
            f"IPG needs two classes or more, as the points of one are negative points of the "
            f"others; the labels of {cube.name} have {len(names)}"
        )
    usable = np.where(cube.valid, seeds.labels, names[0] - 1).ravel()
    pixels = np.flatnonzero(np.isin(usable, names))
    classes = np.searchsorted(names, usable[pixels])
    bare = np.setdiff1d(np.arange(len(names)), classes)
    if len(bare):
        without = ", ".join(seeds.class_names[int(names[each])] for each in bare)
        raise DataError(
            f"{cube.name}: no labelled pixel with finite values in all bands for: {without}. Label "
            "one of each, or restrict the targets to the other classes"
        )
    return Labelled(pixels, classes, len(pixels)), names


@dataclass(frozen=True)
class Points:
    """Number and choice of the points of a class.

    Parameters
    ----------
    positives, negatives : int
        Maximum number of points of each sign; 0 for all.
    choice : {"nearest", "recent", "random"}
        Which negative points are kept: those nearest to a positive point, the last labels, or a
        new random choice in each round.  Positive points are the seeds, then the last labels.
    """

    positives: int = 8
    negatives: int = 8
    choice: Choice = "nearest"

    @classmethod
    def of(cls, options: IPGOptions) -> Points:
        """Return the points of IPG's options."""
        return cls(options.positives, options.negatives, options.negative_choice)


def class_prompts(
    known: Labelled, shape: tuple[int, int], count: int, points: Points, rng: np.random.Generator
) -> list[hsizoo.Clicks]:
    """Create the prompts of each class.

    Parameters
    ----------
    known : Labelled
    shape : (int, int)
        Height and width of the image.
    count : int
        Number K of classes; each has at least one label.
    points : Points
    rng : numpy.random.Generator
        Random numbers for the choice ``random``.

    Returns
    -------
    list of Clicks, length K
        Positive points first.
    """
    places = np.stack(np.unravel_index(known.pixels, shape), axis=1)
    prompts = []
    for number in range(count):
        own = np.flatnonzero(known.classes == number)
        other = np.flatnonzero(known.classes != number)
        if 0 < points.positives < len(own):
            seeds, late = own[own < known.seeds][: points.positives], own[own >= known.seeds]
            room = points.positives - len(seeds)
            own = np.concatenate([seeds, late[len(late) - room :]])
        if 0 < points.negatives < len(other):
            if points.choice == "random":
                other = np.sort(rng.choice(other, points.negatives, replace=False))
            elif points.choice == "recent":
                other = other[-points.negatives :]
            else:
                offsets = places[other][:, None] - places[own][None]
                nearest = np.square(offsets).sum(axis=2).min(axis=1)
                other = other[np.sort(np.argsort(nearest, kind="stable")[: points.negatives])]
        signs = np.arange(len(own) + len(other)) < len(own)
        prompts.append(hsizoo.Clicks(places[np.concatenate([own, other])], signs))
    return prompts
