"""What all commands have in common: the layout of their help, and JSON alone on stdout."""

from __future__ import annotations

from typing import Any

import typer.core

__all__ = ["Command"]


class Command(typer.core.TyperCommand):
    """A command whose help has a heading per group of options (``rich_help_panel``)."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; with ``--json`` nothing but JSON goes to stdout."""
        if not ctx.params.get("json"):
            return super().invoke(ctx)
        from hsizoo.cli.console import json_alone

        with json_alone():
            return super().invoke(ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the line "Usage"."""
        arguments = [each for each in self.params if each.param_type_name == "argument"]
        return ["[OPTIONS]", *map(_in_usage, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the options, and the options of other groups."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        parameters: list[Any] = list(self.get_params(ctx))
        for parameter in parameters:
            if parameter.param_type_name == "argument":
                groups["Arguments"].append((_in_usage(parameter), parameter.help or ""))
            elif record := parameter.get_help_record(ctx):
                heading = getattr(parameter, "rich_help_panel", None) or "Options"
                groups.setdefault(heading, []).append(record)
        for heading, records in groups.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def _in_usage(argument: Any) -> str:
    """``NAME``, or ``[NAMES]...`` if it is optional and may be repeated."""
    name = argument.metavar or argument.name.upper()
    return f"{name if argument.required else f'[{name}]'}{'' if argument.nargs == 1 else '...'}"
