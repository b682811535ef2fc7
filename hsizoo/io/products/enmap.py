"""EnMAP L1B, L1C and L2A: the bands in ``*METADATA.XML``.

Names of elements as EnPT and SNAP's reader take them: ``specific/bandCharacterisation/bandID`` with
``wavelengthCenterOfBand``, ``GainOfBand`` and ``OffsetOfBand``, and ``specific/backgroundValue``.
In L2A that value is missing or wrong, and -32768 is meant, as SNAP's reader has it.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from hsizoo.io.products.band_table import Bands, read_bands

__all__ = ["bands"]


def bands(root: Element) -> Bands | None:
    """Return the bands, or None if this is another product."""
    elements = root.findall("specific/bandCharacterisation/bandID")
    if not elements:
        return None
    level = (root.findtext("base/level") or "").strip()
    background = "-32768" if level == "L2A" else root.findtext("specific/backgroundValue")
    return read_bands(f"EnMAP {level}".strip(), elements, background)
