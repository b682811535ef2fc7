"""The classifiers and the pseudo-labeler that this package offers."""

from __future__ import annotations

from collections.abc import Iterator

import hsizoo

HSIZOO_API = 1


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the specs of the classifiers, and of label propagation as pseudo-labeler."""
    yield hsizoo.ComponentSpec(
        name="svm",
        kind="classifier",
        target="hsizoo_classifiers.svm:SupportVectorMachine",
        summary="Support vector machine on spectra, RBF kernel, grid within the few labels",
        paper="Melgani, Bruzzone, IEEE Trans. Geosci. Remote Sens. 42 (2004) 1778",
    )
    yield hsizoo.ComponentSpec(
        name="rf",
        kind="classifier",
        target="hsizoo_classifiers.rf:RandomForest",
        summary="Random forest on spectra",
        paper="Ham et al., IEEE Trans. Geosci. Remote Sens. 43 (2005) 492",
    )
    yield hsizoo.ComponentSpec(
        name="cnn2d",
        kind="classifier",
        target="hsizoo_classifiers.cnn2d:Cnn2d",
        summary="Small 2D CNN on patches of principal components",
        paper="IPG, doi:10.3389/fpls.2024.1515403, section 3.3 (its layers are not published)",
    )
    for kind, target, summary in (
        ("classifier", "LabelPropagation", "Labels spread over a graph of spectra and position"),
        ("pseudo-labeler", "PropagatedLabels", "The surest labels of a propagation: lp+cnn2d"),
    ):
        yield hsizoo.ComponentSpec(
            name="lp",
            kind=kind,  # type: ignore[arg-type]
            target=f"hsizoo_classifiers.lp:{target}",
            summary=summary,
            paper="Zhou et al., Learning with local and global consistency, NIPS 2003",
        )
