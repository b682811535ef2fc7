"""The command line: one file per command; nothing heavy is imported before a command runs.

`app`, the typer application, is created on first use, since ``hsizoo list`` works without typer.
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
    errno.ENOSPC: "free disk space",
    errno.EDQUOT: "free disk space",
    errno.EACCES: "grant access to it, or choose another location",
    errno.EPERM: "grant access to it, or choose another location",
    errno.EROFS: "choose another location",
}


def _make_app() -> typer.Typer:
    from functools import partial

    import typer

    from hsizoo.cli import (
        apply,
        bench,
        check,
        classify,
        data_check,
        data_convert,
        data_fetch,
        data_fixture,
        data_info,
        data_list,
        doctor,
        info,
        list_,
        new_plugin,
        package_weights,
        plugins,
        report,
        reproduce,
        runs,
        segment,
        show,
        studio,
        table,
        train,
        version,
    )
    from hsizoo.cli.command import Command

    # Without rich's boxes, which leave too little of 80 columns for long help texts.
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
    data = typer.Typer(help="List, describe, fetch, check and convert data.", **how)
    command = partial(app.command, cls=Command)
    command("list", short_help="List all components.")(list_.list_components)
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
        "reproduce",
        short_help="Measure a paper's tables again.",
        epilog=reproduce.EPILOG,
    )(reproduce.reproduce)
    command("runs", short_help="List stored runs.")(runs.runs)
    command("table", short_help="Print the table of a stored run again.")(table.table)
    command("report", short_help="Make a page of stored runs.", epilog=report.EPILOG)(report.report)
    command(
        "show",
        short_help="Show what a cube is, in words and as a picture.",
        epilog=show.EPILOG,
    )(show.show)
    command(
        "studio",
        short_help="Look at a cube in the browser and click on it.",
        epilog=studio.EPILOG,
    )(studio.studio)
    command(
        "segment",
        short_help="Segment one object of a cube by clicks.",
        epilog=segment.EPILOG,
    )(segment.segment)
    command(
        "apply",
        short_help="Look for reference spectra in a folder of cubes.",
        epilog=apply.EPILOG,
    )(apply.apply)
    command(
        "classify",
        short_help="Classify a cube from labelled pixels.",
        epilog=classify.EPILOG,
    )(classify.classify)
    command(
        "check",
        short_help="Check components against their contracts.",
        epilog=check.EPILOG,
    )(check.check)
    command("train", short_help="Train a segmenter with simulated clicks.")(train.train)
    command(
        "new-plugin",
        short_help="Write a package for a method of your own.",
        epilog=new_plugin.EPILOG,
    )(new_plugin.new_plugin)
    command(
        "package-weights",
        short_help="Put trained weights into a plugin's package.",
        epilog=package_weights.EPILOG,
    )(package_weights.package_weights)

    command = partial(data.command, cls=Command)
    command("list")(data_list.list_datasets)
    command("info", short_help="Show the card and contents of a dataset.")(data_info.info)
    command("check", short_help="Describe your own files and report problems.")(data_check.check)
    command("convert", short_help="Write a cube in another format.")(data_convert.convert)
    command("fetch", short_help="Download the files of a dataset.")(data_fetch.fetch)
    command("fixture", short_help="Write a tiny dataset in the layout of a large one.")(
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

    An `HsizooError`, or an `OSError` such as a full disk, is reported as a message with exit
    status 2.
    """
    from hsizoo.cli.listing import answer

    try:
        if not answer(sys.argv[1:]):
            from hsizoo.cli import app

            app()
    except HsizooError as error:
        if isinstance(error, PluginError) and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)  # strict mode is for plugin authors
        _say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `hsizoo list | head`
        _discard_stdout()
        sys.exit(0)
    except OSError as error:
        if error.filename is None:  # stdout itself may be on the full disk
            _discard_stdout()
        _say(f"error: {_in_words(error)}")
        sys.exit(2)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def _discard_stdout() -> None:
    """Redirect stdout to the null device, so that Python does not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    where = "" if error.filename is None else f"{error.filename}: "
    advice = _ADVICE.get(error.errno or 0)
    return f"{where}{what}" + (f"; {advice} and run the same command again" if advice else "")
