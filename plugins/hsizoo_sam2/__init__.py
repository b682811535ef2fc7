"""SAM 2.1 on hyperspectral images, on Meta's own ``sam2`` package.

What other plugins may use is listed below and imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsizoo_sam2.decoding import Projection
    from hsizoo_sam2.identity import file_weights
    from hsizoo_sam2.network import Precision, Sam2Network, build_network
    from hsizoo_sam2.pseudo_rgb import PseudoRgb, Rgb, Stretch
    from hsizoo_sam2.resizing import resize
    from hsizoo_sam2.sam21 import Multimask, Sam21, Sam21Image
    from hsizoo_sam2.sam21_ft import Sam21FineTuned
    from hsizoo_sam2.sizes import SIZES, SizeName

_WHERE = {
    "Multimask": "hsizoo_sam2.sam21",
    "Precision": "hsizoo_sam2.network",
    "Projection": "hsizoo_sam2.decoding",
    "PseudoRgb": "hsizoo_sam2.pseudo_rgb",
    "Rgb": "hsizoo_sam2.pseudo_rgb",
    "SIZES": "hsizoo_sam2.sizes",
    "Sam21": "hsizoo_sam2.sam21",
    "Sam21FineTuned": "hsizoo_sam2.sam21_ft",
    "Sam21Image": "hsizoo_sam2.sam21",
    "Sam2Network": "hsizoo_sam2.network",
    "SizeName": "hsizoo_sam2.sizes",
    "Stretch": "hsizoo_sam2.pseudo_rgb",
    "build_network": "hsizoo_sam2.network",
    "file_weights": "hsizoo_sam2.identity",
    "resize": "hsizoo_sam2.resizing",
}

__all__ = [
    "SIZES",
    "Multimask",
    "Precision",
    "Projection",
    "PseudoRgb",
    "Rgb",
    "Sam2Network",
    "Sam21",
    "Sam21FineTuned",
    "Sam21Image",
    "SizeName",
    "Stretch",
    "build_network",
    "file_weights",
    "resize",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHERE[name]), name)
    return value
