"""The code in the documents: found, and run as a reader would, page by page.

Shell blocks are marked ``sh`` (a plain fence with commands of hsizoo counts too), Python blocks
``python``.  The blocks of a page run one after another in one empty folder; Python names live on
from block to block.  A comment before a fence says what differs::

    <!-- not run: REASON -->     its commands are parsed, not run
    <!-- slow: REASON -->        run only with `python docs/check.py --slow`

and a comment ``<!-- setup: … -->`` holds shell commands that prepare what the reader has already.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hsizoo

__all__ = ["PAGES", "ROOT", "Block", "commands", "parse", "read", "run"]

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if not {"_build", "_parts", "components", "python"} & set(path.relative_to(ROOT).parts)
    and path.name != "commands.md"
)
"""Documents written by hand, below the root of the repository."""

_SHELL = {"sh", "bash", "console"}


@dataclass(frozen=True)
class Block:
    """A fenced block, or a setup comment.

    Parameters
    ----------
    page : str
        Document, below the root of the repository.
    line : int
        Line of the fence, from 1.
    language : {"sh", "python", "setup", ...}
    code : str
    remark : str
        ``not run`` or ``slow``, or empty.
    reason : str
        What the remark says.
    """

    page: str
    line: int
    language: str
    code: str
    remark: str = ""
    reason: str = ""

    @property
    def where(self) -> str:
        """Document and line."""
        return f"{self.page}:{self.line}"


def read(page: str) -> list[Block]:
    """Return the blocks of a document, in order."""
    found = []
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    place, remark, reason = 0, "", ""
    while place < len(lines):
        line, first = lines[place], place + 1
        place += 1
        if comment := re.match(r"<!-- (not run|slow): (.*?)(-->|$)", line):
            remark, reason = comment[1], comment[2].strip()
            while not lines[place - 1].rstrip().endswith("-->"):
                reason += " " + lines[place].replace("-->", "").strip()
                place += 1
        elif line.strip() == "<!-- setup:":
            end = lines.index("-->", place)
            found.append(Block(page, first, "setup", "\n".join(lines[place:end])))
            place = end + 1
        elif fence := re.match(r"(`{3,})([^`]*)$", line):
            end = next(n for n in range(place, len(lines)) if lines[n].rstrip() == fence[1])
            code, language = "\n".join(lines[place:end]), fence[2].strip()
            if not language and re.search(r"^(hsizoo|pip|python) ", code, re.M):
                language = "sh"
            language = "sh" if language in _SHELL else language
            found.append(Block(page, first, language, code, remark, reason))
            place, remark, reason = end + 1, "", ""
        elif line.strip():
            remark, reason = "", ""
    return found


def commands(code: str) -> Iterator[list[str]]:
    """The words of each command of hsizoo in a shell block."""
    bare = re.sub(r"<<'?(\w+)'?$.*?^\1$", "", code, flags=re.M | re.S)  # without here-documents
    for line in bare.replace("\\\n", " ").splitlines():
        if "hsizoo" not in line:
            continue
        for part in re.split(r"\s(?:&&|\|\||\|)\s|;\s", line):
            words = shlex.split(part, comments=True)
            while words and re.fullmatch(r"\w+=.*", words[0]):  # VARIABLE=value in front
                words = words[1:]
            if words[:1] == ["hsizoo"]:
                redirected = [n for n, word in enumerate(words) if re.match(r"\d?>", word)]
                yield words[1 : min(redirected, default=len(words))]


def parse(words: list[str]) -> None:
    """Check that a command of hsizoo could be typed so; nothing is run.

    Raises
    ------
    ValueError
        With what the command line says of it.
    """
    import typer
    from typer.main import get_command

    from hsizoo.cli import app
    from hsizoo.errors import HsizooError

    usage_error = typer.BadParameter.__base__  # typer has a click of its own, which is private

    command, typed = get_command(app), "hsizoo"
    words = [word for word in words if word != "…"]
    parent = None
    with contextlib.suppress(typer.Exit):  # --help
        try:
            while hasattr(command, "commands"):
                if not words or words[0] not in command.commands:
                    raise ValueError(f"{typed} has no command {' '.join(words[:1])!r}")
                parent = command.context_class(command, parent, typed)
                typed, command, words = words[0], command.commands[words[0]], words[1:]
            command.make_context(typed, list(words), parent=parent)
        except (usage_error, HsizooError) as error:
            told = error.format_message() if hasattr(error, "format_message") else error
            raise ValueError(f"hsizoo {typed} {' '.join(words)}: {told}") from error


def run(page: str, folder: Path, *, slow: bool = False) -> list[str]:
    """Run the blocks of a document.

    Parameters
    ----------
    page : str
    folder : Path
        Empty; the working folder of the blocks.
    slow : bool, default False
        Whether those marked ``slow`` are run too.

    Returns
    -------
    list of str
        Where the blocks are that were run.

    Raises
    ------
    RuntimeError
        If one fails, with what it printed.
    """
    scope: dict[str, object] = {"__name__": "__main__"}
    environment = _environment(folder)
    done = []
    for block in read(page):
        if block.language not in ("sh", "python", "setup") or block.remark == "not run":
            continue
        if block.remark == "slow" and not slow:
            continue
        if block.language == "python":
            with contextlib.chdir(folder):
                try:
                    exec(compile(block.code, block.where, "exec"), scope)
                except Exception as error:
                    raise RuntimeError(f"{block.where}: {type(error).__name__}: {error}") from error
        else:
            finished = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.code],
                cwd=folder, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if finished.returncode:
                raise RuntimeError(
                    f"{block.where}: exit status {finished.returncode}\n{block.code}\n"
                    f"{finished.stdout}{finished.stderr}"
                )
        done.append(block.where)
    return done


def _environment(folder: Path) -> dict[str, str]:
    """With this hsizoo as the command `hsizoo`, and without network and the user's data.

    What a setup puts into the folder ``site`` counts as installed.
    """
    scripts = folder.with_name(folder.name + "-bin")
    scripts.mkdir(exist_ok=True)
    script = scripts / "hsizoo"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hsizoo "$@"\n')
    script.chmod(0o755)
    python = scripts / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    here = Path(hsizoo.__file__).resolve().parents[1]
    paths = [
        str(here),
        str(here / "plugins"),
        str(folder / "site"),
        os.environ.get("PYTHONPATH", ""),
    ]
    made = {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "HSIZOO_HOME": str(scripts / "home"),
        "HSIZOO_OFFLINE": "1",
    }
    made.pop("HSIZOO_DATA", None)
    return made
