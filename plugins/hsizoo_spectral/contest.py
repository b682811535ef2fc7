"""Contest between the clicked spectra and the materials of the scene.

A similarity map needs a threshold, and the best one differs between objects.  The pixel-wise
maximum over clicks trusts all clicks equally, a mixed pixel at the border as much as a typical
one.  Here a pixel belongs to the object if it is nearer to the clicked spectrum than to the
scene's other materials.  The number of materials in the scene is unknown, so the contest is
repeated at several levels, from two materials to many, and the levels vote.  The first click
determines the object's material.  Further positive clicks act only locally, until a negative
click shows that the user also corrects excess.

The method is hsizoo's own; `materials` cites the published methods that it builds on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

import hsizoo
from hsizoo.errors import OptionError
from hsizoo_spectral.materials import SceneStatistics, scene_statistics
from hsizoo_spectral.spectra import (
    SpectralMatrix,
    reference_matrix,
    torch_device,
    transform,
    working_device,
)
from hsizoo_spectral.strips import require_memory

__all__ = [
    "Contest",
    "Level",
    "PreparedContest",
    "against_materials",
    "around",
    "clicked_rows",
    "nearest",
    "range_of",
    "ratio",
    "squared_distances",
    "with_levels",
]

_TINY = 1e-12  # avoids 0 / 0; squared distances are of order 1


@dataclass(frozen=True, eq=False)
class Level:
    """The scene's materials at one level.

    Parameters
    ----------
    centres : torch.Tensor of float32, shape (K, F)
        Features of the materials.
    distances : torch.Tensor of float32, shape (K, H * W)
        Squared distance of each pixel to each material.
    """

    centres: torch.Tensor
    distances: torch.Tensor

    def others(self, features: torch.Tensor, pixels: torch.Tensor | None = None) -> torch.Tensor:
        """Return squared distances to the nearest material without any of the given features.

        Parameters
        ----------
        features : torch.Tensor, shape (n, F)
        pixels : torch.Tensor of int64, shape (m,), optional
            Indices of pixels.  Default: all.

        Returns
        -------
        torch.Tensor of float32, shape (m,) or (H * W,)
            Infinite if every material contains a feature vector.
        """
        taken = torch.cdist(features, self.centres).argmin(dim=1)
        penalty = torch.zeros_like(self.centres[:, 0]).index_fill_(0, taken, math.inf)
        if pixels is not None:
            return (self.distances[:, pixels] + penalty[:, None]).amin(dim=0)
        nearest, buffer = self.distances[0] + penalty[0], torch.empty_like(self.distances[0])
        # Row by row: no copy of the whole table, no synchronisation with the device.
        for distance, more in zip(self.distances[1:], penalty[1:], strict=True):
            torch.minimum(nearest, torch.add(distance, more, out=buffer), out=nearest)
        return nearest


@dataclass(frozen=True, eq=False)
class PreparedContest(SpectralMatrix):
    """Features of all pixels, and their distances to the materials.

    Parameters
    ----------
    rows : torch.Tensor of float32, shape (H * W, F)
        Features, on the scorer's device.
    height, width : int
        Size of the image in pixels.
    squares : torch.Tensor of float32, shape (H * W,)
        Squared lengths of the rows.
    levels : tuple of Level
        Materials at each level, coarse to fine.
    statistics : SceneStatistics
    """

    squares: torch.Tensor
    levels: tuple[Level, ...]
    statistics: SceneStatistics

    @property
    def bands(self) -> int:
        """Number of bands of the cube, B; differs from the number of features."""
        return len(self.statistics.shape_mean)


class Contest(hsizoo.SpectralScorer):
    """Score how much nearer a pixel is to the clicked spectrum than to other materials.

    The score of a pixel is the mean over levels of ``o / (o + d)``: ``d`` is its squared distance
    to the click, ``o`` that to the nearest material other than the click's.  A distance is the sum
    of that between unit spectra (the shape, as for the spectral angle) and that between logarithms
    in units of the noise, each scaled to the spread of the scene.

    Parameters
    ----------
    finest : int, default 32
        Number of materials at the finest level, a power of two from 2 to 256; the levels are 2, 4,
        8 and so on.  INFERRED (as are all options): our own design, chosen by the mean Dice on
        Salinas-A, Samson, a small Pavia University and training subjects of the phantom; Indian
        Pines was not used for any choice.
    components : int, default 20
        Number of principal components of the unit spectra, and of the logarithms.
    smoothing : float, default 0.7
        Standard deviation, in pixels, of the Gaussian that smooths the components of the
        logarithms; 0 for none.
    reach : float, default 0.02
        Range of further clicks, as a fraction of the square root of the image's area: the standard
        deviation of the Gaussian by which their effect fades.  At least one pixel.
    further : {"auto", "near", "everywhere"}, default "auto"
        Where clicks after the first positive one act.  ``near``: in their neighbourhood.
        ``everywhere``: all clicks are equal, and negative ones compete in the whole image.
        ``auto``: ``near`` while all clicks are positive, ``everywhere`` from the first negative one
        on.  A user who only adds clicks on the least similar pixels (as the robot of SAMSA 2.0)
        adds outliers; one who also clicks negatives keeps them in check.
    device : str, default "cpu"
        Torch device.

    Notes
    -----
    Statistics come from a fixed sample of the scene, so the same cube gives the same scores.
    A level on which every material is clicked votes for the object everywhere.
    """

    score_range: tuple[float, float] = (0.0, 1.0)
    threshold: float = 0.5
    min_bands: int = 2

    def __init__(
        self,
        *,
        finest: int = 32,
        components: int = 20,
        smoothing: float = 0.7,
        reach: float = 0.02,
        further: Literal["auto", "near", "everywhere"] = "auto",
        device: str = "cpu",
    ) -> None:
        if not 2 <= finest <= 256 or finest & (finest - 1):
            raise OptionError(f"finest={finest}: must be a power of two from 2 to 256")
        if components < 1:
            raise OptionError(f"components={components}: must be at least 1")
        if not 0 <= smoothing <= 100:
            raise OptionError(f"smoothing={smoothing}: must be from 0 to 100 pixels")
        if not 0 < reach <= 1:
            raise OptionError(f"reach={reach}: must be above 0 and at most 1")
        self._levels = tuple(2**power for power in range(1, finest.bit_length()))
        self._components = components
        self._smoothing = smoothing
        self._reach = reach
        self._further = further
        self._device = torch_device(device)

    def prepare(self, cube: hsizoo.HyperCube) -> PreparedContest:
        """Compute the scene's materials and the distances of all pixels to them.

        Parameters
        ----------
        cube : HyperCube

        Returns
        -------
        PreparedContest

        Raises
        ------
        DataError
            If no pixel is valid, or the image is too large.
        """
        features = 2 * self._components
        # The features twice during smoothing, then the distances.
        require_memory(cube, 4 * (2 * features + sum(self._levels)), "contest")
        statistics = scene_statistics(cube, self._components, self._levels)
        image = transform(cube, self._device, statistics.features, statistics.size)
        rows = image.rows
        valid = torch.from_numpy(cube.valid.copy()).to(self._device)
        rows *= valid.reshape(-1, 1)  # features of an all-zero spectrum are not 0
        if self._smoothing > 0:
            first = statistics.shape_axes.shape[1]
            logs = rows[:, first:].T.reshape(-1, image.height, image.width)
            rows[:, first:] = _smooth(logs, valid, self._smoothing).flatten(1).T
        return with_levels(image, statistics, statistics.materials)

    def score(self, prepared: PreparedContest, references: npt.NDArray[np.float32]) -> torch.Tensor:
        """Score all pixels against each reference, as after one click on that spectrum.

        Unlike for a click, `smoothing` does not affect the features of the reference.

        Parameters
        ----------
        prepared : PreparedContest
        references : ndarray of float32, shape (N, B)

        Returns
        -------
        torch.Tensor of float32, shape (N, H, W)
            In [0, 1].

        Raises
        ------
        DataError
            If the number of bands of the references differs from that of the cube.
        """
        wanted = reference_matrix(references, prepared.bands, working_device(self._device))
        features = prepared.statistics.features(wanted).to(prepared.rows)
        empty = features[:0]
        maps = [against_materials(prepared, each[None], empty) for each in features]
        return prepared.image(torch.stack(maps) if maps else prepared.rows.new_empty((0,)))

    def score_clicks(
        self, prepared: PreparedContest, prompts: Sequence[hsizoo.Clicks]
    ) -> torch.Tensor:
        """Score all pixels for each object, using all its clicks together.

        Parameters
        ----------
        prepared : PreparedContest
        prompts : sequence of Clicks, length N
            Clicks of each object, with at least one positive click.

        Returns
        -------
        torch.Tensor of float32, shape (N, H, W)
            In [0, 1].
        """
        maps = [self._object(prepared, clicks) for clicks in prompts]
        return torch.stack(maps) if maps else prepared.image(prepared.rows.new_empty((0,)))

    def _object(self, prepared: PreparedContest, clicks: hsizoo.Clicks) -> torch.Tensor:
        """Return the score (H, W) of one object."""
        positive = [(row, col) for row, col, sign in clicks if sign]
        negative = [(row, col) for row, col, sign in clicks if not sign]
        everywhere = self._further == "everywhere" or (
            self._further == "auto" and len(negative) > 0
        )
        near = [] if everywhere else positive[1:]
        anchors = clicked_rows(prepared, positive if everywhere else positive[:1])
        opponents = clicked_rows(prepared, negative if everywhere else [])
        score = against_materials(prepared, anchors, opponents)
        score = score.reshape(prepared.height, prepared.width)
        for click in near:
            window, weight, pixels = around(prepared, click, range_of(prepared, self._reach))
            here = clicked_rows(prepared, [click])
            similarity = ratio(
                nearest(prepared.rows[pixels], here), prepared.levels[-1].others(here, pixels)
            )
            local = weight * similarity.reshape(weight.shape)
            score[window] = torch.maximum(score[window], local)
        if not everywhere:
            for click in negative:
                window, weight, pixels = around(prepared, click, range_of(prepared, self._reach))
                rows = prepared.rows[pixels]
                contrast = ratio(
                    nearest(rows, clicked_rows(prepared, [click])),
                    nearest(rows, clicked_rows(prepared, positive)),
                )
                local = weight * contrast.reshape(weight.shape)
                score[window] = torch.minimum(score[window], 1 - local)
        return score


def with_levels(
    image: SpectralMatrix,
    statistics: SceneStatistics,
    materials: Sequence[npt.NDArray[np.float32]],
) -> PreparedContest:
    """Measure the distances of all features to the materials of each level."""
    rows = image.rows
    squares = rows.square().sum(dim=1)
    levels = []
    for each in materials:
        centres = torch.from_numpy(each).to(rows.device)
        levels.append(Level(centres, squared_distances(rows, squares, centres)))
    return PreparedContest(rows, image.height, image.width, squares, tuple(levels), statistics)


def around(
    image: SpectralMatrix, click: tuple[int, int], sigma: float
) -> tuple[tuple[slice, slice], torch.Tensor, torch.Tensor]:
    """Return the window around a click, its weights (h, w) and pixel indices (h * w,).

    The weights are a Gaussian of the distance in pixels, with standard deviation `sigma`.
    """
    radius = math.ceil(3 * sigma)
    window, places = [], []
    for position, length in zip(click, (image.height, image.width), strict=True):
        side = slice(max(0, position - radius), min(length, position + radius + 1))
        window.append(side)
        places.append(torch.arange(side.start, side.stop, device=image.rows.device))
    rows, cols = places
    square = (rows - click[0]).square()[:, None] + (cols - click[1]).square()
    pixels = rows[:, None] * image.width + cols
    weight = torch.exp(square / (-2 * sigma**2))
    return (window[0], window[1]), weight, pixels.reshape(-1)


def range_of(image: SpectralMatrix, reach: float) -> float:
    """Return the range of a click in pixels, from that as a fraction of the image's size."""
    return max(1.0, reach * math.sqrt(image.height * image.width))


