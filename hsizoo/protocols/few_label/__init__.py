"""A few labels per class, everything else is the test: splits, scores, and the evaluation itself.

==================== ==========================================================================
module               what it holds
==================== ==========================================================================
``splits``           which pixels are learnt from and which are tested, and what leaks
``scores``           confusion matrix, OA, AA, macro precision, kappa
``evaluation``       one classifier on one scene with one seed
==================== ==========================================================================
"""

from __future__ import annotations

from hsizoo.protocols.few_label.evaluation import FewLabelProtocol, decode_map
from hsizoo.protocols.few_label.splits import DRAWS, Split, check_training_map, draw_split

__all__ = ["DRAWS", "FewLabelProtocol", "Split", "check_training_map", "decode_map", "draw_split"]
