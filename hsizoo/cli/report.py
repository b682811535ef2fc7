"""``hsizoo report``: stored runs as a page, and as tables and figures for papers."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["EPILOG", "report"]

EPILOG = "Example: hsizoo report hsizoo-runs/phantom --baseline sa --out phantom.html"


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Run folders, or their paths below hsizoo-runs.  Several make one table, if they "
            "were evaluated in the same way.",
        ),
    ],
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="COMPONENT",
            help="Compare all others with this one.  [default: the best of the table]",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="The page; its tables go beside it.  [default: report.html]",
        ),
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="In place of --out, write a folder for any web server, with all samples.",
        ),
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Also write all figures as SVG and PDF, at column width.  What else is in the "
            "folder stays; files of the same names are replaced.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are no report.")
    ] = False,
) -> None:
    """Make a page of the stored RUNs, and their tables as CSV, Markdown and LaTeX.

    Nothing is computed, and the page needs no network: tables with intervals and significant
    differences, figures, every sample with its clicks and masks, failed cells, inferred options,
    and BibTeX.
    """
    from rich.markup import escape

    from hsizoo.cli.console import console

    errors = console(stderr=True)
    with errors.status("reading the runs …"):
        from hsizoo.runs.reporting import write_report

        written = write_report(
            runs, out, baseline=baseline, bundle=bundle, figures=figures, force=force
        )
    for name, remark in written.items():
        console().print(f"{escape(name)}  [dim]{escape(remark)}[/]", soft_wrap=True)
