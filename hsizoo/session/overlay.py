"""Pictures of masks and clicks over the pseudo-RGB image of a cube, drawn with Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube
from hsizoo.io.palette import class_colours
from hsizoo.io.pseudo_rgb import PseudoRgb

if TYPE_CHECKING:
    from PIL import ImageDraw

__all__ = ["draw_overlay"]

_WISHED: Final = 720  # pixels of the longer side: small images are enlarged by a whole number
_MOST: Final = 12
_TINT: Final = 0.35  # share of the class colour inside a mask
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def draw_overlay(
    cube: HyperCube,
    masks: Sequence[npt.NDArray[np.bool_]],
    clicks: Sequence[Clicks],
) -> bytes:
    """Draw masks, with outlines, and clicks over the image.

    Parameters
    ----------
    cube : HyperCube
        Its pseudo-RGB image is the ground.
    masks : sequence of ndarray of bool, shape (H, W)
        Object n has the colour of label n + 1.
    clicks : sequence of Clicks
        Of the same objects: a filled circle for a positive click, a cross for a negative one.

    Returns
    -------
    bytes
        A PNG file; an image of few pixels is enlarged.
    """
    from PIL import Image, ImageDraw

    image = PseudoRgb().render(cube).astype(np.float32)
    colours = class_colours(len(masks) + 1)[1:]
    for mask, colour in zip(masks, colours, strict=True):
        image[mask] += _TINT * (colour - image[mask])
    times = max(1, min(_MOST, _WISHED // max(image.shape[:2])))
    enlarged = np.rint(image).astype(np.uint8).repeat(times, axis=0).repeat(times, axis=1)
    for mask, colour in zip(masks, colours, strict=True):
        enlarged[_outline(mask, times)] = colour
    picture = Image.fromarray(enlarged)
    draw = ImageDraw.Draw(picture)
    size = max(3, times // 2 + 2)
    for each, colour in zip(clicks, colours, strict=True):
        for row, col, positive in each:
            x, y = (col + 0.5) * times, (row + 0.5) * times
            _mark(draw, x, y, size, tuple(colour.tolist()) if positive else None)
    content = io.BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()


def _outline(mask: npt.NDArray[np.bool_], times: int) -> npt.NDArray[np.bool_]:
    """Return the inner edge of an enlarged mask, one to two pixels wide."""
    large = mask.repeat(times, axis=0).repeat(times, axis=1)
    inner = large.copy()
    for _ in range(1 if times < 4 else 2):
        padded = np.pad(inner, 1)
        inner &= padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: npt.NDArray[np.bool_] = large & ~inner
    return edge


def _mark(draw: ImageDraw.ImageDraw, x: float, y: float, size: int, colour: Any) -> None:
    """Draw a circle of the given colour, or a cross; each with a dark rim, to be seen anywhere."""
    if colour is not None:
        draw.ellipse((x - size - 1, y - size - 1, x + size + 1, y + size + 1), fill=_BLACK)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=_WHITE)
        draw.ellipse((x - size + 2, y - size + 2, x + size - 2, y + size - 2), fill=colour)
        return
    for width, shade in ((4, _BLACK), (2, _WHITE)):
        draw.line((x - size, y - size, x + size, y + size), fill=shade, width=width)
        draw.line((x - size, y + size, x + size, y - size), fill=shade, width=width)
