"""DESIS L1B, L1C and L2A: the bands in ``*METADATA.xml``.

Names of elements as ACOLITE's reader takes them: ``band`` with ``bandNumber``,
``wavelengthCenterOfBand``, ``gainOfBand`` and ``offsetOfBand``, and ``backgroundValue`` and
``mission``, at any depth.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from hsizoo.io.products.band_table import Bands, read_bands

__all__ = ["bands"]


def bands(root: Element) -> Bands | None:
    """Return the bands, or None if this is another product."""
    missions = {(each.text or "").strip().upper() for each in root.iter("mission")}
    elements = [each for each in root.iter("band") if each.find("bandNumber") is not None]
    if "DESIS" not in missions or not elements:
        return None
    level = next((each.text or "" for each in root.iter("productType")), "").strip()
    background = next((each.text for each in root.iter("backgroundValue")), None)
    return read_bands(f"DESIS {level}".strip(), elements, background)
