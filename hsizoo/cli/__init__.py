"""The command line: one file per command; nothing heavy is imported before a command runs.

`app`, the typer application, is made on first use, as ``hsizoo list`` does without typer.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from hsizoo.errors import HsizooError, PluginError

if TYPE_CHECKING:
    import typer

    app: typer.Typer

__all__ = ["app", "main"]

_ADVICE = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "give access to it, or choose another place",
    errno.EPERM: "give access to it, or choose another place",
    errno.EROFS: "choose another place",
}


def _make_app() -> typer.Typer:
    from functools import partial

    import typer

    from hsizoo.cli import (
        bench,
        data_check,
        data_convert,
        data_fixture,
        data_info,
        data_list,
        doctor,
        info,
        list_,
        plugins,
        segment,
        train,
        version,
    )
    from hsizoo.cli.command import Command

    # Without rich's boxes: they leave too little of 80 columns to texts as long as ours.
    how: dict[str, Any] = {
        "no_args_is_help": True,
        "rich_markup_mode": None,
        "add_completion": False,
        "pretty_exceptions_enable": False,
    }
    app = typer.Typer(
        help="Model zoo, benchmark runner and clicking tool for hyperspectral images.",
        epilog="Start with: hsizoo bench sa pcc sa-eq ace sa-rw --dataset indian-pines --clicks 5",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        **how,
    )
    data = typer.Typer(help="List, describe, check and convert data.", **how)
    command = partial(app.command, cls=Command)
    command("list")(list_.list_components)
    command("info", short_help="Show one component and its options.")(info.info)
    command("plugins")(plugins.plugins)
    command("doctor", short_help="Check this installation.")(doctor.doctor)
    app.add_typer(data, name="data")
    command(
        "bench",
        cls=bench.BenchCommand,
        short_help="Run components on a dataset and print the table.",
        epilog="Example: hsizoo bench sa pcc sa-rw --dataset indian-pines",
    )(bench.bench)
    command(
        "segment",
        short_help="Segment one object of a cube by clicks.",
        epilog=segment.EPILOG,
    )(segment.segment)
    command("train", short_help="Train a segmenter with simulated clicks.")(train.train)

    command = partial(data.command, cls=Command)
    command("list")(data_list.list_datasets)
    command("info", short_help="Show what a dataset is and what is in it.")(data_info.info)
    command("check", short_help="Say what is in your own files, and what is wrong.")(
        data_check.check
    )
    command("convert", short_help="Write a cube in another format.")(data_convert.convert)
    command("fixture", short_help="Write a tiny dataset in the layout of a big one.")(
        data_fixture.fixture
    )
    app.callback()(version.before_all)
    return app


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module 'hsizoo.cli' has no attribute {name!r}")
    made = globals()["app"] = _make_app()
    return made


def main() -> None:
    """Run the command line.

    An `HsizooError`, or an `OSError` such as that of a full disk, becomes one message and exit
    status 2.
    """
    from hsizoo.cli.listing import answer

    try:
        if not answer(sys.argv[1:]):
            from hsizoo.cli import app

            app()
    except HsizooError as error:
        if isinstance(error, PluginError) and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)  # strict mode is for the plugin's author
        _say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `hsizoo list | head`
        _write_no_more()
        sys.exit(0)
    except OSError as error:
        if error.filename is None:  # it may be the standard output that is full
            _write_no_more()
        _say(f"error: {_in_words(error)}")
        sys.exit(2)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def _write_no_more() -> None:
    """Send to nowhere what is left for the standard output, or Python complains on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    where = "" if error.filename is None else f"{error.filename}: "
    advice = _ADVICE.get(error.errno or 0)
    return f"{where}{what}" + (f"; {advice} and run the same command again" if advice else "")
