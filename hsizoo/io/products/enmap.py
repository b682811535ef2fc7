"""EnMAP L1B, L1C and L2A: the bands in ``*METADATA.XML``.

Names of elements as EnPT and SNAP's reader take them: ``specific/bandCharacterisation/bandID`` with
``wavelengthCenterOfBand``, ``GainOfBand`` and ``OffsetOfBand``, and ``specific/backgroundValue``.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from hsizoo.io.products.bands_of import Bands, read_bands

__all__ = ["bands"]


def bands(root: Element) -> Bands | None:
    """Return the bands, or None if this is another product."""
    elements = root.findall("specific/bandCharacterisation/bandID")
    if not elements:
        return None
    product = f"EnMAP {(root.findtext('base/level') or '').strip()}".strip()
    return read_bands(product, elements, root.findtext("specific/backgroundValue"))
