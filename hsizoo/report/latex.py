r"""Tables in LaTeX, with the rules of the package booktabs."""

from __future__ import annotations

import re

from hsizoo.report.text_table import TextTable

__all__ = ["latex_table", "latex_text"]

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{each: f"\\{each}" for each in "$&#%_"},
    **{each: f"${each}$" for each in "<>|"},
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\to$",
    "−": "$-$",
    "—": "---",
    "–": "--",
    "…": r"\dots{}",
}


def latex_text(text: str) -> str:
    r"""Escape a text for LaTeX; a minus in front of a number becomes one.

    Examples
    --------
    >>> print(latex_text("lp+cnn2d_a: 45.21 ± 5.38 %, -0.5"))
    lp+cnn2d\_a: 45.21 $\pm$ 5.38 \%, $-$0.5
    """
    parts = re.split(r"(?<![\w.)\]])-(?=\d)", text)
    return "$-$".join("".join(_SPECIAL.get(each, each) for each in part) for part in parts)


def latex_table(table: TextTable) -> str:
    """Format a table as a ``tabular``, with the best figure of each column in bold."""
    head = [latex_text(cell) for cell in table.head]
    lines = [
        [
            rf"\textbf{{{latex_text(cell)}}}" if (number, place) in table.best else latex_text(cell)
            for place, cell in enumerate(line)
        ]
        for number, line in enumerate(table.lines)
    ]
    aligned = "l" * table.names + "r" * (len(head) - table.names)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            rf"\begin{{tabular}}{{{aligned}}}",
            r"\toprule",
            rf"{' & '.join(head)} \\",
            r"\midrule",
            *(rf"{' & '.join(line)} \\" for line in lines),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )
