"""Specs of the datasets in this package."""

from __future__ import annotations

from collections.abc import Iterator

import hsizoo
from hsizoo_datasets.published import (
    BOTSWANA,
    KSC,
    PAVIA_CENTRE,
    PAVIA_UNIVERSITY,
    SALINAS,
)

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
    yield hsizoo.ComponentSpec(
        name="mosaics",
        kind="dataset",
        target="hsizoo_datasets.mosaics:Mosaics",
        summary="Synthetic RGB scenes of textured shapes, to test how models follow clicks",
    )
    yield hsizoo.ComponentSpec(
        name="landscapes",
        kind="dataset",
        target="hsizoo_datasets.landscapes:Landscapes",
        summary="Simulated land whose classes lie in one piece or in many, for training",
    )
    for name, target, summary in (
        ("salinas-a", "SalinasA", "AVIRIS farmland, 83×86×204, 6 classes, real"),
        ("samson", "Samson", "Coast with rock, trees and water, 95×95×156, 3 classes, real"),
        ("pavia-mini", "PaviaMini", "Pavia University degraded, 80×50×103, 9 classes, real"),
        ("jasper-ridge", "JasperRidge", "AVIRIS lake and roads, 100×100×198, 4 classes, real"),
        ("abu", "Abu", "Six AVIRIS scenes with small targets, 1 class each, real"),
    ):
        yield hsizoo.ComponentSpec(
            name=name,
            kind="dataset",
            target=f"hsizoo_datasets.small_scenes:{target}",
            summary=summary,
            licence="public scene; no licence stated",
        )
    for name, target, summary, files in (
        ("pavia-university", "PaviaUniversity", "ROSIS, 610×340×103, 9 classes", PAVIA_UNIVERSITY),
        ("pavia-centre", "PaviaCentre", "ROSIS, 1096×715×102, 9 classes", PAVIA_CENTRE),
        ("salinas", "Salinas", "AVIRIS farmland, 512×217×204, 16 classes", SALINAS),
        ("ksc", "Ksc", "AVIRIS swamps, 512×614×176, 13 classes", KSC),
        ("botswana", "Botswana", "Hyperion, 1476×256×145, 14 classes", BOTSWANA),
    ):
        yield hsizoo.ComponentSpec(
            name=name,
            kind="dataset",
            target=f"hsizoo_datasets.public_scenes:{target}",
            summary=f"{summary}, real",
            licence="public scene; no licence stated",
            files=files,
        )
    yield hsizoo.ComponentSpec(
        name="folder",
        kind="dataset",
        target="hsizoo_datasets.folder:Folder",
        summary="Your own cubes with masks next to them: folder:path=FOLDER",
        licence="your own",
    )
    yield hsizoo.ComponentSpec(
        name="heipor",
        kind="dataset",
        target="hsizoo_datasets.heipor:Heipor",
        summary="HeiPorSPECTRAL, pig organs in vivo, 480×640×100, 20 classes, download required",
        licence="see heiporspectral.org",
    )
    yield hsizoo.ComponentSpec(
        name="hib",
        kind="dataset",
        target="hsizoo_datasets.hib:Hib",
        summary="HSI Human Brain Database, in vivo, 826 or 93 bands, 4 classes, download required",
        licence="see hsibraindatabase.iuma.ulpgc.es",
    )
    yield hsizoo.ComponentSpec(
        name="cross-sensor",
        kind="dataset",
        target="hsizoo_datasets.cross_sensor:CrossSensor",
        summary="Leave one of four small real scenes out, train on views of the others",
        licence="see each scene",
    )
