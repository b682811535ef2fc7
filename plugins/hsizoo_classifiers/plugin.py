"""Specs of the classifiers and pseudo-labelers in this package."""

from __future__ import annotations

from collections.abc import Iterator

import hsizoo

HSIZOO_API = 1

_LP = "Zhou et al., Learning with local and global consistency, NIPS 2003"
_IPG_PLUS = "Our own; after Grady, Multilabel random walker with prior models, CVPR 2005"


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the specs of the classifiers and the pseudo-labelers."""
    yield hsizoo.ComponentSpec(
        name="svm",
        kind="classifier",
        target="hsizoo_classifiers.svm:SupportVectorMachine",
        options_type="hsizoo_classifiers.options.shallow:SupportVectorMachineOptions",
        summary="Support vector machine on spectra, RBF kernel, grid search on the labelled pixels",
        paper="Melgani, Bruzzone, IEEE Trans. Geosci. Remote Sens. 42 (2004) 1778",
    )
    yield hsizoo.ComponentSpec(
        name="rf",
        kind="classifier",
        target="hsizoo_classifiers.rf:RandomForest",
        options_type="hsizoo_classifiers.options.shallow:RandomForestOptions",
        summary="Random forest on spectra",
        paper="Ham et al., IEEE Trans. Geosci. Remote Sens. 43 (2005) 492",
    )
    yield hsizoo.ComponentSpec(
        name="cnn2d",
        kind="classifier",
        target="hsizoo_classifiers.cnn2d:Cnn2d",
        options_type="hsizoo_classifiers.options.networks:Cnn2dOptions",
        summary="Small 2D CNN on patches of principal components",
        paper="IPG, doi:10.3389/fpls.2024.1515403, section 3.3 (its layers are not published)",
    )
    for name, target, options, summary, paper in (
        (
            "cdcnn",
            "cdcnn:Cdcnn",
            "networks:CdcnnOptions",
            "Contextual deep CNN: three kernel sizes in parallel, all bands",
            "Lee, Kwon, IEEE Trans. Image Process. 26 (2017) 4843",
        ),
        (
            "ssrn",
            "ssrn:Ssrn",
            "networks:SsrnOptions",
            "Spectral-spatial residual network, all bands",
            "Zhong et al., IEEE Trans. Geosci. Remote Sens. 56 (2018) 847",
        ),
        (
            "dbma",
            "dbma:Dbma",
            "networks:DbmaOptions",
            "Double-branch multi-attention network, all bands",
            "Ma et al., Remote Sens. 11 (2019) 1307",
        ),
        (
            "a2s2k",
            "a2s2k:A2s2k",
            "networks:A2s2kOptions",
            "Residual network with attention over two kernel sizes, all bands",
            "Roy et al., IEEE Trans. Geosci. Remote Sens. 59 (2021) 7831",
        ),
    ):
        yield hsizoo.ComponentSpec(
            name=name,
            kind="classifier",
            target=f"hsizoo_classifiers.{target}",
            options_type=f"hsizoo_classifiers.options.{options}",
            version="2",  # trained whole, where 1 had no more than 200 or 1000 steps
            summary=summary,
            paper=paper,
        )
    yield hsizoo.ComponentSpec(
        name="dca",
        kind="classifier",
        target="hsizoo_classifiers.dca:CooperativeAlignment",
        options_type="hsizoo_classifiers.options.shallow:CooperativeAlignmentOptions",
        summary="Aligns subspaces of the labelled pixels and of all pixels; semi-supervised",
        paper="Zhang et al., IEEE Trans. Geosci. Remote Sens. 59 (2021) 9646 (from its abstract)",
        from_abstract=True,
    )
    yield hsizoo.ComponentSpec(
        name="smr-eg",
        kind="classifier",
        target="hsizoo_classifiers.smr_eg:DualManifold",
        options_type="hsizoo_classifiers.options.networks:DualManifoldOptions",
        summary="Graph convolution within patches, with a loss on unlabelled pixels",
        paper="Wang et al., doi:10.1109/TGRS.2021.3073932 (built from its abstract)",
        from_abstract=True,
    )
    yield hsizoo.ComponentSpec(
        name="sln-sni",
        kind="classifier",
        target="hsizoo_classifiers.sln_sni:SpatialSelfTraining",
        options_type="hsizoo_classifiers.options.networks:SpatialSelfTrainingOptions",
        summary="Self-trained CNN; neighbours vet its pseudo labels, classes are balanced",
        paper="Feng et al., doi:10.1109/LGRS.2023.3241340 (built from its abstract)",
        from_abstract=True,
    )
    for name, target, options, summary, paper in (
        (
            "erw",
            "erw:ExtendedWalk",
            "spatial:ExtendedWalkOptions",
            "Extended random walker over any classifier: erw:base=svm",
            "Kang et al., IEEE Trans. Geosci. Remote Sens. 53 (2015) 144",
        ),
        (
            "emp",
            "emp:ExtendedProfiles",
            "spatial:ProfileOptions",
            "Any classifier on extended morphological profiles: emp:base=rf",
            "Benediktsson et al., IEEE Trans. Geosci. Remote Sens. 43 (2005) 480",
        ),
        (
            "lcmr",
            "lcmr:LocalCovariance",
            "spatial:LocalCovarianceOptions",
            "Support vector machine on local covariances, log-Euclidean kernel",
            "Fang et al., IEEE Trans. Geosci. Remote Sens. 56 (2018) 3534",
        ),
        (
            "sgl",
            "sgl:SuperpixelGraph",
            "spatial:SuperpixelGraphOptions",
            "Labels spread over a graph of superpixels",
            "Sellars et al., IEEE Trans. Geosci. Remote Sens. 58 (2020) 4180 (from descriptions)",
        ),
        (
            "rpnet",
            "rpnet:RandomPatches",
            "spatial:RandomPatchesOptions",
            "Any classifier on the answers of random patches of the image: rpnet:base=svm",
            "Xu et al., ISPRS J. Photogramm. Remote Sens. 142 (2018) 344",
        ),
        (
            "panel",
            "panel:Panel",
            "panel:PanelOptions",
            "Six experts, weighed by labels that they were not shown; no network",
            "Our own; after Wolpert, Neural Networks 5 (1992) 241, and Hinton, Neural Comput. 14 "
            "(2002) 1771",
        ),
    ):
        yield hsizoo.ComponentSpec(
            name=name,
            kind="classifier",
            target=f"hsizoo_classifiers.{target}",
            options_type=f"hsizoo_classifiers.options.{options}",
            summary=summary,
            paper=paper,
        )
    for name, kind, target, options, summary, paper in (
        (
            "lp",
            "classifier",
            "lp:LabelPropagation",
            "propagation:GraphOptions",
            "Label propagation on a graph of spectra and positions",
            _LP,
        ),
        (
            "lp",
            "pseudo-labeler",
            "lp:PropagatedLabels",
            "propagation:PropagatedLabelsOptions",
            "Pseudo labels from propagation, sampled from every class: lp+cnn2d",
            _LP,
        ),
        (
            "ipg-plus",
            "classifier",
            "ipg_plus:RegionWalk",
            "propagation:RegionWalkOptions",
            "Random walk over regions with a spectral prior, mixed with lp; no network",
            _IPG_PLUS,
        ),
        (
            "ipg-plus",
            "pseudo-labeler",
            "ipg_plus:WalkedLabels",
            "propagation:WalkedLabelsOptions",
            "Pseudo labels from the walk, sampled from every class: ipg-plus+cnn2d",
            _IPG_PLUS,
        ),
    ):
        yield hsizoo.ComponentSpec(
            name=name,
            kind=kind,  # type: ignore[arg-type]
            target=f"hsizoo_classifiers.{target}",
            options_type=f"hsizoo_classifiers.options.{options}",
            summary=summary,
            paper=paper,
        )
