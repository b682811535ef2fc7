"""Components of this package."""

from __future__ import annotations

from collections.abc import Iterator

import hsizoo

HSIZOO_API = 1


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the spec of Medical SAM Adapter."""
    yield hsizoo.ComponentSpec(
        name="medsam-adapter",
        kind="segmenter",
        target="hsizoo_medsam.medsam_adapter:MedSamAdapter",
        options_type="hsizoo_medsam.options:MedSamAdapterOptions",
        summary="Medical SAM Adapter: SAM ViT-B with trained adapters and mask decoder",
        paper="Wu et al., Medical SAM Adapter, arXiv:2304.12620",
        weights="SAM ViT-B, sam_vit_b_01ec64.pth by Meta, Apache-2.0; no adapters are published "
        "for hyperspectral images, train them with `hsizoo train medsam-adapter`",
        requires=("timm", "sam2"),
        install="pip install timm sam2",
    )
