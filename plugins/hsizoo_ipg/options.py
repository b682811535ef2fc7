"""Options of IPG; does not import NumPy or torch."""

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
    "IPGPaperOptions",
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
        Any registered segmenter or scorer, optionally with options.  Those built on SAM or
        SAM 2.1 are trained and process groups in batches; for others each group is a cube of three
        bands.  INFERRED: the paper uses SAM and names no size; this one is packaged with hsizoo.
    iterations : int, default 50
        Number of rounds, as in the paper.
    tau_h : float, default 0.8
        Minimum probability at which a mask votes for its class, as in the paper.
    tau_l : float, default 0.5
        Probability below which a mask votes against its class, as in the paper; between `tau_l`
        and `tau_h` it is undecided.
    kappa_h : float, default 0.2
        Maximum uncertainty of a new label, as in the paper.
    strict : bool, default false
        Whether a mask votes everywhere: above `tau_h` for its class, elsewhere against it.
        INFERRED: the text also allows this reading, but then the second threshold has no use.
    support : float, default 0.5
        Minimum fraction of foreground votes among the groups that decided about a class at a
        pixel; 0 for no limit.  INFERRED: the paper has no such limit, so a class can win a pixel
        that most of its own groups reject.  With 0.5, more labels of the first vote are correct in
        each of seven draws of a small Pavia University, Salinas-A and block-disjoint Indian Pines
        (88 to 100 percent; 82 to 99 without), and at most 8 percent fewer labels are gained.
    tally : {"all", "round"}, default "all"
        Whether votes accumulate over all rounds or count for one round only.  INFERRED: the paper
        uses the class with most votes "after k rounds of processing".  The first masks come from
        true labels only; when votes accumulate, masks prompted by a wrong label do not outvote
        them at once.
    grouping : {"adjacent", "uncorrelated", "pca"}, default "adjacent"
        Groups of three adjacent bands, as in the paper; of the least correlated bands; or of
        principal components.
    stride : int, default 1
        Step from group to group, 1 as in the paper; larger steps give fewer groups.
    groups : int, default 0
        Maximum number of groups, evenly spaced; 0 for all.
    refresh : int, default 5
        Vote in every N-th round; other rounds reuse the last vote.  The paper votes in every round
        (1), which takes five times as long.
    positives : int, default 8
        Maximum number of positive points per class: its seeds, then its last labels; 0 for all.
        INFERRED (as are `negatives` and `negative_choice`): the paper uses all labels, 880 in the
        last round on Indian Pines.  SAM was trained with up to eight points, and each point takes
        time.
    negatives : int, default 8
        Maximum number of negative points per class; 0 for all.
    negative_choice : {"nearest", "recent", "random"}, default "nearest"
        Which negative points are kept: those nearest to a positive point, the last labels, or a
        new random choice in each round.
    features : {"components", "spectrum", "image", "fine"}, default "components"
        Features for comparing pixels.  ``components`` or ``spectrum``: principal components or all
        bands, smoothed.  ``image`` or ``fine``: SAM's embedding or its features at stride 4 (SAM 2
        only), averaged over the groups.  INFERRED (as are `components` and `smoothing`): the paper
        says "feature".
    centred : bool, default true
        Whether each channel of the features is centred and divided by its standard deviation
        before cosines are taken.  INFERRED: the paper does not say.  Without it, all pixels of an
        image are similar, and no threshold separates them.
    components : int, default 12
        Number of principal components.  Chosen, as was `smoothing`, on Salinas-A, a small Pavia
        University and the block-disjoint split of Indian Pines.
    smoothing : float, default 2
        Standard deviation, in pixels, of the Gaussian that smooths components or spectra; 0 for
        none.
    pool : {"mean", "max", "both"}, default "both"
        How similarities to the labels of a class are combined: the mean, as in the paper; the
        maximum; or the one of the two with the lower confidence.  With ``both``, at least as many
        labels of the first vote are correct as with ``mean`` in each of the seven draws of
        `support`.
    references : {"seeds", "all"}, default "seeds"
        Labels that pixels are compared with: the seeds only, or pseudo labels as well.  INFERRED:
        the paper's "all labels" can mean either.  A wrong reference makes similar wrong pixels
        look right.
    scale : {"half", "clip", "own", "rival"}, default "rival"
        Conversion of a similarity S to a confidence in [0, 1].  ``half``: (1 + S) / 2.  ``clip``:
        max(S, 0).  ``own``: max(S, 0) relative to the pixel most similar to the class.  ``rival``:
        max(S, 0) relative to the class most similar to the pixel.  INFERRED: the paper does not
        say.  With the first two, a class with heterogeneous labels may pass `kappa_h` nowhere and
        gain no label; a classifier then gets five pixels of it and 55 of the others.
    ranking : {"chance", "confidence", "margin"}, default "chance"
        Which of the reliable pixels won by a class becomes its new label.  ``chance``: one drawn
        at random.  ``confidence``: the one with the highest confidence.  ``margin``: the one whose
        confidence exceeds that in any other class by most.  INFERRED: the paper uses
        "high-confidence" labels, which the gate ensures, and finds that later ones "converge too
        closely to the labeled data": the pixels of highest confidence are the most typical of the
        class, from which a CNN learns little.  Chosen on four draws of a small Pavia University by
        the CNN trained on the labels.
    apart : int, default 1
        Minimum Chebyshev distance in pixels between a new label and all others of its class; 1
        for no limit.  INFERRED: the paper has no such rule.
    uncertainty : str, default "confidence"
        Uncertainty that `kappa_h` limits.  ``confidence``: 1 - confidence.
        ``similarity-spread``: the standard deviation of the similarities.  ``vote``: the standard
        deviation of the vote.  ``entropy``: the entropy of the confidence.  ``group-spread``: the
        standard deviation of the mask's probability over the groups.  INFERRED: equation 8 is not
        available; with the first, kappa_h = 1 - tau_h.
    consistency : {"features", "mask", "off"}, default "features"
        Input of the loss at the labelled pixels: the decoder's embeddings or the masks; ``off``
        for no training.  INFERRED: equation 6 is not available.
    trained : {"prompt-encoder", "prompt-encoder+layer", "layer"}, default "prompt-encoder"
        Trained modules; ``layer`` is the decoder's first layer.  INFERRED: the paper's figure 2
        freezes the decoder; its section 2.3 trains "the first-layer decoder" and "the Prompt
        Encoder".
    rate : float, default 1e-4
        Learning rate of Adam.  INFERRED (as is `loss_groups`): the paper gives none.
    loss_groups : int, default 4
        Number of groups, drawn at random in each round, on which the loss is computed; 0 for all.
    group_cache_gb : float, default 2
        Memory in GiB for SAM's encodings of the groups; if they need more, they are stored on disk.

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
    centred: bool = True
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


