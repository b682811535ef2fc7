"""Confidence of a pixel: similarity to the labelled pixels, and the gate on uncertainty.

IPG, section 2.3::

    (4) S_aj = cosine of the features of pixel a and of labelled pixel j
    (5) confidence c = mean of S_aj over the labelled pixels of the class
    (8) uncertainty u, and (7) g = 1 where u <= kappa_h

INFERRED: the available text of the paper lacks the formulas; these fit its description.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hsizoo_ipg.engines import Engine
from hsizoo_ipg.options import (
    Features,
    IPGOptions,
    Pool,
    Ranking,
    References,
    Scale,
    Uncertainty,
)
from hsizoo_ipg.prompts import Labelled
from hsizoo_ipg.spectra import components, smoothed
from hsizoo_ipg.voting import NOBODY, Verdict

__all__ = [
    "Certainty",
    "pixel_features",
    "unit_vectors",
]

_MIN_SCALE = 1e-3  # for classes similar to no pixel, and pixels similar to no class


def pixel_features(
    engine: Engine, kind: Features, number: int, deviation: float, *, centred: bool = True
) -> torch.Tensor:
    """Return unit vectors (H W, D) for comparing pixels; see `unit_vectors`.

    Parameters
    ----------
    engine : Engine
    kind : {"components", "spectrum", "image", "fine"}
    number : int
        Number of components.
    deviation : float
        Standard deviation, in pixels, of the Gaussian that smooths components or spectra.
    centred : bool
        Whether channels are centred and scaled.
    """
    cube = engine.cube
    if kind in ("image", "fine"):
        return unit_vectors(engine.features(kind), cube.valid, centred=centred)
    image = components(cube, number) if kind == "components" else cube.data
    smooth = torch.from_numpy(smoothed(image, cube.valid, deviation)).permute(2, 0, 1)
    return unit_vectors(smooth.to(engine.device), cube.valid, centred=centred)


def unit_vectors(
    features: torch.Tensor, valid: npt.NDArray[np.bool_], *, centred: bool = True
) -> torch.Tensor:
    """Convert features (D, H, W) to unit vectors (H W, D), centring and scaling channels first.

    Statistics are those of the valid pixels (H, W); the others become 0.  Without centring, all
    spectra and embeddings of an image have similar directions: every cosine is near 1, and no
    threshold separates them.
    """
    rows = features.flatten(1).T.float()
    inside = torch.from_numpy(valid.copy()).flatten().to(rows.device)
    if centred:
        seen = rows[inside]
        spread = seen.std(dim=0, correction=0)
        rows = (rows - seen.mean(dim=0)) / torch.where(spread > 0, spread, 1.0)
    rows = torch.where(inside[:, None], rows, 0.0)
    return torch.nn.functional.normalize(rows, dim=1)


@dataclass(frozen=True)
class Certainty:
    """Confidence of pixels in classes, and the gate on their uncertainty.

    Parameters
    ----------
    pool : {"mean", "max", "both"}
        Mean of the cosines, maximum, or the one with the lower confidence.
    references : {"seeds", "all"}
        Labelled pixels that a pixel is compared with.
    scale : {"half", "clip", "own", "rival"}
        Conversion of a similarity S to a confidence in [0, 1]: (1 + S) / 2; max(S, 0); max(S, 0)
        relative to the pixel most similar to the class; or max(S, 0) relative to the class most
        similar to the pixel.
    uncertainty : {"confidence", "similarity-spread", "vote", "entropy", "group-spread"}
        Kind of uncertainty; see `IPGOptions`.
    kappa : float
        Maximum uncertainty of a reliable pixel.
    ranking : {"confidence", "margin", "chance"}
        Rank pixels by confidence, by its excess over the confidence in any other class, or at
        random.
    """

    pool: Pool = "mean"
    references: References = "all"
    scale: Scale = "half"
    uncertainty: Uncertainty = "confidence"
    kappa: float = 0.2
    ranking: Ranking = "confidence"

    @classmethod
    def of(cls, options: IPGOptions) -> Certainty:
        """Return the certainty of IPG's options."""
        return cls(
            pool=options.pool,
            references=options.references,
            scale=options.scale,
            uncertainty=options.uncertainty,
            kappa=options.kappa_h,
            ranking=options.ranking,
        )

    def similarities(
        self, features: torch.Tensor, known: Labelled, count: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the confidence (5) of each pixel in each class, in [0, 1], and the spread of (4).

        Parameters
        ----------
        features : Tensor, shape (n, D)
            Unit vectors of all pixels.
        known : Labelled
        count : int
            Number of classes, K.

        Returns
        -------
        confidence, spread : Tensor, shape (K, n)
        """
        used = known.seeds if self.references == "seeds" else len(known.pixels)
        pixels = torch.as_tensor(known.pixels[:used], device=features.device)
        classes = torch.as_tensor(known.classes[:used], device=features.device)
        own = classes == torch.arange(count, device=features.device)[:, None]
        spread = features.new_zeros((count, len(features)))
        # The mean cosine with unit vectors is the product with their mean.
        share = own.to(features) / own.sum(dim=1, keepdim=True)
        mean = share @ features[pixels] @ features.T
        if self.pool == "mean" and self.uncertainty != "similarity-spread":
            return self._scaled(mean), spread
        most = torch.empty_like(spread)
        for number in range(count):
            cosine = features[pixels[own[number]]] @ features.T
            spread[number] = cosine.std(dim=0, correction=0)
            most[number] = cosine.amax(dim=0)
        if self.pool == "both":
            return torch.minimum(self._scaled(mean), self._scaled(most)), spread
        return self._scaled(mean if self.pool == "mean" else most), spread

    def _scaled(self, similarity: torch.Tensor) -> torch.Tensor:
        """Convert similarities (K, n) to confidences."""
        if self.scale == "half":
            similarity = (1 + similarity) / 2
        elif self.scale == "own":
            similarity = similarity / similarity.amax(dim=1, keepdim=True).clamp(min=_MIN_SCALE)
        elif self.scale == "rival":
            similarity = similarity / similarity.amax(dim=0).clamp(min=_MIN_SCALE)
        return similarity.clamp(0, 1)

    def ranks(self, confidence: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Return the ranks (K, n); a class gains the pixel with the highest rank."""
        if self.ranking == "confidence":
            return confidence
        if self.ranking == "chance":
            drawn = rng.random(confidence.shape).astype(np.float32)
            return torch.from_numpy(drawn).to(confidence)
        first, second = confidence.topk(2, dim=0).values
        return confidence - torch.where(confidence == first, second, first)

    def doubt(
        self,
        confidence: torch.Tensor,
        spread: torch.Tensor,
        verdict: Verdict,
        classes: torch.Tensor,
    ) -> torch.Tensor:
        """Return the uncertainty (8) of each pixel in a class of its own, shape (n,).

        Parameters
        ----------
        confidence, spread : Tensor, shape (K, n)
        verdict : Verdict
        classes : Tensor of int, shape (n,)
            The class in question: the winner's of a vote, or that of a label.  At pixels with a
            negative number the result means nothing.
        """
        own = classes.clamp(min=0)[None]
        sure = confidence.gather(0, own)[0]
        if self.uncertainty == "similarity-spread":
            return spread.gather(0, own)[0]
        if self.uncertainty == "vote":
            share = verdict.share.flatten(1).gather(0, own)[0]
            share = share.clamp(min=0.5)  # few votes are no certainty, but votes for others
            return (share * (1 - share)).sqrt()
        if self.uncertainty == "group-spread":
            return verdict.spread.flatten(1).gather(0, own)[0]
        if self.uncertainty == "entropy":
            inside = sure.clamp(1e-6, 1 - 1e-6)
            rest = 1 - inside
            entropy = -(inside * inside.log2() + rest * rest.log2())
            return torch.where(sure < 0.5, 1.0, entropy)  # confidence in another class
        return 1 - sure

    def reliable(self, doubt: torch.Tensor, verdict: Verdict) -> torch.Tensor:
        """Return the gate (7), bool of shape (n,): won by a class, and doubt at most kappa."""
        return (doubt <= self.kappa) & (verdict.winner.flatten() != NOBODY)
