"""sam2's modules, imported without side effects on Hydra.

``import sam2`` initialises Hydra for the whole process, after which a host application can no
longer do so.  sam2's model code does not need Hydra.
"""

from __future__ import annotations

from hydra.core.global_hydra import GlobalHydra

_was_initialised = GlobalHydra.instance().is_initialized()

from sam2.modeling.sam.mask_decoder import MaskDecoder  # noqa: E402
from sam2.modeling.sam.prompt_encoder import PromptEncoder  # noqa: E402
from sam2.modeling.sam.transformer import TwoWayTransformer  # noqa: E402

if not _was_initialised:
    GlobalHydra.instance().clear()

__all__ = ["MaskDecoder", "PromptEncoder", "TwoWayTransformer"]
