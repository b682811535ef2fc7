"""Components of this package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hsizoo

HSIZOO_API = 1

_META = "starts from Meta's SAM 2.1 (Apache-2.0); the fusion is trained by `hsizoo train`"
_NANO = "packaged with hsizoo, if included; train others with `hsizoo train`"
_NEEDS: dict[str, Any] = {
    "kind": "segmenter",
    "requires": ("sam2", "hydra", "omegaconf"),
    "install": "SAM2_BUILD_CUDA=0 pip install sam2",
}


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the specs of SAMSA 2.0 and SAMSA in every size."""
    for size in ("nano", "tiny", "small", "base-plus", "large"):
        common = {
            **_NEEDS,
            "options": {"size": size},
            "weights": _NANO if size == "nano" else _META,
        }
        yield hsizoo.ComponentSpec(
            **common,
            name=f"samsa2-{size}",
            target="hsizoo_samsa.samsa2:Samsa2",
            options_type="hsizoo_samsa.options:Samsa2Options",
            summary=f"SAMSA 2.0: similarity map as a prompt of SAM 2.1 {size}",
            packaged=_packaged(f"samsa2-{size}"),
            paper="SAMSA 2.0, arXiv:2508.00493, section 3.4",
        )
        yield hsizoo.ComponentSpec(
            name=f"samsa-{size}",
            target="hsizoo_samsa.samsa:Samsa",
            options_type="hsizoo_samsa.options:SamsaOptions",
            summary=f"SAMSA, late fusion with SAM 2.1 {size}; stand-in for the unpublished layer",
            paper="SAMSA, arXiv:2507.23673 (its fusion layer is not published)",
            packaged=_packaged(f"samsa-{size}"),
            **common,
        )
    yield hsizoo.ComponentSpec(
        **_NEEDS,
        name="samsa2-nano-corrected",
        target="hsizoo_samsa.samsa2:Samsa2",
        options={"size": "nano", "scorer": "verdict", "rgb": "even"},
        options_type="hsizoo_samsa.options:Samsa2Options",
        summary="samsa2-nano prompted by verdict, with infrared, trained with corrections",
        weights=_NANO,
        packaged=_packaged("samsa2-nano-corrected"),
        paper="hsizoo's own prompt and training; based on SAMSA 2.0, arXiv:2508.00493",
    )
    yield hsizoo.ComponentSpec(
        **_NEEDS,
        name="jury",
        target="hsizoo_samsa.jury:Jury",
        options_type="hsizoo_samsa.options:JuryOptions",
        summary="verdict and samsa2-nano-corrected, weighed by which of them foresaw each click",
        weights="its methods': samsa2-nano-corrected's are packaged with hsizoo",
        paper="hsizoo's own, based on Dawid, J. R. Stat. Soc. A 147 (1984) 278",
    )


def _packaged(name: str) -> str:
    """Return the location of packaged weights; only the nano size has any."""
    return f"hsizoo_samsa:weights/{name}" if "-nano" in name else ""
