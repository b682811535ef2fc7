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
    yield hsizoo.ComponentSpec(
        name="mosaics",
        kind="dataset",
        target="hsizoo_datasets.mosaics:Mosaics",
        summary="Textured shapes in RGB, computed: are clicks understood?",
    )
    for name, target, summary in (
        ("salinas-a", "SalinasA", "AVIRIS farmland, 83×86×204, 6 classes, real"),
        ("samson", "Samson", "Coast of rock, trees and water, 95×95×156, 3 classes, real"),
        ("pavia-mini", "PaviaMini", "Pavia University degraded, 80×50×103, 9 classes, real"),
    ):
        yield hsizoo.ComponentSpec(
            name=name,
            kind="dataset",
            target=f"hsizoo_datasets.small_scenes:{target}",
            summary=summary,
            licence="public scene; no licence stated",
        )
    for name, target, summary in (
        ("pavia-university", "PaviaUniversity", "ROSIS, 610×340×103, 9 classes, to be downloaded"),
        ("pavia-centre", "PaviaCentre", "ROSIS, 1096×715×102, 9 classes, to be downloaded"),
        ("salinas", "Salinas", "AVIRIS farmland, 512×217×204, 16 classes, to be downloaded"),
        ("ksc", "Ksc", "AVIRIS swamps, 512×614×176, 13 classes, to be downloaded"),
        ("botswana", "Botswana", "Hyperion, 1476×256×145, 14 classes, to be downloaded"),
    ):
        yield hsizoo.ComponentSpec(
            name=name,
            kind="dataset",
            target=f"hsizoo_datasets.public_scenes:{target}",
            summary=summary,
            licence="public scene; no licence stated",
        )
    yield hsizoo.ComponentSpec(
        name="folder",
        kind="dataset",
        target="hsizoo_datasets.folder:Folder",
        summary="Your own cubes with masks beside them: folder:path=FOLDER",
        licence="your own",
    )
    yield hsizoo.ComponentSpec(
        name="heipor",
        kind="dataset",
        target="hsizoo_datasets.heipor:Heipor",
        summary="HeiPorSPECTRAL, pig organs in vivo, 480×640×100, 20 classes, to be downloaded",
        licence="of the data: see heiporspectral.org",
    )
    yield hsizoo.ComponentSpec(
        name="hib",
        kind="dataset",
        target="hsizoo_datasets.hib:Hib",
        summary="HSI Human Brain Database, in vivo, 826 or 93 bands, 4 classes, to be downloaded",
        licence="of the data: see hsibraindatabase.iuma.ulpgc.es",
    )
    yield hsizoo.ComponentSpec(
        name="cross-sensor",
        kind="dataset",
        target="hsizoo_datasets.cross_sensor:CrossSensor",
        summary="One of four small real scenes left out, views of the others to train on",
        licence="that of each scene",
    )
