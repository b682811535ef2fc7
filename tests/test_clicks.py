import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsizoo.clicks import Clicks
from hsizoo.errors import ClickError, DataError

position = st.integers(0, 10**6)
click_rows = st.lists(st.tuples(position, position, st.booleans()), max_size=12)
quick = settings(deadline=None, max_examples=60)


def build(rows):
    clicks = Clicks()
    for row, col, positive in rows:
        clicks = clicks.add(row, col, positive)
    return clicks


@quick
@given(click_rows)
def test_adding_one_by_one_equals_building_at_once(rows):
    one_by_one = build(rows)
    at_once = Clicks([row[:2] for row in rows], np.array([row[2] for row in rows], dtype=bool))
    assert list(one_by_one) == list(at_once) == rows
    assert len(one_by_one) == len(rows)
    assert one_by_one == at_once
    assert hash(one_by_one) == hash(at_once)


@quick
@given(click_rows)
def test_json_round_trip(rows):
    clicks = build(rows)
    assert clicks.to_json() == [list(row) for row in rows]
    for value in (value for row in clicks.to_json() for value in row):
        assert type(value) in (int, bool)
    assert Clicks.from_json(clicks.to_json()) == clicks


@quick
@given(click_rows, click_rows)
def test_equal_only_with_the_same_clicks_in_the_same_order(rows, others):
    assert (build(rows) == build(others)) == (rows == others)


def test_order_sign_and_type_count_for_equality():
    clicks = Clicks([(0, 1), (2, 3)])
    assert clicks != Clicks([(2, 3), (0, 1)])
    assert clicks != Clicks([(0, 1), (2, 3)], [True, False])
    assert clicks != [(0, 1, True), (2, 3, True)]


def test_are_immutable_and_independent_of_their_arguments():
    points, positive = np.array([[1, 2]]), np.array([True])
    clicks = Clicks(points, positive)
    points[:], positive[:] = 9, False
    assert list(clicks) == [(1, 2, True)]
    with pytest.raises(ValueError, match="read-only"):
        clicks.points[0, 0] = 5
    with pytest.raises(ValueError, match="read-only"):
        clicks.positive[0] = False
    with pytest.raises(AttributeError):
        clicks.points = points
    clicks.add(3, 4)
    assert len(clicks) == 1


@pytest.mark.parametrize("points", [(), [], np.zeros((0, 2)), [[]]])
def test_no_click(points):
    clicks = Clicks(points)
    assert len(clicks) == 0
    assert clicks.points.shape == (0, 2)
    assert clicks.to_json() == []
    assert clicks == Clicks.from_json([])


def test_whole_numbers_of_any_type_are_taken():
    for dtype in (np.uint8, np.int16, np.uint64, np.float32):
        clicks = Clicks(np.array([[3, 250]], dtype=dtype))
        assert list(clicks) == [(3, 250, True)]
        assert clicks.points.dtype == np.int64


@pytest.mark.parametrize(
    ("points", "shown"),
    [
        ([(1.5, 2)], "1.5"),
        ([(np.nan, 2)], "nan"),
        ([(np.inf, 2)], "inf"),
        ([(1e300, 2)], r"1e\+300"),
        ([(2**63, 2)], "9223372036854775808"),
        ([(2**70, 2)], str(2**70)),
        ([("7", "8")], "'7'"),
        ([(True, False)], "True"),
        ([(1j, 2)], "1j"),
        ([(-1, 2)], r"\(row=-1, col=2\)"),
        ([(1, 2), (3, -4)], r"\(row=3, col=-4\)"),
        ((1, 2), r"\(2,\)"),
        ([(1, 2, 3)], r"\(1, 3\)"),
        ([[[1, 2]]], r"\(1, 1, 2\)"),
        ([(1, 2), (3,)], r"\(3,\)"),
    ],
)
def test_unusable_points_are_shown(points, shown):
    with pytest.raises(ClickError, match=shown):
        Clicks(points)


@pytest.mark.parametrize(
    ("positive", "shown"),
    [
        ([True], r"2 booleans.*\(1,\) of bool"),
        ([True] * 3, r"\(3,\)"),
        ([[True, False]], r"\(1, 2\)"),
        (True, r"\(\)"),
        ([1, 0], "int64"),
        (["yes", "no"], "<U3"),
    ],
)
def test_signs_must_be_one_bool_per_click(positive, shown):
    with pytest.raises(ClickError, match=shown):
        Clicks([(1, 2), (3, 4)], positive)


def test_json_signs_are_checked():
    with pytest.raises(ClickError, match="booleans"):
        Clicks.from_json([[1, 2, "false"]])  # bool("false") is True


def test_click_error_is_a_data_error():
    assert issubclass(ClickError, DataError)


@quick
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 25), st.integers(0, 25))
def test_check_inside(height, width, row, col):
    clicks = Clicks([(0, 0), (row, col)])
    if row < height and col < width:
        clicks.check_inside(height, width)
        return
    with pytest.raises(ClickError) as caught:
        clicks.check_inside(height, width)
    for part in (
        f"(row={row}, col={col})",
        f"{height} rows",
        f"{width} columns",
        f"0 to {height - 1}",
        f"0 to {width - 1}",
    ):
        assert part in str(caught.value)
