"""Figures of a report: recall by class, confusion matrices, and maps of each scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hsizoo.interfaces import Chart, ClassMaps, Figure, Matrix, Overlay, Record, Series
from hsizoo.protocols.few_label.classes import classes_of
from hsizoo.protocols.few_label.confusion import summed_confusion
from hsizoo.protocols.few_label.file_names import FileNames
from hsizoo.protocols.few_label.maps import first_records
from hsizoo.protocols.few_label.scores import scores
from hsizoo.protocols.few_label.stored_map import decode_map
from hsizoo.report.rows import by_row, done, row_name

__all__ = ["figures", "overlays"]


def figures(records: Sequence[Record]) -> Iterator[Figure]:
    """Yield what a report shows; see `hsizoo.Protocol.figures`."""
    matrices = list(_matrices(records))
    if matrices:
        yield _recalls(matrices)
    yield from _maps(records)
    yield from matrices


def overlays(record: Record) -> dict[str, Overlay]:
    """Return the map of the whole scene; see `hsizoo.Protocol.overlays`."""
    result = record["result"]
    classes = dict(zip(result["labels"], result["classes"], strict=True))
    return {"": Overlay(labels=_labels(record), classes=classes)}


def _matrices(records: Sequence[Record]) -> Iterator[Matrix]:
    classes = [name for _, name in classes_of(records)]
    names = FileNames()
    for (label, pairs), mine in by_row(records).items():
        finished = done(mine)
        if not finished:
            continue
        row = row_name(label, dict(pairs))
        total, over = summed_confusion(finished, classes_of(records))
        yield Matrix(
            name=f"confusion-{names.of(row)}",
            title=row,
            counts=total.tolist(),
            classes=classes,
            remark=f"Pixels; rows are the truth.  Sum of {over}.",
        )


def _recalls(matrices: Sequence[Matrix]) -> Chart:
    classes = matrices[0].classes
    series = []
    for matrix in matrices:
        recall = scores(np.array(matrix.counts))["recall"]
        known = [(place, value) for place, value in enumerate(recall) if value is not None]
        series.append(
            Series(
                label=matrix.title,
                x=[value for _, value in known],
                y=[float(place) for place, _ in known],
            )
        )
    return Chart(
        name="recall-by-class",
        title="Recall by class",
        x="recall",
        y="",
        series=series,
        ticks=classes,
        limits=(0, 1),
        joined=False,
        flat=True,
        remark="Share of the test pixels of a class that are found, over all seeds and scenes.",
    )


def _maps(records: Sequence[Record]) -> Iterator[ClassMaps]:
    scenes: dict[str, list[tuple[str, Record]]] = {}
    for row, record in first_records(records):
        about = record["identity"]
        where = f"{about['dataset'].get('component', '')} {about['scene']}"
        scenes.setdefault(where, []).append((row, record))
    names = FileNames()
    for mine in scenes.values():
        scene = mine[0][1]["identity"]["scene"]
        classes: dict[int, str] = {}
        for _, record in mine:
            classes |= _classes(record["result"])
        yield ClassMaps(
            name=f"maps-{names.of(scene)}",
            title=f"Maps of {scene}",
            panels=[(_titled(row, record), _labels(record)) for row, record in mine],
            classes=dict(sorted(classes.items())),
            key=str(mine[0][1].get("key", "")),
            remark="Each of the lowest seed.",
        )


def _titled(row: str, record: Record) -> str:
    oa = record["result"]["scores"]["oa"]
    return row if oa is None else f"{row}: OA {100 * oa:.1f} %"


def _classes(result: Mapping[str, Sequence[object]]) -> dict[int, str]:
    pairs = zip(result["labels"], result["classes"], strict=True)
    return {int(str(label)): str(name) for label, name in pairs}


def _labels(record: Record) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The map in the labels of the scene; 0 for an invalid spectrum."""
    result = record["result"]
    labels = np.array([0, *result["labels"]], dtype=np.int64)
    return labels[decode_map(result["map"], tuple(result["split"]["shape"]))]
