import json

import pytest

from hsizoo.interfaces import Column
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.report.figures import Layout, best_of, figure, headline_of
from hsizoo.report.rows import Row


def row(value, ends=None, spread=None):
    return Row(
        component="x",
        values={"y": value},
        intervals={"y": ends} if ends else {},
        deviations={} if spread is None else {"y": spread},
    )


@pytest.mark.parametrize(
    ("about", "value", "ends", "spread", "text"),
    [
        ({}, None, None, None, "—"),
        ({}, 0.51239, None, 0.1, "0.5124"),
        ({}, 0.51239, (0.25, 0.75), None, "0.512 [0.250, 0.750]"),
        ({"digits": 2}, 4.555, (4.0, 5.0), None, "4.55 [4.00, 5.00]"),
        ({"unit": "%", "digits": 1}, 0.51239, None, None, "51.2"),
        ({"unit": "%", "digits": 2, "deviation": True}, 0.4521, None, 0.0538, "45.21 ± 5.38"),
        ({"unit": "×100", "deviation": True}, -0.5, None, None, "-50.0000"),
        ({"unit": "s"}, 0.00123, None, None, "0.0012"),
        ({"unit": "s"}, 12.34, None, None, "12"),
    ],
)
def test_a_figure(about, value, ends, spread, text):
    column = Column(name="y", meaning="", **about)
    assert figure(row(value, ends, spread), column) == text


def test_a_figure_without_its_interval():
    column = Column(name="y", meaning="")
    assert figure(row(0.5, (0.25, 0.75)), column, intervals=False) == "0.5000"


def test_the_best():
    def best(better, *values):
        return best_of(Column(name="y", meaning="", better=better), [row(x) for x in values])

    assert best("higher", 0.1, 0.3, None) == 0.3
    assert best("lower", 0.1, 0.3, None) == 0.1
    assert best("", 0.1, 0.3) is None
    assert best("higher", 0.1, None) is None


def test_the_headline_is_the_first_that_has_a_value():
    rows = [Row(component="x", values={"a": None, "b": 0.5})]
    assert headline_of(("a", "b"), rows) == "b"
    assert headline_of(("a",), rows) == "a"


@pytest.mark.parametrize("protocol", [InteractiveProtocol, FewLabelProtocol])
def test_a_layout_is_kept_with_the_results(protocol):
    layout = Layout.of(protocol)
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout
