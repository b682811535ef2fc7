"""Validation of the current weights by the interactive protocol."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube
from hsizoo.interfaces import InteractiveSegmenter
from hsizoo.protocols.interactive import InteractiveProtocol
from hsizoo.protocols.interactive.robots import Robot
from hsizoo.training.objects import present_labels
from hsizoo.training.settings import TrainingSettings
from hsizoo.training.states import SceneStates

__all__ = ["validate"]


def validate(
    scenes: SceneStates, indices: Sequence[int], settings: TrainingSettings, robot: Robot
) -> dict[str, float]:
    """Evaluate scenes by the interactive protocol; the segmenter must be in evaluation mode.

    Returns
    -------
    dict
        Mean Dice and IoU over samples at threshold 0.5, after the first and the last click
        (``"dice@0.5 1c"``, …), and ``"score"``, the mean of the two Dice values, which selects the
        best weights.  Empty if no scene has anything to segment.
    """
    protocol = InteractiveProtocol(robot=str(robot), clicks=settings.clicks)
    samples: list[dict[str, Any]] = []
    for index in indices:
        scene, state = scenes.get(index)
        if present_labels(scene):
            with torch.no_grad():
                # Named like the segmenter's class, for the protocol's messages.
                named = type(type(scenes.segmenter).__name__, (_Opened,), {})
                opened = named(scenes.segmenter, state)
                samples += protocol.run(opened, scene, seed=settings.seed)["samples"]
    if not samples:
        return {}
    found = {
        f"{metric}@0.5 {click}c": statistics.fmean(sample[metric][click - 1] for sample in samples)
        for metric in ("dice", "iou")
        for click in (1, settings.clicks)
    }
    score = (found["dice@0.5 1c"] + found[f"dice@0.5 {settings.clicks}c"]) / 2
    return {"score": score, **found}


class _Opened(InteractiveSegmenter):
    """A segmenter whose image is already open."""

    def __init__(self, segmenter: InteractiveSegmenter, state: Any) -> None:
        self._segmenter, self._state = segmenter, state

    def open(self, cube: HyperCube) -> Any:
        return self._state

    def predict(
        self, state: Any, prompts: Sequence[Clicks]
    ) -> npt.NDArray[np.float32] | torch.Tensor:
        return self._segmenter.predict(state, prompts)
