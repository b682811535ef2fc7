"""What a paper measured, as its file says it.

::

    title = "SAMSA 2.0, Table 1"
    source = "arXiv:2508.00493"
    columns = ["dice@0.5 1c", "dice@0.5 5c"]     # of hsizoo's table

    [[setup]]                                    # a way to measure it; the first is the default
    name = "phantom"
    experiment = "phantom.toml"                  # beside this file; see hsizoo.runs.experiment_file
    quick = "phantom-quick.toml"
    remark = "The phantom is a simulation: compare the order of the rows."

    [[row]]
    name = "SA"
    figures = { Heipor = [0.11677, 0.11676] }    # as published, in the order of the columns
    ours.phantom = "sa"                          # the component that is this row, by setup
    remark = ""                                  # why it is not the paper's, if it is not

    [[claim]]                                    # what the paper says of two rows
    text = "Fine-tuning helps"
    column = "dice@0.5 1c"
    better = "SAM2.1-Tiny-FT"
    worse = "SAM2.1-Tiny"
"""

from __future__ import annotations

import importlib
import importlib.resources
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hsizoo.documents import read_toml
from hsizoo.errors import NameLookupError, PluginError, did_you_mean
from hsizoo.zoo.distributions import Point, find_points

__all__ = ["Claim", "Ours", "Paper", "PublishedRow", "Setup", "find_paper", "paper_names"]

GROUP = "hsizoo.papers"


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to measure the paper's rows again.

    Parameters
    ----------
    name : str
    experiment : str
        File of the experiment, beside that of the paper.
    quick : str
        File of a short one, for a first look; empty if there is none.
    time, quick_time : str
        How long they take, and on what.
    comparable : bool, default False
        Whether the figures may be compared with the published ones, not only their order.
    differs : str, default "other data than the paper's"
        Why they may not.
    figures : tuple of str
        Names of the published figures that stand beside ours.  Default: all.
    remark : str
        What a reader must know of this setup.
    """

    name: str
    experiment: str
    quick: str = ""
    time: str = ""
    quick_time: str = ""
    comparable: bool = False
    differs: str = "other data than the paper's"
    figures: tuple[str, ...] = ()
    remark: str = ""


class Ours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The row of our table that is a row of the paper's.

    Parameters
    ----------
    component : str
        As the experiment has it.
    run : str
        Name of the run.  Default: the experiment's first run that has the component.
    conditions : mapping of str to str
        Conditions of the row, such as a swept option.
    """

    component: str
    run: str = ""
    conditions: Mapping[str, str] = msgspec.field(default_factory=dict)


class PublishedRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the paper's table, or one of ours that it lacks.

    Parameters
    ----------
    name : str
        As the paper has it.
    figures : mapping of str to tuple of float
        Published figures in the order of the paper's columns, by data set.
    ours : mapping of str to Ours or str
        By setup, ``SETUP-quick`` for its quick way, ``any`` for all others; a text is the
        component.
    remark : str
        Why our row is not the paper's, if it is not.
    """

    name: str
    figures: Mapping[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    ours: Mapping[str, Ours | str] = msgspec.field(default_factory=dict)
    remark: str = ""

    def ours_in(self, setup: str, quick: bool = False) -> Ours | None:
        """Return our row in a setup, if it has one."""
        names = ([f"{setup}-quick"] if quick else []) + [setup, "any"]
        found = next((self.ours[name] for name in names if name in self.ours), None)
        return Ours(component=found) if isinstance(found, str) else found


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the paper says of two of its rows.

    Parameters
    ----------
    text : str
    column : str
        By which the rows are compared.
    better, worse : str
        Names of rows.
    """

    text: str
    column: str
    better: str
    worse: str


class Paper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A paper's tables, and how to measure them again; see the head of this module.

    Parameters
    ----------
    title, source : str
    about : str
        What of the paper is measured, and what is known of it.
    columns : tuple of str
        Columns of hsizoo's table, in the order of the published figures.
    setup : tuple of Setup
    row : tuple of PublishedRow
    claim : tuple of Claim
    """

    title: str
    source: str
    columns: tuple[str, ...]
    setup: tuple[Setup, ...]
    row: tuple[PublishedRow, ...]
    claim: tuple[Claim, ...] = ()
    about: str = ""

    def setup_named(self, name: str | None) -> Setup:
        """Return a setup by name; the first by default.

        Raises
        ------
        NameLookupError
        """
        if name is None:
            return self.setup[0]
        names = [each.name for each in self.setup]
        for each in self.setup:
            if each.name == name:
                return each
        raise NameLookupError(
            f"{self.title}: no setup {name!r}.{did_you_mean(name, names)} Its setups: "
            f"{', '.join(names)}"
        )


def paper_names() -> list[str]:
    """Return the names of all papers, hsizoo's own first."""
    return list(_points())


def find_paper(name: str) -> tuple[Paper, Path]:
    """Read a paper's file.

    Parameters
    ----------
    name : str
        One of `paper_names`.

    Returns
    -------
    paper : Paper
    folder : Path
        Where its experiments are.

    Raises
    ------
    NameLookupError
        If there is none of this name.
    PluginError
        If its package cannot be imported, or its file is not as `hsizoo.papers.paper` describes.
    """
    points = _points()
    if name not in points:
        raise NameLookupError(
            f"no paper {name!r}.{did_you_mean(name, list(points))} Papers: {', '.join(points)}"
        )
    point = points[name]
    try:
        folder = Path(str(importlib.resources.files(point.value)))
    except Exception as error:
        raise PluginError(
            f"{point.dist} offers the paper {name!r} in {point.value}, which cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    return read_paper(folder / f"{name}.toml"), folder


def read_paper(path: Path) -> Paper:
    """Read a paper's file and check it.

    Raises
    ------
    DataError
        If it is not there, or not TOML.
    PluginError
        If it is not as the head of this module describes.
    """
    data, _ = read_toml(path)
    try:
        paper = msgspec.convert(data, Paper)
    except msgspec.ValidationError as error:
        raise PluginError(f"{path.name}: {error}") from None
    if wrong := _wrong(paper):
        raise PluginError(f"{path.name}: {wrong}")
    return paper


def _points() -> dict[str, Point]:
    found: dict[str, Point] = {}
    for point in find_points(GROUP).points:
        if not point.fault:
            found.setdefault(point.name, point)
    return found


def _wrong(paper: Paper) -> str:
    """Say what does not fit together; empty if everything does."""
    if not paper.setup:
        return "it has no [[setup]]; add one with name and experiment"
    setups = {"any"}
    setups |= {name for each in paper.setup for name in (each.name, f"{each.name}-quick")}
    rows: dict[str, Any] = {}
    for row in paper.row:
        if row.name in rows:
            return f"two rows are named {row.name!r}"
        rows[row.name] = row
        for name, figures in row.figures.items():
            if len(figures) != len(paper.columns):
                return (
                    f"row {row.name!r} has {len(figures)} figures on {name}; expected one for each "
                    f"of the {len(paper.columns)} columns"
                )
        if unknown := sorted(set(row.ours) - setups):
            return f"row {row.name!r} names the setup {unknown[0]!r}, which is not there"
    for claim in paper.claim:
        for name in (claim.better, claim.worse):
            if name not in rows:
                return f"the claim {claim.text!r} names the row {name!r}, which is not there"
    return ""
