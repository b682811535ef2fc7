import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, jaccard_score

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube, LabelMap, Scene
from hsizoo.errors import ContractError, DataError, ProtocolError
from hsizoo.interfaces import InteractiveSegmenter
from hsizoo.protocols.interactive import InteractiveProtocol, loop
from hsizoo.protocols.interactive.robots import (
    ROBOTS,
    LargestComponentRobot,
    PaperRobot,
    RandomRobot,
    RitmRobot,
)
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID

NAMES = {0: "unlabeled", 1: "corn", 2: "wheat", 3: "oat"}
every_robot = pytest.mark.parametrize("robot", [kind() for kind in ROBOTS.values()], ids=ROBOTS)


def make_scene(labels=None, *, broken=((2, 3), (5, 0)), **about):
    """Three classes of blobs, unlabeled pixels that are ignored, and two pixels with NaN."""
    if labels is None:
        rows, cols = np.indices((9, 11))
        labels = np.where(rows < 4, 1, np.where(cols < 5, 2, 3))
        labels[:, 5] = labels[8] = 0
        labels[1, 9] = labels[7, 2] = 3  # pieces apart from their class
    labels = np.array(labels)
    data = np.random.default_rng(0).normal(size=(*labels.shape, 2))
    for pixel in broken:
        data[pixel] = np.nan
    about = {"class_names": NAMES, "ignore": [0], **about}
    return Scene(HyperCube(data), LabelMap(labels, **about), "field")


class Fake(InteractiveSegmenter):
    """Notes all that it is asked; subclasses say what one object looks like."""

    def __init__(self):
        self.opened, self.asked = [], []

    def open(self, cube):
        self.opened.append(cube)
        return cube

    def predict(self, state, prompts):
        assert state is self.opened[-1]
        self.asked.append(list(prompts))
        return np.stack([self.one(state, clicks) for clicks in prompts]).astype(np.float32)


class Constant(Fake):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def one(self, cube, clicks):
        return np.full(cube.shape[:2], self.value)


class Oracle(Fake):
    """The truth of the class that was clicked first."""

    def __init__(self, scene):
        super().__init__()
        self.labels = scene.label_map.labels

    def one(self, cube, clicks):
        return self.labels == self.labels[tuple(clicks.points[0])]


class HalfTruth(Oracle):
    """As above, but a target pixel is found only once a click came within two rows of it."""

    def one(self, cube, clicks):
        rows = np.arange(len(self.labels))[:, None]
        near = (np.abs(rows - clicks.points[:, 0]) <= 2).any(axis=1)
        return super().one(cube, clicks) & near[:, None]


class Blobs(Fake):
    """High near positive clicks, low near negative ones, with all kinds of values between."""

    def one(self, cube, clicks):
        rows, cols = np.indices(cube.shape[:2])
        field = np.zeros(cube.shape[:2])
        for row, col, positive in clicks:
            distance = np.hypot(rows - row, 1.3 * (cols - col))
            field += np.exp(-distance / 2.5) * (1 if positive else -1)
        return 1 / (1 + np.exp(2 - 5 * field))


def run(segmenter, scene, robot="paper", seed=0, grid_clicks=(1, 5), **settings):
    kind = type("Protocol", (InteractiveProtocol,), {"grid_clicks": grid_clicks})
    protocol = kind(robot=str(robot), **{"clicks": 6, **settings})
    return protocol.run(segmenter, scene, seed=seed)


def timeless(result):
    return {key: value for key, value in result.items() if key != "seconds"}


def maps_of(segmenter, result):
    """For each sample, the maps that the segmenter gives for its recorded clicks."""
    cube = segmenter.opened[-1]
    for sample in result["samples"]:
        clicks = Clicks.from_json(sample["clicks"])
        yield (
            sample,
            [
                segmenter.one(cube, Clicks(clicks.points[:k], clicks.positive[:k])).astype("f4")
                for k in range(1, len(clicks) + 1)
            ],
        )


