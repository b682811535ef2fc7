"""Files of a few-label run besides its tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hsizoo.interfaces import Record, View
from hsizoo.protocols.few_label.confusion import confusion_files
from hsizoo.protocols.few_label.csv_files import classes_csv, confusion_csv, runs_csv
from hsizoo.protocols.few_label.growth import growth_files
from hsizoo.protocols.few_label.map_sheet import map_sheet_files
from hsizoo.protocols.few_label.maps import map_files

__all__ = ["views"]


def views(records: Sequence[Record], title: str) -> list[View]:
    """List the files; see `hsizoo.Protocol.views`."""
    return [
        View(
            name="runs.csv",
            remark="one line per row, scene and seed",
            files=lambda: [("runs.csv", runs_csv(records).encode())],
        ),
        View(
            name="classes.csv",
            remark="recall and precision of each class",
            files=lambda: [("classes.csv", classes_csv(records).encode())],
        ),
        View(
            name="confusion.csv",
            remark="confusion matrices, summed over seeds",
            files=lambda: [("confusion.csv", confusion_csv(records).encode())],
        ),
        View(
            name="maps",
            remark="classification of the whole image, lowest seed, as PNG and ENVI",
            files=partial(map_files, records),
        ),
        View(
            name="maps/all-SCENE.png",
            remark="all maps of a scene side by side",
            files=partial(map_sheet_files, records),
        ),
        View(
            name="confusion",
            remark="plots of confusion matrices, summed over seeds",
            files=partial(confusion_files, records),
        ),
        View(
            name="growth.png",
            remark="number of pseudo labels after each round, and share of correct ones",
            files=partial(growth_files, records, title),
        ),
    ]
