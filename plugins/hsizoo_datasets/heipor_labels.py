"""Names of the label values in HeiPorSPECTRAL's masks."""

from __future__ import annotations

from typing import Final

__all__ = ["LABELS", "OVERLAP", "UNLABELED"]

LABELS: Final = (
    "stomach", "small_bowel", "colon", "liver", "gallbladder", "pancreas", "kidney", "spleen",
    "bladder", "omentum", "lung", "heart", "cartilage", "bone", "skin", "muscle", "peritoneum",
    "major_vein", "kidney_with_Gerotas_fascia", "bile_fluid",
)  # fmt: skip
OVERLAP: Final = 254
UNLABELED: Final = 255
