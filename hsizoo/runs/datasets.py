"""The datasets of one run: each is built once, and its scenes are chosen by name or split."""

from __future__ import annotations

from collections.abc import Sequence

from hsizoo.errors import NameLookupError, ProtocolError, did_you_mean
from hsizoo.interfaces import SceneDataset
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.recipe import Recipe

__all__ = ["Datasets"]


class Datasets:
    """Datasets by name, built when they are first asked for."""

    def __init__(self) -> None:
        self._recipes: dict[str, Recipe] = {}
        self._built: dict[str, SceneDataset] = {}

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

    def subjects(self, text: str, indices: Sequence[int]) -> set[str]:
        """The subjects of some of its scenes."""
        infos = self.get(text).scenes()
        return {infos[index].subject for index in indices}

    def choose(self, text: str, split: str | None, names: Sequence[str] | None = None) -> list[int]:
        """Indices of the scenes to run; see `hsizoo.bench`.

        Raises
        ------
        NameLookupError, ProtocolError
            If there is no such scene or split.
        """
        infos = self.get(text).scenes()
        known = {info.name: index for index, info in enumerate(infos)}
        if names is not None:
            for name in names:
                if name not in known:
                    more = ", …" if len(known) > 8 else ""
                    raise NameLookupError(
                        f"{text} has no scene {name!r}.{did_you_mean(name, known)} "
                        f"Its {len(known)} scene(s): {', '.join([*known][:8])}{more}"
                    )
            return [known[name] for name in dict.fromkeys(names)]
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
