"""Images with what was given on them, and with the masks that came of it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.engine.mask_log import image_key
from hsizoo.engine.packed import thinned, unpack_labels, unpack_mask
from hsizoo.interfaces import Overlay, Protocol, Record
from hsizoo.io.palette import class_colours

__all__ = [
    "FOUND",
    "MISSED",
    "WRONG",
    "Kept",
    "KeptScene",
    "Shown",
    "classes_shown",
    "coloured",
    "data_uri",
    "hex_colour",
    "png",
    "shown_of",
]

Kept = Callable[[str], Mapping[str, Any] | None]
"""Looks up what a run folder keeps under a key; see `hsizoo.engine.mask_log`."""

FOUND: Final = (0, 114, 178)
"""Colour of the pixels of the object that a mask has."""
WRONG: Final = (213, 94, 0)
"""Colour of the pixels that a mask has beside the object."""
MISSED: Final = (240, 228, 66)
"""Colour of the pixels of the object that a mask lacks."""

_OPAQUE: Final = 165  # of 255
_LARGEST: Final = 2**28  # pixels of an image that a log may tell of


@dataclass(frozen=True)
class KeptScene:
    """The image of a scene, and its truth.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the scene; image and truth may have fewer pixels.
    file : bytes
        The image as a PNG or JPEG file.
    truth : ndarray of int32, shape (h, w)
        Label map; -1 where pixels are not evaluated.
    classes : dict of int to str
        Names of the classes.
    """

    shape: tuple[int, int]
    file: bytes
    truth: npt.NDArray[np.int32]
    classes: dict[int, str]

    @classmethod
    def of(cls, content: Mapping[str, Any] | None) -> KeptScene | None:
        """Read it from a line of the log; None if there is none, or it is damaged."""
        try:
            if content is None:
                return None
            shape = _shape(content)
            return cls(
                shape,
                base64.b64decode(content["picture"]),
                unpack_labels(content["truth"], thinned(shape)),
                {int(label): str(name) for label, name in content["classes"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the image, (h, w, 3)."""
        from PIL import Image

        return np.asarray(Image.open(io.BytesIO(self.file)).convert("RGB"))

    def mime(self) -> str:
        """Return the kind of the image's file."""
        return "image/png" if self.file.startswith(b"\x89PNG") else "image/jpeg"


@dataclass(frozen=True)
class Shown:
    """All that can be shown of one observation.

    Parameters
    ----------
    overlay : Overlay
    scene : KeptScene or None
    masks : list of (str, ndarray of bool, shape (h, w))
        Step and mask, in order.
    target : ndarray of bool, shape (h, w), or None
        The object, if it is one class and the truth was kept.
    """

    overlay: Overlay
    scene: KeptScene | None
    masks: list[tuple[str, npt.NDArray[np.bool_]]]
    target: npt.NDArray[np.bool_] | None

    @property
    def has_answer(self) -> bool:
        """Whether there is something that a component made, on an image."""
        return self.scene is not None and (bool(self.masks) or self.overlay.labels is not None)


def shown_of(protocol: type[Protocol], record: Record, label: Any, kept: Kept) -> Shown:
    """Collect what can be shown of an observation of a finished cell.

    Parameters
    ----------
    protocol : type of Protocol
    record : mapping
    label : hashable
        Label of the observation.
    kept : callable
    """
    try:
        overlay = protocol.overlays(record).get(str(label), Overlay())
    except Exception:  # noqa: BLE001 (what a plugin makes of a record costs the prompts only)
        overlay = Overlay()
    scene = KeptScene.of(kept(image_key(record["identity"])))
    masks = list(_masks(kept(str(record.get("key", ""))), str(label)))
    if scene is not None:
        masks = [each for each in masks if each[1].shape == scene.truth.shape]
    target = None
    if scene is not None and isinstance(label, int):
        target = scene.truth == label
    return Shown(overlay, scene, masks, target)


def _masks(
    content: Mapping[str, Any] | None, label: str
) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    try:
        if content is None:
            return []
        shape = thinned(_shape(content))
        return [
            (str(step), unpack_mask(text, shape))
            for name, step, text in content["masks"]
            if name == label
        ]
    except (KeyError, TypeError, ValueError):
        return []


def _shape(content: Mapping[str, Any]) -> tuple[int, int]:
    height, width = (int(each) for each in content["shape"])
    if height < 1 or width < 1 or height * width > _LARGEST:
        raise ValueError(f"no shape of an image: {height}, {width}")
    return height, width


def coloured(
    mask: npt.NDArray[np.bool_], target: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.uint8]:
    """Return a mask as a transparent layer (h, w, 4): found, wrong and missed pixels."""
    layer = np.zeros((*mask.shape, 4), dtype=np.uint8)
    inside = np.ones_like(mask) if target is None else target
    for where, colour in ((mask & inside, FOUND), (mask & ~inside, WRONG)):
        layer[where] = (*colour, _OPAQUE)
    if target is not None:
        layer[target & ~mask] = (*MISSED, _OPAQUE)
    return layer


def classes_shown(
    labels: npt.NDArray[np.integer[Any]], classes: Mapping[int, str]
) -> npt.NDArray[np.uint8]:
    """Return a map of classes as an image (h, w, 3); what is no class is black."""
    colours = class_colours(max([0, *classes]) + 1)
    return colours[np.where(np.isin(labels, list(classes)), labels, 0)]


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode an image (h, w, 3 or 4) of few colours as a small PNG file."""
    from PIL import Image

    file = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if pixels.shape[2] == 4:
        image = image.quantize(8, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Return a file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def hex_colour(colour: Sequence[int]) -> str:
    """Return a colour as pages write it.

    Examples
    --------
    >>> hex_colour((0, 114, 178))
    '#0072b2'
    """
    return "#" + "".join(f"{each:02x}" for each in colour)
