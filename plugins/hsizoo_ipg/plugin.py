"""Components of this package."""

from __future__ import annotations

from collections.abc import Iterator

import hsizoo

HSIZOO_API = 1


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the spec of IPG."""
    yield hsizoo.ComponentSpec(
        name="ipg",
        kind="pseudo-labeler",
        target="hsizoo_ipg.ipg:IPG",
        options_type="hsizoo_ipg.options:IPGOptions",
        summary="Masks of each class vote over groups of bands; one reliable label more per round",
        paper="IPG, Zhao et al. 2024, doi:10.3389/fpls.2024.1515403",
    )
