"""Robots, against cases worked out by hand and against independent references.

In the drawings of `scene`:

====== ========================================== ==========
``#``  target, and in the mask                    right
``o``  target, not in the mask                    missed
``x``  not target, but in the mask                excess
``.``  neither                                    right
``?``  not evaluated (truth unknown), in the mask
====== ========================================== ==========
"""

import dataclasses
import json

import cv2
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import label

from hsizoo.clicks import Clicks
from hsizoo.errors import ClickError, ProtocolError
from hsizoo.protocol.robots import (
    ROBOTS,
    LargestComponentRobot,
    PaperRobot,
    RandomRobot,
    RitmRobot,
    Robot,
)

quick = settings(deadline=None, max_examples=60)
every_robot = pytest.mark.parametrize("name", sorted(ROBOTS))


def scene(drawing):
    """Return target, evaluated and probability (0.1 or 0.9) of a drawing."""
    codes = np.array([list(line) for line in drawing.split()])  # raises if it is not a rectangle
    target, evaluated = np.isin(codes, ["#", "o"]), codes != "?"
    return target, evaluated, np.where(np.isin(codes, ["#", "x", "?"]), 0.9, 0.1)


def first(robot, drawing):
    target, evaluated, _ = scene(drawing)
    return robot.first_click(target, evaluated, np.random.default_rng(0))


def following(robot, drawing, clicked=()):
    return robot.next_click(*scene(drawing), Clicks(clicked), np.random.default_rng(0))


def distance_by_trying_all(mask):
    """Exact distance to the nearest pixel outside the mask, the image border padded."""
    inside, outside = np.argwhere(np.pad(mask, 1)), np.argwhere(~np.pad(mask, 1))
    distance = np.zeros(np.array(mask.shape) + 2)
    squared = ((inside[:, None] - outside[None]) ** 2).sum(axis=2).min(axis=1, initial=10**9)
    distance[tuple(inside.T)] = np.sqrt(squared)
    return distance[1:-1, 1:-1]