@dataclass(frozen=True, kw_only=True)
class IPGPaperOptions(IPGOptions):
    """Options of `hsizoo_ipg.ipg.IPGPaper`: those of IPG with the paper's values as defaults.

    Parameters
    ----------
    segmenter : str, default "sam-vit-b"
        Any registered segmenter or scorer, optionally with options.  The paper uses SAM.
        INFERRED: its size is not named; this is the smallest.
    support : float, default 0
        Minimum fraction of foreground votes among the groups that decided about a class at a
        pixel; 0, as the paper has no such limit.
    tally : {"all", "round"}, default "round"
        Whether votes accumulate over all rounds or count for one round only.  The paper: "each
        pixel undergoes (C - 2) predictions for every category", which are those of one round.
        INFERRED: "after k rounds of processing" can also mean all of them.
    refresh : int, default 1
        Vote in every N-th round; the paper votes in each.
    positives : int, default 0
        Maximum number of positive points per class; 0 for all labels, as in the paper.
    negatives : int, default 0
        Maximum number of negative points per class; 0 for all labels of other classes, as in the
        paper.
    features : {"components", "spectrum", "image", "fine"}, default "image"
        Features for comparing pixels.  INFERRED: "feature" in a text on SAM is taken for SAM's
        embedding of the image, averaged over the groups.  Segmenters other than SAM have none:
        use ``components`` with them.
    centred : bool, default false
        Whether each channel of the features is centred and divided by its standard deviation
        first.  INFERRED: the paper mentions nothing of the kind.
    pool : {"mean", "max", "both"}, default "mean"
        How similarities to the labels of a class are combined: by their mean, as in the paper.
    references : {"seeds", "all"}, default "all"
        Labels that pixels are compared with: all of the class, as in the paper.  INFERRED: that
        pseudo labels are among them.
    scale : {"half", "clip", "own", "rival"}, default "clip"
        Conversion of a similarity to a confidence in [0, 1].  In the paper the confidence is the
        mean similarity.  INFERRED: below 0 it counts as 0.
    ranking : {"chance", "confidence", "margin"}, default "confidence"
        Which of the reliable pixels won by a class becomes its new label: the most dependable
        one, as in the paper.  INFERRED: that of the highest confidence; one per class and round.
    trained : {"prompt-encoder", "prompt-encoder+layer", "layer"}, default "prompt-encoder+layer"
        Trained modules.  The text (section 2.3) trains the prompt encoder and the decoder's first
        layer.  INFERRED: figure 2, which freezes the whole decoder, is taken for a simplification.
    loss_groups : int, default 0
        Number of groups on which the loss is computed in each round; 0 for all.  INFERRED: the
        paper mentions no choice among them.
    """

    segmenter: Annotated[str, "segmenter"] = "sam-vit-b"
    support: float = 0.0
    tally: Tally = "round"
    refresh: int = 1
    positives: int = 0
    negatives: int = 0
    features: Features = "image"
    centred: bool = False
    pool: Pool = "mean"
    references: References = "all"
    scale: Scale = "clip"
    ranking: Ranking = "confidence"
    trained: Trained = "prompt-encoder+layer"
    loss_groups: int = 0
