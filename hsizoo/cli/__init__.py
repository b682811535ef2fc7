"""The command line: one file per command; nothing heavy is imported before a command runs."""

from __future__ import annotations

import os
import sys
import traceback

import click

from hsizoo.cli import bench, data, doctor, info, list_, plugins, segment, train
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
    segment.segment,
    train.train,
):
    app.add_command(command)


def main() -> None:
    """Run the command line; an `HsizooError` becomes one message and exit status 2."""
    try:
        app()
    except HsizooError as error:
        if isinstance(error, PluginError) and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)  # strict mode is for the plugin's author
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # `hsizoo list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
