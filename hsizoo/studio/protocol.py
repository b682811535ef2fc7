"""`Studio`: a message in, an answer out; the page and the notebook speak to it.

A message is a JSON object; its field ``do`` says what is to be done.  The answer is a JSON object
and, for some, bytes.  What is wrong with a message is in the field ``error`` of its answer, which
never shows a traceback.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hsizoo.clicks import Clicks
from hsizoo.errors import DataError, HsizooError, OptionError
from hsizoo.io import SpectralLibrary
from hsizoo.io.resampling import fit_to_cube
from hsizoo.studio import files
from hsizoo.studio.basis import Basis
from hsizoo.studio.desk import Desk, hex_colour
from hsizoo.studio.fields import Fields
from hsizoo.studio.images import images_of
from hsizoo.studio.jobs import Jobs, message_of
from hsizoo.studio.labelling import classified, labels_in
from hsizoo.studio.prompts import along, best_match, typical
from hsizoo.studio.tiles import STRETCHES
from hsizoo.zoo.spec import Kind

if TYPE_CHECKING:
    from hsizoo.cube import HyperCube, Scene
    from hsizoo.interfaces import SceneDataset

__all__ = ["Answer", "Studio"]

COMPONENT: Final = "verdict"
"""The component that a page begins with: it needs no encoding, and works on any cube."""

_FAR: Final = 0.2  # radian: a spectrum is no match for one that is farther away
_CARRIED: Final = 3  # clicks of an object that are looked for in the next image
_KINDS: Final[tuple[Kind, ...]] = ("segmenter", "scorer", "classifier")
_PINS: Final = 200
_LARGE: Final = 2**30  # bytes
_SHOWN: Final = 4  # tiles in the answer to a click
_HIGHEST: Final = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a message.

    Parameters
    ----------
    about : dict
        What JSON can hold; ``error`` is there if it was refused.
    data : bytes
    """

    about: dict[str, Any]
    data: bytes = b""


