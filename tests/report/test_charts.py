"""Figures as SVG and PDF, and the charts that any table has."""

import csv
import io
import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from hsizoo.errors import ContractError
from hsizoo.interfaces import Chart, ClassMaps, Column, Matrix, Series
from hsizoo.report.charts import draw, figure_csv, inline_svg, to_pdf, to_svg
from hsizoo.report.comparison import Comparison
from hsizoo.report.derived import derived_charts, difference_chart
from hsizoo.report.figures import Layout
from hsizoo.report.rows import Row

HOSTILE = "</svg><script>alert(1)</script> $\\frac{ & $"
LINES = Chart(
    name="lines", title=HOSTILE, x="clicks", y="Dice", limits=(0, 1),
    series=[
        Series(label="sa", x=[1, 2], y=[0.5, 0.75], low=[0.25, 0.5], high=[0.75, 1]),
        Series(label=HOSTILE, x=[1, 2], y=[0.5, float("nan")]),
        Series(label="_hidden", x=[], y=[]),
    ],
)  # fmt: skip
FLAT = Chart(
    name="flat", title="t", x="d", y="", ticks=["a" * 90, HOSTILE], joined=False, flat=True,
    series=[Series(label="d", x=[0.1, 0.2], y=[0, 1], low=[0, 0.3], high=[0.2, 0.4])],
)  # fmt: skip
WORDS = Chart(
    name="words", title="t " * 200, x="d", y="", ticks=["a" * 90, "b" * 90, "c"], joined=False,
    series=[Series(label="sa", x=[0, 1], y=[0.5, 0.6]), Series(label="pcc", x=[2], y=[0.6])],
)  # fmt: skip
MATRIX = Matrix(name="m", title="svm", counts=[[5, 0], [12345, 1]], classes=["a", "a"])
MANY = Matrix(name="n", title="svm", counts=np.eye(40, dtype=int).tolist(), classes=["x" * 70] * 40)
MAPS = ClassMaps(
    name="maps", title="t", panels=[("svm", np.array([[0, 1], [2, 7]]))], classes={1: "a", 2: "$"}
)


@pytest.mark.parametrize(
    "figure", [LINES, FLAT, WORDS, MATRIX, MANY, MAPS, replace(LINES, series=[])]
)
def test_every_figure_is_drawn_for_page_and_paper(figure):
    truth = np.array([[1, 1], [2, -1]]) if figure is MAPS else None
    drawing = draw(figure, ["pcc", "sa"], truth)
    svg = to_svg(drawing, figure.name)
    assert ET.fromstring(svg).get("width") == "252pt"  # a column of 3.5 inches
    assert svg == to_svg(draw(figure, ["pcc", "sa"], truth), figure.name)
    assert to_pdf(drawing).startswith(b"%PDF")
    inline = inline_svg(drawing, figure.name, HOSTILE)
    assert "script" not in inline.replace("&lt;/svg&gt;&lt;script", "").replace("&lt;/script", "")
    assert "://" not in inline
    ids = re.findall(r' id="([^"]+)"', inline)
    assert len(ids) == len(set(ids))
    assert all(each.startswith(f"{figure.name}-") for each in ids)
    assert set(re.findall(r"url\(#([^)]+)\)", inline)) <= set(ids)
    assert "#010203" not in inline
    ET.fromstring(inline.replace("xlink:href", "href"))


def test_a_row_has_its_colour_in_every_chart():
    colours = []
    for series in (LINES.series[:1], [Series(label="pcc", x=[1], y=[1]), LINES.series[0]]):
        inline = inline_svg(draw(replace(LINES, series=series), ["pcc", "sa"]), "x", "")
        colours.append("#d55e00" in inline)
    assert colours == [True, True]  # the second of the table


