"""`ScorerSegmenter`: any spectral scorer as an interactive segmenter.

SAMSA 2.0 (arXiv:2508.00493), section 3.2: each click gives one similarity map, and the maps of an
object are combined by the pixel-wise maximum.  The combined map is cached, so each further click
costs one map; a scorer that overrides `SpectralScorer.finish` then processes it.  A scorer that
overrides `SpectralScorer.score_clicks` combines the clicks itself and is called with all of them
after each click.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube
from hsizoo.errors import ClickError, ContractError, DataError, OptionError
from hsizoo.interfaces import InteractiveSegmenter, SpectralScorer
from hsizoo.zoo.added import ScorerSegmenterOptions

__all__ = ["ScorerSegmenter", "to_probability"]

Points = tuple[tuple[int, int], ...]

_CACHE_BYTES = 512 * 2**20  # combined maps cached per image; an evicted one is recomputed
_BATCH_BYTES = 256 * 2**20  # limit on the maps that one call of `score` returns
_PIXELS_AT_ONCE = 2**22  # converted to probabilities at a time: 16 MiB
_RANGE_TOLERANCE = 1e-4  # float32 rounding of a score at the end of its range


@dataclass(eq=False)
class _State:
    """State of one image: the scorer's prepared state, and the combined maps of recent clicks."""

    cube: HyperCube
    prepared: Any
    valid: torch.Tensor | None = None  # (H, W) bool on the scorer's device, once known
    combined: OrderedDict[Points, torch.Tensor] = field(default_factory=OrderedDict)


