"""Compare two records of ``run_all.py``, and flag what became slower.

Run from the repository root::

    python benchmarks/compare.py OLD.json NEW.json

A row has become slower if its ratio is worse than before and the two spreads do not overlap; a row
that was measured and no longer is counts as well.  The exit status is then 1, and 2 if a file is
not such a record.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """Read a record.

    Raises
    ------
    ValueError
        If the file cannot be read, or is not a record.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for row in record["rows"]:
            needed = ("id", "work", "better") + (("value", "low", "high") * ("error" not in row))
            _ = [row[key] for key in needed]
        _ = record["quick"], record["device"], record["machine"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not a performance.json of run_all.py: {error!r}; make one with "
            "python benchmarks/run_all.py"
        ) from error
    return record


def verdict(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> str:
    """Judge one row: ``slower``, ``faster``, ``alike``, ``lost`` or ``not measured``."""
    if "error" in old:
        return "not measured" if new is None or "error" in new else "new"
    if new is None or "error" in new:
        return "lost"
    lower, higher = new["high"] < old["low"], new["low"] > old["high"]
    worse, better = (lower, higher) if old["better"] == "higher" else (higher, lower)
    return "slower" if worse else "faster" if better else "alike"


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the verdict and a line of text for each row of both records."""
    later = {row["id"]: row for row in new["rows"]}
    found = []
    for row in old["rows"]:
        other = later.pop(row["id"], None)
        judged = verdict(row, other)
        said = " -> ".join(_shown(each) for each in (row, other))
        found.append((judged, f"{judged:12} {row['work']} / {row.get('against', '')}: {said}"))
    return found + [("new", f"{'new':12} {row['work']}: {_shown(row)}") for row in later.values()]


def _shown(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "absent"
    if "error" in row:
        return str(row["error"])
    return f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def main() -> int:
    """Compare and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args()
    try:
        old, new = read(options.old), read(options.new)
        if (old["quick"], old["device"]) != (new["quick"], new["device"]):
            raise ValueError(
                "the records are of different sizes or devices (--quick, --device); compare two "
                "that were made by the same command"
            )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if old["machine"] != new["machine"]:
        print(f"note: two machines, {old['machine']} and {new['machine']}")
    found = compare(old, new)
    print("\n".join(line for _, line in found))
    flagged = sum(judged in ("slower", "lost") for judged, _ in found)
    print(f"{flagged} of {len(found)} rows are slower or lost")
    return int(flagged > 0)


if __name__ == "__main__":
    sys.exit(main())
