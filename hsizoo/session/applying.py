"""Reference spectra applied to many cubes: all that is like this, in each image."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube, LabelMap
from hsizoo.errors import DataError, HsizooError, OptionError
from hsizoo.interfaces import InteractiveSegmenter, SpectralScorer
from hsizoo.io.limits import check_memory
from hsizoo.io.resampling import fit_to_cube, scale_ratio
from hsizoo.protocols.mask_metrics import best_dice
from hsizoo.session.inputs import Cubes, Input, list_inputs
from hsizoo.session.references import Class, Origin, References, read_references
from hsizoo.session.source import settings_of
from hsizoo.session.state import checked_threshold
from hsizoo.session.tools import make_tool
from hsizoo.zoo.lookup import check_scorer

if TYPE_CHECKING:
    from hsizoo.zoo.scoring import ScorerSegmenter

__all__ = ["Applied", "Applier", "Threshold", "apply_references", "otsu_threshold"]

Threshold = float | Literal["auto", "session", "otsu"]

_MOST: Final = 1 / 3  # share of an image that an object may cover, in the choice of a threshold
_ROUNDS: Final = 5
_LEAST: Final = 1e-3  # similarities nearer to 1 are one; otherwise a few stand apart from all
_OTHER_UNITS: Final = 20.0  # ratio of references and cube that suggests other units
_MINDS: Final = 1e-3  # mean change of probability from which a scorer minds the units


@dataclass(frozen=True, eq=False)
class Applied:
    """What the references found in one cube.

    Parameters
    ----------
    name : str
        Of the cube.
    labels : LabelMap
        0 is ``background``, 1 to N are the classes in order, which are the targets.
    thresholds : dict of str to float
        Of each class, on its scores.
    scores : ndarray of float32, shape (N, H, W), optional
        Similarity to each class in [0, 1], if asked for; as `hsizoo.ScorerSegmenter` maps it.
    remarks : tuple of str
        Notes for the user.
    """

    name: str
    labels: LabelMap
    thresholds: dict[str, float]
    scores: npt.NDArray[np.float32] | None = None
    remarks: tuple[str, ...] = ()


class Applier:
    """A scorer with references, ready for any number of cubes.

    Parameters
    ----------
    scorer : str or SpectralScorer
    references : References
    threshold : float, "auto", "session" or "otsu"
        See `apply_references`.
    device : str

    Raises
    ------
    HsizooError
        As for `apply_references`.
    """

    def __init__(
        self,
        scorer: str | SpectralScorer,
        references: References,
        threshold: Threshold = "auto",
        device: str = "auto",
    ) -> None:
        from hsizoo.zoo.device import resolve_device

        if isinstance(scorer, str):
            check_scorer(scorer)
        elif isinstance(scorer, InteractiveSegmenter):
            raise OptionError("references have no positions of clicks; pass a scorer instead")
        self.references = references
        known = ("auto", "session", "otsu")
        self.threshold = threshold if threshold in known else checked_threshold(threshold)
        tool = make_tool(scorer, resolve_device(device), "scorer")
        self.component, self.digest = tool.label, tool.digest
        self._segmenter: ScorerSegmenter = tool.build()  # type: ignore[assignment]
        self._minds: bool | None = None  # the units of the references, once known
        self.fitted = self._fit() if threshold in ("auto", "session") else {}
        if threshold == "session" and len(self.fitted) < len(references.classes):
            without = [each.name for each in references.classes if each.name not in self.fitted]
            raise OptionError(
                f"threshold 'session' needs the mask of a session for each class; there is none of "
                f"{', '.join(without):.200}.  Choose 'auto', 'otsu' or a number"
            )

    @property
    def identity(self) -> dict[str, Any]:
        """All that results depend on besides the cube; nothing if the scorer is an object."""
        return {
            "component": self.component,
            "component sha256": self.digest or None,
            "references sha256": self.references.digest,
            "threshold": self.threshold,
            "thresholds of the session": self.fitted,
        }

    def apply(self, cube: HyperCube, *, scores: bool = False) -> Applied:
        """Look for the classes in a cube.

        Parameters
        ----------
        cube : HyperCube
        scores : bool
            Whether to keep the similarity maps, 4 · H · W bytes for each class.

        Raises
        ------
        DataError
            If the bands of the cube and of the references do not fit.
        """
        given = fit_to_cube(self.references.library, cube)
        part = _with_bands(cube, given.bands)
        if part.bands < self._segmenter.min_bands:
            raise DataError(
                f"{self.component} needs at least {self._segmenter.min_bands} bands; {part.bands} "
                f"of {cube.name} can be compared"
            )
        state, own = self._segmenter.open(part), self._is_example(cube)
        height, width, _ = cube.shape
        labels = np.zeros((height, width), dtype=np.int32)
        best = np.zeros((height, width), dtype=np.float32)
        classes = self.references.classes
        kept = np.empty((len(classes), height, width), np.float32) if scores else None
        thresholds = {}
        for number, each in enumerate(classes):
            similarity = self._similarity(state, given.spectra, each)
            if kept is not None:
                kept[number] = similarity
            threshold = self._threshold(each, similarity[part.valid], own)
            won = (similarity > threshold) & (similarity > best)
            labels[won] = number + 1
            best[won] = similarity[won]
            thresholds[each.name] = threshold
        names = {0: "background"} | {n: each.name for n, each in enumerate(classes, 1)}
        remarks = (*given.remarks, *self._units(state, given.spectra, part))
        whole = LabelMap(labels, names, targets=range(1, len(names)))
        return Applied(cube.name, whole, thresholds, kept, remarks)

    def _similarity(
        self, state: Any, spectra: npt.NDArray[np.float32], each: Class
    ) -> npt.NDArray[np.float32]:
        """Similarity (H, W) of a class; 0 where the spectrum is not finite."""
        against = spectra[list(each.against)] if each.against else None
        maps = self._segmenter.predict_spectra(state, spectra[list(each.spectra)], against)
        found: npt.NDArray[np.float32] = maps.cpu().numpy()
        return found

    def _is_example(self, cube: HyperCube) -> bool:
        """Whether a cube is the one that the references were clicked on."""
        example = self.references.example
        if example is None or example.cube.shape != cube.shape:
            return False
        return example.cube.digest == cube.digest

    def _threshold(self, each: Class, similarities: npt.NDArray[np.float32], own: bool) -> float:
        """Threshold of a class on its similarities in one cube; see `apply_references`."""
        if not isinstance(self.threshold, str):
            return self.threshold
        fitted = self.fitted.get(each.name)
        if fitted is not None and (own or self.threshold == "session"):
            return fitted
        otsu = otsu_threshold(similarities)
        return otsu if fitted is None else 1 - math.sqrt((1 - fitted) * (1 - otsu))

    def _fit(self) -> dict[str, float]:
        """Thresholds that give the masks of the session on its own cube, as well as they can."""
        example = self.references.example
        if example is None:
            return {}
        given = fit_to_cube(self.references.library, example.cube)
        state = self._segmenter.open(example.cube)
        found = {}
        for each in self.references.classes:
            if (mask := example.masks.get(each.name)) is None:
                continue
            similarity = self._similarity(state, given.spectra, each)
            same = np.array_equal((similarity > example.threshold) & example.cube.valid, mask)
            fitted = best_dice(similarity, mask, example.cube.valid)[1]
            found[each.name] = example.threshold if same else max(0.0, fitted)
        return found

    def _units(
        self, state: Any, spectra: npt.NDArray[np.float32], cube: HyperCube
    ) -> tuple[str, ...]:
        """Tell if references and cube seem to have other units, and the scorer minds."""
        ratio = scale_ratio(spectra, cube)
        if math.isnan(ratio) or 1 / _OTHER_UNITS < ratio < _OTHER_UNITS:
            return ()
        if self._minds is None:
            first = self._segmenter.predict_spectra(state, spectra[:1])
            scaled = self._segmenter.predict_spectra(state, spectra[:1] / np.float32(ratio))
            self._minds = float((first - scaled).abs().mean()) > _MINDS
        if not self._minds:
            return ()
        power = 10.0 ** -round(math.log10(ratio))
        return (
            f"the references are about {ratio:.3g} times the cube's values, and {self.component} "
            f"minds; if only the units differ, set scale = {power:g} for the cube",
        )


def otsu_threshold(similarities: npt.NDArray[np.float32]) -> float:
    """Choose a threshold for a map of similarities by its values only.

    Otsu's threshold of ``-log10(1 - similarity)``, which spreads the values near 1, where those of
    spectral angles crowd; again among the pixels above it, until these are at most a third of the
    image.  INFERRED: measured against other rules in ``benchmarks/results/apply.md``.  It always
    finds something, even where there is nothing to find.

    Parameters
    ----------
    similarities : ndarray of float32, shape (n,)
        In [0, 1].

    Returns
    -------
    float
        In [0, 1).

    Examples
    --------
    >>> values = np.repeat(np.array([0.5, 0.8, 0.99], dtype=np.float32), [60, 30, 10])
    >>> 0.8 <= otsu_threshold(values) < 0.99
    True
    """
    from skimage.filters import threshold_otsu

    spread = -np.log10(np.maximum(1 - similarities.astype(np.float64), _LEAST))
    above, threshold = spread, 0.0
    for _ in range(_ROUNDS):
        if above.size < 2 or above.min() == above.max():
            break
        threshold = float(threshold_otsu(above))  # type: ignore[no-untyped-call]
        above = above[above > threshold]
        if above.size <= _MOST * spread.size:
            break
    return float(1 - 10**-threshold)


def _with_bands(cube: HyperCube, bands: npt.NDArray[np.intp]) -> HyperCube:
    """Return a cube with these bands only; the same one if they are all."""
    if len(bands) == cube.bands:
        return cube
    check_memory(Path(cube.name), (*cube.shape[:2], len(bands)), 4)
    nm = None if cube.wavelengths is None else cube.wavelengths[bands]
    return HyperCube(cube.data[:, :, bands], nm, cube.name)


def apply_references(
    scorer: str | SpectralScorer,
    cubes: Cubes,
    references: Origin,
    *,
    threshold: Threshold = "auto",
    as_one: bool = False,
    scores: bool = False,
    reference_cube: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
) -> Iterator[Applied]:
    """Look for what reference spectra stand for in many cubes, one after another.

    Each class gives one similarity map per cube: the pixelwise maximum over its spectra, as for
    the clicks of an object (`hsizoo.ScorerSegmenter`).  A pixel above the threshold of several
    classes goes to the most similar one.

    Parameters
    ----------
    scorer : str or SpectralScorer
        Name of a scorer, with options if needed, or an object.
    cubes : path, HyperCube, Scene, or iterable of these
        A folder stands for all cubes in it, with the settings of its ``hsizoo.toml``.
    references : path, SpectralLibrary or Session
        A saved or live session: the spectra under its positive clicks, a class for each object;
        those under negative clicks act against it.  An ENVI spectral library or text (see
        `hsizoo.io.read_library`): a class for each name.
    threshold : float, "auto", "session" or "otsu", default "auto"
        Similarity above which a pixel belongs to a class, in [0, 1).  ``session``: the one that
        gives a session's own masks best on its own cube (the session's, if that gives exactly
        these).  ``otsu``: by the values of each map (`hsizoo.session.applying.otsu_threshold`).
        ``auto``: on the session's own cube ``session``, on others halfway between the two (the
        geometric mean of their distances from 1), and ``otsu`` without a session.  INFERRED, as
        are the other two: measured in ``benchmarks/results/apply.md``.
    as_one : bool, default False
        Whether all spectra stand for one class.
    scores : bool, default False
        Whether to keep the similarity maps.
    reference_cube : path, optional
        The cube of a saved session.  Default: the file of that name beside it, in the working
        folder or among `cubes`.
    settings : mapping, optional
        How to read files, as in ``hsizoo.toml``; not for folders.
    device : str, default "auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Yields
    ------
    Applied
        In the order of `cubes`.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement
        If the scorer, the threshold or a setting is invalid.
    DataError
        If references or a cube cannot be read, or their bands do not fit; the cubes before it have
        been yielded.

    Examples
    --------
    >>> for found in apply_references("sa", "cubes/", "first.png.clicks.json"):  # doctest: +SKIP
    ...     print(found.name, (found.labels.labels > 0).mean())
    """
    inputs, wrong = list_inputs(cubes, settings_of(settings or {}))
    if wrong:
        raise DataError(next(iter(wrong.values())))
    known = read_references(
        references,
        scorer=scorer,
        cube=reference_cube,
        folders=folders_of(inputs),
        as_one=as_one,
        device=device,
    )
    applier = Applier(scorer, known, threshold, device)
    return (_applied(applier, each, scores) for each in inputs)


def _applied(applier: Applier, each: Input, scores: bool) -> Applied:
    try:
        source = each.open()
        found = applier.apply(source.cube, scores=scores)
    except HsizooError as error:
        if each.name in str(error):
            raise
        raise type(error)(f"{each.name}: {error}") from error
    return Applied(
        each.name,
        found.labels,
        found.thresholds,
        found.scores,
        (*source.cube.remarks, *applier.references.remarks, *found.remarks),
    )


def folders_of(inputs: Iterable[Input]) -> list[Path]:
    """Return the folders that cubes are in, each once."""
    return list(dict.fromkeys(each.path.parent for each in inputs if each.path is not None))
