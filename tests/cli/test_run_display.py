"""What is shown while a run goes on."""

import io

from rich.console import Console

from hsizoo.cli import run_display
from hsizoo.cli.run_display import RunDisplay, SceneSample
from hsizoo.engine.cells import Cell
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID


def test_phases_of_a_cell_that_count_anew_move_its_bar():
    display = RunDisplay(Console(force_terminal=True, width=80), InteractiveProtocol)
    cell = Cell({"seed": 0}, {"row": {}}, "lp+cnn2d · field · seed 0")
    display.planned([cell], 0)
    for steps in ((1, 50), (50, 50), (1, 1600)):
        display.progress(cell, *steps)
        (task,) = (each for each in display._bar.tasks if each.description == cell.label)
        assert (task.completed, task.total) == steps


def test_files_that_are_read_before_the_first_cell_move_the_bar():
    display = RunDisplay(Console(force_terminal=True, width=80), InteractiveProtocol)
    (task,) = display._bar.tasks
    display.events.reading(3, 9)
    assert (task.description, task.completed, task.total) == ("reading files (MiB)", 3, 9)
    display.events.planned([], 2)
    assert (task.description, task.completed, task.total) == ("cells", 2, 2)


def test_elsewhere_than_in_a_terminal_it_is_a_line_per_cell():
    out = Console(file=io.StringIO(), width=200)
    display = RunDisplay(out, InteractiveProtocol)
    cell = Cell({"seed": 0}, {"row": {}}, "sa [x] · field · seed 0")
    with display:
        display.planned([cell], 2)
        display.finished(cell, {"status": "done", "seconds": 1.25})
    assert (display.done, display.total) == (3, 3)
    before, line = out.file.getvalue().splitlines()
    assert before.startswith("2 of 3 cells were already done")
    assert line == "[3/3] sa [x] · field · seed 0: done, 1.2 s"


def clicked(component, scene, status="done"):
    sample = {
        "class": "a", "label": 1, "dice_grid": {"1": [0.5] * len(THRESHOLD_GRID)},
        **{key: [0.5] for key in ("dice", "dice_max", "iou", "best_threshold")},
    }  # fmt: skip
    return {
        "status": status, "label": component, "conditions": {}, "training_seed": None,
        "subject": scene, "seconds": 0.1,
        "identity": {"dataset": "d", "scene": scene, "seed": 0},
        "result": {"samples": [sample], "seconds": {"open": 1, "predict": [1]}, "objects": [1],
                   "megabytes": {"host": 1.0}},
    }  # fmt: skip


def test_a_sample_of_scenes_has_all_rows_of_its_scenes_and_every_failure():
    sample = SceneSample()
    for scene in range(200):
        for component in "abc":
            failed = component == "c" and scene % 50 == 0
            sample.add(clicked(component, f"s{scene}", "failed" if failed else "done"))
    sample.halve()
    sample.halve()
    assert sample.seen == 600
    assert 75 <= len(sample.records) <= 300
    names = {each: [r["identity"]["scene"] for r in sample.records if r["label"] == each]
             for each in "abc"}  # fmt: skip
    assert names["a"] == names["b"]
    assert sum(record["status"] == "failed" for record in sample.records) == 4
    before = len(sample.records)
    sample.add(clicked("a", "s0"))  # a later record of a scene belongs to it like the others
    assert len(sample.records) - before == ("s0" in names["a"])
    for _ in range(40):
        sample.halve()
    assert sample.records


def test_drawing_that_takes_long_draws_fewer_scenes_and_says_so(monkeypatch):
    monkeypatch.setattr(run_display, "_PAUSE", -1.0)
    monkeypatch.setattr(run_display, "_LONGEST", 0.0)
    out = Console(file=io.StringIO(), force_terminal=True, width=200)
    display = RunDisplay(out, InteractiveProtocol)
    for scene in range(100):
        cell = Cell({"scene": scene}, {"row": {}}, "a")
        display.finished(cell, clicked("a", f"s{scene}"))
    assert display.done == display._sample.seen == 100
    assert 1 <= len(display._sample.records) < 10
    out.print(display._table())
    assert f"by {len(display._sample.records)} of 100 cells" in out.file.getvalue()
