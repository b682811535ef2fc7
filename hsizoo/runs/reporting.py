"""`write_report`: stored runs as one page, and as tables and figures for papers."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hsizoo.engine.mask_log import image_key
from hsizoo.engine.records import marks, provenances_of
from hsizoo.errors import DataError, MissingRequirement, OptionError, about_tilde
from hsizoo.interfaces import ClassMaps, Figure
from hsizoo.io.writing import check_parent, system_errors
from hsizoo.report.baseline import against
from hsizoo.report.bibliography import bibliography
from hsizoo.report.charts import draw, figure_csv, to_pdf, to_svg
from hsizoo.report.comparison import compare
from hsizoo.report.figures import Layout
from hsizoo.report.overlays import KeptScene
from hsizoo.report.page import Content, is_own_page, written
from hsizoo.report.page.content import all_figures
from hsizoo.report.rows import observe_rows
from hsizoo.report.summary import told_provenance
from hsizoo.runs.cited import citations, inferred_options
from hsizoo.runs.gathering import Gathered, gather
from hsizoo.runs.results import notes_of

__all__ = ["write_report"]

_INDEX = "index.html"
_LONGEST_NAME = 100  # characters of the name of a file
_SCENES = 64  # that are held at a time


def write_report(
    runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str] | None = None,
    *,
    baseline: str | None = None,
    bundle: str | os.PathLike[str] | None = None,
    figures: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> dict[str, str]:
    """Write a page of stored runs; nothing is computed.

    The page is one file that needs nothing else: tables, figures, samples with their overlays,
    failed cells, inferred options, and BibTeX entries.  Beside it are its tables as CSV, Markdown
    and LaTeX.

    Parameters
    ----------
    runs : path or sequence of path
        Run folders, or their paths below ``hsizoo-runs``.  Several have one table, if they were
        evaluated in the same way.
    out : path, optional
        The page.  Its folder is made if it is not there.  Default: ``report.html``.
    baseline : str, optional
        Component that all others are compared with.  Default: the best.
    bundle : path, optional
        Write a folder for any web server in place of `out`: ``index.html``, and all samples in
        files that it loads when they are needed.
    figures : path, optional
        Folder for all figures as SVG and PDF at the width of a column, and as CSV.  Files of the
        same names are replaced, others stay.
    force : bool, default False
        Replace files that are no report.

    Returns
    -------
    dict of str to str
        What was written, and a remark on each.

    Raises
    ------
    OptionError
        If no run is named, or both `out` and `bundle` are.
    DataError
        If a run cannot be read, or a file is in the way.
    ProtocolError
        If the runs were evaluated differently; the message says in which respect.
    NameLookupError
        If no row is of the baseline.
    MissingRequirement
        If Jinja2 or matplotlib is not installed.

    Examples
    --------
    >>> hsizoo.write_report("hsizoo-runs/phantom", "phantom.html")       # doctest: +SKIP
    """
    given = [runs] if isinstance(runs, str | os.PathLike) else list(runs)
    names = [os.fspath(run) for run in given]
    if not names:
        raise OptionError("name at least one run; `hsizoo runs` lists them")
    if bundle is not None and out is not None:
        raise OptionError(
            f"the page is one file, {os.fspath(out)}, or the folder {os.fspath(bundle)}: name "
            "--out or --bundle"
        )
    target = Path(bundle) / _INDEX if bundle is not None else Path(out or "report.html")
    _check_target(target, in_folder=bundle is not None, force=force)
    gathered = gather(names)
    words = [*names, *(["--baseline", baseline] if baseline else [])]
    command = shlex.join(["hsizoo", "report", *words])
    content = _content(gathered, baseline, command, target, in_folder=bundle is not None)
    files: dict[str, str] = {}
    if bundle is not None:
        _write_bundle(content, Path(bundle), files)
    else:
        _write_page(content, target, files)
    if figures is not None:
        _write_figures(content, Path(figures), files)
    return files


def _check_target(target: Path, *, in_folder: bool, force: bool) -> None:
    if not in_folder:
        if target.suffix.lower() not in (".html", ".htm") and not target.is_dir():
            ending = f"not {target.suffix}" if target.suffix else f"so name it {target}.html"
            raise DataError(f"{target}: the page is written as .html, {ending}")
        _check_folder(target)
    if target.is_dir():
        raise DataError(f"{target} is a folder; name a file, or a folder with --bundle")
    if force:
        return
    if target.exists():
        with system_errors(target):
            beginning = target.read_bytes()[:4096].decode(errors="replace")
        if not is_own_page(beginning):
            raise DataError(f"{target} exists and is no report; replace it with --force")
    elif in_folder and target.parent.is_dir() and any(target.parent.iterdir()):
        raise DataError(
            f"{target.parent} has files and no report; name a new folder, or write into it with "
            "--force"
        )
    elif not in_folder and (there := [p for p in _tables_of(target) if p.exists()]):
        raise DataError(f"{there[0]} exists beside no report; replace it with --force")


def _check_folder(target: Path) -> None:
    """Refuse a page whose folder is not there and cannot be made."""
    there = next(folder for folder in target.absolute().parents if folder.exists())
    check_parent(target if about_tilde(target) else there / target.name)


def _tables_of(target: Path) -> list[Path]:
    endings = (".csv", ".md", ".tex", "-differences.csv", "-classes.csv")
    return [target.with_name(target.stem + ending) for ending in endings]


def _content(
    gathered: Gathered, baseline: str | None, command: str, target: Path, *, in_folder: bool
) -> Content:
    protocol, records = gathered.protocol, gathered.records
    observed = observe_rows(protocol, records)
    comparison = compare(protocol, records, observed)
    compared = against(Layout.of(protocol), comparison, baseline)
    entries, uncited = bibliography(
        citations(gathered.components, gathered.datasets, gathered.name)
    )
    notes = notes_of(protocol, records) if len(records) else []
    if gathered.gone:
        notes.append(
            f"the records of {gathered.gone} cell(s) are damaged or were removed, so they are in "
            "no figure; the command of the run computes them anew"
        )
    keys = {mark.key: place for place, mark in enumerate(marks(records)) if mark.key}

    @lru_cache(maxsize=_SCENES)
    def scene_of(key: str) -> KeptScene | None:
        if key not in keys:
            return None
        return KeptScene.of(gathered.kept(image_key(records[keys[key]]["identity"])))

    commands = dict.fromkeys(
        str(each["command"]) for each in gathered.results if each.get("command")
    )
    where = f" --bundle {shlex.quote(str(target.parent))}" if in_folder else ""
    out = "" if in_folder else f" --out {shlex.quote(target.name)}"
    return Content(
        title=gathered.title,
        subtitle=_subtitle(gathered),
        protocol=protocol,
        comparison=comparison,
        observed=observed,
        against=compared,
        figures=list(_figures(gathered, notes)) if len(records) else [],
        kept=gathered.kept,
        scene_of=scene_of,
        notes=notes,
        failures=list(_failures(gathered)),
        inferred=list(inferred_options(gathered.components)),
        made=[*_settings(gathered), *told_provenance(provenances_of(records))],
        commands=list(commands),
        report_command=f"{command}{out}{where}",
        figures_command=f"{command} --figures figures",
        bibtex=entries,
        uncited=uncited,
        how_to_keep="No image of them was kept: run it with --keep-masks --overwrite always.",
    )


def _figures(gathered: Gathered, notes: list[str]) -> Iterator[Figure]:
    """The figures of the protocol; a note in place of what it cannot show."""
    try:
        yield from gathered.protocol.figures(gathered.records)
    except MissingRequirement:
        raise
    except Exception as error:  # noqa: BLE001 (what a plugin makes of its records)
        notes.append(
            f"figures of protocol {gathered.protocol.name} are left out, as it cannot make them of "
            f"these records: {type(error).__name__}: {error}"
        )


def _subtitle(gathered: Gathered) -> str:
    counts = {"done": 0, "failed": 0}
    for mark in marks(gathered.records):
        counts[mark.status] = counts.get(mark.status, 0) + 1
    words = [f"protocol {gathered.protocol.name} {gathered.protocol.version}"]
    words.append(
        f"{counts['done']} cells" + f", {counts['failed']} failed" * bool(counts["failed"])
    )
    if finished := gathered.records.finished:
        words.append(f"last cell finished {finished[:16].replace('T', ' ')} UTC")
    return "; ".join(words)


def _settings(gathered: Gathered) -> list[tuple[str, str]]:
    """Where the runs are, and their settings."""
    found = [("run", ", ".join(folder.name for folder in gathered.folders))]
    settings: dict[str, dict[str, None]] = {}
    for results in gathered.results:
        given = results.get("settings")
        for key, value in (given if isinstance(given, Mapping) else {}).items():
            if isinstance(value, Mapping):
                value = ", ".join(f"{name}={each}" for name, each in value.items())
            settings.setdefault(str(key), {})[str(value)] = None
    found += [(key, "; ".join(values)) for key, values in settings.items()]
    if gathered.datasets:
        found.append(("data", ", ".join(gathered.datasets)))
    return found


def _failures(gathered: Gathered) -> Any:
    records = gathered.records
    failed = [place for place, mark in enumerate(marks(records)) if mark.status == "failed"]
    for record in records.select(failed):
        error = record["error"]
        yield (
            str(record["label"]),
            str(record["identity"].get("scene", "")),
            f"{error['type']}: {error['message']}",
        )


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once; what was there stays if there is no room."""
    part = path.with_name(f".{path.name}.part")
    with system_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _write_page(content: Content, target: Path, files: dict[str, str]) -> None:
    made = written(content)
    remarks = {".csv": "the table", ".md": "all tables", ".tex": "the table; needs booktabs",
               "-differences.csv": "paired differences", "-classes.csv": "by class"}  # fmt: skip
    _write(target, made.page)
    files[str(target)] = "the page; it needs nothing else"
    for ending, text in made.tables.items():
        path = target.with_name(target.stem + ending)
        _write(path, text.encode())
        files[str(path)] = remarks[ending]


def _write_bundle(content: Content, folder: Path, files: dict[str, str]) -> None:
    made = written(content, folder=lambda name, part: _write(folder / name, part))
    for ending, text in made.tables.items():
        _write(folder / f"table{ending}", text.encode())
    _write(folder / _INDEX, made.page)  # last: a folder with it is whole
    files[str(folder)] = "the page, index.html, and what it loads"


def _write_figures(content: Content, folder: Path, files: dict[str, str]) -> None:
    rows = [row.name for row in content.comparison.rows]
    count = 0
    for each, truth in all_figures(content):
        drawing, name = draw(each, rows, truth), _short(each.name)
        _write(folder / f"{name}.svg", to_svg(drawing, each.name))
        _write(folder / f"{name}.pdf", to_pdf(drawing))
        if not isinstance(each, ClassMaps):
            _write(folder / f"{name}.csv", figure_csv(each).encode())
        count += 1
    files[str(folder)] = f"{count} figures as SVG and PDF, with their values"


def _short(name: str) -> str:
    """A name that any file system takes; the end of a long one is a digest."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
