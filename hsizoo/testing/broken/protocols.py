"""Protocols that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hsizoo.errors import OptionError
from hsizoo.interfaces import Column, Observation, Protocol, View
from hsizoo.testing.broken import marks

if TYPE_CHECKING:
    from hsizoo.cube import Scene

__all__: list[str] = []

breaks = partial(marks.breaks, kind="protocol")
good = marks.good("protocol")


@good
@dataclass(frozen=True, kw_only=True)
class Contrast(Protocol):
    """How much higher maps are on a class than beside it, after one click.

    Parameters
    ----------
    clicks : int, default 1
        Clicks per class.
    """

    name: ClassVar[str] = "contrast"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("scorer", "segmenter")
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="contrast", meaning="inside less outside", low=-1, high=1),
        Column(name="objects", meaning="classes of a scene", better=""),
    )
    headline: ClassVar[tuple[str, ...]] = ("contrast",)
    folder_suffix: ClassVar[str] = "-contrast"

    clicks: int = 1

    def __post_init__(self) -> None:
        if self.clicks < 1:
            raise OptionError(f"clicks={self.clicks}: expected 1 or more")

    @property
    def title(self) -> str:
        """Number of clicks."""
        return f"{self.clicks} click(s)"

    def config(self) -> dict[str, Any]:
        """All settings."""
        return {"name": self.name, "version": self.version, **asdict(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild it."""
        return cls(clicks=config["clicks"])

    def run(self, component: Any, scene: Scene, *, seed: int = 0, progress: Any = None) -> Any:
        """Click each class at evenly spaced pixels."""
        import numpy as np

        from hsizoo.clicks import Clicks
        from hsizoo.protocols.answers import on_host

        state = component.open(scene.cube)
        found = {}
        for label in sorted(scene.label_map.targets):
            inside = scene.target(label)
            pixels = np.argwhere(inside)
            chosen = pixels[np.linspace(0, len(pixels) - 1, self.clicks).astype(int)]
            (values,) = on_host(component.predict(state, [Clicks(chosen)]))
            beside = scene.evaluated & ~inside
            difference = values[inside].mean() - values[beside].mean()
            found[scene.label_map.class_names[label]] = round(float(difference), 6)
        return {"contrast": found}

    @classmethod
    def observe(cls, records: Sequence[Mapping[str, Any]]) -> list[list[Observation]]:
        """One observation per class."""
        return [
            [
                Observation(label=name, category=name, values={"contrast": value})
                for name, value in record["result"]["contrast"].items()
            ]
            for record in records
        ]

    @classmethod
    def measures(cls, record: Mapping[str, Any]) -> Mapping[str, float | None]:
        """Number of classes."""
        return {"objects": float(len(record["result"]["contrast"]))}


@breaks("declared")
@dataclass(frozen=True, kw_only=True)
class OtherHeadline(Contrast):
    """Sorts rows by a column that it does not have."""

    headline: ClassVar[tuple[str, ...]] = ("dice",)


@breaks("declared")
class NotFrozen(Contrast):
    """Is no frozen dataclass of its own, as its parent's says nothing of `folder_suffix`."""

    columns: ClassVar[tuple[Column, ...]] = ()


@breaks("settings")
@dataclass(frozen=True, kw_only=True)
class HiddenSetting(Contrast):
    """Does not tell a setting, so that cells of other settings are taken for its own.

    Parameters
    ----------
    margin : float, default 1
        Factor.
    """

    margin: float = 1.0

    def config(self) -> dict[str, Any]:
        return {"name": self.name, "version": self.version, "clicks": self.clicks}


@breaks("settings")
@dataclass(frozen=True, kw_only=True)
class ForgetsSettings(Contrast):
    """Makes another protocol of its settings.

    Parameters
    ----------
    margin : float, default 1
        Factor.
    """

    margin: float = 1.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        return cls(clicks=config["clicks"], margin=2.0)


@breaks("answers")
@dataclass(frozen=True, kw_only=True)
class KeepsNumpy(Contrast):
    """Returns NumPy's numbers, which records cannot hold."""

    def run(self, component: Any, scene: Scene, *, seed: int = 0, progress: Any = None) -> Any:
        import numpy as np

        return super().run(component, scene, seed=seed) | {"mean": np.float32(1)}


@breaks("answers")
@dataclass(frozen=True, kw_only=True)
class ObservesNothing(Contrast):
    """Reads nothing from its records."""

    @classmethod
    def observe(cls, records: Sequence[Mapping[str, Any]]) -> list[list[Observation]]:
        return [[] for _ in records]


@breaks("columns")
@dataclass(frozen=True, kw_only=True)
class UnknownColumn(Contrast):
    """Has values of a column that it does not declare."""

    @classmethod
    def measures(cls, record: Mapping[str, Any]) -> Mapping[str, float | None]:
        return {"classes": 3.0}


@breaks("columns")
@dataclass(frozen=True, kw_only=True)
class PerCent(Contrast):
    """Has shares in per cent, which its column excludes."""

    @classmethod
    def observe(cls, records: Sequence[Mapping[str, Any]]) -> list[list[Observation]]:
        found = super().observe(records)
        return [
            [Observation(label=each.label, values={"contrast": 100 * each.values["contrast"]})
             for each in of_one] for of_one in found
        ]  # fmt: skip


@breaks("records")
@dataclass(frozen=True, kw_only=True)
class ChangesRecords(Contrast):
    """Rounds the values of the records that it reads."""

    @classmethod
    def observe(cls, records: Sequence[Mapping[str, Any]]) -> list[list[Observation]]:
        for record in records:
            values = record["result"]["contrast"]
            for name in values:
                values[name] = round(values[name], 2)
        return super().observe(records)


@breaks("views")
@dataclass(frozen=True, kw_only=True)
class TextAsFile(Contrast):
    """Makes a file of text instead of bytes."""

    @classmethod
    def views(cls, records: Sequence[Mapping[str, Any]], title: str) -> Any:
        yield View(name="a.txt", remark="a text", files=lambda: [("a.txt", title)])  # type: ignore[list-item]


@breaks("views")
@dataclass(frozen=True, kw_only=True)
class DoneOnly(Contrast):
    """Cannot make its files of a run with a failed cell."""

    @classmethod
    def views(cls, records: Sequence[Mapping[str, Any]], title: str) -> Any:
        names = [each for record in records for each in record["result"]["contrast"]]
        yield View(name="a.txt", remark="", files=lambda: [("a.txt", ",".join(names).encode())])


@breaks("deterministic")
@dataclass(frozen=True, kw_only=True)
class ChanceWithoutSeed(Contrast):
    """Evaluates at random, whatever the seed."""

    def run(self, component: Any, scene: Scene, *, seed: int = 0, progress: Any = None) -> Any:
        import numpy as np

        found = super().run(component, scene)
        factor = np.random.default_rng().uniform(0.8, 1)
        return {"contrast": {name: each * factor for name, each in found["contrast"].items()}}


@breaks("chance")
@dataclass(frozen=True, kw_only=True)
class SeedsNumpy(Contrast):
    """Seeds NumPy's global generator."""

    def run(self, component: Any, scene: Scene, *, seed: int = 0, progress: Any = None) -> Any:
        import numpy as np

        np.random.seed(seed)  # noqa: NPY002
        return super().run(component, scene)
