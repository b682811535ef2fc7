"""`SceneStates`: opened scenes, cached across epochs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch

from hsizoo.cube import Scene
from hsizoo.interfaces import InteractiveSegmenter, SceneDataset, SceneInfo
from hsizoo.zoo.scenes import load_listed

__all__ = ["SceneStates"]


class SceneStates:
    """Scenes and the states the segmenter opened for them, cached within a memory budget.

    Parameters
    ----------
    dataset : SceneDataset
    segmenter : InteractiveSegmenter
    budget : int
        Bytes of cubes and states to keep.  A scene that does not fit is loaded and opened again
        each time; cached scenes are never evicted, since every epoch uses every scene.
    overflow : callable, optional
        Called once, when the first scene does not fit, with the average number of bytes per scene.
    infos : sequence of SceneInfo, optional
        What the dataset lists; every scene that is loaded is compared with it.
    """

    def __init__(
        self,
        dataset: SceneDataset,
        segmenter: InteractiveSegmenter,
        budget: int = 2**31,
        overflow: Callable[[float], None] | None = None,
        infos: Sequence[SceneInfo] | None = None,
    ) -> None:
        self.dataset = dataset
        self.segmenter = segmenter
        self.budget = budget
        self.opened = 0
        self._overflow = overflow
        self._infos = infos
        self._kept: dict[int, tuple[Scene, Any]] = {}
        self._sizes: dict[int, int] = {}
        self._current: int | None = None

    def get(self, index: int) -> tuple[Scene, Any]:
        """Return scene number `index` and its state."""
        if index != self._current:
            self._leave()
            self._current = index
        if index not in self._kept:
            if self._infos is None:
                scene = self.dataset.scene(index)
            else:
                scene = load_listed(self.dataset, index, self._infos)
            with torch.no_grad():
                self._kept[index] = scene, self.segmenter.open(scene.cube)
            self.opened += 1
        return self._kept[index]

    def _leave(self) -> None:
        """Keep or release the current scene, by its present size: its state grows with use."""
        if self._current is None:
            return
        scene, state = self._kept[self._current]
        size = _bytes_of((scene.cube, scene.label_map, state), set())
        self._sizes.pop(self._current, None)
        if (held := sum(self._sizes.values()) + size) > self.budget:
            del self._kept[self._current]
            if self._overflow is not None:
                self._overflow(held / (len(self._sizes) + 1))
                self._overflow = None
        else:
            self._sizes[self._current] = size


def _bytes_of(value: Any, seen: set[object]) -> int:
    """Number of bytes in the arrays and tensors that an object holds, each counted once.

    Views of a tensor count its whole storage once.
    """
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, torch.Tensor):
        storage = value.untyped_storage()
        place = (storage.device, storage.data_ptr())
        if place in seen:
            return 0
        seen.add(place)
        return storage.nbytes()
    if isinstance(value, torch.nn.Module):
        return 0  # part of the model, not of the image
    if isinstance(value, Mapping):
        return sum(_bytes_of(each, seen) for each in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return sum(_bytes_of(each, seen) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        held = [getattr(value, field.name, None) for field in fields(value)]
        held += vars(value).values() if hasattr(value, "__dict__") else ()
        return sum(_bytes_of(each, seen) for each in held)
    if type(value).__module__.partition(".")[0] in sys.stdlib_module_names:
        return 0  # numbers, strings, locks: small
    held = list(vars(value).values()) if hasattr(value, "__dict__") else []
    return sum(_bytes_of(each, seen) for each in held)
