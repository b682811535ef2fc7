"""The paper's user, against cases worked out by hand and all pixels tried."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from hsizoo.clicks import Clicks
from hsizoo.protocols.interactive.robots import (
    LargestComponentRobot,
    PaperRobot,
)

quick = settings(deadline=None, max_examples=60)


def distance_by_trying_all(mask):
    """Exact distance to the nearest pixel outside the mask, the image border padded."""
    inside, outside = np.argwhere(np.pad(mask, 1)), np.argwhere(~np.pad(mask, 1))
    distance = np.zeros(np.array(mask.shape) + 2)
    squared = ((inside[:, None] - outside[None]) ** 2).sum(axis=2).min(axis=1, initial=10**9)
    distance[tuple(inside.T)] = np.sqrt(squared)
    return distance[1:-1, 1:-1]


class TestPaperFirst:
    @pytest.mark.parametrize(
        ("drawing", "expected"),
        [
            # The largest component by pixels: 10 in the line, 9 in the square.
            ("oooooooooo .......... ooo....... ooo....... ooo.......", (0, 0, True)),
            # The border is outside.
            ("oooo. oooo. oooo. .....", (1, 1, True)),
            # Two components of 3: the right one is met first, in row 0.
            (".....oo ooo..o.", (0, 5, True)),
            # Pixels that touch at a corner belong together: 4 > 3.
            ("...ooo o..... .o.... ..o... ...o..", (1, 0, True)),
        ],
    )
    def test_edt_by_hand(self, drawing, expected, first):
        assert first(PaperRobot(), drawing) == expected

    def test_four_neighbours(self, first):
        robot = PaperRobot(connectivity="4")
        assert first(robot, "...ooo o..... .o.... ..o... ...o..") == (0, 3, True)

    @pytest.mark.parametrize(
        ("drawing", "expected"),
        [
            ("ooo ooo ooo", (1, 1, True)),
            # Centroid (1, 1) is in the hole; the four pixels beside it are at distance 1.
            ("ooo o.o ooo", (0, 1, True)),
            # Centroid (1, 1.5), rounded up to (1, 2), in the hole; (0, 2) is at distance 1.
            ("oooo o..o oooo", (0, 2, True)),
            # Halves are rounded up, 0.5 as well as 1.5.
            ("oo.", (0, 1, True)),
            (".oo", (0, 2, True)),
            # Centroid (7/5, 3/5), rounded to (1, 1); (1, 0) and (2, 1) are at distance 1.
            ("o.. o.. ooo", (1, 0, True)),
            # Of the largest component only.
            ("ooo...... ........o", (0, 1, True)),
        ],
    )
    def test_centroid_by_hand(self, drawing, expected, first):
        assert first(PaperRobot(first="centroid"), drawing) == expected

    @quick
    @given(
        hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=7)),
        st.sampled_from(["4", "8"]),
    )
    def test_equals_trying_all_pixels(self, target, connectivity):
        target[-1, -1] = True
        labels = label(target, connectivity={"4": 1, "8": 2}[connectivity])
        in_order_met = list(dict.fromkeys(labels[target].tolist()))
        largest = max(in_order_met, key=lambda number: (labels == number).sum())  # first of equals
        component = labels == largest
        depth = distance_by_trying_all(component)
        expected = (*np.argwhere(np.isclose(depth, depth.max()))[0], True)
        rng = np.random.default_rng(0)
        for robot in (PaperRobot, LargestComponentRobot):
            click = robot(connectivity=connectivity).first_click(target, target, rng)
            assert click == expected

        row, col, _ = PaperRobot(first="centroid", connectivity=connectivity).first_click(
            target, target, rng
        )
        pixels = np.argwhere(component)
        # 1e-9, because the mean may fall just short of a half.
        distance = np.hypot(*(pixels - np.floor(pixels.mean(axis=0) + 0.5 + 1e-9)).T)
        assert (row, col) == tuple(pixels[np.isclose(distance, distance.min())][0])


class TestPaperNext:
    def click(self, probability, target, clicked=(), dtype=np.float32):
        target, probability = np.array(target, dtype=bool), np.array(probability, dtype=dtype)
        return PaperRobot().next_click(
            target, np.ones_like(target), probability, Clicks(clicked), np.random.default_rng(0)
        )

    def test_lowest_probability_in_the_target(self):
        # 0.0 and 0.1 are lower, but outside.
        click = self.click([[0.9, 0.3, 0.0], [0.2, 0.7, 0.1]], [[1, 1, 0], [1, 1, 0]])
        assert click == (1, 0, True)

    def test_ties_go_to_the_first_pixel(self):
        assert self.click([[0.5, 0.2], [0.2, 0.2]], [[1, 1], [1, 1]]) == (0, 1, True)

    def test_clicked_pixels_are_excluded_whatever_their_sign(self):
        clicked = Clicks([(0, 1), (1, 0)], np.array([True, False]))
        click = PaperRobot().next_click(
            np.ones((2, 2), dtype=bool),
            np.ones((2, 2), dtype=bool),
            np.array([[0.5, 0.2], [0.2, 0.3]]),
            clicked,
            np.random.default_rng(0),
        )
        assert click == (1, 1, True)

    def test_clicks_even_if_nothing_is_wrong(self):
        # The paper has no stopping rule: the least confident pixel is clicked, however confident.
        assert self.click([[1.0, 0.9]], [[1, 1]]) == (0, 1, True)
        assert self.click([[1.0, 1.0]], [[1, 1]]) == (0, 0, True)

    def test_tiny_probabilities_are_told_apart(self):
        # 1 − p would round both to 1.
        assert self.click([[2e-12, 1e-12]], [[1, 1]]) == (0, 1, True)

    def test_never_negative(self):
        assert self.click([[1.0, 1.0, 1.0]], [[0, 1, 0]]) == (0, 1, True)

    def test_ends_when_all_target_pixels_were_clicked(self, scene):
        target, evaluated, probability = scene(".o#. xo#.")
        robot, rng, clicks = PaperRobot(), np.random.default_rng(0), Clicks()
        while click := robot.next_click(target, evaluated, probability, clicks, rng):
            clicks = clicks.add(*click)
        # The missed ones first.
        assert clicks.points.tolist() == [[0, 1], [1, 1], [0, 2], [1, 2]]
        assert clicks.positive.all()
