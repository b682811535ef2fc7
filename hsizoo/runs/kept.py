"""What a cell leaves for pictures: its image, the truth, and the masks that its protocol offers."""

from __future__ import annotations

import base64
import io
import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hsizoo.cube import HyperCube, Scene
from hsizoo.engine.packed import pack_labels, pack_mask, step_of
from hsizoo.io.pseudo_rgb import PseudoRgb

__all__ = ["KeptImages", "KeptMasks"]

_FINE: Final = 2**17  # pixels of an image up to which every value is kept
_QUALITY: Final = 88


class KeptMasks:
    """Collects the masks of one cell; see `hsizoo.interfaces.keeping.keeping`."""

    def __init__(self) -> None:
        self._masks: list[list[str]] = []
        self._shape = (0, 0)

    def add(self, label: str, step: str, mask: Any) -> None:
        """Take in a mask (H, W)."""
        values = np.asarray(mask, dtype=bool)
        if values.ndim == 2:  # the protocol of a plugin may be wrong; its cell is right
            self._shape = values.shape
            thin = step_of(values.shape)
            self._masks.append([label, step, pack_mask(values[::thin, ::thin])])

    def to_json(self) -> dict[str, Any] | None:
        """Return plain values for the log; None if there is no mask."""
        return {"shape": list(self._shape), "masks": self._masks} if self._masks else None


class KeptImages:
    """Makes the image of each scene once; the cells of a scene come together."""

    def __init__(self) -> None:
        self._told: HyperCube | None = None

    def of(self, scene: Scene) -> dict[str, Any] | None:
        """Return plain values for the log: ``shape``, ``picture``, ``truth`` and ``classes``.

        ``truth`` is the label map with -1 where pixels are not evaluated.  None for a scene whose
        image was returned before, since it would travel with every cell, and for one that cannot be
        drawn, which is no reason to lose a finished cell.
        """
        if self._told is scene.cube:
            return None
        self._told = scene.cube
        try:
            return _image(scene)
        except Exception as error:  # noqa: BLE001 (a scene of a plugin may be anything)
            warnings.warn(f"{scene.cube.name} is not drawn: {error}", stacklevel=2)
            return None


def _image(scene: Scene) -> dict[str, Any]:
    shape = scene.cube.data.shape[:2]
    thin = step_of(shape)
    label_map = scene.label_map
    truth = np.where(scene.evaluated, label_map.labels, -1)[::thin, ::thin]
    classes = {str(label): label_map.class_names[label] for label in sorted(label_map.targets)}
    return {
        "shape": list(shape),
        "picture": base64.b64encode(_file(_rendered(scene.cube, thin))).decode(),
        "truth": pack_labels(truth),
        "classes": classes,
    }


def _rendered(cube: HyperCube, thin: int) -> npt.NDArray[np.uint8]:
    if thin == 1:
        return PseudoRgb().render(cube)
    bands = list(PseudoRgb().bands(cube))  # a cube larger than memory is not copied whole
    return PseudoRgb().render(HyperCube(cube.data[::thin, ::thin, bands], rgb_bands=(0, 1, 2)))


def _file(image: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    small = image.shape[0] * image.shape[1] <= _FINE
    Image.fromarray(image).save(file, "PNG" if small else "JPEG", quality=_QUALITY)
    return file.getvalue()
