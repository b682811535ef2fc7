"""Leave-one-scene-out: train on views of three small real scenes, test on the fourth."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from typing import ClassVar, Final, Literal

import numpy as np

from hsizoo import DatasetCard, Scene, SceneDataset, SceneInfo
from hsizoo.errors import OptionError
from hsizoo_datasets.indian_pines import IndianPines
from hsizoo_datasets.phantom import Phantom
from hsizoo_datasets.small_scenes import PaviaMini, SalinasA, Samson
from hsizoo_datasets.views import Augmentation, make_view

__all__ = ["CrossSensor"]

_SceneName = Literal["indian-pines", "salinas-a", "samson", "pavia-mini"]
_NAMES: Final = ("indian-pines", "salinas-a", "samson", "pavia-mini")
_FEWEST_BANDS: Final = 3  # a pseudo-RGB image has three
_SHORTEST_SIDE: Final = 8


class CrossSensor(SceneDataset):
    """Four small real scenes from three sensors, one of which is held out for testing.

    The scene `test` is the test split, unchanged.  Each other scene is a subject of the training
    split with `views` augmented views, except `val`, which is the validation split, unchanged.  No
    pixel of the test or validation scene is in a training view.

    Parameters
    ----------
    test : {"indian-pines", "salinas-a", "samson", "pavia-mini"}, default "samson"
        Scene to hold out.
    val : {"none", "indian-pines", "salinas-a", "samson", "pavia-mini"}, default "none"
        Scene used for validation instead of training; ``none`` trains on all three others.
    views : int, default 24
        Number of views per training scene, 1 or more.
    least_side : int, default 32
        Minimum side of a view's crop in pixels, 8 or more; the maximum is that of the scene.
    least_pixels : int, default 16
        Minimum number of evaluated pixels (or all in the scene, if fewer) for a class to be a
        target of a view; each view has at least one target.
    least_bands : int, default 30
        Minimum number of bands of a view, 3 or more.  One view in three has all bands, one a
        contiguous range, one a random subset.
    gain : float, default 0
        Maximum relative change of band brightness, smooth over the bands, below 1; 0 for none.
    seed : int, default 0
        Random seed of the views.
    phantom : bool, default false
        Whether to add the training subjects of `Phantom`, unchanged, to the training split.
    data_dir : str, optional
        Folder of the scene files.  Default: the folders of the environment variable
        ``HSIZOO_DATA``, then ``HSIZOO_HOME/data``.
    """

    card = DatasetCard(
        title="Cross-sensor: leave one of four small real scenes out",
        source="indian-pines, salinas-a, samson, pavia-mini; see their cards",
        licence="see each scene",
        citation="see each scene",
        size="one test scene and by default 72 training views; 13 MB",
        how_to_get="as for the four scenes",
        notes=(
            "Indian Pines and Salinas-A are both from AVIRIS: if one of them is the test scene, "
            "its sensor, though not its location, is still in the training data.  The other two "
            "sensors are not seen in training when they are tested."
        ),
    )

    origins: ClassVar = {
        **IndianPines.origins, **SalinasA.origins, **Samson.origins, **PaviaMini.origins
    }  # fmt: skip
    later_options: ClassVar = frozenset({"phantom"})

    def __init__(
        self,
        *,
        test: _SceneName = "samson",
        val: Literal["none", "indian-pines", "salinas-a", "samson", "pavia-mini"] = "none",
        views: int = 24,
        least_side: int = 32,
        least_pixels: int = 16,
        least_bands: int = 30,
        gain: float = 0.0,
        seed: int = 0,
        phantom: bool = False,
        data_dir: str | None = None,
    ) -> None:
        if val == test:
            raise OptionError(f"val={val!r} is the test scene; choose another, or val=none")
        for name, value, least in (
            ("views", views, 1),
            ("least_side", least_side, _SHORTEST_SIDE),
            ("least_pixels", least_pixels, 1),
            ("least_bands", least_bands, _FEWEST_BANDS),
            ("seed", seed, 0),
        ):
            if value < least:
                raise OptionError(f"{name}={value} must be {least} or more")
        if not 0 <= gain < 1:
            raise OptionError(f"gain={gain} must be 0 or more and below 1")
        self._splits = dict.fromkeys(_NAMES, "train") | {test: "test"}
        if val != "none":
            self._splits[val] = "val"
        self._views, self._seed = views, seed
        self._how = Augmentation(least_side, least_pixels, least_bands, gain)
        self._sources: dict[str, SceneDataset] = {
            "indian-pines": IndianPines(),
            "salinas-a": SalinasA(data_dir=data_dir),
            "samson": Samson(data_dir=data_dir),
            "pavia-mini": PaviaMini(data_dir=data_dir),
        }
        self._whole = cache(lambda name: self._sources[name].scene(0))
        self._phantom = Phantom(val_subjects=0, test_subjects=0) if phantom else None

    def scenes(self) -> list[SceneInfo]:
        """List the views of each training scene, the whole scenes, and those of the phantom."""
        return self._real() + [
            SceneInfo(f"phantom-{info.name}", f"phantom-{info.subject}", info.split)
            for info in (self._phantom.scenes() if self._phantom else [])
        ]

    def place(self) -> Path | None:
        """Return where the last of the scenes is, if all are there."""
        return [source.place() for source in self._sources.values()][-1]

    def _real(self) -> list[SceneInfo]:
        return [
            SceneInfo(f"{name}-v{view:02}" if view else name, name, split)
            for name, split in self._splits.items()
            for view in (range(1, self._views + 1) if split == "train" else [0])
        ]

    def scene(self, index: int) -> Scene:
        """Load a scene or draw a view, independently of earlier calls."""
        infos = self.scenes()
        if not 0 <= index < len(infos):
            raise IndexError(f"scene {index} of {len(infos)}")
        info, simulated = infos[index], index - len(self._real())
        if self._phantom and simulated >= 0:
            whole = self._phantom.scene(simulated)
        else:
            whole = self._whole(info.subject)
            if info.split == "train":
                rng = np.random.default_rng([self._seed, zlib.crc32(info.name.encode())])
                return make_view(whole, info.name, info.split, self._how, rng)
        return Scene(whole.cube, whole.label_map, info.name, info.subject, info.split)
