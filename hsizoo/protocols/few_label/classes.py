"""Classes of a run: their numbers in maps, and which are small, untested or absent."""

from __future__ import annotations

from collections.abc import Sequence

from hsizoo.interfaces import Record
from hsizoo.report.rows import done

__all__ = ["classes_of", "notes"]


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


def notes(records: Sequence[Record]) -> list[str]:
    """List the classes that are small, untested or absent in some run, with an explanation.

    Each class is listed once per reason, regardless of the number of runs.
    """
    found: dict[str, dict[str, None]] = {}
    for record in done(records):
        result = record["result"]
        for key, names in (
            ("trained on fewer pixels than requested (at most half of a class)",
             result["split"]["short"]),
            ("trained on but not tested, no pixels left", result["split"]["untested"]),
            ("neither trained on nor tested, no labelled pixels with a valid spectrum",
             result.get("absent", ())),
        ):  # fmt: skip
            if names:
                found.setdefault(key, {}).update(dict.fromkeys(names))
    many = len({(each["identity"]["scene"], each["identity"]["seed"]) for each in done(records)})
    some = " (in some runs)" if many > 1 else ""
    return [f"{key}{some}: {', '.join(names)}" for key, names in found.items()]
