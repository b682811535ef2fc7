"""What is shown while several trainings go on elsewhere."""

import io

from rich.console import Console

from hsizoo.cli.trainings_display import TrainingsDisplay


def test_elsewhere_than_in_a_terminal_it_is_a_line_per_training():
    out = Console(file=io.StringIO(), width=200)
    display = TrainingsDisplay(out)
    with display:
        display.reading(1, 2)
        display.progress("tiny [x], seed 0", 3, 9)
        display.trained("tiny [x], seed 0", 1, 2)
        display.failed("tiny, seed 1", {"message": "training failed: [no]"})
    assert out.file.getvalue().splitlines() == [
        "trained 1 of 2: tiny [x], seed 0",
        "tiny, seed 1: training failed: [no]",
    ]


def test_in_a_terminal_each_training_has_a_bar_until_it_ends():
    display = TrainingsDisplay(Console(file=io.StringIO(), force_terminal=True, width=80))

    def bars():
        return [(task.description, task.completed, task.total) for task in display._bar.tasks]

    with display:
        display.reading(1, 2)
        assert bars() == [("reading files (MiB)", 1, 2)]
        display.reading(2, 2)
        assert bars() == []
        display.progress("one", 3, 9)
        display.progress("two", 0, 9)
        display.progress("one", 4, 9)
        assert bars() == [("one", 4, 9), ("two", 0, 9)]
        display.trained("one", 1, 2)
        assert bars() == [("two", 0, 9)]
    assert bars() == []
