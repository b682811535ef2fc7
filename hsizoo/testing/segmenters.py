"""Checks of interactive segmenters."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.clicks import Clicks
from hsizoo.errors import HsizooError
from hsizoo.interfaces import InteractiveSegmenter
from hsizoo.protocols.answers import on_host
from hsizoo.testing.contract import Check, advise, check, does_not_apply, fail
from hsizoo.testing.examples import Example, pixels_of
from hsizoo.testing.odd_cubes import odd_cube_checks
from hsizoo.testing.subject import Subject
from hsizoo.testing.using import difference
from hsizoo.zoo.texts import one_line

__all__ = ["SEGMENTER"]

SEGMENTER: list[Check] = []

_BATCH: Final = 2e-3  # by which a network may differ between one object and several
_MOST_CLICKS: Final = 8

Maps = npt.NDArray[np.float32]


def _check_maps(maps: Maps, number: int, given: Example, method: str = "predict") -> Maps:
    expected = (number, *given.cube.shape[:2])
    if maps.shape != expected:
        fail(
            f"{method} returned shape {maps.shape}; expected {expected}",
            "Return one map per object: (N, H, W), rows before columns.",
        )
    if not np.isfinite(maps).all():
        only = bool(np.isfinite(maps[:, given.cube.valid]).all())
        fail(
            f"{method} returned {int((~np.isfinite(maps)).sum())} values that are not finite"
            + (", at pixels without a finite spectrum" if only else ""),
            "Probabilities are finite everywhere; return 0 where cube.valid is False.",
        )
    if maps.size and not (maps.min() >= 0 and maps.max() <= 1):
        fail(
            f"{method} returned values from {maps.min():.6g} to {maps.max():.6g}",
            "Return probabilities in [0, 1]; the sigmoid of logits, not the logits.",
        )
    return maps


def _predict(
    segmenter: InteractiveSegmenter, state: Any, prompts: list[Clicks], given: Example
) -> Maps:
    maps = on_host(segmenter.predict(state, prompts)).copy()
    return _check_maps(maps, len(prompts), given)


def _answers(subject: Subject, segmenter: InteractiveSegmenter, given: Example) -> None:
    state = segmenter.open(given.cube)
    _predict(segmenter, state, list(given.prompts), given)
    _predict(segmenter, state, list(given.prompts[:1]), given)


@check(SEGMENTER, "answers", after=["builds"])
def check_answers(subject: Subject) -> None:
    """Maps are (N, H, W), finite everywhere, with probabilities in [0, 1]."""
    _answers(subject, subject.make(), subject.example())


@check(SEGMENTER, "clicks", after=["answers"])
def check_clicks(subject: Subject) -> None:
    """It takes 1 to 8 clicks of either sign, also the same pixel twice and clicks in corners."""
    segmenter, given = subject.make(), subject.example()
    state = segmenter.open(given.cube)
    own, other = pixels_of(given, 3), pixels_of(given, 7)
    clicks = Clicks([own[0]])
    for number in range(1, _MOST_CLICKS + 1):
        _try(segmenter, state, clicks, given, f"{number} click(s)")
        row, col = (own if number % 2 else other)[number * 11]
        clicks = clicks.add(row, col, positive=bool(number % 2))
    _try(segmenter, state, Clicks([other[3]], [False]), given, "one negative click only")
    _try(segmenter, state, Clicks(other[:3], [False] * 3), given, "three negative clicks only")
    twice = Clicks([own[0], own[0]], [True, False])
    _try(segmenter, state, twice, given, "a positive and a negative click on one pixel")
    height, width, _ = given.cube.shape
    corners = Clicks([(0, 0), (height - 1, width - 1), (0, width - 1), (height - 1, 0)])
    _try(segmenter, state, corners, given, "clicks in the corners")


def _try(
    segmenter: InteractiveSegmenter, state: Any, clicks: Clicks, given: Example, what: str
) -> None:
    try:
        maps = on_host(segmenter.predict(state, [clicks])).copy()
    except Exception as error:  # noqa: BLE001
        fail(
            f"{what}: predict raises {one_line(error)}",
            "An object has at least one click, of either sign; return zeros where there is "
            "nothing to go by.",
        )
    _check_maps(maps, 1, given, f"{what}: predict")


@check(SEGMENTER, "objects", after=["deterministic"])
def check_objects(subject: Subject) -> None:
    """An object among others gets the same map as alone."""
    segmenter, given = subject.make(), subject.example()
    state = segmenter.open(given.cube)
    together = _predict(segmenter, state, list(given.prompts), given)
    mend = "Compute object n from prompts[n] only: normalise no map over all objects."
    for number, clicks in enumerate(given.prompts):
        alone = _predict(segmenter, state, [clicks], given)
        _same(together[number], alone[0], f"object {number} alone differs", mend)
    alone = _predict(segmenter, segmenter.open(given.cube), [given.prompts[1]], given)
    _same(together[1], alone[0], "object 1 alone, on a newly opened image, differs", mend)
    backwards = _predict(segmenter, state, list(given.prompts[::-1]), given)[::-1]
    _same(together, backwards, "objects in another order differ", mend)


def _same(one: Maps, other: Maps, what: str, mend: str) -> None:
    if np.abs(one - other).max() > _BATCH:
        fail(f"{what}: {difference({'predict': one}, {'predict': other}, tolerance=_BATCH)}", mend)


@check(SEGMENTER, "states", after=["objects", "history"])
def check_states(subject: Subject) -> None:
    """Two open images are independent of each other, and of clicks on them."""
    segmenter, one, other = subject.make(), subject.example(), subject.example(1)
    first = segmenter.open(one.cube)
    prompts, others = list(one.prompts), list(other.prompts)
    expected = _predict(segmenter, first, prompts, one)
    second = segmenter.open(other.cube)
    mend = "Return from open all that belongs to the image; keep none of it in self."
    _same(expected, _predict(segmenter, first, prompts, one), "with another image open, the first "
          "one differs", mend)  # fmt: skip
    wanted = _predict(subject.make(), subject.make().open(other.cube), others, other)
    _same(wanted, _predict(segmenter, second, others, other), "beside another image, the second "
          "one differs", mend)  # fmt: skip
    _predict(segmenter, first, prompts[::-1], one)
    _same(expected, _predict(segmenter, first, prompts, one), "after other clicks, the same ones "
          "differ", "Caches in a state must never change a result.")  # fmt: skip


@check(SEGMENTER, "results-kept", after=["deterministic"])
def check_results_kept(subject: Subject) -> None:
    """A result is not overwritten by the next call."""
    segmenter, given = subject.make(), subject.example()
    state = segmenter.open(given.cube)
    returned = segmenter.predict(state, [given.prompts[0]])
    kept = on_host(returned).copy()
    segmenter.predict(state, [given.prompts[1]])
    if text := difference({"predict": kept}, {"predict": on_host(returned)}):
        fail(f"after the next call, {text}", "Return a new array from each call.")


@check(SEGMENTER, "click-place", after=["deterministic"])
def check_click_place(subject: Subject) -> None:
    """A positive click raises its own place more than the places it would have mirrored."""
    if not subject.is_meaningful:
        does_not_apply("it is untrained, so where its maps are high means nothing")
    segmenter, given = subject.make(), subject.example()
    state = segmenter.open(given.cube)
    height, width, _ = given.cube.shape
    own, mean = [], []
    mirrored: dict[str, list[float]] = {
        "with rows and columns exchanged": [], "upside down": [], "from left to right": [],
    }  # fmt: skip
    # One call per click: how it treats several objects is another check's.
    for row, col in _spread(given):
        (found,) = _predict(segmenter, state, [Clicks([(row, col)])], given)
        own.append(_around(found, row, col))
        mean.append(float(found.mean()))
        if col < height and row < width:
            mirrored["with rows and columns exchanged"].append(
                _around(found, row, col) - _around(found, col, row)
            )
        mirrored["upside down"].append(own[-1] - _around(found, height - 1 - row, col))
        mirrored["from left to right"].append(own[-1] - _around(found, row, width - 1 - col))
    mend = "Clicks are (row, col): state[row, col]; return maps as (H, W), rows first."
    if subject.is_trainable:
        mend += " Weights that have hardly learnt fail, too: look at the last line of the training."
    worst = min(mirrored, key=lambda each: float(np.mean(mirrored[each])))
    if np.mean(mirrored[worst]) < 0 or np.mean(own) < np.mean(mean):
        wins = float(np.mean(np.array(mirrored[worst]) < 0))
        fail(
            f"the maps are {np.mean(own):.3g} at the clicks and {np.mean(mean):.3g} on average; "
            f"they are higher {worst} for {wins:.0%} of the clicks",
            mend,
        )
    if np.median(own) <= 0.5:
        advise(
            f"half of the clicked places get {np.median(own):.3g} or less",
            "A positive click usually brings its own place above 0.5.",
        )


def _spread(given: Example) -> list[tuple[int, int]]:
    """Pixels off the axes of symmetry, on valid spectra."""
    places = [(2, 16), (4, 30), (8, 3), (9, 20), (13, 33), (15, 9), (17, 22), (21, 14), (22, 35),
              (6, 11)]  # fmt: skip
    return [each for each in places if given.cube.valid[each]]


def _around(found: Maps, row: int, col: int) -> float:
    """Mean of the clicked pixel and its neighbours."""
    rows, cols = slice(max(row - 1, 0), row + 2), slice(max(col - 1, 0), col + 2)
    return float(found[rows, cols].mean())


@check(SEGMENTER, "negative-lowers", after=["deterministic", "click-place"])
def check_negative_lowers(subject: Subject) -> None:
    """A negative click does not raise the place that is clicked (advice)."""
    segmenter, given = subject.make(), subject.example()
    state = segmenter.open(given.cube)
    raised = []
    for label, other in ((3, 7), (7, 12), (12, 3)):
        here, there = pixels_of(given, label)[20], pixels_of(given, other)[30]
        before = _predict(segmenter, state, [Clicks([here])], given)[0]
        after = _predict(segmenter, state, [Clicks([here, there], [True, False])], given)[0]
        raised.append(float(after[tuple(there)] - before[tuple(there)]))
    if np.mean(raised) > 0.05:
        mend = "Look whether signs are exchanged: Clicks.positive is True for the object."
        if subject.is_trainable:
            mend += (
                " Weights know negative clicks only if they were trained with some: the robot "
                "`paper` makes none, `hsizoo train --set robot=ritm` does."
            )
        advise(f"a negative click raises its place by {np.mean(raised):.3g} on average", mend)


@check(SEGMENTER, "boxes", after=["deterministic"])
def check_boxes(subject: Subject) -> None:
    """Maps of boxes are as those of clicks, and each object's depend on its own box only."""
    segmenter, given = subject.make(), subject.example()
    if not segmenter.takes_boxes:
        does_not_apply("it takes no boxes")
    state = segmenter.open(given.cube)
    height, width, _ = given.cube.shape
    boxes = np.array([[1, 20, 7, 33], [12, 20, 12, 20], [0, 0, height - 1, width - 1]])
    together = _check_maps(
        on_host(segmenter.predict_boxes(state, boxes)).copy(), len(boxes), given, "predict_boxes"
    )
    for number in range(len(boxes)):
        alone = on_host(segmenter.predict_boxes(state, boxes[number : number + 1])).copy()
        _same(together[number], alone[0], f"box {number} alone differs",
              "Compute object n from its own box only.")  # fmt: skip
    top, left, bottom, right = boxes[0]
    inside = together[0, top : bottom + 1, left : right + 1].mean()
    if subject.is_meaningful and inside < together[0].mean():
        fail(
            f"the map is {inside:.3g} inside the box, and {together[0].mean():.3g} on average",
            "A box is (first row, first column, last row, last column), inclusive.",
        )


@check(SEGMENTER, "describe", after=["answers"])
def check_describe(subject: Subject) -> None:
    """It describes an image by plain values, which records can hold."""
    segmenter = subject.make()
    told = segmenter.describe(segmenter.open(subject.example().cube))
    try:
        json.dumps(dict(told), allow_nan=False)
    except HsizooError:
        raise
    except Exception as error:  # noqa: BLE001
        fail(f"describe returned {told!r}: {error}", "Return a mapping of strings and numbers.")


SEGMENTER += odd_cube_checks(_answers)
