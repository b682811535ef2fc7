"""What is shown while a training goes on."""

import io
from types import SimpleNamespace

from rich.console import Console

from hsizoo.cli.train_display import TrainDisplay


def test_elsewhere_than_in_a_terminal_it_is_a_line_per_validation():
    out = Console(file=io.StringIO(), width=200)
    display = TrainDisplay(out)
    with display:
        display.prepared(1, 2)
        display.planned(3, 9)
        display.stepped(SimpleNamespace(step=4, epoch=1, loss=0.5))
        display.saved(4)
        display.validated(1, {"dice@0.5 1c": 0.25, "loss": 3.0})
        display.warned("[x] is slow")
    assert (display.done, display.total, display.safe) == (4, 9, 4)
    assert out.file.getvalue().splitlines() == [
        "resuming after step 3 of 9",
        "epoch 1, step 4 of 9: validation dice@0.5 1c 0.2500",
        "[x] is slow",
    ]


def test_in_a_terminal_its_bar_says_the_epoch_and_the_loss():
    display = TrainDisplay(Console(force_terminal=True, width=80))
    display.events.reading(2, 3)
    assert display._bar.tasks[0].description == "reading files (MiB)"
    display.events.prepared(1, 2)
    assert display._bar.tasks[0].description == "reading labels"
    display.planned(0, 9)
    display.stepped(SimpleNamespace(step=4, epoch=1, loss=0.5))
    (task,) = display._bar.tasks
    assert (task.completed, task.total, task.description) == (4, 9, "epoch 1  loss 0.500")
