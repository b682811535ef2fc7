"""The interactive loop on a scene: the robot clicks, the component predicts, and it is scored.

SAMSA 2.0 (arXiv:2508.00493), section 3.1.  A *sample* is one class of one scene.  After each click
the foreground probability is scored on the evaluated pixels of the scene; then the robot chooses
the next click.  All samples of a scene advance together, so that a component gets them as one
batch.  Metrics *of* the curves (NoC, areas, the tuned threshold) are derived later from the record;
see `hsizoo.protocols.interactive.observations`.

Policies
--------
Empty class
    A class without an evaluated pixel in a scene is not a sample; its name is recorded under
    ``absent``.  A scene without any sample is an error.
Threshold
    A pixel is foreground if ``probability > threshold``, strictly: a probability of exactly 0.5
    is background, like a SAM logit of exactly 0.
Exhausted robot
    If the robot finds nothing more to click, the sample ends and its last values are repeated for
    the remaining clicks.
Invalid pixels
    Pixels with a non-finite spectrum are never clicked and never evaluated; their number is
    recorded.
Time
    Seconds of ``open`` and of each ``predict``, until the result is on the host; robot and metrics
    are excluded.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hsizoo.clicks import Clicks
from hsizoo.cube import Scene
from hsizoo.errors import DataError, ProtocolError
from hsizoo.interfaces import InteractiveSegmenter, keep_mask
from hsizoo.protocols.answers import checked_maps, described, finish_gpu_work
from hsizoo.protocols.interactive.robots import Robot
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID, best_dice, dice, dice_at, iou

if TYPE_CHECKING:
    from hsizoo.protocols.interactive.protocol import InteractiveProtocol

__all__ = ["Progress", "click_through"]

Progress = Callable[[int, int], None]
"""Called with (clicks done, total number of clicks)."""


def click_through(
    segmenter: InteractiveSegmenter,
    scene: Scene,
    protocol: InteractiveProtocol,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Evaluate a segmenter on all samples of a scene.

    Parameters
    ----------
    segmenter : InteractiveSegmenter
    scene : Scene
    protocol : InteractiveProtocol
    seed : int, default 0
        Seed of the robot; each sample has its own random stream, independent of other samples.
    progress : callable, optional
        Called with (clicks done, total number of clicks) after each click.

    Returns
    -------
    dict
        Plain values: ``samples`` (one per class: clicks made, and ``dice``, ``iou``,
        ``dice_max`` and ``best_threshold`` after each click, ``dice_grid`` after some),
        ``absent``, ``evaluated_pixels``, ``invalid_pixels``, ``seconds`` (``open`` and
        ``predict``, the latter for each click over all objects), ``objects`` and ``resolved``
        (output of the segmenter's ``describe``).

    Raises
    ------
    ProtocolError
        If the scene has no sample.
    ContractError
        If the segmenter returns maps of the wrong shape or with values outside [0, 1], or its
        ``describe`` does not return plain values.
    DataError
        If the scene has fewer bands than the segmenter needs.
    """
    if scene.cube.bands < segmenter.min_bands:
        raise DataError(
            f"the method needs at least {segmenter.min_bands} bands; the scene has "
            f"{scene.cube.bands}"
        )
    samples, absent = _begin(scene, protocol.user, seed)
    began = time.perf_counter()
    state = segmenter.open(scene.cube)
    finish_gpu_work()
    seconds_open = time.perf_counter() - began
    resolved = described(segmenter, state)
    seconds_predict, objects = [], []
    for k in range(1, protocol.clicks + 1):
        active = [sample for sample in samples if len(sample.clicks) == k]
        began = time.perf_counter()
        # The timed region includes the copy to the host, so a GPU has finished by then.
        maps = _predict(segmenter, state, [s.clicks for s in active], scene)
        seconds_predict.append(time.perf_counter() - began)
        objects.append(len(active))
        for sample, probability in zip(active, maps, strict=True):
            sample.score(probability, protocol.threshold, store_grid=k in protocol.grid_after)
            if k < protocol.clicks:
                sample.click(probability, protocol.user)
            if k in (1, protocol.clicks) or len(sample.clicks) == k:  # no further click was found
                mask = probability > protocol.threshold
                keep_mask(sample.label, mask, f"after {k} click{'s' * (k > 1)}")
        if progress is not None:
            progress(k, protocol.clicks)
    return {
        "samples": [sample.to_json(protocol) for sample in samples],
        "absent": absent,
        "evaluated_pixels": int(scene.evaluated.sum()),
        "invalid_pixels": int((~scene.cube.valid).sum()),
        "seconds": {"open": seconds_open, "predict": seconds_predict},
        "objects": objects,
        "resolved": resolved,
    }


