"""The datasets that this package offers."""

from __future__ import annotations

from collections.abc import Iterator

import hsizoo

HSIZOO_API = 1


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the specs of the first-party datasets."""
    yield hsizoo.ComponentSpec(
        name="indian-pines",
        kind="dataset",
        target="hsizoo_datasets.indian_pines:IndianPines",
        summary="AVIRIS farmland, 145×145×200, 16 classes, real, no download",
        licence="public scene; redistributed by TensorLy",
    )
    yield hsizoo.ComponentSpec(
        name="phantom",
        kind="dataset",
        target="hsizoo_datasets.phantom:Phantom",
        summary="Simulated surgical tissue from published absorption spectra, several subjects",
    )
