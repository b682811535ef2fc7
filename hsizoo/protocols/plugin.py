"""Plugin with the protocols shipped with hsizoo."""

from __future__ import annotations

from collections.abc import Iterator

from hsizoo.zoo.hooks import hookimpl
from hsizoo.zoo.spec import ComponentSpec

__all__ = ["hsizoo_components"]

HSIZOO_API = 1


@hookimpl
def hsizoo_components() -> Iterator[ComponentSpec]:
    """Yield the specs of the protocols."""
    yield ComponentSpec(
        name="interactive",
        kind="protocol",
        target="hsizoo.protocols.interactive.protocol:InteractiveProtocol",
        summary="A simulated user clicks on each class; every prediction is scored",
        paper="SAMSA 2.0, arXiv:2508.00493, section 3.1",
    )
    yield ComponentSpec(
        name="few-label",
        kind="protocol",
        target="hsizoo.protocols.few_label.protocol:FewLabelProtocol",
        summary="A classifier is trained on a few labels per class and tested on all other pixels",
        paper="IPG, Zhao et al. 2024, doi:10.3389/fpls.2024.1515403, section 3",
    )
    yield ComponentSpec(
        name="box",
        kind="protocol",
        target="hsizoo.protocols.box:BoxProtocol",
        summary="Each class is segmented once, from a box around it",
    )
