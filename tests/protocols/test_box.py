"""The box protocol, and with it what any third protocol can rely on."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import ClickError, ProtocolError
from hsizoo.protocols import box
from hsizoo.protocols.box import BoxProtocol, box_around
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.experiment import run_experiment
from hsizoo.zoo.scoring import ScorerSegmenter

SCENES = "phantom:height=48,width=40"


def mask(height, width, *pixels):
    found = np.zeros((height, width), dtype=bool)
    for row, col in pixels:
        found[row, col] = True
    return found


class TestBoxAround:
    def test_it_is_first_and_last_row_and_column(self):
        assert box_around(mask(6, 9, (2, 3), (4, 7))).tolist() == [2, 3, 4, 7]
        assert box_around(mask(6, 9, (5, 0))).tolist() == [5, 0, 5, 0]

    def test_a_margin_is_cut_at_the_edge(self):
        assert box_around(mask(6, 9, (1, 3), (4, 7)), 2).tolist() == [0, 1, 5, 8]


class Distance(hsizoo.SpectralScorer):
    """Says how near spectra are, in numbers that can be worked out by hand."""

    score_range = (-float("inf"), 0.0)
    threshold = -1.0

    def prepare(self, cube):
        return cube.data

    def score(self, prepared, references):
        self.references = references
        return -np.abs(prepared[None] - references[:, None, None]).sum(axis=-1)


class TestScorers:
    def cube(self):
        values = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
        values[1, 1] = np.nan
        return hsizoo.HyperCube(values)

    def test_the_reference_is_the_mean_of_the_usable_spectra_inside(self):
        cube, scorer = self.cube(), Distance()
        segmenter = ScorerSegmenter(scorer)
        maps = segmenter.predict_boxes(segmenter.open(cube), np.array([[0, 1, 1, 2], [2, 3, 2, 3]]))
        inside = [cube.data[0, 1], cube.data[0, 2], cube.data[1, 2]]  # (1, 1) is not usable
        np.testing.assert_allclose(scorer.references[0], np.mean(inside, axis=0))
        np.testing.assert_array_equal(scorer.references[1], cube.data[2, 3])
        assert maps.shape == (2, 3, 4)
        assert maps[1, 2, 3] == 1  # the pixel itself
        assert maps[0, 1, 1] == 0  # not usable

    def test_a_box_of_one_pixel_is_a_click_on_it(self):
        cube = self.cube()
        segmenter = ScorerSegmenter(Distance())
        state = segmenter.open(cube)
        clicked = segmenter.predict(state, [hsizoo.Clicks([(2, 1)])])
        boxed = segmenter.predict_boxes(state, np.array([[2, 1, 2, 1]]))
        np.testing.assert_array_equal(boxed, clicked)

    @pytest.mark.parametrize("wrong", [[0, 0, 3, 1], [0, 0, 1, 4], [-1, 0, 1, 1], [2, 0, 1, 1]])
    def test_a_box_outside_is_refused(self, wrong):
        segmenter = ScorerSegmenter(Distance())
        with pytest.raises(ClickError, match="not inside the image of 3 rows × 4 columns"):
            segmenter.predict_boxes(segmenter.open(self.cube()), np.array([wrong]))

    def test_a_box_without_a_usable_pixel_is_refused(self):
        segmenter = ScorerSegmenter(Distance())
        with pytest.raises(ClickError, match="finite spectrum"):
            segmenter.predict_boxes(segmenter.open(self.cube()), np.array([[1, 1, 1, 1]]))

    def test_no_box_gives_no_map(self):
        segmenter = ScorerSegmenter(Distance())
        state = segmenter.open(self.cube())
        assert segmenter.predict_boxes(state, np.zeros((0, 4), dtype=int)).shape == (0, 3, 4)


class Inside(hsizoo.InteractiveSegmenter):
    """Everything inside the box, but for its first row."""

    def open(self, cube):
        return cube.shape[:2]

    def predict(self, state, prompts):
        raise AssertionError("no clicks here")

    def predict_boxes(self, state, boxes):
        maps = np.zeros((len(boxes), *state), dtype=np.float32)
        for out, (top, left, bottom, right) in zip(maps, boxes, strict=True):
            out[top + 1 : bottom + 1, left : right + 1] = 0.9
        return maps


class ClicksOnly(Inside):
    predict_boxes = hsizoo.InteractiveSegmenter.predict_boxes


def scene():
    labels = np.zeros((6, 5), dtype=int)
    labels[1:5, 1:4] = 1
    labels[0, 0] = 2
    names = {0: "rest", 1: "leaf", 2: "dot", 3: "absent"}
    truth = hsizoo.LabelMap(labels, names, targets=[1, 2, 3])
    return hsizoo.Scene(hsizoo.HyperCube(np.ones((6, 5, 2))), truth, "field")


class TestRun:
    def test_figures_follow_from_the_masks(self):
        told = []
        result = BoxProtocol().run(Inside(), scene(), progress=lambda *steps: told.append(steps))
        leaf, dot = result["samples"]
        assert (leaf["class"], leaf["box"], leaf["pixels"]) == ("leaf", [1, 1, 4, 3], 12)
        assert leaf["share"] == 1
        assert leaf["dice"] == pytest.approx(2 * 9 / (2 * 9 + 3))
        assert leaf["iou"] == pytest.approx(9 / 12)
        assert (dot["dice"], dot["iou"]) == (0, 0)
        assert result["absent"] == ["absent"]
        assert told == [(1, 1)]
        json.dumps(result, allow_nan=False)

    def test_pixels_of_unknown_truth_do_not_count(self):
        labels = np.zeros((6, 5), dtype=int)
        labels[1:5, 1:4] = 1
        labels[3] = 9
        truth = hsizoo.LabelMap(labels, {0: "rest", 1: "leaf"}, ignore=[9], targets=[1])
        field = hsizoo.Scene(hsizoo.HyperCube(np.ones((6, 5, 2))), truth, "field")
        result = BoxProtocol().run(Inside(), field)
        (leaf,) = result["samples"]
        # Of rows 1, 2 and 4 the first is missed; what is said of row 3 is neither right nor wrong.
        assert (leaf["box"], leaf["pixels"]) == ([1, 1, 4, 3], 9)
        assert leaf["share"] == pytest.approx(9 / 12)
        assert leaf["dice"] == leaf["dice_max"] == pytest.approx(2 * 6 / (2 * 6 + 3))
        assert leaf["iou"] == pytest.approx(6 / 9)
        assert result["evaluated_pixels"] == 25

    def test_a_margin_makes_the_prompt_larger(self):
        leaf, dot = BoxProtocol(margin=1).run(Inside(), scene())["samples"]
        assert (leaf["box"], dot["box"]) == ([0, 0, 5, 4], [0, 0, 1, 1])
        assert leaf["share"] == pytest.approx(12 / 30)

    def test_the_threshold_is_strict(self):
        leaf, _ = BoxProtocol(threshold=0.89).run(Inside(), scene())["samples"]
        assert leaf["dice"] > 0
        at = float(np.float32(0.9))
        leaf, _ = BoxProtocol(threshold=at).run(Inside(), scene())["samples"]
        assert leaf["dice"] == 0

    def test_who_takes_no_boxes_is_refused(self):
        assert not ClicksOnly().takes_boxes
        with pytest.raises(ProtocolError, match="ClicksOnly does not take boxes"):
            BoxProtocol().run(ClicksOnly(), scene())

    @pytest.mark.parametrize("wrong", [{"margin": -1}, {"threshold": 0}, {"threshold": 1}])
    def test_settings_have_their_range(self, wrong):
        with pytest.raises(ProtocolError, match=next(iter(wrong))):
            BoxProtocol(**wrong)

    def test_it_is_rebuilt_from_its_record(self):
        protocol = BoxProtocol(margin=3, threshold=0.4)
        config = json.loads(json.dumps(protocol.config()))
        assert BoxProtocol.from_config(config) == protocol


def test_rows_that_were_trained_with_clicks_are_noted():
    def record(label, **about):
        return {"label": label, "identity": {"component": {"component": label, **about}}}

    records = [
        record("sa"), record("net", weights="0" * 64), record("raw", weights="untrained"),
        record("net", weights="0" * 64),
        {"label": "lost", "identity": {"dataset": "x"}},
    ]  # fmt: skip
    assert BoxProtocol.notes(records) == ["trained with clicks only, so boxes are new to it: net"]
    assert BoxProtocol.notes(records[:1]) == []


@pytest.fixture
def third_party(fake_dist):
    """The protocol as a plugin of somebody else offers it: this one file, under another name."""
    plugin = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="frame", kind="protocol", target="frame_zoo:BoxProtocol", summary="By frames"
            )
    """
    code = inspect.getsource(box).replace('= "box"', '= "frame"').replace('"-boxes"', '"-frames"')
    assert code.count('"frame"') == 1
    fake_dist(
        "frame-zoo", "2.0", {"frame_zoo": code, "frame_plugin": plugin}, {"f": "frame_plugin"}
    )


