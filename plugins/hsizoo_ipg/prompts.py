"""Who is prompted with what: a class's own labels as positive points, all others as negative."""

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
    """Labelled pixels, the seeds first and then one round after the other.

    Parameters
    ----------
    pixels : ndarray of int, shape (n,)
        Flat indices.
    classes : ndarray of int, shape (n,)
        Place of the class, 0 to K - 1.
    seeds : int
        How many of them are seeds.
    """

    pixels: Ints
    classes: Ints
    seeds: int

    def plus(self, pixels: npt.ArrayLike, classes: npt.ArrayLike) -> Labelled:
        """With further ones."""
        return Labelled(
            np.concatenate([self.pixels, np.asarray(pixels, dtype=np.int64)]),
            np.concatenate([self.classes, np.asarray(classes, dtype=np.int64)]),
            self.seeds,
        )


def read_seeds(cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap) -> tuple[Labelled, Ints]:
    """Find the seeds with a usable spectrum, and the label of each class in ascending order.

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
            f"IPG needs two classes or more, as the points of one are background to the others; "
            f"the labels of {cube.name} have {len(names)}"
        )
    usable = np.where(cube.valid, seeds.labels, names[0] - 1).ravel()
    pixels = np.flatnonzero(np.isin(usable, names))
    classes = np.searchsorted(names, usable[pixels])
    bare = np.setdiff1d(np.arange(len(names)), classes)
    if len(bare):
        without = ", ".join(seeds.class_names[int(names[each])] for each in bare)
        raise DataError(
            f"{cube.name}: no labelled pixel that is finite in all bands for: {without}. Label one "
            "of each, or name the other classes only as targets"
        )
    return Labelled(pixels, classes, len(pixels)), names


@dataclass(frozen=True)
class Points:
    """How many points a class is prompted with.

    Parameters
    ----------
    positives, negatives : int
        Most points of either sign; 0 for all.
    choice : {"nearest", "recent", "random"}
        Which negative points are kept: those nearest to a positive one, the last ones labelled,
        or others in each round.  Positive points are the seeds, then the last ones labelled.
    """

    positives: int = 8
    negatives: int = 8
    choice: Choice = "nearest"

    @classmethod
    def of(cls, options: IPGOptions) -> Points:
        """Those of the options of IPG."""
        return cls(options.positives, options.negatives, options.negative_choice)


def class_prompts(
    known: Labelled, shape: tuple[int, int], count: int, points: Points, rng: np.random.Generator
) -> list[hsizoo.Clicks]:
    """Make the prompts of each class.

    Parameters
    ----------
    known : Labelled
    shape : (int, int)
        Height and width of the image.
    count : int
        K; each class has a label.
    points : Points
    rng : numpy.random.Generator
        Of the choice ``random``.

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
                apart = places[other][:, None] - places[own][None]
                nearest = np.square(apart).sum(axis=2).min(axis=1)
                other = other[np.sort(np.argsort(nearest, kind="stable")[: points.negatives])]
        signs = np.arange(len(own) + len(other)) < len(own)
        prompts.append(hsizoo.Clicks(places[np.concatenate([own, other])], signs))
    return prompts