def test_what_the_segmenter_tells_of_an_image_is_kept():
    segmenter = Constant(0.7)
    assert run(segmenter, make_scene())["resolved"] == {}
    segmenter.describe = lambda state: {"bands": (9, 5, state.bands), "precision": "bfloat16"}
    kept = run(segmenter, make_scene())["resolved"]
    assert kept == {"bands": [9, 5, 2], "precision": "bfloat16"}


@pytest.mark.parametrize("told", [None, {"bands": np.arange(3)}, {"scale": float("nan")}])
def test_what_it_tells_must_be_plain(told):
    segmenter = Constant(0.7)
    segmenter.describe = lambda state: told
    with pytest.raises(ContractError, match=r"Constant\.describe returned .* plain values"):
        run(segmenter, make_scene())


@every_robot
def test_clicks_are_those_of_the_robot(robot):
    scene = make_scene()
    segmenter = Blobs()
    result = run(segmenter, scene, robot, seed=5)
    assert [sample["class"] for sample in result["samples"]] == ["corn", "wheat", "oat"]
    for sample, maps in maps_of(segmenter, result):
        label, evaluated = sample["label"], scene.evaluated
        assert NAMES[label] == sample["class"]
        target = (scene.label_map.labels == label) & evaluated
        assert sample["pixels"] == target.sum()
        # The random stream that the documentation promises: by seed, scene and class.
        rng = np.random.default_rng([5, loop.zlib.crc32(b"field"), label])
        clickable = scene.cube.valid
        clicks = Clicks().add(*robot.first_click(target, evaluated, rng, clickable=clickable))
        for probability in maps[:-1]:
            chosen = robot.next_click(
                target, evaluated, probability, clicks, rng, clickable=clickable
            )
            clicks = clicks.add(*chosen)
        assert sample["clicks"] == clicks.to_json()


@pytest.mark.parametrize(
    ("make", "robot", "threshold"),
    [
        (Blobs, PaperRobot(), 0.5),
        (Blobs, RitmRobot(), 0.3),
        (Blobs, RandomRobot(), 0.5),
        (lambda: HalfTruth(make_scene()), LargestComponentRobot(), 0.5),  # is exhausted early
    ],
)
def test_curves_equal_metrics_of_scikit_learn(make, robot, threshold):
    scene = make_scene()
    segmenter = make()
    result = run(segmenter, scene, robot, threshold=threshold, clicks=4, grid_clicks=(2,))
    for sample, maps in maps_of(segmenter, result):
        target = (scene.label_map.labels == sample["label"])[scene.evaluated]
        for k in range(4):
            probability = maps[min(k, len(maps) - 1)][scene.evaluated]

            def dice(cut, probability=probability, target=target):
                return f1_score(target, probability > cut, zero_division=1)

            assert sample["dice"][k] == pytest.approx(dice(threshold))
            assert sample["iou"][k] == pytest.approx(
                jaccard_score(target, probability > threshold, zero_division=1)
            )
            masks = probability > np.array([-1, *probability])[:, None]
            hits = (masks & target).sum(axis=1)
            best = (2 * hits / (masks.sum(axis=1) + target.sum())).max()
            assert sample["dice_max"][k] == pytest.approx(best)
            assert dice(sample["best_threshold"][k]) == pytest.approx(best)
            if k + 1 in (2, 4):
                grid = sample["dice_grid"][str(k + 1)]
                assert len(grid) == len(THRESHOLD_GRID)
                for n in range(0, len(grid), 23):
                    assert grid[n] == pytest.approx(dice(THRESHOLD_GRID[n]), abs=1e-6)
        assert sorted(sample["dice_grid"]) == ["2", "4"]


def test_all_samples_advance_together():
    segmenter = Blobs()
    result = run(segmenter, make_scene())
    assert len(segmenter.opened) == 1
    assert [[len(clicks) for clicks in prompts] for prompts in segmenter.asked] == [
        [k] * 3 for k in range(1, 7)
    ]
    final = [clicks.to_json() for clicks in segmenter.asked[-1]]
    assert final == [sample["clicks"] for sample in result["samples"]]
    assert result["objects"] == [3] * 6