class TestRitmByHand:
    """RITM's rule: pad by one, exact EDT of whole maps, tie → negative, first maximum."""

    @pytest.mark.parametrize(
        ("drawing", "expected"),
        [
            # The border is outside: (1, 1) is 2 from row −1, row 3 and column −1; so is (1, 2)
            # (from column 4), which comes later.  Without padding (0, 0) would win, 3 from row 3.
            ("oooo. oooo. oooo. .....", (1, 1, True)),
            # The whole target counts, not its largest component: the 10 pixels of the line have
            # depth 1, the middle of the square of 9 has depth 2.
            ("oooooooooo .......... ooo....... ooo....... ooo.......", (3, 1, True)),
            # Both squares have depth 2, at (1, 5) and (3, 1): the upper one comes first, although
            # the other is further left.
            ("....ooo ....ooo ooo.ooo ooo.... ooo....", (1, 5, True)),
            # What is not evaluated is outside: (2, 2) would have depth 3, but now (1, 1) and its
            # mirror images are deepest, √2 from the gap and 2 from the border.
            ("ooooo ooooo oo?oo ooooo ooooo", (1, 1, True)),
            # What the mask has is irrelevant for the first click.
            ("##### ##### ##### ##### o####", (2, 2, True)),
        ],
    )
    def test_first_click(self, drawing, expected):
        assert first(RitmRobot(), drawing) == expected

    @pytest.mark.parametrize(
        ("drawing", "expected"),
        [
            # Missed and excess both have depth 2: a tie is negative.
            ("ooo.xxx ooo.xxx ooo.xxx", (1, 5, False)),
            ("xxx.ooo xxx.ooo xxx.ooo", (1, 1, False)),
            # Missed has depth 2 at (1, 1), excess has depth 1: positive, although 9 < 14 pixels.
            ("ooo.xxxxxxx ooo........ ooo.xxxxxxx", (1, 1, True)),
            # Pixels that are right lie outside of the errors: missed is two strips of depth 1.
            ("ooo.xxx ###.xxx ooo.xxx", (1, 5, False)),
            # Missed and excess lie outside of each other: two strips of depth 1, a tie.
            ("oooo xxxx", (1, 0, False)),
            # What is not evaluated is no error, however wrong the mask may be there ...
            ("???.... ???..o. ???....", (1, 5, True)),
            # ... and lies outside of the errors around it: (1, 1) does not have depth 2, and the
            # ring of depth 1 ties with the missed strip of depth 1.
            ("xxx.oo x?x.oo xxx.oo", (0, 0, False)),
            # Euclid, not city blocks: the middle of the diamond is √8 from its outside, at
            # (1, 1), and the middle of the square 3.  In city blocks 4 > 3: positive.
            (
                "...o.........  ..ooo...xxxxx  .ooooo..xxxxx  ooooooo.xxxxx"
                "  .ooooo..xxxxx  ..ooo...xxxxx  ...o.........",
                (3, 10, False),
            ),
            # Euclid, not chess board: √8 > 2.  On a chess board 2 = 2: negative.
            (
                "...o.......  ..ooo......  .ooooo..xxx  ooooooo.xxx"
                "  .ooooo..xxx  ..ooo......  ...o.......",
                (3, 3, True),
            ),
            # Only one kind of error.
            ("#o.", (0, 1, True)),
            ("#.x", (0, 2, False)),
            # None at all.
            ("##.", None),
            ("##?", None),
        ],
    )
    def test_next_click(self, drawing, expected):
        assert following(RitmRobot(), drawing) == expected

    @pytest.mark.parametrize(
        ("drawing", "clicked", "expected"),
        [
            # Only the clicked pixel is excluded, distances stay: (2, 2) had depth 3, the eight
            # around it have 2, of which (1, 1) comes first.
            ("ooooo ooooo ooooo ooooo ooooo", [(2, 2)], (1, 1, True)),
            # Without (1, 1) missed has depth 1, like excess: the tie is negative.
            ("ooo.xxx ooo.... ooo....", [(1, 1)], (0, 4, False)),
            # Clicked pixels are excluded from excess too.
            ("#.xxx #.xxx #.xxx", [(1, 3)], (0, 2, False)),
            # All that is wrong was clicked.
            ("o.x", [(0, 0), (0, 2)], None),
        ],
    )
    def test_clicked_pixels_are_excluded(self, drawing, clicked, expected):
        assert following(RitmRobot(), drawing, clicked) == expected

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize(
        ("threshold", "probability", "missed"),
        [(0.49, 0.49, True), (0.49, 0.495, False), (0.5, 0.495, True), (0.5, 0.5, True)],
    )
    def test_the_mask_is_strictly_above_the_threshold(self, dtype, threshold, probability, missed):
        target = np.ones((1, 1), dtype=bool)
        click = RitmRobot(threshold=threshold).next_click(
            target, target, np.full((1, 1), probability, dtype), Clicks(), np.random.default_rng(0)
        )
        assert click == ((0, 0, True) if missed else None)

    def test_the_default_threshold_is_that_of_ritm(self):
        assert RitmRobot().threshold == 0.49


def ritm_with_opencv(truth, mask, clicks):
    """RITM's rule, with OpenCV; `truth` is 1, 0, or −1 where it is ignored."""
    depth = []
    for error in ((truth == 1) & ~mask, (truth == 0) & mask):
        padded = cv2.copyMakeBorder(error.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        depth.append(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1])
        for row, col, _ in clicks:
            depth[-1][row, col] = 0
    positive = depth[0].max() > depth[1].max()
    chosen = depth[0] if positive else depth[1]
    rows, cols = np.nonzero(chosen == chosen.max())
    return (rows[0], cols[0], positive) if chosen.max() > 0 else None


