"""Components of this package."""

from __future__ import annotations

from collections.abc import Iterator

import hsizoo

HSIZOO_API = 1


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the specs of SAM in every size and of Medical SAM Adapter."""
    for size in ("vit-b", "vit-l", "vit-h"):
        yield hsizoo.ComponentSpec(
            name=f"sam-{size}",
            kind="segmenter",
            target="hsizoo_medsam.sam_vit:SamVit",
            options_type="hsizoo_medsam.options:SamOptions",
            options={"size": size},
            summary=f"The first SAM, ViT-{size[-1].upper()}, on a pseudo-RGB image, frozen",
            paper="Kirillov et al., Segment Anything, arXiv:2304.02643",
            weights="Meta's checkpoint (Apache-2.0), by SHA-256; downloaded to HSIZOO_HOME/weights",
            requires=("timm", "sam2"),
            install="pip install timm sam2",
        )
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
