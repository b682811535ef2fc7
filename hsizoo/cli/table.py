"""``hsizoo table``: print the table of a stored run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsizoo.report.figures import Layout
    from hsizoo.report.rows import Row

_FOR_PEOPLE = 3  # decimals that a paper's table has at most


def table(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Run folder, or its path below hsizoo-runs."),
    ],
    form: Annotated[
        Literal["console", "markdown", "latex", "csv"],
        typer.Option(
            "--format",
            "-f",
            help="latex needs the package booktabs; csv has every column, and shares are not per "
            "cent.",
        ),
    ] = "console",
    digits: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=17,
            help="Decimals of every figure but seconds.  [default: console: those of the column; "
            "markdown, latex: at most 3; csv: all]",
        ),
    ] = None,
) -> None:
    """Print the table of the stored RUN; nothing is computed.

    `hsizoo runs` lists the runs.  Notes on the table go to stderr unless it is for the console.
    """
    from hsizoo.report.figures import Layout
    from hsizoo.report.rows import Row
    from hsizoo.runs.stored import open_results

    _, results = open_results(run)
    layout = Layout.from_json(results["layout"])
    rows = [Row.from_json(each) for each in results["table"]]
    notes = results.get("notes", ())
    if form == "console":
        from hsizoo.cli.run_table import print_run_table

        print_run_table(layout, rows, results.get("title", run), notes, digits)
        return
    print(_as_text(form, layout, rows, digits))  # noqa: T201
    from hsizoo.cli.console import console

    for note in notes:
        console(stderr=True).print(note, style="yellow", markup=False)


def _as_text(form: str, layout: Layout, rows: Sequence[Row], digits: int | None) -> str:
    if form == "csv":
        from hsizoo.report.comparison import Comparison, table_csv

        shown = [row if digits is None else row.rounded(digits) for row in rows]
        return table_csv(Comparison(layout.columns, shown, [], [], [])).removesuffix("\n")
    from hsizoo.report.text_table import text_table

    layout = layout.at_most(_FOR_PEOPLE)
    made = text_table(layout, rows, digits=digits)
    if form == "markdown":
        from hsizoo.report.markdown import markdown_table

        return markdown_table(made.head, made.marked("**", "**"))
    from hsizoo.report.latex import latex_table

    return latex_table(made)