def test_a_perfect_segmenter():
    scene = make_scene()
    result = run(Oracle(scene), scene)
    for sample in result["samples"]:
        for key in ("dice", "iou", "dice_max"):
            assert sample[key] == [1.0] * 6
        assert all(positive for _, _, positive in sample["clicks"])
        assert len(sample["clicks"]) == 6  # the paper's robot goes on clicking


@pytest.mark.parametrize(
    ("value", "found"), [(0.5, False), (np.nextafter(np.float32(0.5), 1), True)]
)
def test_the_threshold_is_strict(value, found):
    scene = make_scene()
    evaluated = scene.evaluated.sum()
    for sample in run(Constant(value), scene)["samples"]:
        everything = 2 * sample["pixels"] / (evaluated + sample["pixels"])
        assert sample["dice"] == pytest.approx([everything if found else 0] * 6)
        assert sample["dice_max"] == pytest.approx([everything] * 6)


class TestWhatCounts:
    def test_counts_of_pixels(self):
        scene = make_scene()
        result = run(Constant(1), scene, clicks=1)
        usable = np.isfinite(scene.cube.data).all(axis=2)
        assert result["invalid_pixels"] == (~usable).sum() == 2
        assert result["evaluated_pixels"] == (usable & (scene.label_map.labels != 0)).sum()
        assert result["absent"] == []

    @every_robot
    def test_what_a_map_says_on_other_pixels_changes_nothing(self, robot):
        scene = make_scene()

        class Wild(Blobs):
            def one(self, cube, clicks):
                field = super().one(cube, clicks)
                wild = np.random.default_rng(0).integers(0, 2, field.shape)
                return np.where(scene.evaluated, field, wild)

        assert timeless(run(Wild(), scene, robot)) == timeless(run(Blobs(), scene, robot))

    @every_robot
    def test_ignored_and_unusable_pixels_are_never_clicked(self, robot):
        scene = make_scene()
        for make in (Blobs, lambda: Constant(1), lambda: Constant(0)):
            for sample in run(make(), scene, robot, clicks=20)["samples"]:
                points = [(row, col) for row, col, _ in sample["clicks"]]
                assert all(scene.evaluated[point] for point in points)
                assert len(set(points)) == len(points)

    def test_a_slip_never_lands_on_an_unusable_pixel(self):
        rows, cols = np.indices((9, 11))
        broken = [(r, c) for r, c in zip(rows.flat, cols.flat, strict=True) if (r + c) % 2]
        scene = make_scene(broken=broken)
        result = run(Constant(0), scene, PaperRobot(jitter=3), clicks=15)
        points = [(r, c) for sample in result["samples"] for r, c, _ in sample["clicks"]]
        assert all(scene.cube.valid[point] for point in points)
        assert any(not scene.evaluated[point] for point in points)  # but on an ignored one

    def test_a_label_that_is_no_target_is_background(self):
        labels = [[1, 1, 255, 255]]
        names = {1: "corn", 255: "unlabeled"}
        scene = make_scene(labels, broken=(), class_names=names, ignore=[], targets=[1])
        (sample,) = run(Constant(1), scene, clicks=1)["samples"]
        assert sample["class"] == "corn"
        assert sample["iou"] == [0.5]

    def test_absent_classes_are_listed(self):
        scene = make_scene([[1, 1, 0], [2, 2, 2]], broken=[(1, 0), (1, 1), (1, 2)])
        result = run(Constant(1), scene)
        assert [sample["class"] for sample in result["samples"]] == ["corn"]
        assert result["absent"] == ["wheat", "oat"]  # one has unusable pixels only, one has none

    def test_a_scene_without_a_sample_is_an_error_before_anything_is_computed(self):
        segmenter = Constant(1)
        with pytest.raises(ProtocolError, match=r"'field' .*\(targets: corn, wheat, oat\)"):
            run(segmenter, make_scene([[0, 0]], broken=()))
        with pytest.raises(ProtocolError, match=r"'field' .*\(targets: none\)"):
            run(segmenter, make_scene([[1, 2]], broken=(), targets=[]))
        assert segmenter.opened == []