def _begin(scene: Scene, robot: Robot, seed: int) -> tuple[list[_Sample], list[str]]:
    """Make the first click on each class; also return the names of absent classes."""
    samples, absent = [], []
    for label in sorted(scene.label_map.targets):
        target = scene.target(label)
        if not target.any():
            absent.append(scene.label_map.class_names[label])
            continue
        # One stream per scene and class; hashing the name keeps it stable when scenes are added.
        stream = [seed, zlib.crc32(scene.name.encode()), label & 0xFFFFFFFF]
        rng = np.random.default_rng(stream)
        sample = _Sample(scene, label, target, rng)
        sample.first_click(robot)
        samples.append(sample)
    if not samples:
        raise ProtocolError(
            f"scene {scene.name!r} has no evaluated pixel of any target class "
            f"(targets: {', '.join(absent) or 'none'})"
        )
    return samples, absent


def _predict(
    segmenter: InteractiveSegmenter, state: Any, prompts: Sequence[Clicks], scene: Scene
) -> npt.NDArray[np.float32]:
    """Call the segmenter and check its output against the contract."""
    expected = (len(prompts), *scene.cube.shape[:2])
    if not prompts:
        return np.zeros(expected, dtype=np.float32)
    return checked_maps(segmenter.predict(state, prompts), expected, segmenter, "predict")


class _Sample:
    """One class of one scene while it is being clicked."""

    def __init__(
        self, scene: Scene, label: int, target: npt.NDArray[np.bool_], rng: np.random.Generator
    ) -> None:
        self.scene = scene
        self.label = label
        self.target = target
        self.rng = rng
        self.clicks = Clicks()
        self.curves: dict[str, list[float]] = {
            key: [] for key in ("dice", "iou", "dice_max", "best_threshold")
        }
        self.grid: dict[int, list[float]] = {}

    def first_click(self, robot: Robot) -> None:
        row, col, positive = robot.first_click(
            self.target, self.scene.evaluated, self.rng, clickable=self.scene.cube.valid
        )
        self.clicks = self.clicks.add(row, col, positive)

    def click(self, probability: npt.NDArray[np.float32], robot: Robot) -> None:
        """Add the robot's next click, if it finds one."""
        chosen = robot.next_click(
            self.target,
            self.scene.evaluated,
            probability,
            self.clicks,
            self.rng,
            clickable=self.scene.cube.valid,
        )
        if chosen is not None:
            self.clicks = self.clicks.add(*chosen)
        else:  # these values are repeated for the remaining clicks
            self._store_grid(probability)

    def score(
        self,
        probability: npt.NDArray[np.float32],
        threshold: float,
        *,
        store_grid: bool,
    ) -> None:
        evaluated = self.scene.evaluated
        prediction = probability > threshold
        best, best_threshold = best_dice(probability, self.target, evaluated)
        self.curves["dice"].append(dice(prediction, self.target, evaluated))
        self.curves["iou"].append(iou(prediction, self.target, evaluated))
        self.curves["dice_max"].append(best)
        self.curves["best_threshold"].append(best_threshold)
        if store_grid:
            self._store_grid(probability)

    def _store_grid(self, probability: npt.NDArray[np.float32]) -> None:
        values = dice_at(probability, self.target, THRESHOLD_GRID, self.scene.evaluated)
        self.grid[len(self.clicks)] = [round(value, 6) for value in values.tolist()]

    def to_json(self, protocol: InteractiveProtocol) -> dict[str, Any]:
        made = len(self.curves["dice"])
        return {
            "label": self.label,
            "class": self.scene.label_map.class_names[self.label],
            "pixels": int(self.target.sum()),
            "clicks": self.clicks.to_json(),
            **{
                key: values + values[-1:] * (protocol.clicks - made)
                for key, values in self.curves.items()
            },
            "dice_grid": {str(k): self.grid[min(k, made)] for k in protocol.grid_after},
        }
