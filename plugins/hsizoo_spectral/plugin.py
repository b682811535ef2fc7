"""Components of this package."""

from __future__ import annotations

from collections.abc import Iterator

import hsizoo

HSIZOO_API = 1


@hsizoo.hookimpl
def hsizoo_components() -> Iterator[hsizoo.ComponentSpec]:
    """Yield the specs of the spectral scorers and of the random walker."""
    yield hsizoo.ComponentSpec(
        name="sa",
        kind="scorer",
        target="hsizoo_spectral.sa:SpectralAngle",
        summary="Spectral angle: 1 - angle / pi",
        paper="Kruse et al., Remote Sensing of Environment 44 (1993) 145",
    )
    yield hsizoo.ComponentSpec(
        name="sa-eq",
        kind="scorer",
        target="hsizoo_spectral.sa_eq:EqualizedSpectralAngle",
        summary="Spectral angle, histogram-equalised: each click's map, or the combined one",
        paper="SAMSA 2.0, arXiv:2508.00493, sections 3.2 and 3.4",
    )
    yield hsizoo.ComponentSpec(
        name="pcc",
        kind="scorer",
        target="hsizoo_spectral.pcc:PearsonCorrelation",
        summary="Pearson correlation over bands",
        version="2",
        paper="SAMSA 2.0, arXiv:2508.00493, section 3.2",
    )
    yield hsizoo.ComponentSpec(
        name="sid",
        kind="scorer",
        target="hsizoo_spectral.sid:SpectralInformationDivergence",
        summary="Spectral information divergence: exp(-SID)",
        paper="Chang, IEEE Trans. Information Theory 46 (2000) 1927",
    )
    yield hsizoo.ComponentSpec(
        name="ace",
        kind="scorer",
        target="hsizoo_spectral.ace:AdaptiveCosineEstimator",
        summary="Adaptive cosine estimator, background statistics from the scene",
        version="2",
        paper="Kraut, Scharf, McWhorter, IEEE Trans. Signal Processing 49 (2001) 1",
    )
    yield hsizoo.ComponentSpec(
        name="matched-filter",
        kind="scorer",
        target="hsizoo_spectral.matched_filter:MatchedFilter",
        summary="Matched filter, background statistics from the scene",
        version="2",
        paper="Manolakis et al., Lincoln Laboratory Journal 14 (2003) 79",
    )
    yield hsizoo.ComponentSpec(
        name="contest",
        kind="scorer",
        target="hsizoo_spectral.contest:Contest",
        summary="Clicked spectrum against the scene's other materials; further clicks act locally",
        paper="hsizoo's own, based on Green et al., IEEE Trans. Geosci. Remote Sens. 26 (1988) 65",
    )
    yield hsizoo.ComponentSpec(
        name="verdict",
        kind="scorer",
        target="hsizoo_spectral.verdict:Verdict",
        summary="Contest, a Gaussian process over the scene and local corrections, from all clicks",
        version="2",
        paper="hsizoo's own, based on Rasmussen and Williams, MIT Press (2006)",
    )
    yield hsizoo.ComponentSpec(
        name="sa-rw",
        kind="segmenter",
        target="hsizoo_spectral.sa_rw:SpectralRandomWalker",
        summary="Similarity map regularised by a random walker, training-free",
        paper="Grady, IEEE Trans. PAMI 28 (2006) 1768",
    )
