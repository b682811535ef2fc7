"""What a run would compute and take, for ``hsizoo bench --dry-run``."""

from __future__ import annotations

from rich.markup import escape

from hsizoo.cli.console import console, print_pairs, print_rows
from hsizoo.runs.estimate import Estimate

__all__ = ["print_estimate"]

_BASES = {"this data": "measured", "other data": "other data, measured", "guess": "guess"}


def print_estimate(found: Estimate) -> None:
    """Print an estimate: numbers, the components with their times, and notes."""
    out = console()
    processes = f"{found.jobs} process{'es' if found.jobs > 1 else ''} on "
    processes += ", ".join(dict.fromkeys(found.devices))
    read = "unknown" if found.bytes_read is None else size(found.bytes_read)
    objects = f"{found.objects:.3g} objects a scene"
    objects += ", a guess" if found.objects_basis == "guess" else ""
    pairs = [
        ("run", f"{found.title}; nothing is computed"),
        ("folder", found.folder),
        ("cells", f"{found.cells:,}, of which {found.done:,} are done"),
        ("images", f"{found.images:,}"),
        ("encodings", f"{found.encodings:,}"),
        ("decodings", f"{found.decodings:,} ({objects})"),
        ("read", read),
        ("time", f"{duration(found.hours * 3600)} with {processes}"),
        (
            "cache",
            f"{size(found.cache_bytes)} if all encodings are kept; "
            f"it holds {size(found.cache_limit)}",
        ),
    ]
    print_pairs(out, pairs)
    if found.parts:
        out.print()
        head = ("component", "cells", "s/cell", "time", "")
        rows = [
            (
                escape(part.component),
                f"{part.cells:,}",
                f"{part.seconds:.3g}",
                duration(part.cells * part.seconds),
                _BASES[part.basis] + _count(part.records),
            )
            for part in found.parts
        ]
        print_rows(out, head, rows)
    for note in found.notes:
        out.print(note, style="yellow", markup=False)


def _count(records: int) -> str:
    return f" on {records} cell{'s' if records > 1 else ''}" if records else ""


def size(count: float) -> str:
    """Format a number of bytes.

    Examples
    --------
    >>> size(0), size(123_000_000), size(2e12)
    ('0 B', '123 MB', '2 TB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5 or unit == "TB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """Format a time.

    Examples
    --------
    >>> duration(0.2), duration(61), duration(9000), duration(900_000)
    ('0.2 s', '1.0 min', '2.5 h', '250 h (10.4 days)')
    """
    if seconds < 60:
        return f"{seconds:.2g} s"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    hours = f"{seconds / 3600:.3g} h"
    return hours if seconds < 172_800 else f"{hours} ({seconds / 86_400:.1f} days)"
