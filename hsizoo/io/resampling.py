"""Bring reference spectra to the bands of a cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube
from hsizoo.errors import DataError
from hsizoo.io.libraries import SpectralLibrary
from hsizoo.wavelengths import range_text

__all__ = ["SAME_NM", "FittedSpectra", "fit_to_cube", "scale_ratio"]

SAME_NM: Final = 1.0
"""Bands whose wavelengths differ by no more are the same."""

_FEWEST: Final = 3
_GAP: Final = 4.0  # steps of a library; wider is a hole, such as bands of water that were left out
_PIXELS: Final = 10_000  # of the cube, to judge its scale


@dataclass(frozen=True, eq=False)
class FittedSpectra:
    """Reference spectra in the bands of a cube.

    Parameters
    ----------
    spectra : ndarray of float32, shape (N, K)
        Finite.
    bands : ndarray of int, shape (K,)
        The bands of the cube that they have, counted from 0; all of them unless some cannot be
        compared.
    remarks : tuple of str
        Notes for the user.
    """

    spectra: npt.NDArray[np.float32]
    bands: npt.NDArray[np.intp]
    remarks: tuple[str, ...]


def fit_to_cube(library: SpectralLibrary, cube: HyperCube) -> FittedSpectra:
    """Bring reference spectra to the bands of a cube.

    Where all wavelengths agree within 1 nm, or one side has none and the number of bands is the
    same, the spectra are used as they are.  Otherwise they are interpolated linearly at the
    cube's wavelengths.  INFERRED: the response of the cube's bands is not known, so that nothing
    is averaged over it.  Bands outside the library's range (by more than 1 nm), in a gap of it
    more than four times as wide as its usual step, and where a spectrum has no value, cannot be
    compared and are left out.

    Parameters
    ----------
    library : SpectralLibrary
    cube : HyperCube

    Raises
    ------
    DataError
        If the number of bands differs and one side has no wavelengths, or fewer than three bands,
        or all where there are fewer, can be compared.
    """
    own, nm = library.wavelengths, cube.wavelengths
    count = library.spectra.shape[1]
    remarks: list[str] = []
    if own is None or nm is None:
        if count != cube.bands:
            which = " and ".join(
                name for name, known in (("the references", own), (cube.name, nm)) if known is None
            )
            raise DataError(
                f"the references have {count} bands, but {cube.name} has {cube.bands}; they could "
                f"be brought together by their wavelengths, but {which} have none.  For a cube, "
                "set wavelengths in hsizoo.toml"
            )
        if own is not None or nm is not None:
            remarks.append(
                "only one of the cube and the references has wavelengths; the bands "
                "are compared in their order"
            )
        values = library.spectra.astype(np.float64)
    elif count == cube.bands and (np.abs(own - nm) <= SAME_NM).all():
        values = library.spectra.astype(np.float64)
    else:
        values = _interpolated(own, library.spectra, nm)
        if count < cube.bands / 2:
            remarks.append(
                f"the references have only {count} bands; {cube.bands} are interpolated between "
                "them"
            )
    usable = np.isfinite(values).all(axis=0)
    left = int(usable.sum())
    if left < min(_FEWEST, cube.bands):
        raise DataError(_too_few(library, cube, values, left))
    if left < cube.bands:
        remarks.append(
            f"{cube.bands - left} of {cube.bands} bands are not compared: the references have no "
            "value there"
        )
    return FittedSpectra(
        np.ascontiguousarray(values[:, usable], dtype=np.float32),
        np.flatnonzero(usable),
        tuple(remarks),
    )


def _interpolated(
    own: npt.NDArray[np.float64], spectra: npt.NDArray[np.float32], nm: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Interpolate at the wavelengths `nm`; NaN outside the range, in gaps, at missing values."""
    order = np.unique(own, return_index=True)[1]  # rising; of equal wavelengths, the first
    grid = own[order]
    steps = np.diff(grid, prepend=-np.inf, append=np.inf)
    hole = steps > _GAP * (np.median(steps[1:-1]) if len(grid) > 1 else 0)
    after = np.searchsorted(grid, nm)
    ends = grid[np.maximum(after - 1, 0)], grid[np.minimum(after, len(grid) - 1)]
    near = np.minimum(np.abs(nm - ends[0]), np.abs(nm - ends[1])) <= SAME_NM
    inside = near | ~hole[after]
    values = np.array([np.interp(nm, grid, spectrum) for spectrum in spectra[:, order]])
    values[:, ~inside] = np.nan
    return values


def _too_few(
    library: SpectralLibrary, cube: HyperCube, values: npt.NDArray[np.float64], left: int
) -> str:
    text = f"the references share only {left} of the {cube.bands} bands of {cube.name}"
    if library.wavelengths is not None and cube.wavelengths is not None:
        text += (
            f": they cover {range_text(library.wavelengths)}, and the cube "
            f"{range_text(cube.wavelengths)}"
        )
    gaps = (~np.isfinite(values)).sum(axis=1)
    if gaps.min() < gaps.max():
        name = library.names[int(gaps.argmax())]
        text += f"; {name!r} has the fewest values in them: leave it out"
    return text


def scale_ratio(spectra: npt.NDArray[np.float32], cube: HyperCube) -> float:
    """Return the median of reference spectra divided by that of a cube; NaN if it has no meaning.

    Parameters
    ----------
    spectra : ndarray, shape (N, B)
    cube : HyperCube
        Of the same bands.  A part of its pixels is used.
    """
    height, width, _ = cube.shape
    step = max(1, int((height * width / _PIXELS) ** 0.5))
    part = cube.data[::step, ::step][cube.valid[::step, ::step]]
    if not part.size:
        return float("nan")
    here, there = float(np.median(spectra)), float(np.median(part))
    return here / there if here > 0 and there > 0 else float("nan")
