"""Components of this package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hsizoo

HSIZOO_API = 1

_PAPER = "Ravi et al., SAM 2, arXiv:2408.00714; on hyperspectral data: arXiv:2508.00493, 3.3"
_META = "Meta's checkpoint (Apache-2.0), by SHA-256; downloaded to HSIZOO_HOME/weights"
_NANO = "packaged with hsizoo, if included; random otherwise"
_NEEDS: dict[str, Any] = {
    "kind": "segmenter",
    "requires": ("sam2", "hydra", "omegaconf"),
    "install": "SAM2_BUILD_CUDA=0 pip install sam2",
}


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the specs of SAM 2.1, frozen and fine-tuned, in every size."""
    for size in ("nano", "tiny", "small", "base-plus", "large"):
        ours = " (hsizoo's own small size)" if size == "nano" else ""
        for name, target, options, how, packaged in (
            (
                f"sam2.1-{size}",
                "sam21:Sam21",
                "Sam21Options",
                "frozen",
                f"{size}.safetensors",
            ),
            (
                f"sam2.1-{size}-ft",
                "sam21_ft:Sam21FineTuned",
                "FineTunedOptions",
                "fine-tuned",
                f"sam2.1-{size}-ft",
            ),
        ):
            yield hsizoo.ComponentSpec(
                **_NEEDS,
                name=name,
                target=f"hsizoo_sam2.{target}",
                summary=f"SAM 2.1 {size}{ours} on a pseudo-RGB image, {how}",
                options={"size": size},
                options_type=f"hsizoo_sam2.options:{options}",
                paper=_PAPER,
                weights=_NANO if size == "nano" else _META,
                packaged=f"hsizoo_sam2:weights/{packaged}" if size == "nano" else "",
            )
    yield hsizoo.ComponentSpec(
        **_NEEDS,
        name="sam2.1-nano-photos",
        target="hsizoo_sam2.sam21:Sam21",
        summary="SAM 2.1 nano that also learnt from photographs: nuclei, aerial, everyday; frozen",
        options={"size": "nano", "checkpoint": "photos"},
        options_type="hsizoo_sam2.options:Sam21Options",
        paper=_PAPER,
        weights="packaged with hsizoo",
        packaged="hsizoo_sam2:weights/nano-photos.safetensors",
    )
