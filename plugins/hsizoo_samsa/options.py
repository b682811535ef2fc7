"""Options of SAMSA and SAMSA 2.0; does not import NumPy or torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from hsizoo_sam2 import FineTunedOptions

from hsizoo.errors import OptionError

__all__ = [
    "Injection",
    "JuryOptions",
    "PromptForm",
    "Samsa2Options",
    "SamsaOptions",
    "SimilarityOptions",
]

Injection = Literal["mask-prompt", "concat4"]
PromptForm = Literal["signed", "plain"]


@dataclass(frozen=True, kw_only=True)
class SimilarityOptions(FineTunedOptions):
    """Options of a fine-tuned SAM 2.1 that uses a similarity map.

    Parameters
    ----------
    scorer : str, default "sa-eq"
        Any registered scorer, optionally with options (``scorer=[ace:shrinkage=0.1]``).
    precision : {"auto", "float32", "bfloat16", "float16"}, default "auto"
        Precision of SAM 2.1; the similarity map is always processed in float32.  ``auto`` is
        bfloat16 on CUDA and float32 elsewhere.  INFERRED: the papers do not say.
    """

    scorer: Annotated[str, "scorer"] = "sa-eq"


@dataclass(frozen=True, kw_only=True)
class SamsaOptions(SimilarityOptions):
    """Options of `hsizoo_samsa.samsa.Samsa`.

    Parameters
    ----------
    scorer : str, default "sa-eq"
        Any registered scorer, optionally with options.  INFERRED: SAMSA uses a spectral angle;
        the equalised one makes it comparable with SAMSA 2.0.  As nothing is known of SAMSA's
        order, each click's map is equalised as in the row of Table 1.
    channels : int, default 8
        Hidden channels of the fusion head, 1 or more.  INFERRED: the layer is not published.
    """

    channels: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels < 1:
            raise OptionError(f"channels={self.channels}: the fusion head needs 1 or more")


@dataclass(frozen=True, kw_only=True)
class Samsa2Options(SimilarityOptions):
    """Options of `hsizoo_samsa.samsa2.Samsa2`.

    Parameters
    ----------
    scorer : str, default "sa-eq:order=aggregated"
        Any registered scorer, optionally with options.  The paper first computes the similarity
        map of all clicks, then equalises "the resulting map" (section 3.4);
        ``sa-eq:order=each`` equalises each click's map before they are combined.
    injection : {"mask-prompt", "concat4"}, default "mask-prompt"
        How the map enters SAM.  ``mask-prompt``: as the mask prompt.  ``concat4``: concatenated
        with the pseudo-RGB image; the first convolution is widened from one to four channels (48
        more weights).  Its pseudo-RGB kernels start at zero, so both variants are equal before
        training.  INFERRED: the paper's text fits both; the default is the one without new
        weights.
    prompt_form : {"signed", "plain"}, default "signed"
        Mask prompt computed from the map S: ``signed``, ``(2 S - 1) k``; ``plain``, ``S k``.
        INFERRED: the paper does not say.  SAM's mask prompts are logits, 0 where undecided; the
        signed form is 0 at S = 0.5.
    prompt_scale : float, default 10
        The factor k of `prompt_form`.  INFERRED: the paper does not say; sam2 converts a given
        mask to logits of -10 and +10.
    """

    scorer: Annotated[str, "scorer"] = "sa-eq:order=aggregated"
    injection: Injection = "mask-prompt"
    prompt_form: PromptForm = "signed"
    prompt_scale: float = 10.0


@dataclass(frozen=True, kw_only=True)
class JuryOptions:
    """Options of `hsizoo_samsa.jury.Jury`.

    Parameters
    ----------
    spectral : str, default "verdict"
        Any scorer or segmenter, optionally with options.
    spatial : str, default "samsa2-nano-corrected"
        Any segmenter or scorer, optionally with options.
    prior : float, default 1
        Log odds of the spectral method before the second click.  INFERRED (as are `trust` and
        `size`): our own design; compared by the mean Dice on Indian Pines, Salinas-A, Samson, a
        small Pavia University, Jasper Ridge and six scenes with small targets, with both robots.
    trust : float, default 0.3
        What each click counts; 1 is Bayes' rule for independent clicks, 0 keeps the prior.  Clicks
        are not independent: each is placed where the mask before it fails.
    size : float, default 0.3
        How much it speaks against a method that its object is large, when a positive click judges
        it: 1 as if clicks were drawn from the object, 0 not at all.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    spectral: Annotated[str, "segmenter"] = "verdict"
    spatial: Annotated[str, "segmenter"] = "samsa2-nano-corrected"
    prior: float = 1.0
    trust: float = 0.3
    size: float = 0.3

    def __post_init__(self) -> None:
        if not -100 <= self.prior <= 100:
            raise OptionError(
                f"prior={self.prior}: must be log odds between -100 and 100, such as 1"
            )
        if not 0 <= self.trust <= 100:
            raise OptionError(f"trust={self.trust}: must be between 0 and 100, such as 1")
        if not 0 <= self.size <= 1:
            raise OptionError(f"size={self.size}: must be between 0 and 1, such as 0.3")
