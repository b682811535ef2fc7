"""How many test pixels share pixels with training, by what the classifier sees.

A classifier that sees a square around each pixel has seen, in training, the squares around its
training pixels.  It has met part of a test pixel's square if the two overlap, and the test pixel
itself if that lies within a training square.  A label of its own class next to it then says more
than the same label elsewhere in the scene, and a random draw makes many such pixels.

The squares of pseudo labels count separately: they carry no truth about the pixels under them, but
a network that learns from them has seen these pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from hsizoo.errors import ContractError
from hsizoo.interfaces import PixelClassifier, ReceptiveField, Record
from hsizoo.protocols.few_label.classes import way_of
from hsizoo.protocols.few_label.splits import Mask, Split, near
from hsizoo.report.rows import by_row, done, row_name

__all__ = ["LEAKS", "field_of", "leaks", "overlap_notes"]

LEAKS: Final = ("field", "overlap", "within", "overlap_pseudo", "within_pseudo")
"""Keys of `leaks`."""


def field_of(classifier: PixelClassifier) -> ReceptiveField:
    """Return the receptive field that a classifier declares.

    Raises
    ------
    ContractError
        If it is neither an odd number, nor ``"scene"``, nor None.
    """
    field = classifier.receptive_field
    if field is None or field == "scene":
        return field
    if isinstance(field, bool) or not isinstance(field, int) or field < 1 or field % 2 == 0:
        raise ContractError(
            f"{type(classifier).__name__}.receptive_field is {field!r}; expected an odd number of "
            "pixels, 'scene', or None if it is unknown"
        )
    return field


def leaks(split: Split, field: ReceptiveField, pseudo: Mask | None = None) -> dict[str, Any]:
    """Measure how many test pixels share pixels with training.

    Parameters
    ----------
    split : Split
    field : int, "scene" or None
        What the classifier sees; see `hsizoo.PixelClassifier`.
    pseudo : ndarray of bool, shape (H, W), optional
        Pixels with a pseudo label.

    Returns
    -------
    dict
        ``field``; ``overlap``: share of test pixels whose square overlaps that of a training pixel;
        ``within``: share that lies within the square of a training pixel.  With `pseudo`,
        ``overlap_pseudo`` and ``within_pseudo`` are the same with the squares of pseudo labels as
        well.  In [0, 1]; all 1 for a whole scene, and None if the field is unknown.
    """
    train, test = split.mask(split.train), split.mask(split.test)
    found: dict[str, Any] = {"field": field, **_shares(train, test, field)}
    if pseudo is not None:
        more = _shares(train | pseudo, test, field)
        found |= {f"{key}_pseudo": share for key, share in more.items()}
    return found


def _shares(train: Mask, test: Mask, field: ReceptiveField) -> dict[str, float | None]:
    if field is None:
        return {"overlap": None, "within": None}
    if field == "scene":
        return {"overlap": 1.0, "within": 1.0}
    radius = field // 2
    return {
        "overlap": float(near(train, 2 * radius)[test].mean()),
        "within": float(near(train, radius)[test].mean()),
    }


def overlap_notes(records: Sequence[Record]) -> list[str]:
    """Name the rows of block-disjoint draws whose squares overlap in spite of the gap."""
    farther, unknown = [], []
    for (label, pairs), mine in by_row(done(records)).items():
        apart = [each["result"]["leak"] for each in mine if way_of(each) == "block-disjoint"]
        if not apart:
            continue
        name, field = row_name(label, dict(pairs)), apart[0]["field"]
        if field is None:
            unknown.append(name)
        elif (share := float(np.mean([each["overlap"] for each in apart]))) > 0:
            seen = "the whole scene" if field == "scene" else f"{field}×{field}"
            farther.append(f"{name} ({seen}, {100 * share:.1f} %)")
    notes = []
    if farther:
        notes.append(
            "block-disjoint test pixels whose squares overlap those of training pixels, as the "
            f"classifier sees farther than the gap: {', '.join(farther)}"
        )
    if unknown:
        notes.append(
            f"what it sees is unknown, so that no overlap is measured: {', '.join(unknown)}"
        )
    return notes