class Studio:
    """Everything behind the clicking page.

    Any number of threads, and of pages, may use one studio; they see the same session.

    Parameters
    ----------
    source, dataset, labels, settings
        What may be opened; see `hsizoo.studio.images.images_of`.
    component : str or component, default "verdict"
        To begin with.
    device, allow_untrained
        As for `hsizoo.Session`.

    Raises
    ------
    HsizooError
        If the first image cannot be opened with the component.

    Examples
    --------
    >>> import numpy as np, hsizoo
    >>> studio = Studio(hsizoo.HyperCube(np.random.default_rng(0).random((5, 6, 4))))
    >>> studio.answer({"do": "add", "name": "leaf"}).about["objects"][0]["name"]
    'leaf'
    >>> studio.answer({"do": "click", "object": "leaf", "row": 9, "col": 0}).about["error"][:33]
    'click (row=9, col=0) is outside t'
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | HyperCube | Scene | None = None,
        *,
        dataset: str | SceneDataset | None = None,
        labels: str | os.PathLike[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        component: Any = COMPONENT,
        device: str = "auto",
        allow_untrained: bool = False,
    ) -> None:
        found = images_of(source, dataset=dataset, labels=labels, settings=settings)
        self._images = {each.name: each for each in found}
        self._how: dict[str, Any] = {"device": device, "allow_untrained": allow_untrained}
        self._lock = threading.RLock()
        self._jobs = Jobs()
        self._library: SpectralLibrary | None = None
        self._opened = 0
        self._open(next(iter(self._images)), component)
        self._actions: dict[str, Callable[[Fields], Answer | None]] = {
            name.removeprefix("_do_"): getattr(self, name)
            for name in dir(type(self))
            if name.startswith("_do_")
        }

    @property
    def desk(self) -> Desk:
        """The open image."""
        return self._desk

    @property
    def jobs(self) -> Jobs:
        """What goes on meanwhile."""
        return self._jobs

    def answer(self, message: Any) -> Answer:
        """Answer a message.

        Parameters
        ----------
        message : mapping
            ``{"do": "click", "object": "leaf", "row": 3, "col": 4, "positive": true}``
        """
        began = time.perf_counter()
        try:
            fields = Fields(message)
            action = self._actions[fields.choice("do", self._actions)]
            found = action(fields)
            if found is None:  # something has changed
                found = Answer(self._state())
            if "objects" in found.about and fields.has("shown"):
                found = self._with_tiles(found, fields)
        except HsizooError as error:
            found = Answer({"error": message_of(error), "kind": type(error).__name__})
        found.about["server_seconds"] = round(time.perf_counter() - began, 5)
        return found

    def _with_tiles(self, answer: Answer, fields: Fields) -> Answer:
        """Add the tiles of the masks that are looked at, so that the page need not ask for them."""
        desk, about, parts = self._desk, answer.about, []
        if not about["ready"] or about["desk"] != self._opened:
            return answer
        told = []
        for each in fields.rows("shown", _SHOWN):
            place = _place(each)
            values, revision = desk.tile("objects", *place)
            if revision == about["revision"]:
                parts.append(values.tobytes())
                told.append({"place": place, "shape": values.shape})
        return Answer({**about, "tiles": told}, b"".join(parts))

    # Images

    def _open(self, name: str, component: Any, carry: Desk | None = None) -> tuple[str, ...]:
        read = self._images[name].read()
        desk = Desk(name, read, component, **self._how)
        remarks: tuple[str, ...] = ()
        if carry is not None:
            remarks = _carried(carry, desk)
        with self._lock:
            self._desk = desk
            self._opened += 1
        self._prepare()
        return remarks

    def _prepare(self) -> None:
        """Let the component see the image, if it has not.

        It begins with the first object if the image is large: until then, disk and processor are
        for looking.
        """
        desk = self._desk
        waits = desk.cube.data.nbytes > _LARGE and not desk.session.objects
        if desk.is_ready or waits:
            return
        name = f"{desk.session.component} looks at {desk.name}"
        with suppress(OptionError):  # it is at it already
            self._jobs.start("prepare", name, desk.prepare)

    def _do_hello(self, fields: Fields) -> Answer:
        return Answer(
            {
                "images": list(self._images), "image": self._desk.describe(),
                "stretches": list(STRETCHES), "masks": list(files.MASKS),
                "libraries": list(files.LIBRARIES),
                "library": self._library_told(), **self._state(),
            }
        )  # fmt: skip

    def _do_components(self, fields: Fields) -> Answer:
        return Answer(dict(self._components))

    def _do_open(self, fields: Fields) -> Answer:
        """Open another image by its name in the list: no path is ever taken from a page."""
        name = fields.choice("image", self._images)
        before = self._desk if fields.flag("carry", False) else None
        remarks = self._open(name, self._desk.session.component, before)
        return Answer({"image": self._desk.describe(), "remarks": remarks, **self._state()})

    def _do_status(self, fields: Fields) -> Answer:
        desk = self._desk
        about: dict[str, Any] = {
            "desk": self._opened, "revision": desk.revision, "ready": desk.is_ready,
            "compared": desk.compared,
        }  # fmt: skip
        overlays = {name: each["revision"] for name, each in desk.state_of_overlays().items()}
        return Answer({**about, "overlays": overlays, "jobs": self._jobs.to_json()})

    def _do_state(self, fields: Fields) -> None:
        """Tell the state as it is."""

    def _state(self) -> dict[str, Any]:
        self._prepare()
        return {"desk": self._opened, **self._desk.state(), "jobs": self._jobs.to_json()}

    @cached_property
    def _components(self) -> dict[str, Any]:
        """What may be chosen: names with a line about each; nothing is imported to find them."""
        from hsizoo.zoo.registry import registry

        return {
            f"{kind}s": [
                {"name": entry.spec.name, "about": entry.spec.summary}
                for entry in registry().entries(kind)
                if not entry.missing
            ]
            for kind in _KINDS
        }

    # Looking

    def _do_tile(self, fields: Fields) -> Answer:
        desk = self._desk
        place = _place(fields)
        layer = fields.text("layer")
        if layer == "image":
            bands = _bands(fields, desk.cube.bands)
            stretch = fields.choice("stretch", STRETCHES, "percentile")
            values, revision = desk.tiles.image(bands, stretch, *place), 0
        else:
            values, revision = desk.tile(layer, *place)
        about = {"shape": list(values.shape), "revision": revision, "desk": self._opened}
        return Answer(about, values.tobytes())

    def _do_basis(self, fields: Fields) -> Answer:
        basis: Basis = self._desk.basis
        values = np.concatenate([basis.mean[None], basis.components])
        about = {"shape": list(values.shape), "errors": basis.errors, "desk": self._opened}
        return Answer(about, values.astype("<f4").tobytes())

    def _do_weights(self, fields: Fields) -> Answer:
        desk = self._desk
        values = desk.basis.tile(desk.cube, *_place(fields))
        about = {"shape": list(values.shape), "desk": self._opened}
        return Answer(about, values.astype("<f2").tobytes())

    def _do_spectrum(self, fields: Fields) -> Answer:
        row, col, radius = _pixel(fields, radius=True)
        found = self._desk.session.spectrum(row, col, radius)
        about: dict[str, Any] = {"row": row, "col": col, "radius": radius, "pixels": found.pixels}
        labels = self._desk.labels
        if labels is not None:
            about["label"] = labels.class_names.get(int(labels.labels[row, col]), "")
        return Answer(about, found.values.astype("<f4").tobytes())

    # Objects and prompts

    def _do_add(self, fields: Fields) -> None:
        self._desk.session.add(fields.text("name") if fields.has("name") else None)

    def _do_rename(self, fields: Fields) -> None:
        self._desk.session.rename(fields.text("object"), fields.text("name"))

    def _do_remove(self, fields: Fields) -> None:
        self._desk.session.remove(fields.text("object"))

    def _do_click(self, fields: Fields) -> None:
        row, col, _ = _pixel(fields)
        self._desk.session.click(fields.text("object"), row, col, fields.flag("positive", True))

    def _do_unclick(self, fields: Fields) -> None:
        self._desk.session.remove_click(fields.text("object"), fields.whole("index", 0, _HIGHEST))

    def _do_move(self, fields: Fields) -> None:
        session, name = self._desk.session, fields.text("object")
        row, col, _ = _pixel(fields)
        rows = session.clicks(name).to_json()
        index = fields.whole("index", 0, max(0, len(rows) - 1))
        if not rows:
            raise OptionError(f"{name} has no click to move")
        rows[index][:2] = [row, col]
        session.set_clicks(name, Clicks.from_json(rows))

    def _do_box(self, fields: Fields) -> Answer:
        corners = fields.pixels("corners", most=2)
        corners = corners.clip(0, [n - 1 for n in self._desk.cube.shape[:2]])
        (top, left), (bottom, right) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        chosen = typical(self._desk.cube, (top, left, bottom, right))
        positive = fields.flag("positive", True)
        return self._with_clicks(fields.text("object"), chosen, positive, "of the box")

    def _do_stroke(self, fields: Fields) -> Answer:
        stroke = fields.pixels("pixels")
        Clicks(stroke).check_inside(*self._desk.cube.shape[:2])
        chosen, positive = along(stroke), fields.flag("positive", True)
        drawn = len(np.unique(stroke, axis=0))
        return self._with_clicks(
            fields.text("object"), chosen, positive, f"of {drawn} drawn pixels"
        )

    def _with_clicks(self, name: str, places: Any, positive: bool, of: str) -> Answer:
        """Add several clicks as one step, but for pixels that are clicked already."""
        session = self._desk.session
        rows = session.clicks(name).to_json()
        taken = {(row, col) for row, col, _ in rows}
        new = [(row, col) for row, col in places.tolist() if (row, col) not in taken]
        session.set_clicks(name, Clicks.from_json([*rows, *([*at, positive] for at in new)]))
        return Answer({**self._state(), "used": f"{len(new)} clicks {of}"})

    def _do_paint(self, fields: Fields) -> Answer:
        name, belongs = fields.text("object"), fields.flag("belongs", True)
        count = self._desk.session.paint(name, fields.pixels("pixels"), belongs)
        return Answer({**self._state(), "used": f"{count} pixels {'' if belongs else 'un'}painted"})

    def _do_undo(self, fields: Fields) -> Answer:
        return Answer({"did": self._desk.session.undo(), **self._state()})

    def _do_redo(self, fields: Fields) -> Answer:
        return Answer({"did": self._desk.session.redo(), **self._state()})

    def _do_threshold(self, fields: Fields) -> None:
        self._desk.session.set_threshold(fields.number("threshold", 0, 1))

    # Components

    def _do_use(self, fields: Fields) -> None:
        desk, component = self._desk, _component(fields, "component")
        self._jobs.start(
            "prepare", f"{component} looks at {desk.name}", partial(desk.use, component)
        )

    def _do_compare(self, fields: Fields) -> None:
        """Show the masks of another component on the same clicks, or no longer."""
        desk = self._desk
        if not fields.has("component"):
            desk.compared = None
            return
        component = _component(fields, "component")

        def work() -> None:
            for name in desk.session.objects:
                desk.session.probability(name, component)
            desk.compared = component

        self._jobs.start("compare", f"{component} looks at {desk.name}", work)

    def _do_similar(self, fields: Fields) -> None:
        """Show how alike all pixels are to the clicks of an object, or to a reference spectrum."""
        desk, scorer = self._desk, _component(fields, "scorer", "sa")
        if fields.has("reference"):
            name, spectrum = self._reference(fields)
            values = _similar_to(desk, scorer, name, spectrum)
        else:
            name = fields.text("object")
            values = desk.session.similarity(name, scorer)
        desk.put_scaled("similarity", values, {"to": name, "by": scorer})

    def _do_hide(self, fields: Fields) -> None:
        self._desk.drop(fields.text("overlay"))

    # Reference spectra

    def _do_library(self, fields: Fields) -> Answer:
        self._library = files.uploaded_library(fields.rows("files", 2))
        return Answer({"library": self._library_told()})

    def _library_told(self) -> dict[str, Any] | None:
        """Return the spectra of the library in the bands of the cube, None where it has none."""
        if self._library is None:
            return None
        names, remarks = list(self._library.names), list(self._library.remarks)
        try:
            fitted = fit_to_cube(self._library, self._desk.cube)
        except DataError as error:
            return {"names": names, "spectra": None, "remarks": [*remarks, str(error)]}
        spectra = np.full((len(names), self._desk.cube.bands), np.nan)
        spectra[:, fitted.bands] = fitted.spectra
        rows = [[v if np.isfinite(v) else None for v in row] for row in spectra.tolist()]
        return {"names": names, "spectra": rows, "remarks": [*remarks, *fitted.remarks]}

    def _reference(self, fields: Fields) -> tuple[str, SpectralLibrary]:
        if self._library is None:
            raise OptionError("there is no library of spectra yet; open one")
        number = fields.whole("reference", 0, len(self._library) - 1)
        name = self._library.names[number]
        one = self._library.spectra[number : number + 1]
        return name, SpectralLibrary([name], one, self._library.wavelengths)

    def _do_reference(self, fields: Fields) -> Answer:
        """Click the pixel that is most like a reference spectrum."""
        name, spectrum = self._reference(fields)
        desk = self._desk
        fitted = fit_to_cube(spectrum, desk.cube)
        ((row, col, angle),) = best_match(desk.cube, fitted.spectra, fitted.bands)
        if angle > _FAR:
            raise DataError(
                f"no pixel is like {name}: the nearest, (row={row}, col={col}), has a spectral "
                f"angle of {angle:.2f} rad, more than {_FAR} rad"
            )
        session, object_ = desk.session, fields.text("object", name)
        if object_ not in session.objects:
            session.add(object_, [(row, col)])
        else:
            session.click(object_, row, col)
        used = f"clicked (row={row}, col={col}), {angle:.3f} rad from {name}"
        return Answer({**self._state(), "used": used, "remarks": list(fitted.remarks)})

    # Few labels

    def _do_classify(self, fields: Fields) -> None:
        """Make a map of classes from clicks and painted pixels."""
        desk, name = self._desk, _component(fields, "classifier")
        state, device = desk.session.state, self._how["device"]

        def work() -> None:
            found = classified(name, desk.cube, state, device)
            desk.classified, desk.labels_used = found, labels_in(state)
            entries = [
                {"name": found.class_names[n], "colour": hex_colour(n)} for n in found.class_names
            ]
            about = {
                "by": name, "labelled": found.labelled, "places": found.places, "classes": entries,
            }  # fmt: skip
            desk.put("classes", np.minimum(found.labels, 255).astype(np.uint8), about)
            desk.put_scaled("uncertainty", found.uncertainty, {"by": name})

        self._jobs.start("classify", f"{name} learns from the labels", work)

    # Files

    def _do_export(self, fields: Fields) -> Answer:
        """Write masks, or the map of classes."""
        desk, ending = self._desk, fields.choice("format", files.MASKS)
        tolerance = fields.number("tolerance", 0, 1000, 0.0)
        what = fields.choice("what", ("objects", "object", "classes"), "objects")
        if what == "classes":
            if desk.classified is None:
                raise OptionError("there is no map of classes yet; classify first")
            found = desk.classified
            done = files.export_labels(
                found.labels, found.class_names, desk.session, ending, tolerance
            )
        else:
            name = fields.text("object") if what == "object" else None
            done = files.export_session(desk.session, ending, name, tolerance)
        return _download(done)

    def _do_picture(self, fields: Fields) -> Answer:
        return _download(files.overlay_picture(self._desk.session, None))

    def _do_save(self, fields: Fields) -> Answer:
        return _download(files.save_session(self._desk.session))

    def _do_load(self, fields: Fields) -> Answer:
        text, name = fields.text("text", longest=2**25), fields.text("name", "the file")
        remarks = files.load_session(self._desk.session, text, name)
        return Answer({**self._state(), "remarks": list(remarks)})

    def _do_spectra(self, fields: Fields) -> Answer:
        """Write pinned spectra as a library."""
        ending = fields.choice("format", files.LIBRARIES, ".csv")
        session, names, spectra = self._desk.session, [], []
        for pin in fields.rows("pins", _PINS):
            names.append(pin.text("name"))
            spectra.append(session.spectrum(*_pixel(pin, radius=True)).values)
        if not names:
            raise OptionError("no spectrum is pinned; pin one first")
        library = SpectralLibrary(names, np.array(spectra), session.cube.wavelengths)
        return _download(files.library_file(library, ending))


def _download(done: files.Download) -> Answer:
    return Answer({"file": done.name, "remarks": list(done.remarks)}, done.content)


def _pixel(fields: Fields, *, radius: bool = False) -> tuple[int, int, int]:
    row, col = (fields.whole(key, 0, _HIGHEST) for key in ("row", "col"))
    return row, col, fields.whole("radius", 0, 100, 0) if radius else 0


def _place(fields: Fields) -> tuple[int, int, int]:
    """Return level, row and column of a tile."""
    row, col = (fields.whole(key, 0, 2**20) for key in ("row", "col"))
    return fields.whole("level", 0, 20), row, col


def _bands(fields: Fields, count: int) -> list[int]:
    value = fields.raw("bands")
    if (
        not isinstance(value, list)
        or len(value) not in (1, 3)
        or not all(type(band) is int and 0 <= band < count for band in value)
    ):
        raise OptionError(f"bands must be one or three numbers from 0 to {count - 1}")
    return value


def _component(fields: Fields, key: str, default: str | None = None) -> str:
    """Return the name of a component; an option may not lead to a file.

    Raises
    ------
    OptionError
    """
    text = fields.text(key, default)
    name, _, options = text.partition(":")
    if any(mark in options for mark in ("/", "\\", "..", "~")) or name.startswith((".", "/")):
        raise OptionError(f"{text!r:.80}: a page may not name files; start hsizoo studio with it")
    return text


def _similar_to(desk: Desk, scorer: str, name: str, spectrum: SpectralLibrary) -> Any:
    """Return the similarity (H, W) of all pixels to a spectrum."""
    from hsizoo.zoo.factory import create
    from hsizoo.zoo.scoring import ScorerSegmenter

    fitted = fit_to_cube(spectrum, desk.cube)
    if len(fitted.bands) != desk.cube.bands:
        raise DataError(
            f"{name} has values in {len(fitted.bands)} of the {desk.cube.bands} bands of "
            f"{desk.cube.name}, so that its map cannot be shown; click the pixel like it instead"
        )
    segmenter = create(scorer, "segmenter")
    if not isinstance(segmenter, ScorerSegmenter):
        raise OptionError(f"{scorer!r} is no scorer, so that it takes no spectrum; try sa or pcc")
    state = segmenter.open(desk.cube)
    return segmenter.predict_spectra(state, fitted.spectra).float().cpu().numpy()


def _carried(before: Desk, after: Desk) -> tuple[str, ...]:
    """Give an image the objects of another: each is clicked where its clicks' spectra recur."""
    remarks: list[str] = []
    after.session.set_threshold(before.session.threshold)
    for each in before.session.state.objects:
        after.session.add(each.name)
        points = each.clicks.points[each.clicks.positive][:_CARRIED]
        if not len(points):
            continue
        spectra = before.cube.data[tuple(points.T)]
        names = [each.name] * len(points)
        try:
            fitted = fit_to_cube(
                SpectralLibrary(names, spectra, before.cube.wavelengths), after.cube
            )
            matches = best_match(after.cube, fitted.spectra, fitted.bands)
        except DataError as error:
            remarks.append(f"{each.name}: {error}")
            continue
        near = {(row, col): angle for row, col, angle in matches if angle <= _FAR}
        after.session.set_clicks(each.name, list(near))
        if near:
            told = ", ".join(f"{angle:.3f}" for angle in near.values())
            remarks.append(f"{each.name}: clicked where its spectra recur, {told} rad from them")
        else:
            angle = min(angle for _, _, angle in matches)
            remarks.append(
                f"{each.name}: no pixel is like its clicks; the nearest is {angle:.2f} rad away"
            )
    return tuple(remarks)
