"""`Desk`: one open image with its session, and what is shown of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube
from hsizoo.errors import HsizooError, OptionError
from hsizoo.io import class_colours
from hsizoo.io.place import place_of
from hsizoo.io.raster import usable_bands
from hsizoo.protocols.mask_metrics import dice
from hsizoo.session import Session
from hsizoo.studio.basis import Basis, make_basis
from hsizoo.studio.labelling import labels_in
from hsizoo.studio.tiles import TILE, Tiles, cut

if TYPE_CHECKING:
    from hsizoo.studio.images import Read
    from hsizoo.studio.labelling import Classified

__all__ = ["Desk", "Overlay", "hex_colour"]

_MOST_SHOWN: Final = 255
_BINS: Final = 64
_EVALUATED: Final = 2**24  # pixels: Dice of larger images is not computed at every click

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Overlay:
    """A map that lies over the image.

    Parameters
    ----------
    values : ndarray of uint8, shape (H, W)
    revision : int
        Another one for other values.
    about : dict
        What the page tells of it.
    """

    values: Bytes
    revision: int
    about: dict[str, Any]


class Desk:
    """One open image.

    Parameters
    ----------
    name : str
    read : Read
    component : str
    device, allow_untrained
        As for `Session`.
    """

    def __init__(
        self,
        name: str,
        read: Read,
        component: Any,
        *,
        device: str = "auto",
        allow_untrained: bool = False,
    ) -> None:
        self.name = name
        self.session = Session(
            read.source, component, device=device, allow_untrained=allow_untrained
        )
        self.labels = read.labels
        self.remarks = (*self.session.remarks, *read.remarks)
        self.tiles = Tiles(self.session.cube)
        self.compared: str | None = None
        self.classified: Classified | None = None
        self.labels_used: dict[int, tuple[str, bytes, bytes]] | None = None
        self._ready: set[str] = set()
        self._lock = threading.RLock()
        self._state: Any = None
        self._changes = 0
        self._maps: dict[str, Overlay] = {}
        self._kept: dict[str, Overlay] = {}

    @property
    def cube(self) -> HyperCube:
        """The image."""
        return self.session.cube

    # What the page must know once

    def describe(self) -> dict[str, Any]:
        """Return what does not change while the image is open."""
        cube, (height, width, bands) = self.cube, self.cube.shape
        nm = cube.wavelengths
        place, crs = self._place
        truth = self.labels
        return {
            "name": self.name, "height": height, "width": width, "bands": bands,
            "wavelengths": None if nm is None else nm.tolist(),
            "left_out": self._left_out, "rgb": list(self.tiles.rgb_bands), "tile": TILE,
            "levels": self.tiles.levels, "place": place, "crs": crs,
            "remarks": list(self.remarks),
            "classes": [] if truth is None else [
                {"name": truth.class_names[label], "colour": hex_colour(label)}
                for label in sorted(truth.targets)[: _MOST_SHOWN]
            ],
        }  # fmt: skip

    @cached_property
    def basis(self) -> Basis:
        """The principal components."""
        with self._lock:
            return make_basis(self.cube, self.tiles)

    @cached_property
    def _place(self) -> tuple[list[float] | None, str]:
        """Return the six numbers from (col, row) to the map, and the name of its coordinates."""
        if self.session.raster is None:
            return None, ""
        try:
            place = place_of(self.session.raster)
        except HsizooError:  # rasterio is not installed, or the georeference cannot be used
            return None, ""
        if place is None:
            return None, ""
        crs = "" if place.crs is None else str(place.crs.to_string())
        return [float(each) for each in tuple(place.transform)[:6]], f"{crs:.60}"

    @cached_property
    def _left_out(self) -> list[float]:
        """Where bands are left out: wavelengths, or their places among all bands."""
        raster = self.session.raster
        if raster is None or raster.values.ndim != 3:
            return []
        used = set(usable_bands(raster)[0].tolist())
        gone = [band for band in range(raster.values.shape[2]) if band not in used]
        if raster.wavelengths is None or self.cube.wavelengths is None:
            return []
        return [float(raster.wavelengths[band]) for band in gone]

    # What changes

    @property
    def revision(self) -> int:
        """Grows with every change of the session."""
        with self._lock:
            if self.session.state is not self._state:
                self._state = self.session.state
                self._changes += 1
            return self._changes

    @property
    def is_ready(self) -> bool:
        """Whether the component has seen the image, so that a click is quick."""
        return self.session.component in self._ready

    def prepare(self) -> None:
        """Let the component see the image."""
        component = self.session.component
        self.session.prepare()
        self._ready.add(component)

    def use(self, component: str) -> None:
        """Switch to another component."""
        self.session.use(component)
        self._ready.add(component)

    def state(self) -> dict[str, Any]:
        """Return everything that the page shows of the session."""
        session, began = self.session, time.perf_counter()
        state, revision, ready = session.state, self.revision, self.is_ready
        objects = []
        for number, each in enumerate(state.objects, start=1):
            about: dict[str, Any] = {
                "name": each.name, "colour": hex_colour(number), "clicks": each.clicks.to_json(),
                "added": len(each.painted.added), "removed": len(each.painted.removed),
            }  # fmt: skip
            if ready:
                about |= self._measured(each.name)
            objects.append(about)
        return {
            "revision": revision, "ready": ready, "component": state.component,
            "threshold": state.threshold, "objects": objects, "compared": self.compared,
            "can_undo": session.can_undo, "can_redo": session.can_redo,
            "overlays": self.state_of_overlays(),
            "seconds": round(time.perf_counter() - began, 4),
        }  # fmt: skip

    def state_of_overlays(self) -> dict[str, dict[str, Any]]:
        """Return what the page tells of each map that `put` was given."""
        kept = list(self._maps.items())
        told = {name: {"revision": each.revision, **each.about} for name, each in kept}
        if "classes" in told:
            told["classes"]["outdated"] = labels_in(self.session.state) != self.labels_used
        return told

    def _measured(self, name: str) -> dict[str, Any]:
        """Return the size of a mask, its Dice, and advice."""
        mask = self.session.mask(name)
        about: dict[str, Any] = {
            "pixels": int(mask.sum()), "advice": self.session.advice(name),
        }  # fmt: skip
        clicks = self.session.clicks(name)
        if self.labels is None or not clicks.positive.any() or mask.size > _EVALUATED:
            return about
        row, col = clicks.points[clicks.positive][0].tolist()
        label = int(self.labels.labels[row, col])
        if label in self.labels.targets:
            target = self.labels.labels == label
            evaluated = self.labels.evaluated & self.cube.valid
            about["dice"] = round(dice(mask, target & evaluated, evaluated), 4)
            about["dice_of"] = self.labels.class_names[label]
        return about

    # Maps over the image

    def overlay(self, name: str) -> Overlay:
        """Return a map over the image.

        Parameters
        ----------
        name : str
            ``objects``, ``compared``, ``truth``, or one that `put` was given.

        Raises
        ------
        OptionError
            If there is none.
        """
        if name == "truth" and self.labels is not None:
            return self._truth
        if name == "objects" and self.is_ready:
            return self._of_objects(name, None)
        if name == "compared" and self.compared is not None:
            return self._of_objects(name, self.compared)
        found = self._maps.get(name)
        if found is None:
            raise OptionError(f"there is no map {name!r} to show yet")
        return found

    def put(self, name: str, values: Bytes, about: Mapping[str, Any]) -> None:
        """Keep a map."""
        with self._lock:
            earlier = self._maps.get(name)
            number = 1 if earlier is None else earlier.revision + 1
            self._maps[name] = Overlay(values, number, dict(about))

    def put_scaled(
        self, name: str, values: npt.NDArray[np.float32], about: Mapping[str, Any]
    ) -> None:
        """Keep a map of numbers in 255 steps from the lowest to the highest, with a histogram.

        Pixels without data are 0, and so is nothing else.
        """
        valid = self.cube.valid
        inside = values[valid]
        low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
        scaled = np.zeros(values.shape, dtype=np.uint8)
        steps = (inside.astype(np.float64) - low) * (254 / ((high - low) or 1.0))
        scaled[valid] = 1 + np.rint(steps).astype(np.uint8)
        counts = np.histogram(inside, bins=_BINS, range=(low, high if high > low else low + 1))[0]
        more = {"low": low, "high": high, "histogram": counts.tolist()}
        self.put(name, scaled, {**about, **more})

    def drop(self, name: str) -> None:
        """Forget a map."""
        with self._lock:
            self._maps.pop(name, None)

    def tile(self, name: str, level: int, row: int, col: int) -> tuple[Bytes, int]:
        """Return a tile of a map, and the map's revision."""
        found = self.overlay(name)
        return np.ascontiguousarray(cut(found.values, level, row, col)), found.revision

    @cached_property
    def _truth(self) -> Overlay:
        assert self.labels is not None
        values = np.zeros(self.labels.labels.shape, dtype=np.uint8)
        for number, label in enumerate(sorted(self.labels.targets)[:_MOST_SHOWN], start=1):
            values[self.labels.labels == label] = number
        return Overlay(values, 1, {})

    def _of_objects(self, name: str, component: str | None) -> Overlay:
        """Return the map of all objects, made anew if the session has changed."""
        with self._lock:
            revision = self.revision
            kept = self._kept.get(name)
            if kept is not None and kept.revision == revision and kept.about["by"] == component:
                return kept
            labels = self.session.label_map(component).labels
            values = np.minimum(labels, _MOST_SHOWN).astype(np.uint8)
            self._kept[name] = Overlay(values, revision, {"by": component})
            return self._kept[name]


def hex_colour(number: int) -> str:
    """Return the colour of a label as ``#rrggbb``."""
    return "#" + bytes(class_colours(number + 1)[number].tolist()).hex()
