"""The datasets of one run: each is built once, and its scenes are chosen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hsizoo.engine.scene_versions import scene_versions
from hsizoo.errors import NameLookupError, OptionError, ProtocolError, did_you_mean, listed
from hsizoo.interfaces import SceneDataset, SceneInfo
from hsizoo.training.division import divide
from hsizoo.training.settings import TrainingSettings
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.recipe import Recipe
from hsizoo.zoo.scenes import load_listed, scene_infos

if TYPE_CHECKING:
    from hsizoo.cube import Scene

__all__ = ["Chosen", "Datasets", "Selection"]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which scenes of a dataset are run; see `hsizoo.bench`.

    Parameters
    ----------
    split : str, optional
    scenes : tuple of str, optional
        Overrides `split`.
    folds, fold, split_seed : int, default 0
        As in `hsizoo.training.TrainingSettings`: the subjects held out in that fold.
    limit : int, optional
        Only that many scenes, the first ones.

    Raises
    ------
    OptionError
        If a value is out of range, or folds are given together with a split or scenes.
    """

    split: str | None = None
    scenes: tuple[str, ...] | None = None
    folds: int = 0
    fold: int = 0
    split_seed: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        _ = self.settings
        if self.folds and (self.split is not None or self.scenes is not None):
            raise OptionError(
                f"folds={self.folds} chooses the scenes of the subjects held out in fold "
                f"{self.fold}; leave out the split and the names of scenes"
            )
        if self.limit is not None and self.limit < 1:
            raise OptionError(f"limit must be 1 or more; got {self.limit}")

    @property
    def settings(self) -> TrainingSettings:
        """Settings of a training that divides the subjects in the same way."""
        return TrainingSettings(folds=self.folds, fold=self.fold, split_seed=self.split_seed)

    @property
    def by_fold(self) -> dict[str, int] | None:
        """Division of the subjects, if this is one."""
        if not self.folds:
            return None
        return {"folds": self.folds, "fold": self.fold, "split_seed": self.split_seed}

    def to_json(self) -> dict[str, Any]:
        """Return what was given, as plain values."""
        default = asdict(Selection())
        given = {key: value for key, value in asdict(self).items() if value != default[key]}
        return {**given, **(self.by_fold or {})}


@dataclass(frozen=True)
class Chosen:
    """The scenes of a dataset that are run.

    Parameters
    ----------
    indices : list of int
    of : int
        Number of scenes without a limit.
    """

    indices: list[int]
    of: int

    @property
    def remark(self) -> str:
        """What a reader must know if these are not all: ``first 2 of 6 scenes``; or nothing."""
        count = len(self.indices)
        return f"first {count} of {self.of} scenes" if count < self.of else ""


class Datasets:
    """Datasets by name, built when they are first asked for."""

    def __init__(self) -> None:
        self._recipes: dict[str, Recipe] = {}
        self._built: dict[str, SceneDataset] = {}
        self._places: dict[str, dict[str, int]] = {}
        self._found_in: dict[str, list[SceneInfo]] = {}

    def recipe(self, text: str) -> Recipe:
        """What the name of a dataset means."""
        if text not in self._recipes:
            self._recipes[text] = resolve(text, "dataset")
        return self._recipes[text]

    def get(self, text: str) -> SceneDataset:
        """The dataset of a name."""
        if text not in self._built:
            self._built[text] = self.recipe(text).build()
        return self._built[text]

    def infos(self, text: str) -> list[SceneInfo]:
        """Name, subject and split of each of its scenes.

        Raises
        ------
        ContractError
            If two scenes have the same name.
        """
        return scene_infos(self.get(text))

    def find(self, text: str, scene: str) -> int:
        """Return the index of the scene of a name.

        Raises
        ------
        NameLookupError
            If there is none.
        """
        if text not in self._places:
            infos = self._found_in[text] = self.infos(text)
            self._places[text] = {info.name: index for index, info in enumerate(infos)}
        if scene not in self._places[text]:
            raise _no_scene(text, scene, self._places[text])
        return self._places[text][scene]

    def load(self, text: str, index: int) -> Scene:
        """Load a scene that `find` found.

        Raises
        ------
        ContractError
            If it is not the scene that the dataset lists there.
        """
        return load_listed(self.get(text), index, self._found_in[text])

    def versions(self, text: str, indices: Sequence[int]) -> list[str]:
        """Return the versions of some of its scenes, which tell the content of their files.

        Raises
        ------
        DataError
            If a file cannot be read.
        """
        return scene_versions(self.get(text), indices)

    def subjects(self, text: str, indices: Sequence[int]) -> set[str]:
        """The subjects of some of its scenes."""
        infos = self.infos(text)
        return {infos[index].subject for index in indices}

    def choose(self, text: str, selection: Selection) -> Chosen:
        """Choose the scenes to run; see `hsizoo.bench`.

        Raises
        ------
        NameLookupError, ProtocolError
            If there is no such scene or split, or too few subjects for the folds.
        """
        infos = self.infos(text)
        if selection.folds:
            found = list(divide(infos, selection.settings).tested)
        elif selection.scenes is not None:
            found = _named(text, infos, selection.scenes)
        else:
            found = _of_split(text, infos, selection.split)
        return Chosen(found[: selection.limit], len(found))


def _no_scene(text: str, name: str, known: Collection[str]) -> NameLookupError:
    return NameLookupError(
        f"{text} has no scene {name!r}.{did_you_mean(name, known)} "
        f"Its {len(known)} scene(s): {listed(known)}"
    )


def _named(text: str, infos: Sequence[SceneInfo], names: Sequence[str]) -> list[int]:
    known = {info.name: index for index, info in enumerate(infos)}
    for name in names:
        if name not in known:
            raise _no_scene(text, name, known)
    return [known[name] for name in dict.fromkeys(names)]


def _of_split(text: str, infos: Sequence[SceneInfo], split: str | None) -> list[int]:
    splits = sorted({info.split for info in infos if info.split})
    if split is None:
        split = "test" if "test" in splits else "all"
    if split == "all":
        return list(range(len(infos)))
    if split not in splits:
        raise ProtocolError(
            f"{text} has no split {split!r}; "
            f"it has: {', '.join([*splits, 'all'])}.{did_you_mean(split, splits)}"
        )
    return [index for index, info in enumerate(infos) if info.split == split]