class ScorerSegmenter(InteractiveSegmenter):
    """Interactive segmenter that compares every pixel with the clicked spectra.

    Parameters
    ----------
    scorer : SpectralScorer
    **options
        See `hsizoo.zoo.added.ScorerSegmenterOptions`: ``aggregate`` is how the maps of an object's
        clicks are combined, ``negatives`` the effect of a negative click.

    Attributes
    ----------
    cache_bytes : int
        Size of the cache of combined maps per image, which makes a further click cost one map;
        512 MiB by default.

    Raises
    ------
    ContractError
        If the scorer's threshold is not inside its range.
    OptionError
        If `aggregate` is set for a scorer that combines clicks itself.

    Examples
    --------
    >>> segmenter = ScorerSegmenter(MyScorer())                          # doctest: +SKIP
    >>> state = segmenter.open(cube)                                     # doctest: +SKIP
    >>> probability = segmenter.predict(state, [Clicks([(4, 7)])])[0]    # doctest: +SKIP
    """

    Options: ClassVar = ScorerSegmenterOptions
    options: ScorerSegmenterOptions

    def __init__(self, scorer: SpectralScorer, **options: Any) -> None:
        super().__init__(**options)
        aggregate = self.options.aggregate
        low, high = scorer.score_range
        if not low < scorer.threshold < high:
            raise ContractError(
                f"{type(scorer).__name__} declares the threshold {scorer.threshold}, which is "
                f"outside its range {low} to {high}"
            )
        self._scores_clicks = type(scorer).score_clicks is not SpectralScorer.score_clicks
        self._finishes = type(scorer).finish is not SpectralScorer.finish
        if self._scores_clicks and aggregate != "max":
            raise OptionError(
                f"aggregate={aggregate!r}: {type(scorer).__name__} combines clicks itself; omit "
                "the option"
            )
        self.cache_bytes = _CACHE_BYTES
        self.scorer = scorer
        self.min_bands = scorer.min_bands

    def open(self, cube: HyperCube) -> _State:
        """Prepare the cube.

        Raises
        ------
        DataError
            If the cube has fewer bands than the scorer needs, or no valid pixel.
        """
        if not isinstance(cube, HyperCube):
            raise DataError(
                f"expected a hsizoo.HyperCube, got {type(cube).__name__}; "
                "wrap an (H, W, B) array with hsizoo.HyperCube(array)"
            )
        if cube.bands < self.scorer.min_bands:
            raise DataError(
                f"{type(self.scorer).__name__} needs at least {self.scorer.min_bands} bands; "
                f"{cube.name} has {cube.bands}"
            )
        if not cube.valid.any():
            raise DataError(f"{cube.name}: no pixel has finite values in all {cube.bands} bands")
        return _State(cube, self.scorer.prepare(cube))

    def predict(self, state: _State, prompts: Sequence[Clicks]) -> torch.Tensor:
        """Segment N objects; see `InteractiveSegmenter.predict`.

        Raises
        ------
        ClickError
            If an object has no click, or a click is outside the image or on a pixel whose
            spectrum is not finite.
        """
        if isinstance(prompts, Clicks):
            raise ClickError(
                "prompts must be a list with one Clicks per object: predict(state, [clicks])"
            )
        for clicks in prompts:
            _check_clicks(clicks, state.cube)
        if self._scores_clicks:
            return self._predict_from_clicks(state, prompts)
        positive = self._combined(state, [_points(clicks, True) for clicks in prompts])
        negative: list[torch.Tensor | None] = [None] * len(prompts)
        if self.options.negatives == "veto":
            negative = self._combined(state, [_points(clicks, False) for clicks in prompts])
        # An object with negative clicks only has no map: zeros, on the device of the other maps.
        device = next((each.device for each in (*positive, *negative) if each is not None), None)
        probability = torch.zeros((len(prompts), *state.cube.shape[:2]), device=device)
        found = [(n, similar) for n, similar in enumerate(positive) if similar is not None]
        scores = self._finished(state, [similar for _, similar in found])
        for (n, similar), score in zip(found, scores, strict=True):
            probability[n] = self._probability(state, score, _nearer(negative[n], similar))
        return probability

    def predict_boxes(self, state: _State, boxes: npt.NDArray[np.int64]) -> torch.Tensor:
        """Segment N objects by the mean spectrum of the valid pixels in each one's box.

        Raises
        ------
        ClickError
            If a box extends outside the image or contains no valid pixel.
        """
        height, width, bands = state.cube.shape
        references = np.empty((len(boxes), bands), dtype=np.float32)
        for place, (top, left, bottom, right) in enumerate(np.asarray(boxes).tolist()):
            if not (0 <= top <= bottom < height and 0 <= left <= right < width):
                raise ClickError(
                    f"box {(top, left, bottom, right)} (first row, first column, last row, last "
                    f"column) is not inside the image of {height} rows × {width} columns"
                )
            inside = slice(top, bottom + 1), slice(left, right + 1)
            usable = state.cube.valid[inside]
            if not usable.any():
                raise ClickError(
                    f"no pixel of {state.cube.name} in the box {(top, left, bottom, right)} has a "
                    "finite spectrum"
                )
            spectra = state.cube.data[inside][usable]
            references[place] = spectra.mean(axis=0, dtype=np.float64)
        maps = torch.zeros((len(boxes), height, width))
        scores = self._finished(state, self._score_spectra(state, references))
        for place, score in enumerate(scores):
            maps = maps.to(score.device)
            maps[place] = self._probability(state, score)
        return maps

    def predict_spectra(
        self,
        state: _State,
        references: npt.NDArray[np.float32],
        against: npt.NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Segment one object by reference spectra, which need not come from this cube.

        Each reference gives one map by the scorer's `score`; they are combined as those of clicks.

        Parameters
        ----------
        state : object
            Output of `open`.
        references : ndarray of float32, shape (N, B)
            Finite spectra of the object, at least one, in the units of the cube.
        against : ndarray of float32, shape (M, B), optional
            Spectra of what is not the object; they act as negative clicks do.

        Returns
        -------
        torch.Tensor of float32, shape (H, W)
            Probability.

        Raises
        ------
        DataError
            If there is no reference, or they do not have the cube's bands and finite values.
        """
        bands = state.cube.bands
        positive = self._combined_spectra(state, references)
        if positive is None:
            raise DataError(f"an object needs at least one reference spectrum of {bands} bands")
        negative = None
        if self.options.negatives == "veto" and against is not None:
            negative = self._combined_spectra(state, against)
        (score,) = self._finished(state, [positive])
        return self._probability(state, score, _nearer(negative, positive))

    def _combined_spectra(
        self, state: _State, references: npt.NDArray[np.float32]
    ) -> torch.Tensor | None:
        """Combined score map (H, W) of reference spectra; None if there are none."""
        spectra = np.ascontiguousarray(references, dtype=np.float32)
        if spectra.ndim != 2 or spectra.shape[1] != state.cube.bands:
            raise DataError(
                f"reference spectra must be (number, {state.cube.bands}), as {state.cube.name} has "
                f"{state.cube.bands} bands; got shape {spectra.shape}"
            )
        if not np.isfinite(spectra).all():
            raise DataError("reference spectra must be finite; leave out the bands that are not")
        total: torch.Tensor | None = None
        for score in self._score_spectra(state, spectra):
            total = self._join(total, score)
        if total is not None and self.options.aggregate == "mean":
            total /= len(spectra)
        return total

    def _predict_from_clicks(self, state: _State, prompts: Sequence[Clicks]) -> torch.Tensor:
        """Probability (N, H, W) from a scorer that combines the clicks of an object itself."""
        if self.options.negatives == "ignore":
            prompts = [Clicks(clicks.points[clicks.positive]) for clicks in prompts]
        found = [n for n, clicks in enumerate(prompts) if clicks.positive.any()]
        shape = (len(prompts), *state.cube.shape[:2])
        if not found:  # no positive clicks to compare with
            return torch.zeros(shape)
        returned = self.scorer.score_clicks(state.prepared, [prompts[n] for n in found])
        maps = self._checked(state, returned, len(found), "score_clicks", "object")
        probability = torch.zeros(shape, device=maps.device)
        for n, score in zip(found, maps, strict=True):
            probability[n] = self._probability(state, score)
        return probability

    def _finished(self, state: _State, combined: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Combined maps (H, W) after the scorer's `finish`, in bounded batches."""
        if not self._finishes:
            yield from combined
            return
        step = max(1, _BATCH_BYTES // (4 * state.cube.shape[0] * state.cube.shape[1]))
        maps = iter(combined)
        while batch := list(islice(maps, step)):
            returned = self.scorer.finish(state.prepared, torch.stack(batch))
            yield from self._checked(state, returned, len(batch), "finish", "object")

    def _probability(
        self, state: _State, score: torch.Tensor, vetoed: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Probability (H, W) from a score map; 0 at invalid and at vetoed pixels."""
        assert state.valid is not None
        whole = bool(state.cube.valid.all())
        probability = torch.empty_like(score)
        step = max(1, _PIXELS_AT_ONCE // score.shape[1])
        for first in range(0, len(score), step):  # limits temporary copies of a large map
            rows = slice(first, first + step)
            part = to_probability(score[rows], self.scorer.score_range, self.scorer.threshold)
            if vetoed is not None:
                part.masked_fill_(vetoed[rows], 0.0)
            if not whole:
                part.masked_fill_(~state.valid[rows], 0.0)
            if step >= len(score):
                return part
            probability[rows] = part
        return probability

    def _combined(self, state: _State, wanted: Sequence[Points]) -> list[torch.Tensor | None]:
        """Combined score map of each sequence of points; None for an empty one."""
        cache = state.combined
        # Extend the cached map of the same sequence without its last point: one new map.
        start = {
            points: next((n for n in (len(points), len(points) - 1) if points[:n] in cache), 0)
            for points in wanted
            if points
        }
        fresh = [point for points, known in start.items() for point in points[known:]]
        scores = self._score(state, fresh)
        done: dict[Points, torch.Tensor] = {}
        for points, known in start.items():
            total = cache[points[:known]] if known else None
            for _ in points[known:]:
                total = self._join(total, next(scores))
            assert total is not None
            done[points] = total
        for points, total in done.items():
            cache[points] = total
            cache.move_to_end(points)
        map_bytes = 4 * state.cube.shape[0] * state.cube.shape[1]
        while len(cache) > len(done) and len(cache) * map_bytes > self.cache_bytes:
            cache.popitem(last=False)
        if self.options.aggregate == "mean":
            return [done[points] / len(points) if points else None for points in wanted]
        return [done[points] if points else None for points in wanted]

    def _join(self, total: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
        if total is None:
            return new.clone()  # a view would keep the maps of all other objects in memory
        return torch.maximum(total, new) if self.options.aggregate == "max" else total + new

    def _score(self, state: _State, points: Sequence[tuple[int, int]]) -> Iterator[torch.Tensor]:
        """Score maps (H, W) of the spectra at these points."""
        if not points:
            return iter(())
        rows, cols = np.array(points).T
        return self._score_spectra(state, np.ascontiguousarray(state.cube.data[rows, cols]))

    def _score_spectra(
        self, state: _State, references: npt.NDArray[np.float32]
    ) -> Iterator[torch.Tensor]:
        """Score maps (H, W) of reference spectra (N, B), in bounded batches."""
        height, width, _ = state.cube.shape
        step = max(1, _BATCH_BYTES // (4 * height * width))
        for first in range(0, len(references), step):
            batch = references[first : first + step]
            returned = self.scorer.score(state.prepared, batch)
            yield from self._checked(state, returned, len(batch), "score", "reference")

    def _checked(
        self, state: _State, returned: Any, number: int, method: str, each: str
    ) -> torch.Tensor:
        """Check the returned scores against the scorer's contract; convert to float32 (N, H, W)."""
        if not isinstance(returned, torch.Tensor):  # torch needs a writable, contiguous array
            returned = torch.from_numpy(np.require(returned, np.float32, ("C", "W")))
        scores: torch.Tensor = returned
        expected = (number, *state.cube.shape[:2])
        if tuple(scores.shape) != expected:
            raise ContractError(
                f"{type(self.scorer).__name__}.{method} returned shape {tuple(scores.shape)}; "
                f"expected {expected}: one map per {each}"
            )
        if state.valid is None:
            state.valid = torch.from_numpy(state.cube.valid.copy()).to(scores.device)
        scores = scores.to(torch.float32)
        if not state.cube.valid.all():
            scores = scores.masked_fill(~state.valid, self.scorer.threshold)
        self._check_range(scores, method)
        return scores

    def _check_range(self, scores: torch.Tensor, method: str) -> None:
        low, high = self.scorer.score_range
        # NaN if there is one.  Both at once: a GPU is waited for only once.
        least, most = torch.stack(torch.aminmax(scores)).tolist()
        if not (low - _RANGE_TOLERANCE <= least and most <= high + _RANGE_TOLERANCE) or not (
            math.isfinite(least) and math.isfinite(most)
        ):
            raise ContractError(
                f"{type(self.scorer).__name__}.{method} returned values from {least} to {most}; "
                f"expected finite values in the declared range {low} to {high} at every valid pixel"
            )


def to_probability(
    score: torch.Tensor, score_range: tuple[float, float], threshold: float
) -> torch.Tensor:
    """Map scores to [0, 1] monotonically, with `threshold` at 0.5.

    Linear from the lowest score (0) to the threshold (0.5) and from there to the highest (1).  An
    unbounded side uses ``d / (1 + |d|)``, where ``d`` is the distance to the threshold in units of
    the threshold, so that the unit of the score does not matter.  The order is preserved (scores
    that differ in the last digit of float32 may become equal), so Dice at 0.5, the best Dice over
    thresholds, and the pixel that a robot finds least similar do not change.  A spectral angle
    similarity (range 0 to 1, threshold 0.5) is unchanged.

    Parameters
    ----------
    score : Tensor of float32
    score_range : (float, float)
        Lowest and highest possible score; infinite if unbounded.
    threshold : float
        Strictly inside the range.

    Returns
    -------
    Tensor of float32
        Same shape, in [0, 1].
    """
    low, high = score_range
    distance = score - threshold
    if math.isfinite(low) and threshold - low == high - threshold:  # the same, in fewer passes
        return distance.div_(high - threshold).mul_(0.5).add_(0.5).clamp_(0.0, 1.0)
    # A threshold of 0, or one that float32 rounds to 0, cannot serve as the unit.
    unit = abs(threshold) if abs(threshold) > 1e-30 else 1.0
    squashed = distance / (unit + distance.abs())
    below = distance / (threshold - low) if math.isfinite(low) else squashed
    above = distance / (high - threshold) if math.isfinite(high) else squashed
    return (0.5 + 0.5 * torch.where(distance < 0, below, above)).clamp_(0.0, 1.0)


def _nearer(negative: torch.Tensor | None, positive: torch.Tensor) -> torch.Tensor | None:
    """Pixels (H, W) more similar to the negative than to the positive clicks; None without them."""
    return None if negative is None else negative > positive


def _points(clicks: Clicks, sign: bool) -> Points:
    return tuple((row, col) for row, col, positive in clicks if positive == sign)


def _check_clicks(clicks: Clicks, cube: HyperCube) -> None:
    if not len(clicks):
        raise ClickError("an object needs at least one click")
    clicks.check_inside(*cube.shape[:2])
    bad = ~cube.valid[clicks.points[:, 0], clicks.points[:, 1]]
    if bad.any():
        row, col = clicks.points[bad][0]
        raise ClickError(
            f"click (row={row}, col={col}) is on a pixel of {cube.name} whose spectrum is not "
            "finite; click on a pixel beside it"
        )
