r"""Tables in LaTeX."""

import re

import pytest

from hsizoo.report.latex import latex_table, latex_text
from hsizoo.report.text_table import TextTable


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b & 50 % of #1 $x$ {y}", r"a\_b \& 50 \% of \#1 \$x\$ \{y\}"),
        ("a\\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
        ("45.21 ± 5.38", r"45.21 $\pm$ 5.38"),
        ("-0.5 [-0.7, -0.1]", "$-$0.5 [$-$0.7, $-$0.1]"),
        ("block-disjoint-3, sam2.1-nano, 2-3", "block-disjoint-3, sam2.1-nano, 2-3"),
        ("kappa ×100 <|> —", r"kappa $\times$100 $<$$|$$>$ ---"),
    ],
)
def test_every_text_is_shown_as_it_is(text, written):
    assert latex_text(text) == written


def test_a_tabular_with_names_on_the_left_and_the_best_in_bold():
    table = TextTable(
        head=["component", "noise", "dice@0.5 1c"],
        lines=[["a_b", "0.1", "0.512"], ["c", "—", "-0.100"]],
        names=2,
        best=frozenset({(0, 2)}),
    )
    assert latex_table(table).splitlines() == [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{llr}",
        r"\toprule",
        r"component & noise & dice@0.5 1c \\",
        r"\midrule",
        r"a\_b & 0.1 & \textbf{0.512} \\",
        r"c & --- & $-$0.100 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_braces_are_balanced_whatever_the_text_is():
    text = latex_text("".join(map(chr, range(32, 127))))
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert re.sub(r"\\.", "", text).count("$") % 2 == 0
