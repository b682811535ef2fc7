"""`Session`: a live session on one cube."""

from __future__ import annotations

import itertools
import operator
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube, LabelMap, Scene
from hsizoo.errors import ClickError, DataError, HsizooError, ProtocolError
from hsizoo.interfaces import SpectralScorer
from hsizoo.session.masks import Export, check_folder, check_mask_target
from hsizoo.session.painted import Painted
from hsizoo.session.saved import (
    Kept,
    cube_beside,
    differences,
    read_kept,
    to_json,
    write_whole,
)
from hsizoo.session.source import (
    Source,
    Spectrum,
    check_clicks,
    finite_pixels,
    read_source,
    read_spectrum,
    settings_of,
)
from hsizoo.session.state import SessionObject, SessionState, check_name, checked_threshold
from hsizoo.session.tools import Component, Tool, make_tool

if TYPE_CHECKING:
    from typing import Self

    from hsizoo.io.raster import Raster
    from hsizoo.io.settings import Layout

__all__ = ["Session"]

_MAP_BYTES = 512 * 2**20  # limit of cached maps, and of one batch; evicted maps are recomputed


@dataclass(frozen=True, eq=False)
class _Moment:
    """A state, the tool that computes its masks, and the action that led to it."""

    state: SessionState
    tool: Tool
    action: str = ""


