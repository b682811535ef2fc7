"""The classes of a run: their numbers in maps, and which were small, untested or absent."""

from __future__ import annotations

from collections.abc import Sequence

from hsizoo.interfaces import Record
from hsizoo.report.rows import done

__all__ = ["classes_of", "notes"]


def classes_of(records: Sequence[Record]) -> dict[tuple[int, str], int]:
    """Number the classes of a run, by label and name in ascending order, from 1.

    It is the number of the class, and so its colour, in every map and picture of the run, also
    where a scene lacks classes that others have.
    """
    found = {
        (label, name)
        for record in done(records)
        for label, name in zip(record["result"]["labels"], record["result"]["classes"], strict=True)
    }
    return {each: place for place, each in enumerate(sorted(found), start=1)}


def notes(records: Sequence[Record]) -> list[str]:
    """Name the classes that are small, untested or absent in some run, with what that means.

    A class is named once, however many runs it concerns.
    """
    found: dict[str, dict[str, None]] = {}
    for record in done(records):
        result = record["result"]
        for key, names in (
            ("learnt from fewer pixels than asked for, at most half of a class",
             result["split"]["short"]),
            ("learnt from but not tested, for want of pixels", result["split"]["untested"]),
            ("neither learnt nor tested, for want of labelled pixels with a usable spectrum",
             result.get("absent", ())),
        ):  # fmt: skip
            if names:
                found.setdefault(key, {}).update(dict.fromkeys(names))
    many = len({(each["identity"]["scene"], each["identity"]["seed"]) for each in done(records)})
    some = " (in some runs)" if many > 1 else ""
    return [f"{key}{some}: {', '.join(names)}" for key, names in found.items()]
