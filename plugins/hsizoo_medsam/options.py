"""Options of the Medical SAM Adapter; does not import NumPy or torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hsizoo_sam2 import PictureOptions, PromptedOptions

from hsizoo.errors import OptionError

__all__ = ["AdapterInit", "Backbone", "MedSamAdapterOptions", "SamOptions", "SizeName"]

SizeName = Literal["vit-b", "vit-l", "vit-h"]

Backbone = Literal[
    "sam-vit-b", "sam2.1-nano", "sam2.1-tiny", "sam2.1-small", "sam2.1-base-plus", "sam2.1-large"
]
AdapterInit = Literal["default", "zero"]


@dataclass(frozen=True, kw_only=True)
class MedSamAdapterOptions(PictureOptions):
    """Options of `hsizoo_medsam.medsam_adapter.MedSamAdapter`.

    Parameters
    ----------
    backbone : str, default "sam-vit-b"
        Backbone.  ``sam-vit-b``: that of the original.  INFERRED: the row "MedSAM-Adapter" in the
        table of SAMSA 2.0 names none.  ``sam2.1-nano|tiny|small|base-plus|large``: the same
        adapters in every block of SAM 2.1's Hiera, trained with SAM 2.1's mask decoder; specific
        to hsizoo, not described in any paper.
    checkpoint : str, default "auto"
        Weights of the backbone.  ``auto``: Meta's file (``sam_vit_b_01ec64.pth`` for SAM) in
        ``HSIZOO_HOME/weights``.  A path: a file in the same layout.  ``random``: random weights
        from a fixed seed; an offline smoke test of training and benchmarks, and for timing.
        Nothing is downloaded, and results mean nothing.
    image_size : int or none, default none
        Side of SAM's square input in pixels, a multiple of 16; the longest side of the image is
        scaled to it.  ``none`` is 1024.  INFERRED: the instructions of the original train at 1024,
        its code defaults to 256.  For other sizes than 1024, SAM's position tables are
        interpolated.  SAM 2.1 supports only its own size.
    adapter_ratio : float, default 0.25
        Width of the adapters' bottleneck, relative to the width of the tokens.
    adapter_scale : float, default 0.5
        Scale of the MLP adapter's output.
    adapter_init : {"default", "zero"}, default "default"
        Initial weights of the adapters.  INFERRED: the original uses PyTorch's defaults, which is
        ``default``; with ``zero``, training starts from SAM's own output.
    seed : int or none, default none
        Seed of the adapters' initial weights; ``none`` uses torch's seed, which `hsizoo train`
        sets.
    precision : {"auto", "float32", "bfloat16", "float16"}, default "auto"
        Precision of encoder and decoder; prompts are always embedded in float32.  ``auto`` is
        bfloat16 on CUDA and float32 elsewhere.

    Raises
    ------
    OptionError
        If `adapter_ratio` is not positive and finite, or `image_size` is not a positive multiple
        of 16 (SAM only).
    """

    backbone: Backbone = "sam-vit-b"
    checkpoint: str = "auto"
    image_size: int | None = None
    adapter_ratio: float = 0.25
    adapter_scale: float = 0.5
    adapter_init: AdapterInit = "default"
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.adapter_ratio < float("inf"):
            raise OptionError(f"adapter_ratio={self.adapter_ratio}: must be positive and finite")
        side = self.image_size
        if self.backbone == "sam-vit-b" and side is not None and (side < 16 or side % 16):
            raise OptionError(f"image_size={side}: must be a positive multiple of 16")


@dataclass(frozen=True, kw_only=True)
class SamOptions(PromptedOptions):
    """Options of `hsizoo_medsam.sam_vit.SamVit`.

    Parameters
    ----------
    size : {"vit-b", "vit-l", "vit-h"}, default "vit-b"
        Size of the image encoder.
    checkpoint : str, default "auto"
        Weights.  ``auto``: Meta's file (such as ``sam_vit_b_01ec64.pth``) in
        ``HSIZOO_HOME/weights``, downloaded if needed.  A path: a file in the same layout.
        ``random``: random weights from a fixed seed; for smoke tests and timing.  Nothing is
        downloaded, and results mean nothing.

    Raises
    ------
    OptionError
        If the size is unknown.
    """

    size: SizeName = "vit-b"
    checkpoint: str = "auto"

    def __post_init__(self) -> None:
        if self.size not in get_args(SizeName):
            raise OptionError(
                f"size={self.size!r}: expected one of {', '.join(get_args(SizeName))}"
            )