class Session:
    """A live session on one cube: several objects, each with its clicks, and their masks.

    Methods that change the session (`add`, `click`, `use`, …) check their arguments at once: they
    either succeed, as one step that `undo` reverts, or raise and change nothing.  Results (`mask`,
    `label_map`, …) are computed on demand, for all objects in one batch, and cached: only objects
    whose clicks changed are recomputed.

    Any number of threads may use one session.  A lock serialises changes and predictions; `state`,
    `spectrum` and other reads never wait for it.  Nothing is ever printed.

    Parameters
    ----------
    source : HyperCube, Scene, path or array_like of shape (H, W, B)
        The image.  A path is read as by `hsizoo.io.read_cube`, and masks keep its georeference if
        their format can.
    component : str, InteractiveSegmenter or SpectralScorer
        Makes masks from clicks: the name of a segmenter or scorer, with options if needed
        (``"sa-rw:beta=50"``), or an object.  A scorer is wrapped in `hsizoo.ScorerSegmenter`.
    threshold : float, default 0.5
        Probability above which a pixel belongs to the object, at least 0 and below 1.
    variable : str, optional
        Name of the cube's array, if a file has several.
    layout : {"auto", "hwb", "bhw", "hbw"}
        Order of the axes in a file that does not tell it: bands last, first or in the middle.
    settings : mapping, optional
        How to read the file, as in ``hsizoo.toml``: ``{"nodata": -9999, "drop_bands": [0, 1]}``;
        see `hsizoo.io.Settings`.
    device : str, default "auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``, for components given by name.
    allow_untrained : bool, default False
        Whether to accept components that need training but are untrained.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ContractError
        If the component, the threshold or the device is invalid or not available.
    ProtocolError
        If the component has not been trained and `allow_untrained` is not set.
    DataError
        If the cube cannot be read or used.

    Notes
    -----
    The component is looked up at once, but built and opened on the cube when a mask is first
    requested, or by `prepare`.  Each used component is kept with its image state, so that switching
    back costs nothing.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(0).random((5, 6, 4))
    >>> session = Session(image, "sa")
    >>> session.add(), session.add("tumour", [(1, 2), (3, 3)])
    ('object-1', 'tumour')
    >>> session.click("object-1", 4, 5)
    >>> session.mask("tumour").shape, session.label_map().class_names[2]
    ((5, 6), 'tumour')
    """

    def __init__(
        self,
        source: HyperCube | Scene | Source | str | os.PathLike[str] | npt.ArrayLike,
        component: Component,
        *,
        threshold: float = 0.5,
        variable: str | None = None,
        layout: Layout = "auto",
        settings: Mapping[str, Any] | None = None,
        device: str = "auto",
        allow_untrained: bool = False,
    ) -> None:
        from hsizoo.zoo.device import resolve_device

        threshold = checked_threshold(threshold)
        self._device = resolve_device(device)
        self._allow_untrained = allow_untrained
        self._lock = threading.RLock()
        self._tools: dict[str, Tool] = {}
        self._maps: OrderedDict[tuple[str, Clicks], npt.NDArray[np.float32]] = OrderedDict()
        tool = self._find(component)  # report a wrong name before reading a large file
        how = {"variable": variable, "layout": layout if layout != "auto" else None}
        self._source = read_source(source, settings_of(settings or {}, how))
        self._cube = self._source.cube
        self._remarks = self._source.remarks
        self._now = _Moment(SessionState(tool.label, threshold), tool)
        self._past: list[_Moment] = []
        self._future: list[_Moment] = []

    def __repr__(self) -> str:
        state = self.state
        return (
            f"Session({self._cube.name!r}, {state.component!r}, {len(state.objects)} object(s), "
            f"{sum(len(each.clicks) for each in state.objects)} click(s))"
        )

    # Properties

    @property
    def cube(self) -> HyperCube:
        """The image."""
        return self._cube

    @property
    def raster(self) -> Raster | None:
        """What the file says about the image, such as its place; None for a cube in memory."""
        return self._source.raster

    @property
    def state(self) -> SessionState:
        """All choices made so far, as one immutable value."""
        return self._now.state

    @property
    def component(self) -> str:
        """Name of the component in use, with its options."""
        return self.state.component

    @property
    def threshold(self) -> float:
        """Probability above which a pixel belongs to the object."""
        return self.state.threshold

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the objects, in the order of adding."""
        return self.state.names

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes for the user: how the file was read, and how a replay differs."""
        return self._remarks

    def clicks(self, name: str) -> Clicks:
        """Return the clicks of an object.

        Raises
        ------
        NameLookupError
            If there is no such object; likewise in all methods that take an object's name.
        """
        return self.state.object(name).clicks

    # Changes

    def add(
        self,
        name: str | None = None,
        clicks: Clicks | Iterable[tuple[int, int]] = (),
    ) -> str:
        """Add an object.

        Parameters
        ----------
        name : str, optional
            Default: ``object-1``, ``object-2``, …
        clicks : Clicks or iterable of (row, col), optional
            Initial clicks; plain positions are positive.

        Returns
        -------
        str
            Name of the object.

        Raises
        ------
        OptionError
            If the name is taken, empty, not printable or longer than 200 characters.
        ClickError
            As for `click`.
        """
        given = clicks if isinstance(clicks, Clicks) else Clicks([*clicks])
        check_clicks(given, self._cube)
        with self._lock:
            taken = self.objects
            if name is None:
                numbers = itertools.count(len(taken) + 1)
                name = next(new for n in numbers if (new := f"object-{n}") not in taken)
            else:
                check_name(name, taken)
            added = (*self.state.objects, SessionObject(name, given))
            self._change(f"add {name}", objects=added)
            return name

    def rename(self, name: str, new: str) -> None:
        """Rename an object; the order of the objects stays the same.

        Raises
        ------
        NameLookupError, OptionError
            As for `clicks` and `add`.
        """
        with self._lock:
            old = self.state.object(name)
            if new != name:
                check_name(new, self.objects)
                self._put(old, replace(old, name=new), f"rename {name} to {new}")

    def remove(self, name: str) -> None:
        """Remove an object with its clicks; the labels of later objects decrease by one."""
        with self._lock:
            gone = self.state.object(name)
            rest = tuple(each for each in self.state.objects if each is not gone)
            self._change(f"remove {name}", objects=rest)

    def click(self, name: str, row: int, col: int, positive: bool = True) -> None:
        """Add a click on a pixel.

        Parameters
        ----------
        name : str
            The object that the click belongs to.
        row, col : int
            Position, counted from 0.
        positive : bool, default True
            Whether the pixel belongs to the object.

        Raises
        ------
        ClickError
            If the pixel is outside the image or has no finite spectrum, or is clicked the other
            way already; the message gives the values, and nothing is changed.
        """
        one = Clicks([(row, col)])
        check_clicks(one, self._cube)
        row, col = one.points[0].tolist()
        with self._lock:
            old = self.state.object(name)
            clicks = old.clicks.add(row, col, positive)
            check_clicks(clicks, self._cube)
            action = f"click ({row}, {col}), {'' if positive else 'not '}{name}"
            self._put(old, replace(old, clicks=clicks), action)

    def remove_click(self, name: str, index: int = -1) -> None:
        """Remove one click of an object, not only the newest as `undo` does.

        Parameters
        ----------
        name : str
        index : int, default -1
            Index of the click in `clicks`; negative numbers count from the end.

        Raises
        ------
        ClickError
            If the object has no such click.
        """
        with self._lock:
            old = self.state.object(name)
            count = len(old.clicks)
            if not -count <= (index := operator.index(index)) < count:
                raise ClickError(
                    f"{name} has {count} click(s), numbered from 0; there is no click {index}"
                )
            keep = np.arange(count) != index % count
            left = Clicks(old.clicks.points[keep], old.clicks.positive[keep])
            row, col = old.clicks.points[index].tolist()
            self._put(old, replace(old, clicks=left), f"remove click ({row}, {col}) of {name}")

    def set_clicks(self, name: str, clicks: Clicks | Iterable[tuple[int, int]]) -> None:
        """Replace all clicks of an object in one step, for example to move one or clear all.

        Parameters
        ----------
        name : str
        clicks : Clicks or iterable of (row, col)
            As for `add`.

        Raises
        ------
        ClickError
            As for `click`.
        """
        given = clicks if isinstance(clicks, Clicks) else Clicks([*clicks])
        check_clicks(given, self._cube)
        with self._lock:
            old = self.state.object(name)
            self._put(old, replace(old, clicks=given), f"set the clicks of {name}")

    def paint(self, name: str, pixels: npt.ArrayLike, belongs: bool = True) -> int:
        """Correct a mask by hand: put pixels into an object, or take them out of it.

        Such pixels are kept apart from the clicks; no component sees them.

        Parameters
        ----------
        name : str
        pixels : array_like of int, shape (n, 2)
            Positions (row, col), counted from 0.
        belongs : bool, default True
            Whether the pixels belong to the object.

        Returns
        -------
        int
            Number of pixels painted: those without a finite spectrum are left out.

        Raises
        ------
        ClickError
            If a pixel is outside the image, or these are not pixels.
        """
        stroke = Painted(pixels)
        stroke.check_inside(*self._cube.shape[:2])
        places = finite_pixels(stroke.added, self._cube)
        with self._lock:
            old = self.state.object(name)
            new = replace(old, painted=old.painted.paint(places, belongs))
            done = f"{'paint' if belongs else 'erase'} {len(places)} pixel(s) of {name}"
            self._put(old, new, done)
        return len(places)

    def set_threshold(self, threshold: float) -> None:
        """Set the probability above which a pixel belongs to the object; nothing is recomputed.

        Raises
        ------
        OptionError
            If it is not a number of at least 0 and below 1.
        """
        threshold = checked_threshold(threshold)
        with self._lock:
            self._change(f"threshold {threshold:g}", threshold=threshold)

    def use(self, component: Component) -> None:
        """Switch to another component; objects and clicks stay.

        It is built and opened on the cube before anything changes, unless it was used before.

        Parameters
        ----------
        component : str, InteractiveSegmenter or SpectralScorer
            As for `Session`.

        Raises
        ------
        HsizooError
            As for `Session`; also `DataError` if the component cannot work on this cube.
        """
        with self._lock:
            tool = self._find(component)
            tool.open(self._cube)
            self._change(f"use {tool.label}", tool=tool)

    def load(self, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """Take objects, component and threshold from a saved session, as one step.

        Parameters
        ----------
        path : path
            Saved by `save` or ``hsizoo segment``.

        Returns
        -------
        tuple of str
            How this cube or this component differs from the saved ones.

        Raises
        ------
        HsizooError
            As for `replay`.
        """
        path = Path(path)
        kept = read_kept(path)
        self._check_kept(path, kept)
        with self._lock:
            component: Component = kept.component if kept.by_name else ""
            tool = self._find(component) if component else self._now.tool
            self._change(
                f"open {path.name}", tool=tool, objects=kept.objects, threshold=kept.threshold
            )
            return differences(path, kept, self._cube, tool)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a change was undone, and none was made since."""
        return bool(self._future)

    def undo(self) -> str:
        """Undo the newest change of any kind.

        Returns
        -------
        str
            Description of the undone change; empty if there was none.
        """
        with self._lock:
            if not self._past:
                return ""
            undone = self._now
            self._future.append(undone)
            self._now = self._past.pop()
            return undone.action

    def redo(self) -> str:
        """Redo the change that `undo` reverted.

        Returns
        -------
        str
            Description of the redone change; empty if there was none.
        """
        with self._lock:
            if not self._future:
                return ""
            self._past.append(self._now)
            self._now = self._future.pop()
            return self._now.action

    # Results

    def prepare(self) -> None:
        """Build the component and open it on the cube now, not at the first mask.

        Raises
        ------
        HsizooError
            If the component cannot be built, or cannot work on this cube.
        """
        with self._lock:
            self._now.tool.open(self._cube)

    def probability(self, name: str, component: Component | None = None) -> npt.NDArray[np.float32]:
        """Return each pixel's probability of belonging to an object.

        All changed objects are computed in the same batch.

        Parameters
        ----------
        name : str
        component : str, InteractiveSegmenter or SpectralScorer, optional
            Another one, for a comparison.  Default: the one in use.

        Returns
        -------
        ndarray of float32, shape (H, W)
            In [0, 1]; 0 where the spectrum is not finite, and everywhere if the object has no
            positive click.  Read-only.

        Raises
        ------
        ContractError
            If the component's output violates its interface.
        """
        with self._lock:
            now = self._now
            tool = now.tool if component is None else self._find(component)
            wanted = now.state.object(name).clicks
            prompts = [each.clicks for each in now.state.objects]
            # With more objects than cached maps, the others would be evicted before use.
            if len(prompts) > self._held:
                prompts = [wanted]
            return self._predict(tool, prompts)[wanted]

    def mask(self, name: str) -> npt.NDArray[np.bool_]:
        """Return the pixels that belong to an object, regardless of other objects.

        Returns
        -------
        ndarray of bool, shape (H, W)
            True where the probability is above `threshold`, strictly, and the spectrum is finite;
            then as painted.  If it is all False, `advice` gives the reason.
        """
        with self._lock:
            probability, threshold = self.probability(name), self.threshold
            painted = self.state.object(name).painted
        mask: npt.NDArray[np.bool_] = probability > threshold  # 0 at pixels that are not valid
        mask[tuple(painted.added.T)] = True
        mask[tuple(painted.removed.T)] = False
        return mask

    def label_map(self, component: Component | None = None) -> LabelMap:
        """Return all objects as one map.

        A pixel above the threshold for several objects goes to the one with the highest
        probability, and among equals to the one added first.  A painted pixel goes to the last
        object that it is painted into.

        Parameters
        ----------
        component : str, InteractiveSegmenter or SpectralScorer, optional
            Another one, for a comparison.  Default: the one in use.

        Returns
        -------
        LabelMap
            Labels (H, W): 0 is ``background``, 1 to N are the objects in order, which are the
            targets.
        """
        with self._lock:
            now = self._now
            return self._label_map(
                now if component is None else replace(now, tool=self._find(component))
            )

    def _label_map(self, now: _Moment) -> LabelMap:
        labels = np.zeros(self._cube.shape[:2], dtype=np.int32)
        best = np.full(labels.shape, now.state.threshold, dtype=np.float32)
        objects = list(enumerate(now.state.objects, 1))
        for start in range(0, len(objects), self._held):
            part = objects[start : start + self._held]
            maps = self._predict(now.tool, [each.clicks for _, each in part])
            for number, each in part:
                won = maps[each.clicks] > best
                won[tuple(each.painted.removed.T)] = False
                labels[won] = number
                best[won] = maps[each.clicks][won]
        for number, each in objects:
            labels[tuple(each.painted.added.T)] = number
        names = {0: "background"} | {number: each.name for number, each in objects}
        return LabelMap(labels, names, targets=[number for number, _ in objects])

    def similarity(self, name: str, scorer: str | SpectralScorer = "sa") -> npt.NDArray[np.float32]:
        """Return the similarity of each pixel to the clicked spectra of an object, by any scorer.

        Parameters
        ----------
        name : str
        scorer : str or SpectralScorer, default "sa"
            Name, with options if needed, such as ``"sa:aggregate=mean,negatives=ignore"``, which
            every scorer has; or an object.

        Returns
        -------
        ndarray of float32, shape (H, W)
            The scorer's range scaled to [0, 1], with its threshold at 0.5 (see
            `hsizoo.ScorerSegmenter`): 1 is most similar.  0 where the spectrum is not finite, where
            a pixel is more similar to a negative click unless the scorer ignores those, and
            everywhere if the object has no positive click.  Read-only.

        Raises
        ------
        OptionError
            If the component is not a scorer.
        HsizooError
            As for `use`.
        """
        with self._lock:
            clicks = self.clicks(name)
            return self._predict(self._find(scorer, only="scorer"), [clicks])[clicks]

    def spectrum(self, row: int, col: int, radius: int = 0) -> Spectrum:
        """Read a spectrum, or the mean over a window.

        Parameters
        ----------
        row, col : int
            Centre, counted from 0.
        radius : int, default 0
            Radius of the window of (2 · radius + 1)² pixels.  Those inside the image and with
            finite values are averaged.

        Returns
        -------
        Spectrum

        Raises
        ------
        ClickError
            If the centre is outside the image, or no pixel of the window has finite values.
        OptionError
            If the radius is negative.
        """
        return read_spectrum(self._cube, row, col, radius)

    def spectra(self, name: str, radius: int = 0) -> tuple[Spectrum, ...]:
        """Read the spectrum at each click of an object, in the order of `clicks`.

        Parameters
        ----------
        name : str
        radius : int, default 0
            As for `spectrum`.
        """
        return tuple(self.spectrum(row, col, radius) for row, col, _ in self.clicks(name))

    def advice(self, name: str) -> str:
        """Explain why a mask is empty, only the clicks, or everything, and what to do.

        Returns
        -------
        str
            Empty if the mask is none of these.
        """
        with self._lock:
            clicks = self.clicks(name)
            if len(self.state.object(name).painted.added):
                return ""
            if not len(clicks):
                return "there is no click yet; click on the object"
            if not clicks.positive.any():
                return "all clicks are negative; add a positive click on the object"
            mask, threshold = self.mask(name), self.threshold
        if mask.any() and not mask[self._cube.valid].all():
            mask[tuple(clicks.points[clicks.positive].T)] = False
            if mask.any():
                return ""
            return (
                f"only clicked pixels have a probability above {threshold:g}; lower the "
                "threshold, add clicks, or try another method"
            )
        what, change = ("every", "raise") if mask.any() else ("no", "lower")
        return (
            f"{what} pixel's probability is above {threshold:g}; {change} the threshold, or add "
            "clicks"
        )

    # Files

    def export(self, path: str | os.PathLike[str], name: str | None = None) -> Export:
        """Write the mask of one object, or the map of all.

        Parameters
        ----------
        path : path
            The extension gives the format: ``.png``, ``.hdr`` (ENVI classification), ``.tif``
            (GeoTIFF if the cube is one) or ``.npz``.  The georeference of a cube read from ENVI or
            GeoTIFF is kept in the same format.
        name : str, optional
            Object to write, as 0 and 1.  Default: the labels of `label_map`.

        Returns
        -------
        Export
            The written file, with remarks.

        Raises
        ------
        DataError
            As for `check_export`; or if the file cannot be written.
        """
        from hsizoo.io.writing import lost_place, write_mask

        self.check_export(path)
        labels: npt.NDArray[Any]
        with self._lock:
            if name is None:
                whole = self.label_map()
                labels, names = whole.labels, dict(whole.class_names)
                advice = [(f"{each}: ", self.advice(each)) for each in self.objects]
                advice = advice or [("", "there is no object yet; add one")]
            else:
                labels, names = self.mask(name), {0: "background", 1: name}
                advice = [("", self.advice(name))]
        written = write_mask(path, labels, class_names=names, like=self._source.raster)
        remarks = [f"{prefix}{text}" for prefix, text in advice if text]
        if lost := lost_place(path, self._source.raster):
            remarks.append(lost)
        return Export(written, int(np.count_nonzero(labels)), tuple(remarks))

    def check_export(self, path: str | os.PathLike[str]) -> None:
        """Check that `export` may write to a path, without computing a mask.

        Raises
        ------
        DataError
            If the extension is not that of a mask format, the folder does not exist, or the mask
            would overwrite the cube or a file that is not a mask.
        """
        check_mask_target(Path(path), self._source.files)

    def overlay(self, path: str | os.PathLike[str], name: str | None = None) -> Path:
        """Draw the masks and the clicks over the pseudo-RGB image, as a PNG file.

        Parameters
        ----------
        path : path
            Ending in ``.png``.  An existing file is replaced.
        name : str, optional
            Object to draw.  Default: all, in the colours of their labels.

        Returns
        -------
        Path

        Raises
        ------
        DataError
            If the path does not end in ``.png``, its folder does not exist, it is the cube, or it
            cannot be written.
        """
        from hsizoo.io.writing import system_errors
        from hsizoo.session.overlay import draw_overlay

        target = Path(path)
        if target.suffix.lower() != ".png":
            raise DataError(f"{target}: overlays are written as .png, not {target.suffix!r}")
        check_folder(target, {target}, self._source.files)
        with self._lock:
            chosen = self.objects if name is None else (name,)
            masks = [self.mask(each) for each in chosen]
            clicks = [self.clicks(each) for each in chosen]
        picture = draw_overlay(self._cube, masks, clicks)
        with system_errors(target):
            target.write_bytes(picture)
        return target

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save the session, so that `replay` makes the same masks.

        The JSON file holds the component, the threshold and the clicks of each object; of the cube,
        only the file name and a digest; and no undo history.  A session of one object has the
        format that ``hsizoo segment`` has always written.

        Parameters
        ----------
        path : path
            For example ``mask.png.clicks.json``.  An existing session is replaced.

        Returns
        -------
        Path

        Raises
        ------
        DataError
            If it would overwrite the cube or a file that is not a session, or cannot be written.
        """
        from hsizoo.io.writing import system_errors

        target = Path(path)
        check_folder(target, {target}, self._source.files)
        if target.exists():
            try:
                read_kept(target)
            except HsizooError as error:
                raise DataError(
                    f"{target} exists and is not a session; choose another name ({error})"
                ) from None
        now = self._now
        text = to_json(now.state, self._source, now.tool)
        with system_errors(target):
            write_whole(target, text)
        return target

    @classmethod
    def replay(
        cls,
        path: str | os.PathLike[str],
        source: HyperCube | Scene | str | os.PathLike[str] | npt.ArrayLike | None = None,
        component: Component | None = None,
        *,
        variable: str | None = None,
        layout: Layout | None = None,
        settings: Mapping[str, Any] | None = None,
        device: str = "auto",
        allow_untrained: bool = False,
    ) -> Self:
        """Open a session saved by `save` or ``hsizoo segment``.

        Parameters
        ----------
        path : path
            The saved session.
        source : HyperCube, Scene, path or array_like, optional
            The cube.  Default: the file of that name beside `path`, or in the working folder.
        component : str, InteractiveSegmenter or SpectralScorer, optional
            Default: the one used in the saved session.
        variable, layout, settings : optional
            How to read `source`, if it is a path.  Default: as in the saved session.
        device, allow_untrained
            As for `Session`.

        Returns
        -------
        Session
            Its masks are the same if cube and component are; any difference is in `remarks`.

        Raises
        ------
        DataError
            If the file cannot be read or is not a session, or the cube is not found.
        ClickError
            If a click does not fit the cube.
        HsizooError
            As for `Session`.
        """
        path = Path(path)
        kept = read_kept(path)
        if component is None:
            if not kept.component or not kept.by_name:
                raise DataError(
                    f"{path} was made with {kept.component or 'an unnamed component'}, which was "
                    "not given by name; pass it: component="
                )
            component = kept.component
        if source is None:
            source = cube_beside(path, kept.file)
        session = cls(
            source,
            component,
            threshold=kept.threshold,
            variable=variable,
            layout=layout or "auto",
            settings={**kept.settings, **(settings or {})},
            device=device,
            allow_untrained=allow_untrained,
        )
        session._check_kept(path, kept)
        now = session._now
        session._now = replace(now, state=replace(now.state, objects=kept.objects))
        session._remarks += differences(path, kept, session._cube, now.tool)
        return session

    # Internals

    def _check_kept(self, path: Path, kept: Kept) -> None:
        """Raise `ClickError` if the clicks or painted pixels of a file do not fit the cube."""
        for each in kept.objects:
            try:
                check_clicks(each.clicks, self._cube)
                each.painted.check_inside(*self._cube.shape[:2])
            except ClickError as error:
                raise ClickError(f"{path}: {error}") from error

    def _find(self, component: Component, only: Literal["scorer"] | None = None) -> Tool:
        """Return the tool of a component, the same each time; it may not be built yet."""
        tool = make_tool(component, self._device, only)
        with self._lock:
            if tool.key in self._tools:
                return self._tools[tool.key]
            if tool.untrained and not self._allow_untrained:
                raise ProtocolError(
                    f"{tool.label} has not been trained, so its mask would be meaningless.  Train "
                    "it (hsizoo train), or use it as is: allow_untrained=True (--allow-untrained)"
                )
            self._tools[tool.key] = tool
            return tool

    def _change(self, action: str, tool: Tool | None = None, **changed: Any) -> None:
        """Move to another state, unless it is the same."""
        now = self._now
        tool = tool or now.tool
        state = replace(now.state, component=tool.label, **changed)
        if state != now.state or tool is not now.tool:
            self._past.append(now)
            self._future.clear()
            self._now = _Moment(state, tool, action)

    def _put(self, old: SessionObject, new: SessionObject, action: str) -> None:
        objects = tuple(new if each is old else each for each in self.state.objects)
        self._change(action, objects=objects)

    @property
    def _held(self) -> int:
        """Number of maps that are cached, and computed at once; at least one."""
        height, width, _ = self._cube.shape
        return max(1, _MAP_BYTES // (4 * height * width))

    def _predict(
        self, tool: Tool, prompts: Sequence[Clicks]
    ) -> dict[Clicks, npt.NDArray[np.float32]]:
        """Return the maps of these prompts; those not cached are computed in one batch."""
        maps: dict[Clicks, npt.NDArray[np.float32]] = {}
        fresh: list[Clicks] = []
        for clicks in dict.fromkeys(prompts):
            if not clicks.positive.any():  # no positive click defines the object
                maps[clicks] = np.broadcast_to(np.float32(0), self._cube.shape[:2])
            elif (known := self._maps.get((tool.key, clicks))) is not None:
                self._maps.move_to_end((tool.key, clicks))
                maps[clicks] = known
            else:
                fresh.append(clicks)
        if fresh:
            for clicks, computed in zip(fresh, tool.predict(self._cube, fresh), strict=True):
                probability = np.where(self._cube.valid, computed, np.float32(0))
                probability.flags.writeable = False
                self._maps[tool.key, clicks] = maps[clicks] = probability
            while len(self._maps) > self._held:
                self._maps.popitem(last=False)
        return maps
