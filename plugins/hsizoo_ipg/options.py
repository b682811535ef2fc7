"""Options of IPG; nothing here imports NumPy or torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from hsizoo.errors import OptionError

__all__ = [
    "Choice",
    "ConsistencyForm",
    "Features",
    "Grouping",
    "IPGOptions",
    "Pool",
    "Ranking",
    "References",
    "Scale",
    "Tally",
    "Trained",
    "Uncertainty",
]

Tally = Literal["all", "round"]
Grouping = Literal["adjacent", "uncorrelated", "pca"]
Choice = Literal["nearest", "recent", "random"]
Features = Literal["components", "spectrum", "image", "fine"]
Pool = Literal["mean", "max", "both"]
References = Literal["seeds", "all"]
Ranking = Literal["confidence", "margin", "chance"]
Scale = Literal["half", "clip", "own", "rival"]
Uncertainty = Literal["confidence", "similarity-spread", "vote", "entropy", "group-spread"]
ConsistencyForm = Literal["features", "mask", "off"]
Trained = Literal["prompt-encoder", "prompt-encoder+layer", "layer"]


@dataclass(frozen=True, kw_only=True)
class IPGOptions:
    """Options of `hsizoo_ipg.ipg.IPG`.

    Parameters
    ----------
    segmenter : str, default "samsa2-nano"
        Any registered segmenter or scorer, with options if need be.  Those built on SAM 2.1 are
        trained and see all groups in batches; of others each group is a cube of three bands.
        INFERRED: the paper says SAM, of no size; this one comes with hsizoo.
    iterations : int, default 50
        Rounds, as in the paper.
    tau_h : float, default 0.8
        Probability from which on a mask votes for its class, as in the paper.
    tau_l : float, default 0.5
        Probability below which a mask votes against its class, as in the paper; between the two it
        is undecided.
    kappa_h : float, default 0.2
        Largest uncertainty of a new label, as in the paper.
    strict : bool, default false
        Whether a mask votes everywhere: above `tau_h` for its class, elsewhere against it.
        INFERRED: the text has this reading too, but two thresholds only make sense with something
        between them.
    support : float, default 0.5
        Least share of foreground among the groups that decided about a class at a pixel; 0 for
        none.  INFERRED: the paper has no such limit, and lets a class win a pixel that most of
        its own groups deny.  With half of them more labels of the first vote are right in each of
        seven draws of a small Pavia University, Salinas-A and block-disjoint Indian Pines (88 to
        100 percent, without 82 to 99), and at most 8 percent fewer are gained.
    tally : {"all", "round"}, default "all"
        Whether votes are added up over the rounds, or each vote is counted alone.  INFERRED: the
        paper takes the class of most votes "after k rounds of processing".  The first masks come
        from true labels alone; added up, they are not outvoted as soon as a wrong label is a
        prompt.
    grouping : {"adjacent", "uncorrelated", "pca"}, default "adjacent"
        Groups of three adjacent bands, as in the paper; of bands that are correlated least; or of
        principal components.
    stride : int, default 1
        Step from group to group, as in the paper; more for fewer groups.
    groups : int, default 0
        Largest number of groups, evenly spaced; 0 for all.
    refresh : int, default 5
        Masks are voted anew in every N-th round; in the others the last vote stands.  The paper
        votes in each (1), which takes five times as long.
    positives : int, default 8
        Largest number of positive points of a class: its seeds, then its last labels; 0 for all.
        INFERRED (as are `negatives` and `negative_choice`): the paper gives all labels, 880 in the
        last round on Indian Pines.  SAM has learnt from up to eight points, and time grows with
        each.
    negatives : int, default 8
        Largest number of negative points of a class; 0 for all.
    negative_choice : {"nearest", "recent", "random"}, default "nearest"
        Which negative points are kept: those nearest to a positive point, the last labels, others
        in each round.
    features : {"components", "spectrum", "image", "fine"}, default "components"
        What pixels are compared by, each channel centred and scaled: principal components or all
        bands, both smoothed; or the mean over the groups of SAM's embedding, or of its features at
        stride 4.  INFERRED (as are `components` and `smoothing`): the paper says "feature".
    components : int, default 12
        Number of principal components.  Chosen, like `smoothing`, on Salinas-A, a small Pavia
        University and the block-disjoint split of Indian Pines.
    smoothing : float, default 2
        Standard deviation in pixels of the Gaussian that smooths components or spectra; 0 for
        none.
    pool : {"mean", "max", "both"}, default "both"
        How similarities to the labels of a class become one: the mean, as in the paper; the
        greatest; or whichever of the two gives the lower confidence.  With both, no fewer labels
        of the first vote are right than with the mean in any of the seven draws of `support`.
    references : {"seeds", "all"}, default "seeds"
        Labels that pixels are compared with: the true ones, or those gained as well.  INFERRED: the
        paper says "all labels" and means either.  A wrong label among them makes its like look
        right.
    scale : {"half", "clip", "own", "rival"}, default "rival"
        How the similarity S becomes a confidence in [0, 1]: (1 + S) / 2; max(S, 0); max(S, 0)
        in units of that of the pixel most similar to the class; or in units of that in the class
        the pixel is most similar to.  INFERRED: the paper does not say.  With the first two, a
        class whose own labels differ may pass `kappa_h` nowhere and gain no label, and a
        classifier then sees five pixels of it and 55 of the others.
    ranking : {"chance", "confidence", "margin"}, default "chance"
        Which of the reliable pixels that a class has won it gains: one drawn by chance; the one of
        most confidence; or the one whose confidence exceeds that in any other class by most.
        INFERRED: the paper takes "high-confidence" labels, which the gate sees to, and finds that
        later ones "converge too closely to the labeled data": the surest pixels are the class's
        most typical ones, of which a CNN learns little.  Chosen on four draws of a small Pavia
        University, by the CNN that learns from them.
    apart : int, default 1
        Least distance in pixels, along rows and along columns, of a new label from all others of
        its class; 1 for none.  INFERRED: the paper has no such rule.
    uncertainty : str, default "confidence"
        What `kappa_h` limits: ``confidence``, 1 - confidence; ``similarity-spread``, the standard
        deviation of the similarities; ``vote``, of the vote; ``entropy``, of the confidence;
        ``group-spread``, the standard deviation of the mask's probability over the groups.
        INFERRED: equation 8 is not available; with the first, kappa_h = 1 - tau_h.
    consistency : {"features", "mask", "off"}, default "features"
        What the loss sees: the decoder's embeddings of the labelled pixels, or the masks there.
        INFERRED: equation 6 is not available.
    trained : {"prompt-encoder", "prompt-encoder+layer", "layer"}, default "prompt-encoder"
        What the loss trains; the layer is the decoder's first.  INFERRED: the paper's figure 2
        freezes the decoder, its section 2.3 trains "the first-layer decoder" and "the Prompt
        Encoder".
    rate : float, default 1e-4
        Learning rate of Adam.  INFERRED (as is `loss_groups`): the paper gives none.
    loss_groups : int, default 4
        Groups, drawn anew in each round, that the loss is taken on; 0 for all.
    group_cache_gb : float, default 2
        Memory in GiB for what SAM's encoder makes of the groups; more is kept on disk.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    segmenter: Annotated[str, "segmenter"] = "samsa2-nano"
    iterations: int = 50
    tau_h: float = 0.8
    tau_l: float = 0.5
    kappa_h: float = 0.2
    strict: bool = False
    support: float = 0.5
    tally: Tally = "all"
    grouping: Grouping = "adjacent"
    stride: int = 1
    groups: int = 0
    refresh: int = 5
    positives: int = 8
    negatives: int = 8
    negative_choice: Choice = "nearest"
    features: Features = "components"
    components: int = 12
    smoothing: float = 2.0
    pool: Pool = "both"
    references: References = "seeds"
    scale: Scale = "rival"
    ranking: Ranking = "chance"
    apart: int = 1
    uncertainty: Uncertainty = "confidence"
    consistency: ConsistencyForm = "features"
    trained: Trained = "prompt-encoder"
    rate: float = 1e-4
    loss_groups: int = 4
    group_cache_gb: float = 2.0

    def __post_init__(self) -> None:
        for name in ("iterations", "stride", "refresh", "components"):
            self._at_least(1, name)
        for name in ("apart", "groups", "positives", "negatives", "smoothing"):
            self._at_least(0, name)
        for name in ("kappa_h", "rate", "loss_groups", "group_cache_gb"):
            self._at_least(0, name)
        if not 0 <= self.tau_l <= self.tau_h <= 1:
            raise OptionError(
                f"tau_l={self.tau_l} and tau_h={self.tau_h}: must be from 0 to 1, the first not "
                "above the second"
            )
        if not 0 <= self.support <= 1:
            raise OptionError(f"support={self.support}: must be from 0 to 1")

    def _at_least(self, least: float, name: str) -> None:
        value = getattr(self, name)
        if not value >= least:
            raise OptionError(f"{name}={value}: must be at least {least:g}")