def against_materials(
    prepared: PreparedContest, anchors: torch.Tensor, opponents: torch.Tensor
) -> torch.Tensor:
    """Return the score (H * W,) of anchors (n, F) against materials and opponents (m, F)."""
    rows, squares = prepared.rows, prepared.squares
    own = squared_distances(rows, squares, anchors).amin(dim=0)
    against = squared_distances(rows, squares, opponents).amin(dim=0) if len(opponents) else None
    total = torch.zeros_like(own)
    for level in prepared.levels:
        other = level.others(anchors)
        total += ratio(own, other if against is None else torch.minimum(other, against))
    return total / len(prepared.levels)


def ratio(own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return ``other / (own + other)``; 1 where both are 0 or `other` is infinite."""
    return 1 / (1 + own / (other + _TINY))


def squared_distances(
    rows: torch.Tensor, squares: torch.Tensor, others: torch.Tensor
) -> torch.Tensor:
    """Squared distances (n, P) of rows (P, F) to others (n, F), given the rows' squares."""
    lengths = others.square().sum(dim=1, keepdim=True)
    return torch.addmm(squares + lengths, others, rows.T, alpha=-2).clamp_(min=0)


def nearest(rows: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Squared distances (n,) of rows (n, F) to the nearest of features (m, F)."""
    return torch.stack([(rows - each).square().sum(dim=1) for each in features]).amin(dim=0)


def clicked_rows(prepared: PreparedContest, points: Sequence[tuple[int, int]]) -> torch.Tensor:
    """Return the features (n, F) of pixels."""
    numbers = [row * prepared.width + col for row, col in points]
    return prepared.rows[torch.tensor(numbers, dtype=torch.long, device=prepared.rows.device)]


def _smooth(maps: torch.Tensor, valid: torch.Tensor, sigma: float) -> torch.Tensor:
    """Smooth maps (F, H, W), 0 at invalid pixels, by a Gaussian over the valid pixels."""
    radius = max(1, math.ceil(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(offsets.square() / (-2 * sigma**2))

    def blur(images: torch.Tensor) -> torch.Tensor:
        down = functional.conv2d(images[:, None], kernel[None, None, :, None], padding=(radius, 0))
        return functional.conv2d(down, kernel[None, None, None], padding=(0, radius))[:, 0]

    weight = blur(valid[None].to(maps))
    return (blur(maps) / weight.clamp_min(_TINY)).mul_(valid)
