"""Options of SAMSA and SAMSA 2.0; nothing here imports NumPy or torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from hsizoo_sam2 import FineTunedOptions

__all__ = ["Injection", "PromptForm", "Samsa2Options", "SamsaOptions", "SimilarityOptions"]

Injection = Literal["mask-prompt", "concat4"]
PromptForm = Literal["signed", "plain"]


@dataclass(frozen=True, kw_only=True)
class SimilarityOptions(FineTunedOptions):
    """A fine-tuned SAM 2.1 that is given a similarity map.

    Parameters
    ----------
    scorer : str, default "sa-eq"
        Any registered scorer, with options if need be (``scorer=[ace:shrinkage=0.1]``).
    precision : {"auto", "float32", "bfloat16", "float16"}, default "auto"
        Of SAM 2.1; what is done with the similarity map is computed in float32.  ``auto`` is
        bfloat16 on CUDA and float32 elsewhere.  INFERRED: the papers do not say.
    """

    scorer: Annotated[str, "scorer"] = "sa-eq"


@dataclass(frozen=True, kw_only=True)
class SamsaOptions(SimilarityOptions):
    """Options of `hsizoo_samsa.samsa.Samsa`.

    Parameters
    ----------
    scorer : str, default "sa-eq"
        Any registered scorer, with options if need be.  INFERRED: SAMSA's own is a spectral angle;
        the equalised one makes it comparable with SAMSA 2.0.
    channels : int, default 8
        Width of the head.  INFERRED: the layer is not published.
    """

    channels: int = 8


@dataclass(frozen=True, kw_only=True)
class Samsa2Options(SimilarityOptions):
    """Options of `hsizoo_samsa.samsa2.Samsa2`.

    Parameters
    ----------
    injection : {"mask-prompt", "concat4"}, default "mask-prompt"
        ``mask-prompt``: the map is the mask prompt.  ``concat4``: pseudo-RGB image and map go
        together through a first convolution widened from one to four channels (48 weights more),
        whose pseudo-RGB kernels begin at zero, so that both are equal before training.  INFERRED:
        the paper's words fit both; the one without a new layer is the default.
    prompt_form : {"signed", "plain"}, default "signed"
        What is made of the map S: ``(2 S - 1) k`` or ``S k``.  INFERRED: the paper does not say.
        SAM's mask prompts are logits, 0 where undecided; so is the signed form at S = 0.5.
    prompt_scale : float, default 10
        The k above.  INFERRED: the paper does not say; sam2 itself turns a given mask into logits
        of -10 and +10.
    """

    injection: Injection = "mask-prompt"
    prompt_form: PromptForm = "signed"
    prompt_scale: float = 10.0
