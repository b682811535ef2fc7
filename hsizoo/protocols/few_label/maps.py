"""Classification maps of whole images, made from stored records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.io import write_mask
from hsizoo.protocols.few_label import decode_map
from hsizoo.protocols.few_label.tables import classes_of, name_of
from hsizoo.protocols.interactive.samples import done

__all__ = ["FileNames", "shown_maps", "write_maps"]


class FileNames:
    """Names of files for what has any name, no two alike."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def of(self, text: str) -> str:
        """The text with ``_`` for what a file system may not take, and a number if it was had.

        Examples
        --------
        >>> names = FileNames()
        >>> names.of("rf:trees=5 | shots=3"), names.of("rf/trees=5 | shots=3")
        ('rf_trees=5_shots=3', 'rf_trees=5_shots=3-2')
        """
        name = re.sub(r"[^A-Za-z0-9.=+-]+", "_", text).strip("_")
        self._times[name] = times = self._times.get(name, 0) + 1
        return name if times == 1 else f"{name}-{times}"


def write_maps(folder: Path, records: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write the map of each row and scene, of the lowest seed that is done.

    Parameters
    ----------
    folder : Path
        Made if there is a map to write.
    records : sequence of mapping

    Returns
    -------
    list of Path
        ``<component>-<scene>.png`` with a palette and ``.hdr``, ENVI, with class names.  Label 0 is
        a pixel without a usable spectrum, other labels are the places of `classes_of`: the same
        class has the same number and colour in all maps of the run.
    """
    places = classes_of(records)
    classes = {0: "unusable", **{place: name for (_, name), place in places.items()}}
    written, names = [], FileNames()
    for row, record, labels in shown_maps(records):
        folder.mkdir(exist_ok=True)
        name = names.of(f"{row}-{record['identity']['scene']}")
        for ending in (".png", ".hdr"):
            # Not with_suffix: a scene's name may hold a dot.
            path = folder / f"{name}{ending}"
            written.append(write_mask(path, labels, class_names=classes))
    return written


def shown_maps(
    records: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any], npt.NDArray[np.int64]]]:
    """Yield name of the row, record and map (H, W) of each row and scene, of the lowest seed."""
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for record in sorted(done(records), key=lambda each: int(each["identity"]["seed"])):
        row = name_of(record["label"], record.get("conditions") or {})
        first.setdefault((row, record["identity"]["scene"]), record)
    places = classes_of(records)
    for (row, _), record in first.items():
        result = record["result"]
        mine = zip(result["labels"], result["classes"], strict=True)
        place_of = np.array([0, *(places[each] for each in mine)])
        yield row, record, place_of[decode_map(result["map"], tuple(result["split"]["shape"]))]