class TestExhausted:
    def test_the_last_values_stand_for_the_remaining_clicks(self):
        scene = make_scene()
        segmenter = HalfTruth(scene)
        result = run(segmenter, scene, RitmRobot(), grid_clicks=(1, 3, 5))
        made = [len(sample["clicks"]) for sample in result["samples"]]
        assert 1 < max(made) < 6  # else this tests nothing
        for sample, count in zip(result["samples"], made, strict=True):
            for key in ("dice", "iou", "dice_max", "best_threshold"):
                assert len(sample[key]) == 6
                assert sample[key][count:] == sample[key][count - 1 : count] * (6 - count)
            assert sample["dice"][count - 1] == 1
            assert count == 1 or sample["dice"][count - 2] < 1
            grid = sample["dice_grid"]
            assert list(grid) == ["1", "3", "5", "6"]
            for k in (3, 5, 6):
                half = grid[str(k)][len(THRESHOLD_GRID) // 2]
                assert half == pytest.approx(sample["dice"][k - 1], abs=1e-6)
        # Samples that are through are not predicted again.
        assert result["objects"] == [sum(count >= k for count in made) for k in range(1, 7)]
        assert [len(prompts) for prompts in segmenter.asked] == [n for n in result["objects"] if n]
        assert len(result["seconds"]["predict"]) == 6

    def test_when_every_target_pixel_was_clicked(self):
        scene = make_scene([[1, 0, 2, 2, 2]], broken=())
        corn, wheat = run(Constant(0.25), scene, clicks=4)["samples"]
        assert corn["clicks"] == [[0, 0, True]]
        assert len(wheat["clicks"]) == 3
        assert corn["dice_max"] == [pytest.approx(2 / 5)] * 4
        assert corn["dice_grid"]["1"] == corn["dice_grid"]["4"]

    def test_grid_after_the_last_click_and_no_further(self):
        result = run(Blobs(), make_scene(), clicks=3, grid_clicks=(1, 5, 20))
        assert {tuple(sample["dice_grid"]) for sample in result["samples"]} == {("1", "3")}


class TestIndependence:
    @pytest.mark.parametrize("robot", [RandomRobot(), PaperRobot(jitter=2), RitmRobot()])
    def test_a_sample_does_not_depend_on_the_other_classes(self, robot):
        whole = run(Blobs(), make_scene(), robot, seed=3)["samples"]
        for targets in ([1], [3], [1, 3], [2, 3]):
            part = run(Blobs(), make_scene(targets=targets), robot, seed=3)["samples"]
            assert part == [sample for sample in whole if sample["label"] in targets]

    def test_seeds(self):
        def clicks(seed, scene=None, robot="random"):
            result = run(Blobs(), scene or make_scene(), robot, seed=seed)
            return [sample["clicks"] for sample in result["samples"]]

        assert clicks(0) == clicks(0)
        assert clicks(0) != clicks(1)
        assert clicks(0) != clicks(0, replace(make_scene(), name="another"))
        assert clicks(0, robot=RitmRobot()) == clicks(1, robot=RitmRobot())

    def test_classes_draw_from_different_streams(self):
        labels = np.where(np.arange(40) < 20, 1, 2)[None].repeat(20, axis=0)
        scene = make_scene(labels, broken=())
        one, two = run(Constant(0), scene, RandomRobot(), clicks=10)["samples"]
        shifted = [[row, col - 20, positive] for row, col, positive in two["clicks"]]
        assert one["clicks"] != shifted


class Returns(Fake):
    def __init__(self, convert):
        super().__init__()
        self.convert = convert

    def predict(self, state, prompts):
        return self.convert(super().predict(state, prompts))

    one = Blobs.one


class TestContract:
    @pytest.mark.parametrize(
        "convert",
        [
            torch.from_numpy,
            lambda maps: torch.from_numpy(maps).requires_grad_(),
            lambda maps: torch.from_numpy(maps).double(),
            lambda maps: maps.astype(np.float64),
            lambda maps: np.asfortranarray(maps),
            lambda maps: list(maps),
        ],
    )
    def test_maps_may_be_any_array(self, convert):
        scene = make_scene()
        expected = run(Blobs(), scene, RitmRobot())
        assert timeless(run(Returns(convert), scene, RitmRobot())) == timeless(expected)

    @pytest.mark.parametrize(
        "convert",
        [
            lambda maps: maps > 0.5,
            lambda maps: torch.from_numpy(maps > 0.5),
            lambda maps: (maps > 0.5).astype(int),
            lambda maps: torch.from_numpy(maps > 0.5).to(torch.bfloat16),
        ],
    )
    def test_masks_are_probabilities_too(self, convert):
        scene = make_scene()
        expected = run(Returns(lambda maps: (maps > 0.5).astype(np.float32)), scene, RitmRobot())
        assert timeless(run(Returns(convert), scene, RitmRobot())) == timeless(expected)

    @pytest.mark.parametrize(
        ("convert", "shape"),
        [
            (lambda maps: maps[0], r"\(9, 11\)"),
            (lambda maps: maps[:2], r"\(2, 9, 11\)"),
            (lambda maps: maps.transpose(0, 2, 1), r"\(3, 11, 9\)"),
            (lambda maps: torch.from_numpy(maps)[:, None], r"\(3, 1, 9, 11\)"),
            (lambda maps: None, r"\(\)"),
        ],
    )
    def test_shape(self, convert, shape):
        message = rf"Returns\.predict returned shape {shape}; expected \(3, 9, 11\)"
        with pytest.raises(ContractError, match=message):
            run(Returns(convert), make_scene())

    @pytest.mark.parametrize(
        ("wrong", "shown"),
        [(np.nan, "nan"), (np.inf, "inf"), (1.125, "1.125"), (-0.25, "from -0.25"), (255, "255")],
    )
    @pytest.mark.parametrize("where", [(0, 0, 0), (2, 2, 3), (1, 8, 10)])  # unusable, ignored too
    @pytest.mark.parametrize("make", [np.array, torch.from_numpy])
    def test_range(self, wrong, shown, where, make):
        def overwrite(maps):
            maps[where] = wrong
            return make(maps)

        with pytest.raises(ContractError, match=rf"Returns\.predict .*{shown}.* within 0 and 1"):
            run(Returns(overwrite), make_scene())

    def test_is_held_after_every_click(self):
        class Late(Blobs):
            def one(self, cube, clicks):
                return super().one(cube, clicks) * (2 if len(clicks) == 4 else 1)

        with pytest.raises(ContractError, match="Late"):
            run(Late(), make_scene())


def test_seconds_are_those_of_the_segmenter_alone(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(loop.time, "perf_counter", lambda: now[0])

    class Slow(Blobs):
        def open(self, cube):
            now[0] += 5
            return super().open(cube)

        def predict(self, state, prompts):
            now[0] += 2
            return super().predict(state, prompts)

    def dawdling(real):
        def dawdle(*arguments):
            now[0] += 100
            return real(*arguments)

        return dawdle

    monkeypatch.setattr(RandomRobot, "_first", dawdling(RandomRobot._first))
    monkeypatch.setattr(RandomRobot, "_next", dawdling(RandomRobot._next))

    result = run(Slow(), make_scene(), RandomRobot(), clicks=3)
    assert result["seconds"] == {"open": 5, "predict": [2, 2, 2]}
    assert now[0] == 5 + 3 * 2 + 3 * 3 * 100


@pytest.mark.parametrize("robot", [PaperRobot(), RitmRobot()])
def test_progress_is_told_after_each_click_to_the_end(robot):
    scene, told = make_scene(), []
    InteractiveProtocol(robot=str(robot), clicks=4).run(
        Oracle(scene), scene, progress=lambda *steps: told.append(steps)
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@every_robot
def test_a_result_is_plain(robot):
    result = run(Blobs(), make_scene(), robot)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_too_few_bands_are_refused_before_anything_is_opened():
    class Demanding(Blobs):
        min_bands = 10**6

        def open(self, cube):
            raise AssertionError

    with pytest.raises(DataError, match="needs at least 1000000 bands; the scene has"):
        run(Demanding(), make_scene())
