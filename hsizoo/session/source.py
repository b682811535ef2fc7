"""`Source`: the cube of a session and its origin; reading spectra from it."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube, Scene
from hsizoo.errors import ClickError, OptionError

if TYPE_CHECKING:
    from hsizoo.io.raster import Raster
    from hsizoo.io.settings import Settings

__all__ = [
    "Source",
    "Spectrum",
    "check_clicks",
    "finite_pixels",
    "read_source",
    "read_spectrum",
    "settings_of",
]

_AT_ONCE: Final = 10_000  # pixels whose spectra are looked at


@dataclass(frozen=True, eq=False)
class Source:
    """The cube of a session and its origin."""

    cube: HyperCube
    raster: Raster | None = None
    files: frozenset[Path] = frozenset()  # must not be overwritten
    about: dict[str, Any] = field(default_factory=dict)  # needed to read it again in a replay

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes for the user on how the file was read."""
        name = self.about["file"] or self.cube.name
        return tuple(f"{name}: {remark}" for remark in self.cube.remarks)


def settings_of(*given: Mapping[str, Any]) -> Settings:
    """Join settings for reading a file; later ones go first, and None means not given.

    Raises
    ------
    OptionError
        If one is unknown or invalid.
    """
    from hsizoo.io.settings import Settings

    return Settings.of({k: v for each in given for k, v in each.items() if v is not None})


def read_source(source: Any, settings: Settings) -> Source:
    """Read or convert the image of a session; one that is read already is taken as it is."""
    if isinstance(source, Source):
        return source
    if not isinstance(source, str | os.PathLike):
        cube = source.cube if isinstance(source, Scene) else source
        cube = cube if isinstance(cube, HyperCube) else HyperCube(cube)
        return Source(cube, about={"file": None, "cube": cube.name})
    from hsizoo.io.formats import files_of
    from hsizoo.io.raster import to_cube
    from hsizoo.io.reading import open_cube

    path = Path(source)
    raster = open_cube(path, settings)
    files = {raster.path, *files_of(path)}
    about: dict[str, Any] = {"file": path.resolve().name}
    if settings.given:
        about["settings"] = settings.plain()
    return Source(to_cube(raster), raster, frozenset(each.resolve() for each in files), about)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A spectrum read from the cube.

    Parameters
    ----------
    row, col : int
        Centre of the window.
    radius : int
        Pixels from the centre to the edge of the window, in rows and in columns.
    pixels : int
        Number of pixels averaged: those inside the image and with finite values.
    values : ndarray of float32, shape (B,)
        Spectrum in the units of the cube; read-only.
    wavelengths : ndarray of float64, shape (B,), or None
        Wavelengths of the cube in nanometres.
    """

    row: int
    col: int
    radius: int
    pixels: int
    values: npt.NDArray[np.float32]
    wavelengths: npt.NDArray[np.float64] | None


def read_spectrum(cube: HyperCube, row: int, col: int, radius: int = 0) -> Spectrum:
    """Read a spectrum; see `Session.spectrum`."""
    centre = Clicks([(row, col)])
    centre.check_inside(*cube.shape[:2])
    row, col = centre.points[0].tolist()
    radius = operator.index(radius)
    if radius < 0:
        raise OptionError(f"radius must be at least 0; got {radius}")
    rows = slice(max(0, row - radius), row + radius + 1)
    cols = slice(max(0, col - radius), col + radius + 1)
    window = cube.data[rows, cols].reshape(-1, cube.bands)
    window = window[np.isfinite(window).all(axis=1)]
    if not len(window):
        raise ClickError(
            f"no pixel within {radius} of (row={row}, col={col}) has a finite spectrum; choose "
            "another pixel or a larger window"
        )
    values = window.mean(axis=0, dtype=np.float64).astype(np.float32)
    values.flags.writeable = False
    return Spectrum(row, col, radius, len(window), values, cube.wavelengths)


def check_clicks(clicks: Clicks, cube: HyperCube) -> None:
    """Check the clicks of one object.

    Raises
    ------
    ClickError
        If a click is outside the image or has no finite spectrum, or a pixel is clicked both as
        part of the object and as background.
    """
    clicks.check_inside(*cube.shape[:2])
    seen: dict[tuple[int, int], bool] = {}
    for row, col, positive in clicks:
        if seen.setdefault((row, col), positive) != positive:
            raise ClickError(
                f"the pixel (row={row}, col={col}) is clicked both as part of the object and as "
                "background; remove one of the two clicks"
            )
        if not np.isfinite(cube.data[row, col]).all():
            raise ClickError(
                f"the pixel (row={row}, col={col}) has no finite spectrum; click beside it"
            )


def finite_pixels(pixels: npt.NDArray[np.int64], cube: HyperCube) -> npt.NDArray[np.int64]:
    """Return the pixels (n, 2) that have a finite spectrum; `HyperCube.valid` reads all others."""
    parts = [
        part[np.isfinite(cube.data[tuple(part.T)]).all(axis=1)]
        for part in np.array_split(pixels, 1 + len(pixels) // _AT_ONCE)
    ]
    return np.concatenate(parts)
