"""What a row of the page opens to: its samples and their overlays, in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hsizoo.interfaces import Column, Protocol
from hsizoo.io.palette import class_colours
from hsizoo.report.figures import Layout, headline_of, scaled
from hsizoo.report.overlays import (
    FOUND,
    MISSED,
    WRONG,
    Kept,
    KeptScene,
    Shown,
    classes_shown,
    coloured,
    data_uri,
    hex_colour,
    png,
    shown_of,
)
from hsizoo.report.rows import Observed, Row, RowName
from hsizoo.report.samples import RankedSamples, Sample, spread_out

__all__ = ["Drill", "RowPart", "class_legend"]

SAMPLES: Final = 2000
"""Samples that one page has, of all rows together."""
ROOM: Final = 12 * 2**20
"""Bytes of images and masks that one page has."""

_PART: Final = 50  # samples that are shown at a time
_SOME: Final = 1000  # samples that are looked at for what tells them apart
_FEWEST: Final = 5  # samples of a row, however many rows there are
_COLUMNS: Final = 5
_LEGEND = {"object, found": FOUND, "beside it": WRONG, "object, missed": MISSED}


@dataclass(frozen=True)
class RowPart:
    """Some samples of a row, as plain values."""

    name: str
    samples: list[dict[str, Any]]


@dataclass
class Drill:
    """The samples of all rows.

    Parameters
    ----------
    protocol : type of Protocol
    layout : Layout
    rows : sequence of Row
    observed : mapping
        What `observe_rows` returned.
    kept : callable
        Looks up images and masks.
    whole : bool
        Whether all samples are given, with all that was kept: for a folder.  Otherwise there are
        `SAMPLES` at most, with `ROOM` for overlays.

    Attributes
    ----------
    images : dict of str to KeptScene
        Images that the overlays refer to, filled as the parts are made.
    about : list of dict
        What is told of each row, filled likewise.
    """

    protocol: type[Protocol]
    layout: Layout
    rows: Sequence[Row]
    observed: Mapping[RowName, Observed]
    kept: Kept
    whole: bool = False
    images: dict[str, KeptScene] = field(default_factory=dict)
    about: list[dict[str, Any]] = field(default_factory=list)
    _room: int = field(default_factory=lambda: ROOM)
    _last: tuple[Any, Any] = (None, None)

    def parts(self) -> Iterator[RowPart]:
        """Yield the parts of all rows."""
        if not self.rows:
            return
        columns = {column.name: column for column in self.layout.columns}
        headline = columns[headline_of(self.layout.headline, self.rows)]
        compared = [column for column in self.layout.columns if column.compared]
        shown = list({c.name: c for c in [headline, *compared][: _COLUMNS + 1]}.values())[:_COLUMNS]
        most = max(_FEWEST, SAMPLES // len(self.rows))
        # What is best, worst and in the middle of each row has its picture before all else.
        chosen = []
        for row in self.rows:
            ranked = RankedSamples(
                self.observed[row.component, tuple(row.conditions.items())], headline, shown
            )
            count = len(ranked)
            ranks = range(count) if self.whole else list(spread_out(count, most))
            chosen.append((ranked, ranks))
        overlays: dict[tuple[int, int], dict[str, Any]] = {}
        if not self.whole:
            longest = max(len(ranks) for _, ranks in chosen)
            for place in range(longest):
                for number, (ranked, ranks) in enumerate(chosen):
                    if place < len(ranks) and self._room > 0:
                        made = self._overlay(ranked, ranked[ranks[place]])
                        if made is not None:
                            overlays[number, ranks[place]] = made
        for number, (ranked, ranks) in enumerate(chosen):
            yield from self._row(number, ranked, sorted(ranks), shown, overlays)

    def _row(
        self,
        number: int,
        ranked: RankedSamples,
        ranks: Sequence[int],
        shown: Sequence[Column],
        overlays: Mapping[tuple[int, int], dict[str, Any]],
    ) -> Iterator[RowPart]:
        about = _About(ranked, ranks)
        parts = -(-len(ranks) // _PART)
        with_overlay = 0
        for part in range(parts):
            samples = []
            for rank in ranks[part * _PART : (part + 1) * _PART]:
                sample = ranked[rank]
                line = about.line(sample, shown)
                found = (
                    self._overlay(ranked, sample) if self.whole else overlays.get((number, rank))
                )
                if found is not None:
                    line["overlay"] = found
                    with_overlay += 1
                samples.append(line)
            yield RowPart(f"{number}-{part}", samples)
        self.about.append(
            {
                "total": len(ranked),
                "shown": len(ranks),
                "parts": parts,
                "overlays": with_overlay,
                "about": about.head,
                "columns": [column.heading for column in shown],
            }
        )

    def _overlay(self, ranked: RankedSamples, sample: Sample) -> dict[str, Any] | None:
        record = self._record(ranked, sample)
        shown = shown_of(self.protocol, record, sample.label, self.kept)
        if shown.scene is None:
            return None
        made = _overlay_of(shown, self._image(shown.scene))
        size = sum(len(layer) for panel in made["panels"] for layer in panel["layers"])
        self._room -= size
        return made

    def _record(self, ranked: RankedSamples, sample: Sample) -> Any:
        place = (id(ranked), sample.record)
        if self._last[0] != place:  # samples of one record often come together
            self._last = place, ranked.record_of(sample)
        return self._last[1]

    def _image(self, scene: KeptScene) -> str:
        digest = hashlib.sha256(scene.file).hexdigest()[:16]
        name = f"image-{digest}.{scene.mime().removeprefix('image/')}"
        if name not in self.images:
            self.images[name] = scene
            self._room -= len(scene.file) * 4 // 3
        return f"samples/{name}" if self.whole else name


class _About:
    """What tells the samples of a row apart, beside object and scene."""

    def __init__(self, ranked: RankedSamples, ranks: Sequence[int]) -> None:
        some = [ranked[rank] for rank in ranks[:_SOME]]
        self._subject = any(sample.subject not in (sample.scene, "None", "") for sample in some)
        self._seed = any(sample.seed for sample in some)
        self._training = any(sample.training_seed is not None for sample in some)
        self.head = ["subject"] * self._subject + ["seed"] * self._seed
        self.head += ["training seed"] * self._training

    def line(self, sample: Sample, shown: Sequence[Column]) -> dict[str, Any]:
        """Return a sample as plain values."""
        about = [sample.subject] * self._subject + [str(sample.seed)] * self._seed
        about += [str(sample.training_seed)] * self._training
        return {
            "rank": sample.rank,
            "name": sample.category or (str(sample.label) if sample.label else "whole scene"),
            "scene": sample.scene,
            "about": about,
            "values": [_text(sample.values.get(column.name), column) for column in shown],
        }


def _text(value: float | None, column: Column) -> str:
    return "—" if value is None else f"{scaled(value, column):.{min(3, column.digits)}f}"


def _overlay_of(shown: Shown, image: str) -> dict[str, Any]:
    """An overlay as plain values: panels, each of layers that lie upon each other."""
    assert shown.scene is not None
    overlay, scene = shown.overlay, shown.scene
    given = [*(["clicks"] if overlay.clicks else []), *(["box"] if overlay.box else [])]
    first = " and ".join(["image", *given])
    made: dict[str, Any] = {"shape": list(scene.shape), "panels": [], "legend": []}
    if overlay.clicks:
        made["clicks"] = [[int(row), int(col), bool(ok)] for row, col, ok in overlay.clicks]
    if overlay.box:
        made["box"] = [int(each) for each in overlay.box]
    if overlay.labels is None and not shown.masks:
        first += " (its mask was not kept)"
    made["panels"].append({"name": first, "layers": [image], "prompts": True})
    if overlay.labels is not None:
        classes = dict(overlay.classes) or scene.classes
        for name, labels in (("map", overlay.labels), ("truth", scene.truth)):
            picture = data_uri(png(classes_shown(labels, classes)))
            made["panels"].append({"name": name, "layers": [picture]})
        made["legend"] = class_legend(classes)
    for step, mask in shown.masks:
        layer = data_uri(png(coloured(mask, shown.target)))
        made["panels"].append({"name": step or "mask", "layers": [image, layer]})
    if shown.masks and shown.target is not None:
        made["legend"] = [[name, hex_colour(colour)] for name, colour in _LEGEND.items()]
    return made


def class_legend(classes: Mapping[int, str]) -> list[list[str]]:
    """Return names and colours of classes."""
    colours = class_colours(max([0, *classes]) + 1).tolist()
    return [[name, hex_colour(colours[label])] for label, name in classes.items()]
