"""The interactive protocol: a simulated user clicks, the component answers, the answer is scored.

SAMSA 2.0 (arXiv:2508.00493), section 3.1.  A *sample* is one class of one scene.  After each click
the foreground probability is scored on the evaluated pixels of the scene; the robot then says where
the user clicks next.  All samples of a scene advance together, so that a component sees them as one
batch.  What is computed *from* the curves (NoC, areas, the tuned threshold) is derived later from
the record; see `hsizoo.protocols.interactive.tables`.

Policies
--------
Empty class
    A class without an evaluated pixel in a scene is no sample of that scene; its name is recorded
    under ``absent``.  A scene without any sample is an error.
Threshold
    A pixel is foreground where ``probability > threshold``, strictly: a probability of exactly 0.5
    is background, as a SAM logit of exactly 0 is.
Exhausted robot
    Where the robot finds nothing more to click, the sample ends and its last values stand for the
    remaining clicks.
Unusable pixels
    Pixels with a non-finite spectrum are never clicked and never evaluated; their number is
    recorded.
Time
    Seconds of ``open`` and of each ``predict`` with the result on the host; robot and metrics are
    not counted.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hsizoo.clicks import Clicks
from hsizoo.cube import Scene
from hsizoo.errors import ContractError, DataError, ProtocolError
from hsizoo.interfaces import InteractiveSegmenter
from hsizoo.protocols.interactive.metrics import THRESHOLD_GRID, best_dice, dice, dice_at, iou
from hsizoo.protocols.interactive.robots import ROBOTS, Robot

__all__ = ["InteractiveProtocol", "Progress"]

Progress = Callable[[int, int], None]
"""Called with (clicks done, clicks in all)."""


@dataclass(frozen=True, kw_only=True)
class InteractiveProtocol:
    """The settings of one interactive evaluation, all of them part of a cell's identity.

    Parameters
    ----------
    robot : Robot
        The simulated user.
    clicks : int, default 20
        Clicks per sample.  There is no early stop, so every curve has all its points.
    threshold : float, default 0.5
        Of the metrics "at 0.5".
    grid_clicks : tuple of int, default (1, 5)
        After these clicks, and after the last, Dice is stored for all thresholds of
        `THRESHOLD_GRID`, from which an honest threshold (tuned elsewhere) is derived later.

    Raises
    ------
    ProtocolError
        If a setting is out of range.
    """

    name: ClassVar[str] = "interactive"
    version: ClassVar[str] = "1"

    robot: Robot
    clicks: int = 20
    threshold: float = 0.5
    grid_clicks: tuple[int, ...] = (1, 5)

    def __post_init__(self) -> None:
        if type(self.robot) is not ROBOTS.get(self.robot.name):
            # A record names its robot; one of another class could not be run again from it.
            raise ProtocolError(
                f"{type(self.robot).__name__} is not one of hsizoo's robots: {', '.join(ROBOTS)}"
            )
        if not 1 <= self.clicks <= 1000:
            raise ProtocolError(f"clicks must be between 1 and 1000; got {self.clicks}")
        if not 0 < self.threshold < 1:
            raise ProtocolError(f"threshold must be between 0 and 1; got {self.threshold}")
        if min(self.grid_clicks, default=1) < 1:
            raise ProtocolError(f"grid_clicks count from 1; got {self.grid_clicks}")

    def config(self) -> dict[str, Any]:
        """Every setting as plain values, for the cell's identity and its record."""
        return {
            "protocol": self.name,
            "version": self.version,
            "robot": {
                "name": self.robot.name,
                "version": self.robot.version,
                **asdict(self.robot),
            },
            "clicks": self.clicks,
            "threshold": self.threshold,
            # Those beyond the last click change nothing and must not change the identity.
            "grid_clicks": sorted({k for k in self.grid_clicks if k < self.clicks} | {self.clicks}),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InteractiveProtocol:
        """Rebuild a protocol from what `config` returned."""
        robot = {k: v for k, v in config["robot"].items() if k not in ("name", "version")}
        return cls(
            robot=ROBOTS[config["robot"]["name"]](**robot),
            clicks=config["clicks"],
            threshold=config["threshold"],
            grid_clicks=tuple(config["grid_clicks"]),
        )

    def run(
        self,
        segmenter: InteractiveSegmenter,
        scene: Scene,
        *,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Evaluate a segmenter on all samples of a scene.

        Parameters
        ----------
        segmenter : InteractiveSegmenter
        scene : Scene
        seed : int, default 0
            Of the robot; each sample draws from its own stream, so that it does not depend on
            which other samples there are.
        progress : callable, optional
            Called with (clicks done, clicks in all) after each click.

        Returns
        -------
        dict
            Plain values: ``samples`` (one per class: clicks made, and ``dice``, ``iou``,
            ``dice_max`` and ``best_threshold`` after each click, ``dice_grid`` after some),
            ``absent``, ``evaluated_pixels``, ``invalid_pixels``, ``seconds`` (``open`` and
            ``predict``, the latter for each click over all objects), ``objects`` and ``resolved``
            (what the segmenter's ``describe`` told).

        Raises
        ------
        ProtocolError
            If the scene has no sample.
        ContractError
            If the segmenter returns maps of the wrong shape, or outside [0, 1], or describes
            itself by anything but plain values.
        """
        if scene.cube.bands < segmenter.min_bands:
            raise DataError(
                f"the method needs at least {segmenter.min_bands} bands; the scene has "
                f"{scene.cube.bands}"
            )
        samples, absent = self._samples(scene, seed)
        began = time.perf_counter()
        state = segmenter.open(scene.cube)
        _finish_gpu_work()
        seconds_open = time.perf_counter() - began
        resolved = _described(segmenter, state)
        seconds_predict, objects = [], []
        for k in range(1, self.clicks + 1):
            active = [sample for sample in samples if len(sample.clicks) == k]
            began = time.perf_counter()
            # The result is on the host inside the timed region: a GPU has finished by then.
            maps = self._predict(segmenter, state, [s.clicks for s in active], scene)
            seconds_predict.append(time.perf_counter() - began)
            objects.append(len(active))
            for sample, probability in zip(active, maps, strict=True):
                sample.score(probability, self, store_grid=k in (*self.grid_clicks, self.clicks))
                if k < self.clicks:
                    sample.click(probability, self.robot)
            if progress is not None:
                progress(k, self.clicks)
        return {
            "samples": [sample.to_json(self) for sample in samples],
            "absent": absent,
            "evaluated_pixels": int(scene.evaluated.sum()),
            "invalid_pixels": int((~scene.cube.valid).sum()),
            "seconds": {"open": seconds_open, "predict": seconds_predict},
            "objects": objects,
            "resolved": resolved,
        }

    def _samples(self, scene: Scene, seed: int) -> tuple[list[_Sample], list[str]]:
        samples, absent = [], []
        for label in sorted(scene.label_map.targets):
            target = scene.target(label)
            if not target.any():
                absent.append(scene.label_map.class_names[label])
                continue
            # A stream per scene and class: hashing the name keeps it stable when scenes are added.
            stream = [seed, zlib.crc32(scene.name.encode()), label & 0xFFFFFFFF]
            rng = np.random.default_rng(stream)
            sample = _Sample(scene, label, target, rng)
            sample.first_click(self.robot)
            samples.append(sample)
        if not samples:
            raise ProtocolError(
                f"scene {scene.name!r} has no pixel of any target class to evaluate "
                f"(targets: {', '.join(absent) or 'none'})"
            )
        return samples, absent

    @staticmethod
    def _predict(
        segmenter: InteractiveSegmenter, state: Any, prompts: Sequence[Clicks], scene: Scene
    ) -> npt.NDArray[np.float32]:
        """Call the segmenter and hold it to its contract."""
        expected = (len(prompts), *scene.cube.shape[:2])
        if not prompts:
            return np.zeros(expected, dtype=np.float32)
        returned: Any = segmenter.predict(state, prompts)
        if hasattr(returned, "detach"):  # a torch tensor, which the core need not import
            returned = returned.detach().float().cpu().numpy()
        maps = np.asarray(returned, dtype=np.float32)
        who = type(segmenter).__name__
        if maps.shape != expected:
            raise ContractError(
                f"{who}.predict returned shape {maps.shape}; expected {expected}: one map per "
                "object, of the cube's height and width"
            )
        # One comparison catches NaN as well.
        if not (maps.min() >= 0 and maps.max() <= 1):
            raise ContractError(
                f"{who}.predict returned values from {maps.min()} to {maps.max()}; "
                "probabilities must be finite and within 0 and 1"
            )
        return maps


def _described(segmenter: InteractiveSegmenter, state: Any) -> dict[str, Any]:
    """What the segmenter tells of this image, as JSON holds it."""
    told = segmenter.describe(state)
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(told), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"{type(segmenter).__name__}.describe returned {told!r}; expected a mapping of plain "
            f"values, as JSON holds them ({error})"
        ) from error
    return plain


def _finish_gpu_work() -> None:
    """Wait for what was queued on a GPU, so that it is not counted in the next step."""
    torch = sys.modules.get("torch")  # a component that uses a GPU has imported it
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


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
        else:  # these values stand for the remaining clicks
            self._store_grid(probability)

    def score(
        self,
        probability: npt.NDArray[np.float32],
        protocol: InteractiveProtocol,
        *,
        store_grid: bool,
    ) -> None:
        evaluated = self.scene.evaluated
        prediction = probability > protocol.threshold
        best, threshold = best_dice(probability, self.target, evaluated)
        self.curves["dice"].append(dice(prediction, self.target, evaluated))
        self.curves["iou"].append(iou(prediction, self.target, evaluated))
        self.curves["dice_max"].append(best)
        self.curves["best_threshold"].append(threshold)
        if store_grid:
            self._store_grid(probability)

    def _store_grid(self, probability: npt.NDArray[np.float32]) -> None:
        values = dice_at(probability, self.target, THRESHOLD_GRID, self.scene.evaluated)
        self.grid[len(self.clicks)] = [round(value, 6) for value in values.tolist()]

    def to_json(self, protocol: InteractiveProtocol) -> dict[str, Any]:
        made = len(self.curves["dice"])
        wanted = protocol.config()["grid_clicks"]
        return {
            "label": self.label,
            "class": self.scene.label_map.class_names[self.label],
            "pixels": int(self.target.sum()),
            "clicks": self.clicks.to_json(),
            **{
                key: values + values[-1:] * (protocol.clicks - made)
                for key, values in self.curves.items()
            },
            "dice_grid": {str(k): self.grid[min(k, made)] for k in wanted},
        }
