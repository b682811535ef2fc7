"""Finding and reading what runs have left; imports neither torch nor the components."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hsizoo.documents import read_sealed, sealed, user_path
from hsizoo.engine.heads import parse
from hsizoo.engine.store import Store
from hsizoo.errors import DataError, StoreError, did_you_mean, listed
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Row
from hsizoo.runs.folders import DEFAULT_FOLDER
from hsizoo.runs.listing import CELLS_FILE, ListedCells, cells_of

__all__ = [
    "RESULTS_FILE",
    "StoredRun",
    "check_inside",
    "find_runs",
    "is_readable",
    "made_by",
    "open_results",
    "read_results",
    "remove_files",
    "results_json",
    "written_by",
]

RESULTS_FILE = "results.json"

_CELLS = "cells"
_MADE_WITH = "provenances"
_SOME = 2000  # cells of a run that are looked at for the name of a component
_LONGEST = 2**30  # bytes: an entry for each of 10⁶ cells


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """A run that was found in a folder.

    Parameters
    ----------
    folder : str
    datasets, components : list of str
        As the table calls them.
    protocol : str
    done, failed : int
        Number of its cells.
    stored : int
        Number of all cells in the folder, which several runs may share.
    finished : str
        When its last cell was finished, ISO 8601; empty if unknown.
    complete : bool
        Whether it has a table; otherwise it was stopped, and the cells are all those of the folder.
    """

    folder: str
    datasets: list[str]
    protocol: str
    components: list[str]
    done: int
    failed: int
    stored: int
    finished: str
    complete: bool


def find_runs(folder: Path) -> list[StoredRun]:
    """Return the runs in a folder and below it, by path; warn of those that cannot be read.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder} is no folder; name the folder that has your run folders.  "
            f"`hsizoo bench` makes {DEFAULT_FOLDER} where it is called"
        )
    found = []
    for each in _candidates(folder):
        try:
            found.append(_run(each))
        except StoreError as error:  # as of somebody else, whose other runs are not hidden by it
            warnings.warn(f"{error}; it is left out", stacklevel=2)
    return [run for run in found if run is not None]


def open_results(run: str) -> tuple[Path, dict[str, Any]]:
    """Read the results of a run.

    Parameters
    ----------
    run : str
        The run folder, or its path below ``hsizoo-runs``.

    Returns
    -------
    folder : Path
    results : dict
        The content of ``results.json``, with a table that can be read.

    Raises
    ------
    DataError
        If there is none; the message names runs that are there.
    """
    places = [user_path(run), Path(DEFAULT_FOLDER) / run]
    for place in places:
        results = _readable(place)
        if results is None:
            continue
        if not is_readable(results):
            raise DataError(
                f"{place / RESULTS_FILE} was written by another version of hsizoo; run its "
                "command again, which takes the stored cells"
            )
        return place, results
    there = next((place for place in places if place.is_dir()), None)
    if there is not None and (there / _CELLS).is_dir():
        raise DataError(f"{there} has cells but no table yet: run its command again to finish it")
    what = f"{there} is no run folder" if there else f"there is no run {run!r}"
    known = [each.folder for each in find_runs(there)] if there else []
    hint = ""
    if not known:  # perhaps a data folder that is called as its run is
        own = Path(DEFAULT_FOLDER)
        known = [each.folder for each in find_runs(own)] if own.is_dir() else []
        begins = [folder for folder in known if folder.startswith(str(own / run))]
        hint = did_you_mean(str(own / run), begins[:1] or known)
    if not known:
        raise DataError(f"{what}.  `hsizoo runs FOLDER` lists the runs in a folder")
    raise DataError(f"{what}.{hint}  Runs: {listed(known)}")


def read_results(folder: Path) -> dict[str, Any] | None:
    """The ``results.json`` of a run folder; None if there is none that can be read."""
    try:
        return _readable(folder)
    except DataError:
        return None


def _readable(folder: Path) -> dict[str, Any] | None:
    """The same; a `DataError` if there is one that is damaged."""
    path = folder / RESULTS_FILE
    if not path.exists():
        return None
    try:
        found = read_sealed(path, longest=_LONGEST)
    except DataError as error:
        raise DataError(
            f"{error}.  Run the command of this run again, which takes the stored cells and writes "
            "the file anew"
        ) from error
    if not isinstance(found, dict):
        return None
    cells = found.get("cells")
    if isinstance(cells, str):
        return _with_listed(folder, found)
    made = found.pop(_MADE_WITH, ())
    if isinstance(made, list) and isinstance(cells, list):
        for cell in cells:
            number = cell.get("provenance") if isinstance(cell, dict) else None
            if isinstance(number, int) and 0 <= number < len(made):
                cell["provenance"] = made[number]
    return found


def _with_listed(folder: Path, found: dict[str, Any]) -> dict[str, Any] | None:
    """Results whose cells are in a file of their own."""
    rows, counts = found.pop("rows", None), found.get("counts")
    if not isinstance(rows, list) or not isinstance(counts, dict):
        return None
    count = sum(each for each in counts.values() if isinstance(each, int))
    return {**found, "cells": ListedCells(folder / CELLS_FILE, count, rows)}


