"""SAM 2.1 for hyperspectral images, based on Meta's ``sam2`` package.

The names below are the API for other plugins; they are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsizoo_sam2.decoding import Decoded, Projection, Prompts
    from hsizoo_sam2.identity import file_weights
    from hsizoo_sam2.network import Sam2Network, build_network
    from hsizoo_sam2.options import (
        FineTunedOptions,
        PictureOptions,
        PromptedOptions,
        Sam21Options,
        SizeName,
    )
    from hsizoo_sam2.prompted import PromptedNetwork, working_precision
    from hsizoo_sam2.resizing import resize
    from hsizoo_sam2.sam21 import PromptedSam, Sam21, Sam21Image
    from hsizoo_sam2.sam21_ft import Sam21FineTuned
    from hsizoo_sam2.sizes import SIZES

_MODULES = {
    "Decoded": "hsizoo_sam2.decoding",
    "FineTunedOptions": "hsizoo_sam2.options",
    "PictureOptions": "hsizoo_sam2.options",
    "Projection": "hsizoo_sam2.decoding",
    "PromptedNetwork": "hsizoo_sam2.prompted",
    "PromptedOptions": "hsizoo_sam2.options",
    "PromptedSam": "hsizoo_sam2.sam21",
    "Prompts": "hsizoo_sam2.decoding",
    "SIZES": "hsizoo_sam2.sizes",
    "Sam21": "hsizoo_sam2.sam21",
    "Sam21FineTuned": "hsizoo_sam2.sam21_ft",
    "Sam21Image": "hsizoo_sam2.sam21",
    "Sam21Options": "hsizoo_sam2.options",
    "Sam2Network": "hsizoo_sam2.network",
    "SizeName": "hsizoo_sam2.options",
    "build_network": "hsizoo_sam2.network",
    "file_weights": "hsizoo_sam2.identity",
    "resize": "hsizoo_sam2.resizing",
    "working_precision": "hsizoo_sam2.prompted",
}

__all__ = [
    "SIZES",
    "Decoded",
    "FineTunedOptions",
    "PictureOptions",
    "Projection",
    "PromptedNetwork",
    "PromptedOptions",
    "PromptedSam",
    "Prompts",
    "Sam2Network",
    "Sam21",
    "Sam21FineTuned",
    "Sam21Image",
    "Sam21Options",
    "SizeName",
    "build_network",
    "file_weights",
    "resize",
    "working_precision",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value
