"""Published tables: what a paper measured, and how hsizoo measures it again.

A paper is a file of data that a plugin offers in the entry-point group ``hsizoo.papers``::

    [project.entry-points."hsizoo.papers"]
    mine = "my_package.papers"

`my_package/papers/mine.toml` has the paper's rows, figures and claims, and names the experiments
that make them again; see `hsizoo.papers.paper`.
"""

from __future__ import annotations

from hsizoo.papers.paper import Claim, Ours, Paper, PublishedRow, Setup, find_paper, paper_names
from hsizoo.papers.reproducing import Judged, Line, Reproduction, reproduce

__all__ = [
    "Claim",
    "Judged",
    "Line",
    "Ours",
    "Paper",
    "PublishedRow",
    "Reproduction",
    "Setup",
    "find_paper",
    "paper_names",
    "reproduce",
]
