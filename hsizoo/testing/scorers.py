"""Checks of spectral scorers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.interfaces import SpectralScorer
from hsizoo.protocols.answers import on_host
from hsizoo.testing.contract import Check, advise, check, does_not_apply, fail
from hsizoo.testing.examples import Example
from hsizoo.testing.odd_cubes import odd_cube_checks
from hsizoo.testing.subject import Subject
from hsizoo.testing.using import difference

__all__ = ["SCORER"]

SCORER: list[Check] = []

_ROUNDING: Final = 1e-4  # as hsizoo.zoo.scoring
_SHARE: Final = 0.5  # of the pixels that a reference's own pixel must be above


def _score(scorer: SpectralScorer, prepared: Any, given: Example) -> npt.NDArray[np.float32]:
    """Scores of the example's references, checked for shape and values."""
    maps = on_host(scorer.score(prepared, given.references))
    _check_maps(scorer, maps, len(given.references), given, "score")
    return maps


def _check_maps(
    scorer: SpectralScorer, maps: npt.NDArray[np.float32], number: int, given: Example, method: str
) -> None:
    expected = (number, *given.cube.shape[:2])
    if maps.shape != expected:
        fail(
            f"{method} returned shape {maps.shape}; expected {expected}",
            "Return one map per reference: (N, H, W), rows before columns.",
        )
    seen = maps[:, given.cube.valid]
    low, high = scorer.score_range
    if not np.isfinite(seen).all():
        fail(
            f"{method} returned {int((~np.isfinite(seen)).sum())} values that are not finite at "
            "valid pixels",
            "Guard divisions and logarithms; leave pixels outside cube.valid out of statistics.",
        )
    if seen.size and not (low - _ROUNDING <= seen.min() and seen.max() <= high + _ROUNDING):
        fail(
            f"{method} returned values from {seen.min():.6g} to {seen.max():.6g}, outside the "
            f"declared score_range {low} to {high}",
            "Clip rounding, or declare the range that is right.",
        )


def _answers(subject: Subject, scorer: SpectralScorer, given: Example) -> None:
    prepared = scorer.prepare(given.cube)
    _score(scorer, prepared, given)
    if _takes_clicks(scorer):
        maps = on_host(scorer.score_clicks(prepared, list(given.prompts)))
        _check_maps(scorer, maps, len(given.prompts), given, "score_clicks")


def _takes_clicks(scorer: SpectralScorer) -> bool:
    return type(scorer).score_clicks is not SpectralScorer.score_clicks


@check(SCORER, "answers", after=["builds"])
def check_answers(subject: Subject) -> None:
    """Scores are (N, H, W), finite and within the declared range at every valid pixel."""
    scorer = subject.make()
    low, high = scorer.score_range
    if not low < scorer.threshold < high:
        fail(
            f"the threshold {scorer.threshold} is not inside score_range {low} to {high}",
            "Declare the score from which a pixel is taken for the reference's material.",
        )
    _answers(subject, scorer, subject.example())


@check(SCORER, "rows", after=["deterministic"])
def check_rows(subject: Subject) -> None:
    """Row n of the scores depends on reference n only."""
    scorer, given = subject.make(), subject.example()
    prepared = scorer.prepare(given.cube)
    together = _score(scorer, prepared, given)
    for number, reference in enumerate(given.references):
        alone = on_host(scorer.score(prepared, reference[None]))
        text = difference(_valid(together[number], given), _valid(alone[0], given))
        if text:
            fail(
                f"reference {number} scored alone differs from the same among others: {text}",
                "Normalise each row by itself, never over all references.",
            )


def _valid(scores: npt.NDArray[Any], given: Example) -> dict[str, npt.NDArray[Any]]:
    return {"score": scores[given.cube.valid]}


@check(SCORER, "similarity", after=["answers"])
def check_similarity(subject: Subject) -> None:
    """A reference's own pixel reaches the threshold, and is above most others."""
    scorer, given = subject.make(), subject.example()
    maps = _score(scorer, scorer.prepare(given.cube), given)
    best = 0
    for scores, (row, col) in zip(maps, given.places, strict=True):
        own, seen = scores[row, col], scores[given.cube.valid]
        best += own >= seen.max()
        above = float((own >= seen).mean())
        if above < _SHARE:
            fail(
                f"the pixel (row={row}, col={col}) that the reference was taken from scores "
                f"{own:.6g}, less than {1 - above:.0%} of the pixels",
                "Return a similarity, higher for more similar: negate a distance; or rows and "
                "columns are exchanged.",
            )
        if own < scorer.threshold - _ROUNDING * max(1.0, abs(scorer.threshold)):
            fail(
                f"the pixel (row={row}, col={col}) that the reference was taken from scores "
                f"{own:.6g}, below the threshold {scorer.threshold:g}",
                "Set the threshold to a score that pixels of the same material reach.",
            )
    if not best:
        advise(
            "no reference's own pixel has the best score of its map",
            "Fine for a filter that rewards extreme pixels; else look at a map.",
        )


@check(SCORER, "results-kept", after=["deterministic"])
def check_results_kept(subject: Subject) -> None:
    """A result is not overwritten by the next call."""
    scorer, given = subject.make(), subject.example()
    prepared = scorer.prepare(given.cube)
    returned = scorer.score(prepared, given.references[:1])
    kept = on_host(returned).copy()
    scorer.score(prepared, given.references[1:2])
    if text := difference(_valid(kept[0], given), _valid(on_host(returned)[0], given)):
        fail(f"after the next call, {text}", "Return a new array from each call.")


@check(SCORER, "states", after=["history"])
def check_states(subject: Subject) -> None:
    """Two prepared images are independent of each other."""
    scorer, one, other = subject.make(), subject.example(), subject.example(1)
    first = scorer.prepare(one.cube)
    expected = _score(scorer, first, one)
    scorer.prepare(other.cube)
    again = _score(scorer, first, one)
    if text := difference({"score": expected[:, one.cube.valid]},
                          {"score": again[:, one.cube.valid]}):  # fmt: skip
        fail(
            f"after another image was prepared, the first one gives other scores: {text}",
            "Return from prepare all that belongs to the image; keep none of it in self.",
        )


@check(SCORER, "clicks", after=["deterministic"])
def check_clicks(subject: Subject) -> None:
    """Scores of several objects' clicks are independent of each other."""
    scorer, given = subject.make(), subject.example()
    if not _takes_clicks(scorer):
        does_not_apply("hsizoo combines its clicks")
    prepared = scorer.prepare(given.cube)
    together = on_host(scorer.score_clicks(prepared, list(given.prompts)))
    for number, clicks in enumerate(given.prompts):
        alone = on_host(scorer.score_clicks(prepared, [clicks]))
        if text := difference(_valid(together[number], given), _valid(alone[0], given)):
            fail(
                f"object {number} alone differs from the same among others: {text}",
                "Compute each row from its own clicks only.",
            )


SCORER += odd_cube_checks(_answers)
