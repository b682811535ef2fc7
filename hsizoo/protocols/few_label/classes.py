"""Classes of a run: their numbers in maps, and which are small, untested or absent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hsizoo.interfaces import Record
from hsizoo.report.rows import done

__all__ = ["classes_of", "notes", "way_of"]

_MOST = {
    "block-disjoint": "at most half of a class, or what its training blocks hold",
    "official": "what the training map holds of a class",
}


def classes_of(records: Sequence[Record]) -> dict[tuple[int, str], int]:
    """Number the classes of a run, by label and name in ascending order, from 1.

    A class has the same number, and so the same colour, in all maps and plots of the run, even if
    a scene lacks some classes.
    """
    found = {
        (label, name)
        for record in done(records)
        for label, name in zip(record["result"]["labels"], record["result"]["classes"], strict=True)
    }
    return {each: place for place, each in enumerate(sorted(found), start=1)}


def way_of(record: Record) -> str:
    """Return the way in which the training pixels of a record were drawn."""
    return str(record["identity"].get("protocol", {}).get("draw", ""))


def notes(records: Sequence[Record]) -> list[str]:
    """List the classes that are small, untested or absent in some draw, with an explanation.

    Each class is listed once per reason and way to draw, with the number of draws that it concerns,
    regardless of the number of components.
    """
    drawn: dict[str, dict[tuple[str, str], Mapping[str, Any]]] = {}
    for record in done(records):
        result = record["result"]
        draw = record["identity"]["scene"], result["split"]["digest"]
        drawn.setdefault(way_of(record), {})[draw] = result
    found = []
    for way, results in drawn.items():
        where = f" (draw {way})" if len(drawn) > 1 else ""
        most = _MOST.get(way, "at most half of a class")
        named: dict[str, Counter[str]] = {}
        for result in results.values():
            for key, names in (
                (f"trained on fewer pixels than requested ({most})", result["split"]["short"]),
                ("trained on but not tested, no pixels left", result["split"]["untested"]),
                ("neither trained on nor tested, no labelled pixels with a valid spectrum",
                 result.get("absent", ())),
            ):  # fmt: skip
                named.setdefault(key, Counter()).update(names)
        found += [
            f"{key}{where}: {_counted(counts, len(results))}"
            for key, counts in named.items()
            if counts
        ]
    return found


def _counted(counts: Counter[str], draws: int) -> str:
    if draws == 1:
        return ", ".join(counts)
    return ", ".join(f"{name} ({count} of {draws} draws)" for name, count in counts.items())
