"""The command line: one file per command; nothing heavy is imported before a command runs."""

from __future__ import annotations

import errno
import os
import sys
import traceback

import click

from hsizoo.cli import bench, data, doctor, info, list_, plugins, train
from hsizoo.errors import HsizooError, PluginError

__all__ = ["app", "main"]


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        import hsizoo

        click.echo(f"hsizoo {hsizoo.__version__}")
        context.exit()


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: hsizoo bench sa pcc sa-eq ace sa-rw --dataset indian-pines --clicks 5",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def app() -> None:
    """Model zoo, benchmark runner and clicking tool for hyperspectral images."""


for command in (
    list_.list_components,
    info.info,
    plugins.plugins,
    doctor.doctor,
    data.data,
    bench.bench,
    train.train,
):
    app.add_command(command)


@app.command(
    "segment",
    short_help="Segment one object of the cube FILE by clicks with COMPONENT, and write its mask.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def _segment(context: click.Context, arguments: tuple[str, ...]) -> None:
    import typer  # which brings a click of its own: its commands are none of this click's

    from hsizoo.cli import segment

    inner = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    inner.command(epilog=segment.EPILOG)(segment.segment)
    typer.main.get_command(inner).main([*arguments], prog_name=context.command_path)


_ADVICE = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "give access to it, or choose another place",
    errno.EPERM: "give access to it, or choose another place",
    errno.EROFS: "choose another place",
}


def main() -> None:
    """Run the command line.

    An `HsizooError`, or an `OSError` such as that of a full disk, becomes one message and exit
    status 2.
    """
    try:
        app()
    except HsizooError as error:
        if isinstance(error, PluginError) and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)  # strict mode is for the plugin's author
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # `hsizoo list | head`
        _write_no_more()
        sys.exit(0)
    except OSError as error:
        if error.filename is None:  # it may be the standard output that is full
            _write_no_more()
        click.echo(f"error: {_in_words(error)}", err=True)
        sys.exit(2)


def _write_no_more() -> None:
    """Send to nowhere what is left for the standard output, or Python complains on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    where = "" if error.filename is None else f"{error.filename}: "
    advice = _ADVICE.get(error.errno or 0)
    return f"{where}{what}" + (f"; {advice} and run the same command again" if advice else "")
