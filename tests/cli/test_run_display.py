"""What is shown while a run goes on."""

import io

from rich.console import Console

from hsizoo.cli.run_display import RunDisplay
from hsizoo.engine.cells import Cell
from hsizoo.protocols.interactive.protocol import InteractiveProtocol


def test_phases_of_a_cell_that_count_anew_move_its_bar():
    display = RunDisplay(Console(force_terminal=True, width=80), InteractiveProtocol)
    cell = Cell({"seed": 0}, {"row": {}}, "lp+cnn2d · field · seed 0")
    display.planned([cell], 0)
    for steps in ((1, 50), (50, 50), (1, 1600)):
        display.progress(cell, *steps)
        (task,) = (each for each in display._bar.tasks if each.description == cell.label)
        assert (task.completed, task.total) == steps


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
