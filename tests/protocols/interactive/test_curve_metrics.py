"""Area, number of clicks and failures of a curve, by hand and against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from hsizoo.errors import ProtocolError
from hsizoo.protocols.interactive.curve_metrics import curve_auc, failed, noc

quick = settings(deadline=None, max_examples=60)


class TestCurveAuc:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [([0.3], 0.3), ([0.0, 1.0], 0.5), ([0.0, 1.0, 1.0], 0.75), ([0.2, 0.6, 1.0, 0.2], 0.6)],
    )
    def test_by_hand(self, values, expected):
        assert curve_auc(values) == pytest.approx(expected)

    @given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
    def test_is_the_normalised_trapezoid(self, values):
        area = curve_auc(values)
        assert area == pytest.approx(trapezoid(values) / (len(values) - 1))
        assert min(values) - 1e-12 <= area <= max(values) + 1e-12

    @pytest.mark.parametrize("values", [[], [0.5, np.nan], [[0.5]], 0.5])
    def test_wants_one_finite_value_per_click(self, values):
        with pytest.raises(ProtocolError, match="per click"):
            curve_auc(values)


class TestNumberOfClicks:
    @pytest.mark.parametrize(
        ("ious", "max_clicks", "clicks", "fails"),
        [
            ([0.95], 20, 1, False),
            ([0.5, 0.9, 0.95], 20, 2, False),  # reaching it exactly counts
            ([0.5, 0.92, 0.1], 20, 2, False),  # the first time counts, whatever comes after
            ([0.5, 0.6, 0.7], 20, 20, True),
            ([0.5] * 19 + [0.95], 20, 20, False),  # RITM's ≥20@90 would count this as a failure
        ],
    )
    def test_by_hand(self, ious, max_clicks, clicks, fails):
        assert noc(ious, 0.9, max_clicks) == clicks
        assert failed(ious, 0.9) is fails

    def test_clicks_beyond_the_budget_are_not_looked_at(self):
        assert noc([0.5, 0.5, 0.5, 0.95], 0.9, 3) == 3
        assert noc([0.5, 0.5, 0.95, 0.95], 0.9, 3) == 3

    def test_returns_a_plain_int(self):
        assert type(noc(np.array([0.5, 0.95]), 0.9, 20)) is int

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0, 1))
    def test_a_higher_target_never_takes_fewer_clicks(self, ious, target):
        assert 1 <= noc(ious, target, 20) <= noc(ious, 1.0, 20) <= 20
        assert failed(ious, target) is (max(ious) < target)

    @pytest.mark.parametrize("ious", [[], [np.nan, 0.9]])
    def test_ious_are_checked(self, ious):
        with pytest.raises(ProtocolError, match="per click"):
            noc(ious, 0.9, 20)
        with pytest.raises(ProtocolError, match="per click"):
            failed(ious, 0.9)

    @pytest.mark.parametrize("target", [90, -0.1, np.nan])
    def test_the_target_is_a_fraction(self, target):
        with pytest.raises(ProtocolError, match="target_iou"):
            noc([0.5], target, 20)
        with pytest.raises(ProtocolError, match="target_iou"):
            failed([0.5], target)

    def test_the_budget_is_at_least_one_click(self):
        with pytest.raises(ProtocolError, match="max_clicks"):
            noc([0.5], 0.9, 0)
