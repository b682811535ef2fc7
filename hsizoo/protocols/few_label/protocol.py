"""`FewLabelProtocol`: settings and columns; imports code that computes on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from hsizoo.errors import ProtocolError, did_you_mean
from hsizoo.interfaces import Column, Figure, Observation, Overlay, Protocol, Record, View
from hsizoo.progress import listening
from hsizoo.protocols.few_label.columns import COLUMNS, SCORES
from hsizoo.protocols.few_label.draws import DRAWS, Draw

if TYPE_CHECKING:
    from hsizoo.cube import Scene
    from hsizoo.interfaces import PixelClassifier, SceneDataset

__all__ = ["FewLabelProtocol"]


@dataclass(frozen=True, kw_only=True)
class FewLabelProtocol(Protocol):
    """Train a classifier on a few labels per class and test it on all others.

    Parameters
    ----------
    shots : int, default 5
        Number of training labels per class.
    draw : {"random", "fixed", "block-disjoint", "official"}, default "random"
        How training labels are drawn.  random: anywhere, different for every seed.  fixed: the draw
        of seed 0 for every seed.  block-disjoint: test and training pixels lie in different blocks
        and at least `gap` apart.  official: inside the dataset's own training map.
    gap : int, default 9
        Distance in pixels of block-disjoint, along rows or columns; 9 is the least at which patches
        of 9 × 9 do not overlap.  It is the same for all classifiers, so that all are tested on the
        same pixels; for one that sees farther, the table tells the overlap that is left.
    block : int, default 16
        Side in pixels of the blocks of block-disjoint.

    Raises
    ------
    ProtocolError
        If a setting is out of range.

    Examples
    --------
    >>> FewLabelProtocol(shots=3).title
    '3 label(s) per class, draw random'
    """

    name: ClassVar[str] = "few-label"
    version: ClassVar[str] = "2"
    kinds: ClassVar[tuple[str, ...]] = ("classifier",)
    default_for: ClassVar[tuple[str, ...]] = ("classifier",)
    columns: ClassVar[tuple[Column, ...]] = COLUMNS
    headline: ClassVar[tuple[str, ...]] = ("oa",)
    sweep_panels: ClassVar[tuple[tuple[str, ...], ...]] = (("oa", "pseudo_right"), ("fit_seconds",))
    count: ClassVar[Literal["samples", "seeds"]] = "seeds"
    default_seeds: ClassVar[int] = 10
    fresh_components: ClassVar[bool] = True  # trained in every cell
    folder_suffix: ClassVar[str] = "-few-labels"

    shots: int = 5
    draw: Draw = "random"
    gap: int = 9
    block: int = 16

    def __post_init__(self) -> None:
        if self.draw not in DRAWS:
            raise ProtocolError(
                f"draw={self.draw!r}: expected one of {', '.join(DRAWS)}."
                f"{did_you_mean(self.draw, DRAWS)}"
            )
        if self.shots < 1:
            raise ProtocolError(f"shots must be at least 1; got {self.shots}")
        if self.gap < 1:
            raise ProtocolError(f"gap must be at least 1; got {self.gap}")
        if self.block < 1:
            raise ProtocolError(f"block must be at least 1; got {self.block}")

    @property
    def title(self) -> str:
        """Number and draw of the labels in words."""
        return f"{self.shots} label(s) per class, draw {self.draw}"

    def config(self) -> dict[str, Any]:
        """Return all settings as plain values, for the cell's identity and its record."""
        return {"name": self.name, "version": self.version, **asdict(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild a protocol from the output of `config`."""
        return cls(**{key: config[key] for key in ("shots", "draw", "gap", "block")})

    def check(self, dataset: SceneDataset, index: int) -> None:
        """Raise if the draw is official and the scene has no training map."""
        if self.draw == "official":
            from hsizoo.protocols.few_label.splits import check_training_map

            check_training_map(dataset.scenes()[index].name, dataset.training_map(index))

    def complete(self, scene: Scene, dataset: SceneDataset, index: int) -> Scene:
        """Add the dataset's training map, if the draw is official."""
        if self.draw != "official":
            return scene
        return replace(scene, training_map=dataset.training_map(index))

    def run(
        self,
        component: PixelClassifier,
        scene: Scene,
        *,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Evaluate an unfitted classifier.

        Parameters
        ----------
        component : PixelClassifier
        scene : Scene
            Must have the dataset's training map for ``draw="official"``.
        seed : int, default 0
            Seed of the draw and, in a separate stream, of the classifier's own random numbers.
        progress : callable, optional
            Called with the progress that the classifier reports by `hsizoo.tell_progress`.

        Returns
        -------
        dict
            See `hsizoo.protocols.few_label.evaluation.evaluate`.

        Raises
        ------
        ProtocolError, ContractError, DataError
        """
        from hsizoo.protocols.few_label.evaluation import evaluate

        with listening(progress) if progress else nullcontext():
            return evaluate(component, scene, self, seed=seed)

    @classmethod
    def observe(cls, records: Sequence[Record]) -> list[list[Observation]]:
        """Return one observation per record: the scores of a whole scene."""
        return [[Observation(label="", values=_values(each["result"]))] for each in records]

    @classmethod
    def measures(cls, record: Record) -> Mapping[str, float | None]:
        """Return the seconds to train and to classify the image, and the memory."""
        result = record["result"]
        return {
            "fit_seconds": result["seconds"]["fit"],
            "predict_seconds": result["seconds"]["predict"],
            "megabytes": result["megabytes"]["host"],
        }

    @classmethod
    def views(cls, records: Sequence[Record], title: str) -> Iterable[View]:
        """List the files: runs, classes and confusion matrices as CSV, maps, and plots."""
        from hsizoo.protocols.few_label.views import views

        return views(records, title)

    @classmethod
    def figures(cls, records: Sequence[Record]) -> Iterable[Figure]:
        """Return recall by class, the maps of each scene, and confusion matrices."""
        from hsizoo.protocols.few_label.figures import figures

        return figures(records)

    @classmethod
    def overlays(cls, record: Record) -> Mapping[str, Overlay]:
        """Return the map of the whole scene."""
        from hsizoo.protocols.few_label.figures import overlays

        return overlays(record)

    @classmethod
    def notes(cls, records: Sequence[Record]) -> list[str]:
        """List the classes that are small, untested or absent, and who sees beyond the gap."""
        from hsizoo.protocols.few_label.classes import notes
        from hsizoo.protocols.few_label.overlap import overlap_notes

        return [*notes(records), *overlap_notes(records)]


def _values(result: Mapping[str, Any]) -> dict[str, float]:
    found = {score: result["scores"][score] for score in SCORES}
    leak = result["leak"]
    found |= {"overlap": leak["overlap"], "within": leak["within"]}
    found["untested"] = len(result["split"]["untested"])
    if "overlap_pseudo" in leak:
        found["overlap_pseudo"] = leak["overlap_pseudo"]
    if "pseudo_labels" in result:
        found["pseudo_right"] = result["pseudo_labels"]["right"]
    return {key: float("nan") if value is None else float(value) for key, value in found.items()}