@pytest.mark.parametrize(
    ("shape", "blur"), [((1, 9), 0), ((6, 5), 0.5), ((24, 31), 2), ((90, 70), 4), ((250, 330), 40)]
)
@pytest.mark.parametrize("seed", range(4))
def test_ritm_equals_an_opencv_reference(shape, blur, seed):
    rng = np.random.default_rng(seed)

    def blobs(share):
        field = ndimage.gaussian_filter(rng.standard_normal(shape), blur)
        return field >= np.quantile(field, 1 - share)

    target, mask, ignored = blobs(0.4), blobs(0.4), blobs(0.1)
    target &= ~ignored
    target.flat[target.size // 2], ignored.flat[target.size // 2] = True, False
    truth = np.where(ignored, -1, target.astype(int))
    robot, nothing = RitmRobot(), np.zeros(shape, dtype=bool)
    click = robot.first_click(target, ~ignored, rng)
    assert click == ritm_with_opencv(truth, nothing, Clicks())
    clicks = Clicks().add(*click)
    for _ in range(12):
        click = robot.next_click(target, ~ignored, mask.astype(np.float32), clicks, rng)
        assert click == ritm_with_opencv(truth, mask, clicks)
        if click is None:
            break
        clicks = clicks.add(*click)
        mask ^= blobs(0.02)  # the model answers


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
    def test_edt_by_hand(self, drawing, expected):
        assert first(PaperRobot(), drawing) == expected

    def test_four_neighbours(self):
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
    def test_centroid_by_hand(self, drawing, expected):
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

    def test_ends_when_all_target_pixels_were_clicked(self):
        target, evaluated, probability = scene(".o#. xo#.")
        robot, rng, clicks = PaperRobot(), np.random.default_rng(0), Clicks()
        while click := robot.next_click(target, evaluated, probability, clicks, rng):
            clicks = clicks.add(*click)
        # The missed ones first.
        assert clicks.points.tolist() == [[0, 1], [1, 1], [0, 2], [1, 2]]
        assert clicks.positive.all()


class TestLargestComponentByHand:
    @pytest.mark.parametrize(
        ("drawing", "clicked", "expected"),
        [
            # By pixels, not by depth: 10 > 9 (RITM would take the square).
            ("oooooooooo .......... xxx....... xxx....... xxx.......", [], (0, 0, True)),
            ("xxxxxxxxxx .......... ooo....... ooo....... ooo.......", [], (0, 0, False)),
            # The centre, with the border outside.
            ("xxxx.# xxxx.# xxxx.#", [], (1, 1, False)),
            # Missed and excess are not joined: 5 is larger than 2, 2 and 2.
            ("oo...ooooo xx........ oo........", [], (0, 5, True)),
            # Equally large: missed before excess, wherever they are.
            ("ooo.xxx", [], (0, 0, True)),
            ("xxx.ooo", [], (0, 4, True)),
            # Equally large, of one kind: the one met first, here the right one.
            (".....oo ooo..o.", [], (0, 5, True)),
            ("#....xx xxx..x.", [], (0, 5, False)),
            # A corner connects: 4 > 3.
            ("o...xxx .o..... ..o.... ...o...", [], (0, 0, True)),
            # What is not evaluated is no error, and divides: 3 > 2.
            ("xx?xx.. ..?.... ooo....", [], (2, 0, True)),
            # A clicked pixel is excluded, its component keeps its size: 3 > 2.
            ("ooo.xx", [(0, 0), (0, 1)], (0, 2, True)),
            ("ooo.xx ooo.xx ooo.xx", [(1, 1)], (0, 0, True)),
            # A component without an unclicked pixel is passed over.
            ("oo.x", [(0, 0), (0, 1)], (0, 3, False)),
            ("oo.o", [(0, 0), (0, 1)], (0, 3, True)),
            ("oo.x", [(0, 0), (0, 1), (0, 3)], None),
            ("##.", [], None),
        ],
    )
    def test_next_click(self, drawing, clicked, expected):
        assert following(LargestComponentRobot(), drawing, clicked) == expected

    def test_four_neighbours(self):
        robot = LargestComponentRobot(connectivity="4")
        assert following(robot, "o...xxx .o..... ..o.... ...o...") == (0, 4, False)

    def test_first_click_is_the_centre_of_the_largest_component(self):
        drawing = "oooooooooooo ............ ooo......... ooo......... ooo........."
        assert first(LargestComponentRobot(), drawing) == (0, 0, True)
        assert first(LargestComponentRobot(), "#.ooo #.ooo #.ooo") == (1, 3, True)


@pytest.mark.parametrize("robot", [LargestComponentRobot, RandomRobot])
def test_the_mask_of_the_other_robots_is_strictly_above_one_half(robot):
    target, rng = np.array([[True, False]]), np.random.default_rng(0)
    half = np.full((1, 2), 0.5, dtype=np.float32)
    assert robot().next_click(target, target | True, half, Clicks(), rng) == (0, 0, True)
    above = np.nextafter(half, np.float32(1))
    assert robot().next_click(target, target | True, above, Clicks(), rng) == (0, 1, False)
    assert robot(threshold=0.6).next_click(target, target | True, above, Clicks(), rng)[2]


class TestRandom:
    def test_first_click_is_uniform_over_the_target(self):
        target, evaluated, _ = scene("oo..o ?.#.o")
        rng, robot = np.random.default_rng(0), RandomRobot()
        counts = np.zeros(target.shape)
        for _ in range(2500):
            row, col, positive = robot.first_click(target, evaluated, rng)
            assert positive
            counts[row, col] += 1
        assert not counts[~target].any()
        assert np.abs(counts[target] - 500).max() < 100  # 5 standard deviations of 20

    def test_next_click_is_uniform_over_unclicked_errors(self):
        target, evaluated, probability = scene("oo#xx?.")
        rng, robot, clicks = np.random.default_rng(0), RandomRobot(), Clicks([(0, 1)])
        counts = {}
        for _ in range(1500):
            click = robot.next_click(target, evaluated, probability, clicks, rng)
            counts[click] = counts.get(click, 0) + 1
        assert set(counts) == {(0, 0, True), (0, 3, False), (0, 4, False)}
        assert max(abs(count - 500) for count in counts.values()) < 95  # 5 × 18

    @pytest.mark.parametrize(("drawing", "clicked"), [("##.?", []), ("ox", [(0, 0), (0, 1)])])
    def test_ends_when_nothing_is_wrong(self, drawing, clicked):
        assert following(RandomRobot(), drawing, clicked) is None


@st.composite
def sessions(draw):
    """Target, evaluated, clickable, probability and clicks of a session under way."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7))
    kinds = draw(hnp.arrays(np.int8, shape, elements=st.integers(0, 3)))
    kinds.flat[draw(st.integers(0, kinds.size - 1))] = 1
    level = st.sampled_from([0.0, 0.25, 0.49, 0.495, 0.5, 0.75, 1.0])
    probability = draw(hnp.arrays(np.float32, shape, elements=level))
    places = [(row, col) for row in range(shape[0]) for col in range(shape[1])]
    clicked = draw(st.lists(st.sampled_from(places), unique=True))
    positive = draw(hnp.arrays(bool, len(clicked)))
    # 0: background, 1: target, 2: not evaluated, 3: no usable spectrum.
    return kinds == 1, kinds <= 1, kinds <= 2, probability, Clicks(clicked, positive)


@every_robot
class TestEveryRobot:
    @quick
    @given(session=sessions())
    def test_clicks_what_it_should(self, name, session):
        target, evaluated, clickable, probability, clicks = session
        robot, rng = ROBOTS[name](), np.random.default_rng(0)
        row, col, positive = robot.first_click(target, evaluated, rng, clickable=clickable)
        assert target[row, col]
        assert positive is True

        unclicked = np.ones(target.shape, dtype=bool)
        for row, col, _ in clicks:
            unclicked[row, col] = False
        if name == "paper":
            choice = target & unclicked
        else:
            choice = ((probability > robot.threshold) != target) & evaluated & unclicked
        click = robot.next_click(target, evaluated, probability, clicks, rng, clickable=clickable)
        if click is None:
            assert not choice.any()
        else:
            row, col, positive = click
            assert [type(value) for value in click] == [int, int, bool]
            assert choice[row, col]
            assert positive == target[row, col]

    @quick
    @given(
        session=sessions(), jitter=st.sampled_from([0.4, 1.5, 10, 1e300]), seed=st.integers(0, 99)
    )
    def test_jitter_stays_on_clickable_unclicked_pixels(self, name, session, jitter, seed):
        target, evaluated, clickable, probability, clicks = session
        robot = ROBOTS[name](jitter=jitter)

        def both(seed):
            rng = np.random.default_rng(seed)
            return (
                robot.first_click(target, evaluated, rng, clickable=clickable),
                robot.next_click(target, evaluated, probability, clicks, rng, clickable=clickable),
            )

        first_click, next_click = both(seed)
        assert (first_click, next_click) == both(seed)
        assert clickable[first_click[:2]]  # also raises if it is outside the image
        assert min(first_click[:2]) >= 0
        assert first_click[2] is True
        steady = ROBOTS[name]().next_click(
            target, evaluated, probability, clicks, np.random.default_rng(seed)
        )
        assert (next_click is None) == (steady is None)
        if next_click is not None:
            row, col, positive = next_click
            assert clickable[row, col]
            assert min(row, col) >= 0
            assert (row, col) not in {(r, c) for r, c, _ in clicks}
            if name != "random":
                assert positive is steady[2]  # the intended sign, wherever the click lands

    def test_arguments_are_left_alone(self, name):
        arrays = scene("oo.xx ooo?x ##..x")
        before = [array.copy() for array in arrays]
        robot, rng = ROBOTS[name](jitter=1), np.random.default_rng(0)
        robot.first_click(*arrays[:2], rng)
        robot.next_click(*arrays, Clicks([(0, 0)]), rng)
        assert all(map(np.array_equal, arrays, before))

    @pytest.mark.parametrize("jitter", [-0.1, np.nan, np.inf, "1", True, None])
    def test_jitter_must_be_a_finite_number(self, name, jitter):
        with pytest.raises(ProtocolError, match=f"'{name}': jitter"):
            ROBOTS[name](jitter=jitter)

    def test_masks_are_checked(self, name):
        robot, rng, mask = ROBOTS[name](), np.random.default_rng(0), np.ones((2, 3), dtype=bool)
        with pytest.raises(ProtocolError, match="empty"):
            robot.first_click(~mask, mask, rng)
        with pytest.raises(ProtocolError, match="target must be a two-dimensional bool"):
            robot.first_click(mask.astype(int), mask, rng)
        with pytest.raises(ProtocolError, match="target must be a two-dimensional bool"):
            robot.first_click(mask[0], mask[0], rng)
        with pytest.raises(ProtocolError, match=r"target \(2, 3\), evaluated \(2, 2\)"):
            robot.first_click(mask, mask[:, :2], rng)
        with pytest.raises(ProtocolError, match=r"evaluated \(2, 3\), clickable \(1, 3\)"):
            robot.first_click(mask, mask, rng, clickable=mask[:1])
        some = mask.copy()
        some[0, 0] = False
        with pytest.raises(ProtocolError, match="1 target pixels are not evaluated"):
            robot.first_click(mask, some, rng)
        with pytest.raises(ProtocolError, match="1 evaluated pixels are not clickable"):
            robot.first_click(some, mask, rng, clickable=some)

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.01, 1.01])
    def test_probabilities_are_checked(self, name, wrong):
        mask, probability = np.ones((2, 2), dtype=bool), np.full((2, 2), 0.5)
        probability[1, 0] = wrong
        with pytest.raises(ProtocolError, match=r"\[0, 1\].*\(row=1, col=0\)"):
            ROBOTS[name]().next_click(mask, mask, probability, Clicks(), np.random.default_rng(0))

    @pytest.mark.parametrize("wrong", [np.ones((2, 3)), np.ones((2, 2), dtype=int)])
    def test_probability_type_and_shape_are_checked(self, name, wrong):
        mask = np.ones((2, 2), dtype=bool)
        with pytest.raises(ProtocolError, match="probability must be float32 or float64"):
            ROBOTS[name]().next_click(mask, mask, wrong, Clicks(), np.random.default_rng(0))

    def test_clicks_must_be_inside(self, name):
        mask = np.ones((2, 2), dtype=bool)
        with pytest.raises(ClickError, match="outside"):
            ROBOTS[name]().next_click(
                mask, mask, np.zeros((2, 2)), Clicks([(0, 2)]), np.random.default_rng(0)
            )

    def test_is_a_frozen_versioned_record(self, name):
        robot = ROBOTS[name]()
        assert isinstance(robot, Robot)
        assert robot.name == name
        assert robot.version == "1"
        with pytest.raises(dataclasses.FrozenInstanceError):
            robot.jitter = 1.0


class TestJitter:
    def test_is_gaussian_per_axis(self):
        everything = np.ones((61, 61), dtype=bool)
        robot, rng = PaperRobot(jitter=3), np.random.default_rng(0)
        clicks = np.array([robot.first_click(everything, everything, rng) for _ in range(2000)])
        offset = clicks[:, :2] - 30
        np.testing.assert_allclose(offset.mean(axis=0), 0, atol=0.3)
        np.testing.assert_allclose(offset.std(axis=0), 3, atol=0.25)
        assert abs(np.corrcoef(offset.T)[0, 1]) < 0.1

    def test_a_slip_keeps_the_intended_sign(self):
        target, evaluated, probability = scene("......... .........  ....o.... ......... .........")
        robot, rng = RitmRobot(jitter=2), np.random.default_rng(0)
        clicks = [
            robot.next_click(target, evaluated, probability, Clicks(), rng) for _ in range(50)
        ]
        assert all(positive for _, _, positive in clicks)
        assert sum(not target[row, col] for row, col, _ in clicks) > 30

    def test_pixels_that_are_not_evaluated_can_be_hit(self):
        target, evaluated, _ = scene("?????  ??o??  ?????")
        robot, rng = RitmRobot(jitter=1), np.random.default_rng(0)
        hit = {robot.first_click(target, evaluated, rng)[:2] for _ in range(300)}
        assert len(hit) > 10

    def test_falls_back_to_the_intended_pixel(self):
        target, evaluated, probability = scene("??????? ???o??? ???????")
        robot, rng = RitmRobot(jitter=50), np.random.default_rng(0)
        for _ in range(20):  # of jitter 50, about all draws land on the border
            click = robot.first_click(target, evaluated, rng, clickable=evaluated)
            assert click == (1, 3, True)
            click = robot.next_click(
                target, evaluated, probability, Clicks(), rng, clickable=evaluated
            )
            assert click == (1, 3, True)

    def test_draws_again_before_it_falls_back(self):
        # Half of the pixels cannot be clicked: a single draw would fall back half of the time,
        # ten draws about once in a thousand.
        target = np.zeros((101, 101), dtype=bool)
        target[50, 50] = True
        clickable = np.indices(target.shape).sum(axis=0) % 2 == 0
        robot, rng = RitmRobot(jitter=15), np.random.default_rng(0)
        clicks = [robot.first_click(target, target, rng, clickable=clickable) for _ in range(300)]
        assert all(clickable[row, col] for row, col, _ in clicks)
        assert clicks.count((50, 50, True)) < 10

    def test_a_steady_hand_takes_no_random_numbers(self):
        for robot in (PaperRobot(), RitmRobot(), LargestComponentRobot()):
            rng = np.random.default_rng(0)
            before = rng.bit_generator.state
            robot.first_click(*scene("oo.xx")[:2], rng)
            robot.next_click(*scene("oo.xx"), Clicks(), rng)
            assert rng.bit_generator.state == before


class TestConfiguration:
    def test_registry(self):
        assert dict(ROBOTS) == {
            "paper": PaperRobot,
            "ritm": RitmRobot,
            "largest-component": LargestComponentRobot,
            "random": RandomRobot,
        }
        with pytest.raises(TypeError):
            ROBOTS["mine"] = PaperRobot

    @pytest.mark.parametrize(
        ("robot", "config"),
        [
            (PaperRobot, {"jitter": 0.0, "first": "edt", "connectivity": "8"}),
            (RitmRobot, {"jitter": 0.0, "threshold": 0.49}),
            (LargestComponentRobot, {"jitter": 0.0, "threshold": 0.5, "connectivity": "8"}),
            (RandomRobot, {"jitter": 0.0, "threshold": 0.5}),
        ],
    )
    def test_defaults_are_recorded(self, robot, config):
        assert dataclasses.asdict(robot()) == config
        assert robot(**json.loads(json.dumps(config))) == robot()

    def test_1_and_1_0_are_one_record(self):
        records = [
            json.dumps(dataclasses.asdict(RitmRobot(jitter=jitter, threshold=threshold)))
            for jitter, threshold in [(1, 1), (1.0, 1.0), (np.float32(1), np.float32(1))]
        ]
        assert len(set(records)) == 1

    @pytest.mark.parametrize("robot", [RitmRobot, LargestComponentRobot, RandomRobot])
    @pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan, "0.5", True])
    def test_threshold_must_be_a_probability(self, robot, threshold):
        with pytest.raises(ProtocolError, match="threshold"):
            robot(threshold=threshold)

    @pytest.mark.parametrize("robot", [PaperRobot, LargestComponentRobot])
    @pytest.mark.parametrize("connectivity", ["6", 8, ""])
    def test_connectivity_must_be_4_or_8(self, robot, connectivity):
        with pytest.raises(ProtocolError, match="connectivity must be '8' or '4'"):
            robot(connectivity=connectivity)

    def test_first_must_be_edt_or_centroid(self):
        with pytest.raises(ProtocolError, match="first must be 'edt' or 'centroid'; got 'center'"):
            PaperRobot(first="center")