@pytest.mark.parametrize("x", [(3.1, 4.2), (0.004, 0.03), (2, 90), (3, 30_000)])
def test_labels_of_a_logarithmic_axis_keep_apart(x):
    chart = replace(LINES, log=True, series=[Series(label="sa", x=x, y=[0.5, 0.6])])
    drawing = draw(chart, ["sa"])
    drawing.draw_without_rendering()
    (axes,) = drawing.axes
    ends = sorted(axes.get_xlim())
    boxes = [
        label.get_window_extent()
        for place, label in zip(
            axes.get_xticks().tolist() + axes.get_xticks(minor=True).tolist(),
            axes.get_xticklabels() + axes.get_xticklabels(minor=True),
            strict=True,
        )
        if label.get_text() and ends[0] <= place <= ends[1]
    ]
    boxes.sort(key=lambda box: box.x0)
    assert len(boxes) >= 2
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_values_as_csv():
    found = list(csv.DictReader(io.StringIO(figure_csv(LINES))))
    assert found[0] == {"series": "sa", "x": "1", "y": "0.5", "low": "0.25", "high": "0.75"}
    assert found[2]["series"] == HOSTILE
    named = list(csv.DictReader(io.StringIO(figure_csv(FLAT))))
    assert [line["name"] for line in named] == ["a" * 90, HOSTILE]
    assert figure_csv(MATRIX).splitlines() == ["true \\ predicted,a,a", "a,5,0", "a,12345,1"]
    assert figure_csv(MAPS) == ""


OA = Column(name="oa", meaning="accuracy", title="OA %", unit="%", compared=True, deviation=True)
SECONDS = Column(name="s", meaning="seconds to fit", unit="s")
LAYOUT = Layout((OA, SECONDS), ("oa",), "seeds")


def row(name, value, seconds=1.0, **conditions):
    return Row(
        component=name, conditions=conditions, values={"oa": value, "s": seconds},
        deviations={"oa": 0.1},
    )  # fmt: skip


def charts(*rows):
    found = derived_charts(LAYOUT, Comparison(LAYOUT.columns, list(rows), [], [], []))
    return {chart.name: chart for chart in found}


def test_speed_against_quality():
    chart = charts(row("a", 0.5, 1.0), row("b", 0.75, 50.0), row("c", None))["speed-s"]
    assert [(each.label, *each.x, *each.y) for each in chart.series] == [
        ("a", 1.0, 50.0), ("b", 50.0, 75.0),
    ]  # fmt: skip
    assert chart.log
    assert chart.series[0].low == pytest.approx([40.0])
    assert charts(row("a", 0.5)) == {}


def test_perturbations_are_curves_from_the_clean_cube():
    texts = ["none", "noise:strength=0.3", "noise:strength=0.1", "shading", "x:strength=2"]
    rows = [row("a", 0.9 - place / 10, perturbation=text) for place, text in enumerate(texts)]
    found = charts(*rows)
    noise = found["perturbation-noise-strength"]
    assert (noise.series[0].x, noise.series[0].label) == ([0.0, 0.1, 0.3], "a")
    assert noise.series[0].y == pytest.approx([90, 70, 80])
    assert list(found["perturbation-x-strength"].series[0].x) == [0.0, 2.0]
    assert found["over-perturbation"].ticks == ["none", "shading"]
    assert not found["over-perturbation"].joined


def test_a_swept_number_is_an_axis():
    chart = charts(*(row("a", 0.5, shots=str(n)) for n in (10, 1, 5)))["over-shots"]
    assert (chart.series[0].x, chart.joined, chart.ticks) == ([1.0, 5.0, 10.0], True, ())


def test_differences_without_an_interval_have_no_chart():
    line = {"name": "a", "column": OA, "difference": -0.1, "low": None, "high": None}
    assert difference_chart(LAYOUT, [line], "b") is None
    chart = difference_chart(LAYOUT, [{**line, "low": -0.2, "high": 0.0}], "b")
    assert chart.series[0].x == [-10.0]
    assert "right is better" in chart.x
    assert "minus b" in chart.remark


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Series(label="a", x=[1, 2], y=[1]), "of 2, 1, 0, 0 values"),
        (lambda: Series(label="a", x=[1], y=[1], low=[1]), "of 1, 1, 1, 0 values"),
        (lambda: replace(LINES, name="../up"), r"called '\.\./up'"),
        (lambda: replace(MATRIX, name=""), "called ''"),
        (lambda: replace(MATRIX, counts=[[1, 2]]), "is not square"),
        (lambda: replace(MAPS, panels=[]), r"have the shapes \[\]"),
        (lambda: replace(MAPS, name="a/b"), "called 'a/b'"),
    ],
)
def test_figures_that_cannot_be_drawn_are_not_made(make, told):
    with pytest.raises(ContractError, match=told):
        make()
