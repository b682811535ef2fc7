"""The box protocol: every class of a scene is segmented once, from a box around it.

A *sample* is one class of one scene.  The prompt is the bounding box of its evaluated pixels,
enlarged by `margin`.  SAM 2.1 takes it as its box prompt; a spectral scorer compares every pixel
with the mean spectrum inside the box.  A class in several pieces has one box around all of them:
a hard prompt, and a reason to use clicks instead.

`hsizoo train` trains with clicks only, and so were the packaged weights, those of
``sam2.1-nano`` included.  Such networks have not learnt what a box is: `BoxProtocol.notes`.

Policies are those of the interactive protocol (`hsizoo.protocols.interactive.loop`): a class
without an evaluated pixel is recorded under ``absent``, a pixel is foreground if its probability
exceeds the threshold, and pixels without a valid spectrum are not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hsizoo.errors import ProtocolError
from hsizoo.interfaces import Column, Observation, Overlay, Protocol, Record, keep_mask

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hsizoo.cube import Scene
    from hsizoo.interfaces import InteractiveSegmenter

__all__ = ["BoxProtocol", "box_around"]


@dataclass(frozen=True, kw_only=True)
class BoxProtocol(Protocol):
    """Segment every class from a box around it.

    Parameters
    ----------
    margin : int, default 0
        Number of pixels added to the box on each side, clipped to the image, since users draw
        generous boxes.
    threshold : float, default 0.5
        Probability above which a pixel is foreground.

    Raises
    ------
    ProtocolError
        If a setting is out of range.

    Examples
    --------
    >>> BoxProtocol(margin=2).title
    'box, margin 2'
    """

    name: ClassVar[str] = "box"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("scorer", "segmenter")
    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="dice@0.5",
            meaning="mean Dice at threshold 0.5",
            interval=True,
            compared=True,
            low=0,
            high=1,
        ),
        Column(
            name="dice@max",
            meaning="mean over samples of the best Dice at any threshold",
            interval=True,
            compared=True,
            low=0,
            high=1,
        ),
        Column(
            name="iou@0.5",
            meaning="mean IoU at threshold 0.5",
            interval=True,
            brief=True,
            leave_out=2,
            low=0,
            high=1,
        ),
        Column(
            name="box share",
            meaning="mean share of the box that the object fills",
            better="",
            digits=2,
            leave_out=1,
            low=0,
            high=1,
        ),
        Column(
            name="s/open",
            meaning="median seconds to prepare an image",
            unit="s",
            better="lower",
            average="median",
            leave_out=1,
            low=0,
        ),
        Column(
            name="s/box",
            meaning="median seconds per object",
            unit="s",
            better="lower",
            average="median",
            leave_out=3,
            low=0,
        ),
    )
    headline: ClassVar[tuple[str, ...]] = ("dice@0.5",)
    folder_suffix: ClassVar[str] = "-boxes"

    margin: int = 0
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 10_000:
            raise ProtocolError(f"margin must be between 0 and 10000 pixels; got {self.margin}")
        if not 0 < self.threshold < 1:
            raise ProtocolError(f"threshold must be between 0 and 1; got {self.threshold}")

    @property
    def title(self) -> str:
        """Settings that differ from the defaults, in words."""
        words = ["box", *([f"margin {self.margin}"] if self.margin else [])]
        return ", ".join(words + [f"threshold {self.threshold:g}"] * (self.threshold != 0.5))

    def config(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return {"name": self.name, "version": self.version, **asdict(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild a protocol from the output of `config`."""
        return cls(margin=config["margin"], threshold=config["threshold"])

    def check_component(self, component: InteractiveSegmenter) -> None:
        """Raise if a segmenter does not take boxes."""
        if not component.takes_boxes:
            raise ProtocolError(
                f"{type(component).__name__} does not take boxes; benchmark it with clicks, "
                "without --protocol box"
            )

    def run(
        self,
        component: InteractiveSegmenter,
        scene: Scene,
        *,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Segment all classes of a scene, each from its box; uses no random numbers.

        Returns
        -------
        dict
            ``samples`` (one per class: ``label``, ``class``, ``pixels``, ``box``, ``share``,
            ``dice``, ``iou``, ``dice_max``, ``best_threshold``), ``absent``, ``seconds``
            (``open``, ``predict``) and ``resolved``.

        Raises
        ------
        ProtocolError
            If the component does not take boxes, or the scene has no sample.
        ContractError
            If it returns maps of the wrong shape, or with values outside [0, 1].
        """
        import time

        import numpy as np

        from hsizoo.protocols.answers import checked_maps, described, finish_gpu_work
        from hsizoo.protocols.mask_metrics import best_dice, dice, iou

        self.check_component(component)
        names = scene.label_map.class_names
        targets = {label: scene.target(label) for label in sorted(scene.label_map.targets)}
        absent = [names[label] for label, target in targets.items() if not target.any()]
        targets = {label: target for label, target in targets.items() if target.any()}
        if not targets:
            raise ProtocolError(
                f"scene {scene.name!r} has no evaluated pixel of any target class "
                f"(targets: {', '.join(absent) or 'none'})"
            )
        boxes = np.stack([box_around(target, self.margin) for target in targets.values()])
        began = time.perf_counter()
        state = component.open(scene.cube)
        finish_gpu_work()
        opened = time.perf_counter()
        returned = component.predict_boxes(state, boxes)
        maps = checked_maps(
            returned, (len(boxes), *scene.cube.shape[:2]), component, "predict_boxes"
        )
        ended = time.perf_counter()
        samples = []
        for (label, target), box, probability in zip(targets.items(), boxes, maps, strict=True):
            mask = probability > self.threshold
            keep_mask(label, mask)
            best, threshold = best_dice(probability, target, scene.evaluated)
            top, left, bottom, right = box.tolist()
            samples.append(
                {
                    "label": label,
                    "class": names[label],
                    "pixels": int(target.sum()),
                    "box": [top, left, bottom, right],
                    "share": float(target.sum()) / ((bottom - top + 1) * (right - left + 1)),
                    "dice": dice(mask, target, scene.evaluated),
                    "iou": iou(mask, target, scene.evaluated),
                    "dice_max": best,
                    "best_threshold": threshold,
                }
            )
        if progress is not None:
            progress(1, 1)
        return {
            "samples": samples,
            "absent": absent,
            "evaluated_pixels": int(scene.evaluated.sum()),
            "seconds": {"open": opened - began, "predict": ended - opened},
            "resolved": described(component, state),
        }

    @classmethod
    def observe(cls, records: Sequence[Record]) -> list[list[Observation]]:
        """Return one observation per class of each scene."""
        return [
            [
                Observation(
                    label=sample["label"],
                    category=sample["class"],
                    values={
                        "dice@0.5": sample["dice"],
                        "dice@max": sample["dice_max"],
                        "iou@0.5": sample["iou"],
                        "box share": sample["share"],
                    },
                )
                for sample in record["result"]["samples"]
            ]
            for record in records
        ]

    @classmethod
    def measures(cls, record: Record) -> Mapping[str, float | None]:
        """Return the seconds to open the image, and per object."""
        result = record["result"]
        spent = result["seconds"]
        return {"s/open": spent["open"], "s/box": spent["predict"] / len(result["samples"])}

    @classmethod
    def overlays(cls, record: Record) -> Mapping[str, Overlay]:
        """Return the box around each class."""
        return {
            str(sample["label"]): Overlay(box=tuple(sample["box"]))
            for sample in record["result"]["samples"]
        }

    @classmethod
    def notes(cls, records: Sequence[Record]) -> list[str]:
        """Name the rows whose weights were trained with clicks only."""
        trained = {
            record["label"]: None
            for record in records
            if record["identity"].get("component", {}).get("weights", "untrained") != "untrained"
        }
        if not trained:
            return []
        return [f"trained with clicks only, so boxes are new to it: {', '.join(trained)}"]


def box_around(target: npt.NDArray[np.bool_], margin: int = 0) -> npt.NDArray[np.int64]:
    """Return the bounding box of an object.

    Parameters
    ----------
    target : ndarray of bool, shape (H, W)
        Mask with at least one pixel.
    margin : int, default 0
        Number of pixels to add on each side, clipped to the image.

    Returns
    -------
    ndarray of int64, shape (4,)
        First row, first column, last row, last column, inclusive.
    """
    import numpy as np

    rows, cols = np.flatnonzero(target.any(axis=1)), np.flatnonzero(target.any(axis=0))
    corner = np.array([*target.shape]) - 1
    low = np.maximum([rows[0] - margin, cols[0] - margin], 0)
    high = np.minimum([rows[-1] + margin, cols[-1] + margin], corner)
    return np.concatenate([low, high]).astype(np.int64)
