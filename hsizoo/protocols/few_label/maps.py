"""Classification of whole images as PNG and ENVI, from stored records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from hsizoo.interfaces import Record
from hsizoo.io import write_mask
from hsizoo.protocols.few_label.classes import classes_of
from hsizoo.protocols.few_label.file_names import FileNames
from hsizoo.protocols.few_label.stored_map import decode_map
from hsizoo.report.rows import done, row_name

__all__ = ["first_records", "map_files", "shown_maps"]


def map_files(records: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
    """Write the map of each row and scene, for its lowest finished seed.

    Parameters
    ----------
    records : sequence of mapping

    Yields
    ------
    (str, bytes)
        ``maps/<component>-<scene>.png`` with a palette, and ``.hdr`` and ``.img``, ENVI, with class
        names.  Label 0 is a pixel without a valid spectrum, other labels are the numbers of
        `classes_of`: a class has the same number and colour in all maps of the run.
    """
    classes = {0: "unusable", **{place: name for (_, name), place in classes_of(records).items()}}
    names = FileNames()
    for row, record, labels in shown_maps(records):
        name = names.of(f"{row}-{record['identity']['scene']}")
        yield from _written(name, labels, classes)


def _written(
    name: str, labels: npt.NDArray[np.integer], classes: Mapping[int, str]
) -> list[tuple[str, bytes]]:
    """Files of one map; written to a temporary folder, since ENVI needs a path."""
    with TemporaryDirectory() as folder:
        for ending in (".png", ".hdr"):
            # Not with_suffix: the name of a scene may contain a dot.
            write_mask(Path(folder, f"{name}{ending}"), labels, class_names=classes)
        return [(f"maps/{path.name}", path.read_bytes()) for path in sorted(Path(folder).iterdir())]


def shown_maps(
    records: Sequence[Record],
) -> Iterator[tuple[str, Record, npt.NDArray[np.int64]]]:
    """Yield row name, record and map (H, W) of each row and scene, for its lowest seed."""
    places = classes_of(records)
    for row, record in first_records(records):
        result = record["result"]
        mine = zip(result["labels"], result["classes"], strict=True)
        place_of = np.array([0, *(places[each] for each in mine)])
        yield row, record, place_of[decode_map(result["map"], tuple(result["split"]["shape"]))]


def first_records(records: Sequence[Record]) -> list[tuple[str, Record]]:
    """Return row name and record of each row and scene, those of its lowest seed."""
    first: dict[tuple[str, str], Record] = {}
    for record in sorted(done(records), key=lambda each: int(each["identity"]["seed"])):
        row = row_name(record["label"], record.get("conditions") or {})
        first.setdefault((row, record["identity"]["scene"]), record)
    return [(row, record) for (row, _), record in first.items()]
