"""Cubes as they occur: one band, one row, one pixel, no wavelengths, values of any sign."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from hsizoo.cube import HyperCube, Scene
from hsizoo.errors import ContractError, HsizooError
from hsizoo.testing.contract import Check, CheckFailed, check, fail
from hsizoo.testing.examples import Example
from hsizoo.testing.subject import Subject
from hsizoo.testing.using import difference
from hsizoo.zoo.texts import one_line

__all__ = ["odd_cube_checks"]

_MEND: Final = (
    "Answer, or raise hsizoo.errors.DataError saying what is wrong with the cube; a scorer or a "
    "segmenter may set min_bands."
)


def odd_cube_checks(answers: Callable[[Subject, Any, Example], None]) -> list[Check]:
    """Make the checks on odd cubes for one kind.

    Parameters
    ----------
    answers : callable
        Uses a component on an example and raises `CheckFailed` if the answer is not as its
        interface says.
    """
    found: list[Check] = []

    def each_of(subject: Subject, examples: Iterator[tuple[str, Example]]) -> None:
        for what, given in examples:
            try:
                answers(subject, subject.make(), given)
            except CheckFailed as error:
                fail(f"{what}: {error.what}", _MEND)
            except ContractError as error:
                fail(f"{what}: {error}", _MEND)
            except HsizooError:
                continue  # refused, in words
            except Exception as error:  # noqa: BLE001
                fail(f"{what}: it raises {one_line(error)}", _MEND)

    @check(found, "bands", after=["answers"])
    def check_bands(subject: Subject) -> None:
        """It answers for one band, two bands, and more bands than pixels, or refuses in words."""
        least = int(getattr(subject.target, "min_bands", 1))
        given = [(f"{bands} band(s)", subject.example(bands=bands)) for bands in (1, 2)]
        many = max(40, least + 1)
        given.append(
            (f"{many} bands and 15 pixels", subject.example(height=3, width=5, bands=many, shots=1))
        )
        each_of(subject, ((what, each) for what, each in given if each.cube.bands >= least))

    @check(found, "small-cubes", after=["answers"])
    def check_small_cubes(subject: Subject) -> None:
        """It answers for one row, one column and a single pixel, or refuses in words."""
        sizes = ((1, 37), (24, 1), (3, 2), (1, 1))
        each_of(
            subject,
            (
                (f"{rows} × {cols} pixels", subject.example(height=rows, width=cols, shots=1))
                for rows, cols in sizes
            ),
        )

    @check(found, "wavelengths", after=["answers"])
    def check_wavelengths(subject: Subject) -> None:
        """It answers without wavelengths, and with wavelengths in any order."""
        given = subject.example()
        nm = given.cube.wavelengths
        assert nm is not None
        mixed = np.random.default_rng(0).permutation(nm)
        each_of(
            subject,
            iter(
                [
                    ("no wavelengths", _changed(given, given.cube.data, None)),
                    ("wavelengths in no order", _changed(given, given.cube.data, mixed)),
                    ("wavelengths around 8000 nm", _changed(given, given.cube.data, nm + 7500)),
                ]
            ),
        )

    @check(found, "values", after=["answers"])
    def check_values(subject: Subject) -> None:
        """It answers for negative values, equal spectra, zeros, and large and small numbers."""
        given = subject.example()
        data, nm = given.cube.data, given.cube.wavelengths
        zeros = data.copy()
        zeros[::3, ::2] = 0
        each_of(
            subject,
            iter(
                [
                    ("negative values", _changed(given, data - 0.5, nm)),
                    ("pixels that are zero", _changed(given, zeros, nm)),
                    ("one spectrum everywhere", _changed(given, np.ones_like(data), nm)),
                    ("all zero", _changed(given, np.zeros_like(data), nm)),
                    ("values around 10000", _changed(given, data * 1e4, nm)),
                    ("values around 1e-4", _changed(given, data * 1e-4, nm)),
                ]
            ),
        )

    @check(found, "memory-order", after=["deterministic", "read-only"])
    def check_memory_order(subject: Subject) -> None:
        """Bands that come first in memory, as in files that are mapped, change no answer."""
        given = subject.example()
        bands_first = np.ascontiguousarray(given.cube.data.transpose(2, 0, 1))
        cube = HyperCube(bands_first.transpose(1, 2, 0), given.cube.wavelengths, given.cube.name)
        other = replace(given, scene=replace(given.scene, cube=cube))
        try:
            answer = subject.use(subject.make(), other)
        except Exception as error:  # noqa: BLE001 (whatever a component does)
            fail(
                f"it raises {one_line(error)}",
                "Do not rely on C order: np.ascontiguousarray(cube.data) copies where needed.",
            )
        if text := difference(subject.use(subject.make(), given), answer, tolerance=1e-3):
            fail(
                text,
                "Read values by their index, never by their place in memory. If it does, its "
                "arithmetic makes much of rounding: use float64 or another formula where it does, "
                "as for the arccos of a cosine near 1.",
            )

    return found


def _changed(given: Example, data: Any, wavelengths: Any) -> Example:
    """The example with another cube."""
    cube = HyperCube(data.astype(np.float64), wavelengths, given.cube.name)
    scene = Scene(cube, given.scene.label_map, given.scene.name, given.scene.subject)
    references = cube.data[tuple(given.places.T)].copy()
    return replace(given, scene=scene, references=references)
