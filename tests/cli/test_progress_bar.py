"""The bar of work that tells its progress."""

import io

from rich.console import Console

from hsizoo.cli.progress_bar import progress_bar
from hsizoo.progress import tell_progress


def test_a_terminal_sees_the_steps_and_a_file_nothing():
    for terminal in (True, False):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=80)
        with progress_bar(console, "learning from [x].csv"):
            tell_progress(3, 7)
        shown = out.getvalue()
        assert ("learning from [x].csv" in shown) is terminal
        assert ("3/7" in shown) is terminal
