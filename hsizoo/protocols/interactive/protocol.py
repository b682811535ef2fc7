"""`InteractiveProtocol`: settings and columns; imports code that computes on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hsizoo.errors import ProtocolError
from hsizoo.interfaces import Column, Figure, Observation, Overlay, Protocol, Record, View
from hsizoo.protocols.interactive.columns import COLUMNS

if TYPE_CHECKING:
    from hsizoo.cube import Scene
    from hsizoo.interfaces import InteractiveSegmenter
    from hsizoo.protocols.interactive.robots import Robot

__all__ = ["InteractiveProtocol"]


@dataclass(frozen=True, kw_only=True)
class InteractiveProtocol(Protocol):
    """Score every prediction of a component while a simulated user clicks.

    Parameters
    ----------
    robot : str, default "paper"
        The simulated user: paper, ritm, largest-component or random, optionally with options
        (paper:first=centroid, ritm:jitter=2).
    clicks : int, default 5
        Clicks per sample.  There is no early stop, so all curves have the same length.
    threshold : float, default 0.5
        Probability above which a pixel is foreground in the columns "@0.5".

    Attributes
    ----------
    grid_clicks : tuple of int
        After these clicks, and after the last, Dice is stored for all thresholds of
        `hsizoo.protocols.mask_metrics.THRESHOLD_GRID`, so that a threshold tuned on other samples
        can be derived later.

    Raises
    ------
    NameLookupError, OptionError, ProtocolError
        If there is no such robot, or a setting is out of range.

    Examples
    --------
    >>> InteractiveProtocol(robot="ritm:jitter=2.0", clicks=3).title
    'robot ritm:jitter=2, 3 clicks'
    """

    name: ClassVar[str] = "interactive"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("scorer", "segmenter")
    default_for: ClassVar[tuple[str, ...]] = ("scorer", "segmenter")
    columns: ClassVar[tuple[Column, ...]] = COLUMNS
    headline: ClassVar[tuple[str, ...]] = ("dice@0.5 5c", "dice@0.5 1c")
    folder_suffix: ClassVar[str] = ""
    short_options: ClassVar[Mapping[str, str]] = {"clicks": "-k"}
    legends: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "Simulated users and their options (all take jitter=PIXELS)": {
            "paper": "first=edt|centroid, connectivity=8|4",
            "ritm": "threshold=0.49",
            "largest-component": "threshold=0.5, connectivity=8|4",
            "random": "threshold=0.5",
        }
    }

    grid_clicks: ClassVar[tuple[int, ...]] = (1, 5)

    robot: str = "paper"
    clicks: int = 5
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.robot, str):
            # Records store the robot by name, so an object of another class is not reproducible.
            raise ProtocolError(
                f"robot must be a name such as 'paper' or 'ritm:jitter=2'; got {self.robot!r}"
            )
        # Normalised: "ritm:jitter=2.0" and "ritm:jitter=2" are the same protocol.
        object.__setattr__(self, "robot", str(self.user))
        if not 1 <= self.clicks <= 1000:
            raise ProtocolError(f"clicks must be between 1 and 1000; got {self.clicks}")
        if not 0 < self.threshold < 1:
            raise ProtocolError(f"threshold must be between 0 and 1; got {self.threshold}")

    @cached_property
    def user(self) -> Robot:
        """The simulated user named by `robot`."""
        from hsizoo.protocols.interactive.robots import make_robot

        return make_robot(self.robot)

    @property
    def grid_after(self) -> list[int]:
        """Clicks after which Dice is stored for all thresholds."""
        # Clicks beyond the last have no effect and must not change the identity.
        return sorted({k for k in self.grid_clicks if k < self.clicks} | {self.clicks})

    @property
    def title(self) -> str:
        """Robot and number of clicks in words."""
        words = f"robot {self.robot}, {self.clicks} click{'s' if self.clicks > 1 else ''}"
        return words if self.threshold == 0.5 else f"{words}, threshold {self.threshold:g}"

    def config(self) -> dict[str, Any]:
        """Return all settings as plain values, for the cell's identity and its record."""
        user = self.user
        return {
            "protocol": self.name,
            "version": self.version,
            "robot": {"name": user.name, "version": user.version, **asdict(user)},
            "clicks": self.clicks,
            "threshold": self.threshold,
            "grid_clicks": self.grid_after,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild a protocol from the output of `config`."""
        from hsizoo.protocols.interactive.robots import ROBOTS

        options = {k: v for k, v in config["robot"].items() if k not in ("name", "version")}
        user = ROBOTS[config["robot"]["name"]](**options)
        return cls(robot=str(user), clicks=config["clicks"], threshold=config["threshold"])

    def run(
        self,
        component: InteractiveSegmenter,
        scene: Scene,
        *,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Evaluate a component on all classes of a scene; see `hsizoo.protocols.interactive.loop`.

        Parameters
        ----------
        component : InteractiveSegmenter
        scene : Scene
        seed : int, default 0
            Seed of the robot.
        progress : callable, optional
            Called with (clicks done, total number of clicks) after each click.

        Returns
        -------
        dict
            See `hsizoo.protocols.interactive.loop.click_through`.

        Raises
        ------
        ProtocolError, ContractError, DataError
        """
        from hsizoo.protocols.interactive.loop import click_through

        return click_through(component, scene, self, seed=seed, progress=progress)

    def predictions(self, objects: float) -> float:
        """Return one prediction per object and click."""
        return objects * self.clicks

    @classmethod
    def observe(cls, records: Sequence[Record]) -> Sequence[list[Observation]]:
        """Return the figures of each class of each scene, from the curves in its record."""
        from hsizoo.protocols.interactive.observations import observe

        return observe(records)

    @classmethod
    def measures(cls, record: Record) -> Mapping[str, float | None]:
        """Return the seconds to open the image, and per further click on one object."""
        from hsizoo.protocols.interactive.observations import seconds

        return seconds(record)

    @classmethod
    def views(cls, records: Sequence[Record], title: str) -> Iterable[View]:
        """List the files: all clicks as CSV, and the plot of Dice over clicks."""
        from hsizoo.protocols.interactive.curve import curve_png
        from hsizoo.protocols.interactive.samples_csv import samples_csv

        return [
            View(
                name="samples.csv",
                remark="one line per click",
                files=lambda: [("samples.csv", samples_csv(records))],
            ),
            View(
                name="curve.png",
                remark="Dice over clicks",
                files=lambda: [("curve.png", curve_png(records, title))],
            ),
        ]

    @classmethod
    def figures(cls, records: Sequence[Record]) -> Iterable[Figure]:
        """Return charts of Dice over clicks, and of the clicks to an IoU of 0.85."""
        from hsizoo.protocols.interactive.charts import charts

        return charts(records)

    @classmethod
    def overlays(cls, record: Record) -> Mapping[str, Overlay]:
        """Return the clicks on each class."""
        return {
            str(sample["label"]): Overlay(clicks=[tuple(click) for click in sample["clicks"]])
            for sample in record["result"]["samples"]
        }
