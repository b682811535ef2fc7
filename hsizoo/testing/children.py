"""What runs in processes that the kit starts; each function is named by its caller."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from hsizoo.testing.process import lend_again
from hsizoo.testing.subject import Subject

__all__ = ["answer", "check_all"]


def answer(given: Mapping[str, Any]) -> None:
    """Use a component and write its answer to a file."""
    lend_again(given)
    subject = Subject(given["name"], given["kind"], device=given["device"])
    found = subject.use(subject.make(), subject.example(**given["example"]), given["seed"])
    arrays: dict[str, Any] = {f"array_{n}": each for n, each in enumerate(found.values())}
    with open(given["out"] + ".part", "wb") as file:  # noqa: PTH123
        np.savez(file, names=np.array(json.dumps(list(found))), **arrays)
    os.replace(given["out"] + ".part", given["out"])  # noqa: PTH105


def check_all(given: Mapping[str, Any]) -> None:
    """Make the checks of a component, and write a line of JSON as each begins and ends."""
    from hsizoo.testing.running import Session

    # Whatever a component prints must not come between the lines.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    lend_again(given)

    def say(**about: Any) -> None:
        lines.write(json.dumps(about) + "\n")
        lines.flush()

    session = Session(given["name"], given["kind"], slow=given["slow"], device=given["device"])
    say(checks=[[each.name, each.sentence] for each in session.checks.values()])
    for name in session.checks:
        say(began=name)
        say(outcome=asdict(session.outcome(name)))
    lines.close()
    os._exit(0)  # threads and exit handlers of a component have nothing more to say