def results_json(whole: Mapping[str, Any]) -> str:
    """Write the content of ``results.json``, which `read_results` reads: a line for each cell."""
    cells = whole["cells"]
    if isinstance(cells, str):
        return sealed(json.dumps(whole, indent=1, allow_nan=False))
    about = {**{key: each for key, each in whole.items() if key != "cells"}, "cells": []}
    head = json.dumps(about, indent=1, allow_nan=False).removesuffix("[]\n}")
    inner = ",\n  ".join(json.dumps(cell, allow_nan=False) for cell in cells)
    return sealed(f"{head}[\n  {inner}\n ]\n}}" if cells else f"{head}[]\n}}")


def made_by(name: str, folder: Path) -> str:
    """Tell which distribution a component came from that stored results are of.

    Parameters
    ----------
    name : str
        Name of the component, without options.
    folder : Path
        Folder of run folders; it need not exist.

    Returns
    -------
    str
        A sentence with the command that installs it; empty if no table has such a component.
    """
    for place in _candidates(folder):
        results = read_results(place) or {}
        for cell in itertools.islice(results.get("cells") or (), _SOME):
            identity = cell.get("identity") if isinstance(cell, Mapping) else None
            component = (identity or {}).get("component")
            for part in (component, (component or {}).get("feeds") if component else None):
                full = str(part.get("component")) if isinstance(part, Mapping) else ""
                dist, _, base = full.rpartition("/")
                if dist and name in (base, full):
                    versions = (cell.get("provenance") or {}).get("versions") or {}
                    release = f" {versions[dist]}" if versions.get(dist) else ""
                    return (
                        f"Results of it in {place} were made with {dist}{release}, which is not "
                        f"installed or failed to load: pip install {dist}"
                    )
    return ""


def is_readable(results: Mapping[str, Any], *keys: str) -> bool:
    """Whether this version understands the table of a run, and all of these keys are there."""
    try:
        columns = {column.name for column in Layout.from_json(results["layout"]).columns}
        rows = [Row.from_json(row) for row in results["table"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return all(columns <= set(row.values) for row in rows) and set(keys) <= set(results)


def check_inside(name: str) -> None:
    """Raise `ValueError` unless a path is below its run folder."""
    if not _is_inside(name):
        raise ValueError(f"a view writes below its run folder; got {name!r}")


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def written_by(results: Mapping[str, Any] | None) -> list[str]:
    """The files, below its folder, that a run wrote beside its results."""
    names = (results or {}).get("written", ())
    found = [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
    return [each for each in found if _is_inside(each)]


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove files that a run wrote, and the folders that this empties."""
    parents = {folder}
    for name in names:
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
            parents |= {folder / each for each in PurePosixPath(name).parents}
    for parent in sorted(parents, key=lambda each: -len(each.parts)):
        with contextlib.suppress(OSError):
            parent.rmdir()  # only if it is empty


def _candidates(folder: Path) -> Iterator[Path]:
    """Folders that may have a run; there are none below one but among those set aside."""
    for path, folders, files in os.walk(folder):
        if RESULTS_FILE in files or _CELLS in folders:
            yield Path(path)
        folders[:] = sorted(each for each in folders if each not in (_CELLS, "trainings"))


def _run(folder: Path) -> StoredRun | None:
    store = Store(folder)
    stored = store.stored()
    results = read_results(folder)
    if results is None or not is_readable(results, "cells", "protocol"):
        return _stopped(store, stored)
    finished = results.get("finished", "")
    if not finished:  # written by an older version
        when = (folder / RESULTS_FILE).stat().st_mtime
        finished = datetime.datetime.fromtimestamp(when, datetime.UTC).isoformat("T", "seconds")
    datasets = results.get("datasets") or results.get("run", {}).get("datasets")
    cells = cells_of(results)
    counts = results.get("counts")
    if not isinstance(counts, dict):
        failed = sum(each["status"] == "failed" for each in cells)
        counts = {"done": len(cells) - failed, "failed": failed}
    return StoredRun(
        folder=str(folder),
        datasets=_names(datasets or (_component(c["identity"].get("dataset")) for c in cells)),
        protocol=results["protocol"],
        components=_names(row["component"] for row in results["table"]),
        done=counts.get("done", 0),
        failed=counts.get("failed", 0),
        stored=len(stored),
        finished=finished,
        complete=True,
    )


def _stopped(store: Store, keys: Sequence[str]) -> StoredRun | None:
    """A run that has no table yet, by its cells."""
    counts = {"done": 0, "failed": 0}
    finished, protocol = "", ""
    datasets: dict[str, None] = {}
    components: dict[str, None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is damaged is not counted
        for key in keys:
            head = store.head(key)
            if head is None or head.status not in counts or not head.has_identity:
                continue
            counts[head.status] += 1
            finished = max(finished, str(head.finished))
            identity = parse(head.identity)
            components[_component(identity.get("component"))] = None
            datasets[_component(identity.get("dataset"))] = None
            if not protocol:
                settings = identity.get("protocol") or {}
                protocol = str(settings.get("name") or settings.get("protocol") or "")
    if not any(counts.values()):
        return None
    return StoredRun(
        folder=str(store.folder),
        datasets=list(datasets),
        protocol=protocol,
        components=list(components),
        **counts,
        stored=len(keys),
        finished=finished,
        complete=False,
    )


def _names(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _component(identity: Any) -> str:
    """The name of a component or dataset, from its identity."""
    if not isinstance(identity, Mapping):
        return str(identity or "?")
    name = str(identity.get("component", "?")).removeprefix("hsizoo/")
    return f"{name}+{_component(identity['feeds'])}" if identity.get("feeds") else name
