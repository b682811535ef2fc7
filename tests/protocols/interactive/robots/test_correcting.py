"""Users who click on errors, against cases worked out by hand and an OpenCV reference."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from hsizoo.clicks import Clicks
from hsizoo.protocols.interactive.robots import (
    LargestComponentRobot,
    RandomRobot,
    RitmRobot,
)


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
    def test_first_click(self, drawing, expected, first):
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
    def test_next_click(self, drawing, expected, following):
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
    def test_clicked_pixels_are_excluded(self, drawing, clicked, expected, following):
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
    """RITM's rule, with OpenCV; `truth` is 1, 0, or −1 where it is ignored.

    OpenCV's distances may differ in their last bits from one process to the next, even where they
    should be equal, and the rule turns on ties.  Their squares are whole numbers between pixels, so
    rounding the squares to whole numbers gives back the exact ones.
    """
    squared = []
    for error in ((truth == 1) & ~mask, (truth == 0) & mask):
        padded = cv2.copyMakeBorder(error.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        inexact = depth.astype(np.float64) ** 2
        squared.append(np.rint(inexact).astype(int))
        assert np.abs(inexact - squared[-1]).max() < 0.1  # no doubt which whole number is meant
        for row, col, _ in clicks:
            squared[-1][row, col] = 0
    positive = squared[0].max() > squared[1].max()
    chosen = squared[0] if positive else squared[1]
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
    def test_next_click(self, drawing, clicked, expected, following):
        assert following(LargestComponentRobot(), drawing, clicked) == expected

    def test_four_neighbours(self, following):
        robot = LargestComponentRobot(connectivity="4")
        assert following(robot, "o...xxx .o..... ..o.... ...o...") == (0, 4, False)

    def test_first_click_is_the_centre_of_the_largest_component(self, first):
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
    def test_first_click_is_uniform_over_the_target(self, scene):
        target, evaluated, _ = scene("oo..o ?.#.o")
        rng, robot = np.random.default_rng(0), RandomRobot()
        counts = np.zeros(target.shape)
        for _ in range(2500):
            row, col, positive = robot.first_click(target, evaluated, rng)
            assert positive
            counts[row, col] += 1
        assert not counts[~target].any()
        assert np.abs(counts[target] - 500).max() < 100  # 5 standard deviations of 20

    def test_next_click_is_uniform_over_unclicked_errors(self, scene):
        target, evaluated, probability = scene("oo#xx?.")
        rng, robot, clicks = np.random.default_rng(0), RandomRobot(), Clicks([(0, 1)])
        counts = {}
        for _ in range(1500):
            click = robot.next_click(target, evaluated, probability, clicks, rng)
            counts[click] = counts.get(click, 0) + 1
        assert set(counts) == {(0, 0, True), (0, 3, False), (0, 4, False)}
        assert max(abs(count - 500) for count in counts.values()) < 95  # 5 × 18

    @pytest.mark.parametrize(("drawing", "clicked"), [("##.?", []), ("ox", [(0, 0), (0, 1)])])
    def test_ends_when_nothing_is_wrong(self, drawing, clicked, following):
        assert following(RandomRobot(), drawing, clicked) is None
