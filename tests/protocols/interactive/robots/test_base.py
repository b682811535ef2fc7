"""What all robots must hold: checks, jitter, configuration."""

import dataclasses
import json

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsizoo.clicks import Clicks
from hsizoo.errors import ClickError, ProtocolError
from hsizoo.protocols.interactive.robots import (
    ROBOTS,
    LargestComponentRobot,
    PaperRobot,
    RandomRobot,
    RitmRobot,
    Robot,
    make_robot,
)

quick = settings(deadline=None, max_examples=60)
every_robot = pytest.mark.parametrize("name", sorted(ROBOTS))


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

    def test_arguments_are_left_alone(self, name, scene):
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

    def test_a_slip_keeps_the_intended_sign(self, scene):
        target, evaluated, probability = scene("......... .........  ....o.... ......... .........")
        robot, rng = RitmRobot(jitter=2), np.random.default_rng(0)
        clicks = [
            robot.next_click(target, evaluated, probability, Clicks(), rng) for _ in range(50)
        ]
        assert all(positive for _, _, positive in clicks)
        assert sum(not target[row, col] for row, col, _ in clicks) > 30

    def test_pixels_that_are_not_evaluated_can_be_hit(self, scene):
        target, evaluated, _ = scene("?????  ??o??  ?????")
        robot, rng = RitmRobot(jitter=1), np.random.default_rng(0)
        hit = {robot.first_click(target, evaluated, rng)[:2] for _ in range(300)}
        assert len(hit) > 10

    def test_falls_back_to_the_intended_pixel(self, scene):
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

    def test_a_steady_hand_takes_no_random_numbers(self, scene):
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

    @pytest.mark.parametrize(
        ("robot", "text"),
        [
            (PaperRobot(), "paper"),
            (PaperRobot(first="centroid", jitter=2), "paper:jitter=2,first=centroid"),
            (RitmRobot(threshold=0.5), "ritm:threshold=0.5"),
            (RandomRobot(jitter=0.25), "random:jitter=0.25"),
            (LargestComponentRobot(threshold=1), "largest-component:threshold=1"),
            (RitmRobot(jitter=1e300), "ritm:jitter=1e+300"),
        ],
    )
    def test_the_shortest_text_that_builds_it(self, robot, text):
        assert str(robot) == text
        assert make_robot(text) == robot

    @quick
    @given(jitter=st.floats(0, 1e9), threshold=st.floats(0, 1))
    def test_no_digit_is_lost_in_the_text(self, jitter, threshold):
        robot = RitmRobot(jitter=jitter, threshold=threshold)
        assert make_robot(str(robot)) == robot


def test_a_slip_lands_near_the_intended_row_and_column():
    target = np.zeros((40, 90), dtype=bool)
    target[5, 70] = True
    robot, rng = RandomRobot(jitter=1), np.random.default_rng(0)
    landed = [robot.first_click(target, np.ones_like(target), rng)[:2] for _ in range(50)]
    assert np.abs(np.array(landed) - (5, 70)).max() <= 4
