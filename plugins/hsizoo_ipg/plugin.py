"""Components of this package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hsizoo

HSIZOO_API = 1

_COMMON: dict[str, Any] = {
    "kind": "pseudo-labeler",
    "version": "2",
    "paper": "IPG, Zhao et al. 2024, doi:10.3389/fpls.2024.1515403",
}


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the specs of IPG, with our options and with the paper's."""
    yield hsizoo.ComponentSpec(
        name="ipg",
        target="hsizoo_ipg.ipg:IPG",
        options_type="hsizoo_ipg.options:IPGOptions",
        summary="Masks of each class vote over groups of bands; one reliable label more per round",
        **_COMMON,
    )
    yield hsizoo.ComponentSpec(
        name="ipg-paper",
        target="hsizoo_ipg.ipg:IPGPaper",
        options_type="hsizoo_ipg.options:IPGPaperOptions",
        summary="IPG to the letter: SAM, a vote in every round, all labels as points",
        weights="its segmenter's: Meta's SAM ViT-B (Apache-2.0), downloaded to HSIZOO_HOME/weights",
        **_COMMON,
    )