@pytest.mark.usefixtures("third_party")
class TestAsAPlugin:
    """Nothing in the core knows it, and everything works."""

    def bench(self, tmp_path, *components, **options):
        names = components or ("sa", "sa-eq")
        return hsizoo.bench(names, SCENES, protocol="frame", out=tmp_path / "run", **options)

    def test_it_has_a_table_with_intervals_and_differences(self, tmp_path):
        result = self.bench(tmp_path)
        assert result.protocol.__module__ == "frame_zoo"
        first, second = result.table
        assert (first.component, second.component) == ("sa", "sa-eq")
        assert first.units == 6
        low, high = first.intervals["dice@0.5"]
        assert low < first["dice@0.5"] < high
        assert {line["metric"] for line in result.comparison.differences} == {
            "dice@0.5", "dice@max"
        }  # fmt: skip
        assert (tmp_path / "run" / "classes.csv").exists()

    def test_stored_cells_are_not_computed_again(self, tmp_path):
        cells = (tmp_path / "run" / "cells").glob
        self.bench(tmp_path)
        before = {path: path.stat().st_mtime_ns for path in cells("*.jsonl")}
        planned = []
        events = events_into(planned)
        again = self.bench(tmp_path, events=events)
        assert planned == [(0, 24)]
        assert {path: path.stat().st_mtime_ns for path in cells("*.jsonl")} == before
        self.bench(tmp_path, margin=2, events=events)
        assert planned[1] == (24, 0)
        assert again.table[0]["dice@0.5"] is not None

    def test_cubes_are_perturbed(self, tmp_path):
        result = self.bench(tmp_path, "sa", perturbations=["none", "noise:strength=1"])
        clean, noisy = result.table
        assert noisy.conditions == {"perturbation": "noise:strength=1"}
        assert noisy["dice@max"] < clean["dice@max"]

    def test_its_options_are_swept_in_an_experiment(self, tmp_path):
        file = tmp_path / "frames.toml"
        file.write_text(
            f'[[run]]\nname = "margins"\nprotocol = "frame"\ncomponents = ["sa"]\n'
            f'dataset = "{SCENES}"\n\n[run.sweep]\nmargin = [0, 4]\n'
        )
        result = run_experiment(file, out=tmp_path / "out").runs["margins"]
        tight, loose = result.table
        assert (tight.conditions, loose.conditions) == ({"margin": "0"}, {"margin": "4"})
        assert loose["box share"] < tight["box share"]
        assert (result.folder / "margin.png").stat().st_size > 5000
        assert "protocol frame" in (tmp_path / "out" / "summary.md").read_text()

    def test_a_killed_run_goes_on(self, tmp_path, run_killed):
        code = (
            f"import hsizoo\nhsizoo.bench(['sa', 'sa-eq'], {SCENES!r}, protocol='frame', "
            f"out={str(tmp_path / 'run')!r})"
        )
        run_killed(code, "hsizoo.engine.store", "Store", "save", 5)
        planned = []
        result = self.bench(tmp_path, events=events_into(planned))
        assert planned == [(19, 5)]
        assert not result.failures

    def test_the_command_line_has_its_options(self, tmp_path):
        command = [sys.executable, "-m", "hsizoo", "bench"]
        path = str(Path(hsizoo.__file__).parents[1])
        environment = {"PYTHONPATH": f"{tmp_path}:{path}:{path}/plugins", "COLUMNS": "200"}
        run = {"capture_output": True, "text": True, "cwd": tmp_path, "timeout": 300}
        shown = subprocess.run([*command, "--help"], **run, env=environment_with(environment))
        assert "By frames" in shown.stdout
        assert "--margin" in shown.stdout
        done = subprocess.run(
            [*command, "sa", "--dataset", SCENES, "--protocol", "frame", "--margin", "3"],
            **run, env=environment_with(environment),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "box, margin 3" in done.stdout
        (folder,) = (tmp_path / "hsizoo-runs").iterdir()
        assert folder.name == "phantom-height=48-width=40-frames-margin=3"
        assert (folder / "table.csv").exists()


def environment_with(more):
    inherited = os.environ.get("PYTHONPATH")
    if inherited:
        more = {**more, "PYTHONPATH": f"{more['PYTHONPATH']}:{inherited}"}
    return {**os.environ, **more}


def events_into(planned):
    return RunEvents(planned=lambda cells, reused: planned.append((len(cells), reused)))
