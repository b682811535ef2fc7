"""Physics-based tissue phantom: simulated surgical scenes of any size, band range and seed."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from hsizoo import DatasetCard, HyperCube, LabelMap, Scene, SceneDataset, SceneInfo
from hsizoo.errors import OptionError
from hsizoo_datasets import optics
from hsizoo_datasets.organs import DRAPE, ORGANS, draw_tissues
from hsizoo_datasets.rendering import compose, render

__all__ = ["Phantom"]

_SMALLEST_SIDE: Final = 32
_RGB_NM: Final = (620.0, 550.0, 500.0)


class Phantom(SceneDataset):
    """Simulated surgical scenes, computed from published absorption spectra.

    Organs in an abdominal opening, surrounded by a cloth (label 0, background).  Per pixel, the
    reflectance follows in closed form from blood, oxygenation, water, fat, melanin and scattering;
    vessels lie on and below the surface; uneven light, highlights and noise are added.  Some pairs
    of organs look alike and differ beyond 700 nm, others have the same spectral shape and differ in
    brightness and surface; see `hsizoo_datasets.organs`.

    Parameters
    ----------
    height, width : int, default 128
        Size in pixels, 32 or more.  Square, as the packaged weights and all records are of this
        size; a component that confuses rows and columns shows with another one, and in
        `hsizoo check`.
    bands : int, default 100
        Number of evenly spaced bands, 1 or more.
    first_nm, last_nm : float, default 500 and 995
        Wavelength of the first and the last band, 450 to 1000.  The defaults are the bands of the
        Tivita camera of HeiPorSPECTRAL.
    train_subjects, val_subjects, test_subjects : int, default 8, 2 and 6
        Number of subjects per split, numbered in this order.  A subject with a given number is the
        same in every division.
    scenes_per_subject : int, default 2
        Number of views per subject: different organs, positions and light, the same tissue.
    noise : float, default 1
        Factor on the sensor noise; 0 for none.
    shading : float, default 1
        Factor on the unevenness of the light; 0 for even light.
    highlights : float, default 1
        Factor on the strength of specular highlights; 0 for none.
    seed : int, default 0
        Random seed of the subjects.

    Examples
    --------
    >>> dataset = Phantom(height=48, width=64, bands=20, test_subjects=1)
    >>> len(dataset), dataset.scenes()[5].name
    (22, 's03-v2')
    >>> dataset.scene(5).cube.shape
    (48, 64, 20)
    """

    card = DatasetCard(
        title="Tissue phantom",
        source=(
            "Computed.  Absorption: Prahl (haemoglobin), Hale & Querry 1973 (water), van Veen "
            "2004 (fat), Jacques (melanin); scattering: Jacques 2013; blood and water of organs: "
            "Alexandrakis 2005; reflectance: Flock 1989, Farrell 1992"
        ),
        licence="Apache-2.0, like hsizoo",
        citation="hsizoo, with the options and the seed",
        size="by default 16 subjects, 32 scenes, 128 × 128 × 100; nothing to download",
        how_to_get="comes with hsizoo; computed on demand",
        notes=(
            "A simulation: results show how methods compare, not how well they work on patients.  "
            "Label 0 (drape) is background, not a target.  Each scene shows 4 to 7 of the 10 "
            "organs.  Values are bit-identical on one machine; another processor may round "
            "differently."
        ),
    )

    def __init__(
        self,
        *,
        height: int = 128,
        width: int = 128,
        bands: int = 100,
        first_nm: float = 500.0,
        last_nm: float = 995.0,
        train_subjects: int = 8,
        val_subjects: int = 2,
        test_subjects: int = 6,
        scenes_per_subject: int = 2,
        noise: float = 1.0,
        shading: float = 1.0,
        highlights: float = 1.0,
        seed: int = 0,
    ) -> None:
        self._shape = (
            _whole("height", height, _SMALLEST_SIDE),
            _whole("width", width, _SMALLEST_SIDE),
        )
        self._bands = _whole("bands", bands, 1)
        self._first = _number("first_nm", first_nm, optics.FIRST_NM, optics.LAST_NM)
        self._last = _number("last_nm", last_nm, optics.FIRST_NM, optics.LAST_NM)
        if self._bands > 1 and self._last <= self._first:
            raise OptionError(
                f"last_nm={last_nm} must exceed first_nm={first_nm} when there are several bands"
            )
        self._splits = {
            "train": _whole("train_subjects", train_subjects, 0),
            "val": _whole("val_subjects", val_subjects, 0),
            "test": _whole("test_subjects", test_subjects, 0),
        }
        if not sum(self._splits.values()):
            raise OptionError(
                "train_subjects, val_subjects and test_subjects are all 0; one must be 1 or more"
            )
        self._views = _whole("scenes_per_subject", scenes_per_subject, 1)
        self._noise = _number("noise", noise, 0.0)
        self._shading = _number("shading", shading, 0.0)
        self._highlights = _number("highlights", highlights, 0.0)
        self._seed = _whole("seed", seed, 0)

    def scenes(self) -> list[SceneInfo]:
        """List the name, subject and split of each scene, without computing it."""
        splits = [split for split, subjects in self._splits.items() for _ in range(subjects)]
        return [
            SceneInfo(f"s{subject:02}-v{view}", f"s{subject:02}", split)
            for subject, split in enumerate(splits, start=1)
            for view in range(1, self._views + 1)
        ]

    def scene(self, index: int) -> Scene:
        """Compute scene number `index`, independently of earlier calls."""
        scenes = self.scenes()
        if not 0 <= index < len(scenes):
            raise IndexError(f"scene {index} of {len(scenes)}")
        info = scenes[index]
        subject, view = index // self._views + 1, index % self._views + 1
        nm = np.linspace(self._first, self._last, self._bands)
        names = ("layout", "tissue", "light", "sensor")
        streams = np.random.SeedSequence([self._seed, subject, view, 1]).spawn(len(names))
        rng = {key: np.random.default_rng(s) for key, s in zip(names, streams, strict=True)}
        labels = compose(rng["layout"], self._shape)
        cube = render(
            labels,
            draw_tissues(self._seed, subject, view),
            nm,
            rng,
            noise=self._noise,
            shading=self._shading,
            highlights=self._highlights,
        )
        return Scene(
            HyperCube(cube, wavelengths=nm, name=f"phantom/{info.name}", rgb_bands=_rgb(nm)),
            LabelMap(
                labels,
                {DRAPE: "drape"} | {label: organ.name for label, organ in ORGANS.items()},
                targets=ORGANS,
            ),
            name=info.name,
            subject=info.subject,
            split=info.split,
        )


def _rgb(nm: npt.NDArray[np.float64]) -> tuple[int, int, int]:
    """Bands for a pseudo-RGB image, red first: nearest to the colours, else spread evenly."""
    nearest = [int(np.abs(nm - colour).argmin()) for colour in _RGB_NM]
    if len(set(nearest)) < len(nearest):
        nearest = [len(nm) - 1, len(nm) // 2, 0]
    red, green, blue = nearest
    return red, green, blue


def _whole(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise OptionError(f"{name}={value!r} must be a whole number of {least} or more")
    return value


def _number(name: str, value: float, least: float, most: float = math.inf) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not least <= value <= most:
        limits = f"of {least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"
        raise OptionError(f"{name}={value!r} must be a number {limits}")
    return float(value)
