"""Time of ``hsizoo list``, compared with ``import typer``, each in a new process.

Run from the repository root; writes benchmarks/results/starting.*::

    python benchmarks/starting.py
    python benchmarks/starting.py --repeats 5 --out /tmp/results

Fails if ``hsizoo list`` imports torch or numpy.
"""

from __future__ import annotations

import subprocess
import sys

from racing import arguments, parse, race, write

START = "import sys; sys.argv = ['hsizoo', 'list']; from hsizoo.cli import main; "
LIST = START + "main()"
CHECK = f"""
{START}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert not {{'torch', 'numpy'}} & set(sys.modules), 'hsizoo list imports torch or numpy'
"""


def python(code: str) -> None:
    """Run code in a new process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"exit status {done.returncode}: {code}")


def main() -> None:
    """Check what is imported, then time."""
    options = parse(arguments(__doc__, 15, size=None))
    python(CHECK)
    jobs = {"hsizoo list": lambda: python(LIST), "import typer": lambda: python("import typer")}
    found = race("hsizoo list, warm", jobs, options.repeats)
    write("starting", "Time of `hsizoo list`", ["no torch, no numpy"], found, options)


if __name__ == "__main__":
    main()
