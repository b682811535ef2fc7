"""Options of SAM 2.1 and of models built on it; does not import NumPy or torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hsizoo.errors import OptionError

__all__ = [
    "PHOTOS",
    "FineTunedOptions",
    "Multimask",
    "PictureOptions",
    "Precision",
    "PromptedOptions",
    "Rgb",
    "Sam21Options",
    "SizeName",
    "Stretch",
    "hugging_face",
    "meant",
]

SizeName = Literal["nano", "tiny", "small", "base-plus", "large"]
Rgb = Literal["auto", "bands", "wavelength", "tivita", "even"]
Stretch = Literal["percentile", "range", "reflectance"]
Multimask = Literal["auto", "single", "best"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

PHOTOS = "photos"
"""The checkpoint of ``nano`` that also learnt from photographs."""


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """Options shared by all SAM variants: pseudo-RGB image and precision.

    Parameters
    ----------
    rgb : {"auto", "bands", "wavelength", "tivita", "even"}, default "auto"
        Bands of the pseudo-RGB image: those that the dataset defines, those nearest to the
        wavelengths of red, green and blue, the Tivita camera's formula, or evenly spaced ones.
        ``auto`` uses the first of ``bands``, ``wavelength``, ``even`` that the cube supports.
        INFERRED: the papers say "fixed band selection" and name no bands.
    stretch : {"percentile", "range", "reflectance"}, default "percentile"
        Range of each band that is scaled to 8 bits: 1st to 99th percentile, lowest to highest
        value, or 0 to 1.  INFERRED: the papers do not say; percentiles are robust to a few very
        bright pixels.
    precision : {"auto", "float32", "bfloat16", "float16"}, default "auto"
        Precision of SAM's encoder and decoder.  ``auto`` is bfloat16 on CUDA and float32
        elsewhere.  INFERRED: the papers do not say.
    """

    rgb: Rgb = "auto"
    stretch: Stretch = "percentile"
    precision: Precision = "auto"


@dataclass(frozen=True, kw_only=True)
class PromptedOptions(PictureOptions):
    """Options of every SAM prompted by clicks.

    Parameters
    ----------
    red_nm, green_nm, blue_nm : float, default 640, 550, 460
        Wavelength in nanometres for ``rgb=wavelength``.  INFERRED: the centre of the colour.
    multimask : {"auto", "single", "best"}, default "auto"
        Which of the decoder's four masks is used.  ``single``: the single mask.  ``best``: the
        one of the other three with the highest predicted quality.  ``auto``: ``best`` for one
        click, ``single`` for two or more.  INFERRED: the paper does not say; ``auto`` matches the
        training of sam2, and Meta's advice for the first SAM.
    """

    red_nm: float = 640.0
    green_nm: float = 550.0
    blue_nm: float = 460.0
    multimask: Multimask = "auto"


@dataclass(frozen=True, kw_only=True)
class Sam21Options(PromptedOptions):
    """Options of `hsizoo_sam2.Sam21`.

    Parameters
    ----------
    size : {"nano", "tiny", "small", "base-plus", "large"}, default "tiny"
        Size of SAM 2.1.  ``nano`` is specific to hsizoo: the same modules with a small Hiera,
        half the feature width and a 256-pixel input.
    channels_last : bool, default False
        Whether the encoder's convolutions use the channels-last memory layout; affects speed
        only.
    compile : bool, default False
        Whether to compile the encoder with ``torch.compile`` at the first image.
    checkpoint : str, default "auto"
        Initial weights of SAM 2.1.  ``auto``: Meta's file in HSIZOO_HOME, downloaded if needed;
        for ``nano`` the weights packaged with hsizoo, or random weights if there are none.
        ``photos``, for ``nano`` only: packaged weights that went on learning with photographs
        beside the computed images.  A path: that file.  ``random``: random weights from a fixed
        seed; an offline smoke test of training and benchmarks, and for timing.  Nothing is
        downloaded, and results mean nothing.
        Meta's Hugging Face name of the size (``facebook/sam2.1-hiera-small``) is equivalent to
        ``auto``.

    Raises
    ------
    OptionError
        If the size is unknown, or `checkpoint` is meant for another size.
    """

    size: SizeName = "tiny"
    channels_last: bool = False
    compile: bool = False
    checkpoint: str = "auto"

    def __post_init__(self) -> None:
        if self.size not in get_args(SizeName):
            raise OptionError(
                f"size={self.size!r}: expected one of {', '.join(get_args(SizeName))}"
            )
        meant(self.size, self.checkpoint)


@dataclass(frozen=True, kw_only=True)
class FineTunedOptions(Sam21Options):
    """Options of `hsizoo_sam2.Sam21FineTuned`: those of SAM 2.1 with one other default.

    Parameters
    ----------
    multimask : {"auto", "single", "best"}, default "single"
        Which of the decoder's four masks is used.  INFERRED: the paper does not say.  ``single``
        trains one mask for any number of clicks; ``auto`` and ``best`` train the one of the other
        three with the highest predicted quality (``auto`` for one click only).
    """

    multimask: Multimask = "single"


def hugging_face(size: str) -> str:
    """Meta's Hugging Face name of a size; ``nano`` has none, as it is not Meta's."""
    return f"facebook/sam2.1-hiera-{size}"


def meant(size: str, checkpoint: str) -> str:
    """Return ``auto`` for the Hugging Face name of this size, else `checkpoint` unchanged.

    Raises
    ------
    OptionError
        If `checkpoint` is the Hugging Face name of another size, or ``photos`` and the size is
        not ``nano``.

    Examples
    --------
    >>> meant("small", "facebook/sam2.1-hiera-small")
    'auto'
    """
    if checkpoint == PHOTOS and size != "nano":
        raise OptionError(f"checkpoint={PHOTOS} is of size=nano, but size={size} was requested")
    named = {hugging_face(name): name for name in get_args(SizeName) if name != "nano"}
    if checkpoint not in named:
        return checkpoint
    if named[checkpoint] != size:
        raise OptionError(
            f"checkpoint={checkpoint} is SAM 2.1 {named[checkpoint]}, but size={size} was requested"
        )
    return "auto"
