"""Make the checks of a component."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from traceback import extract_tb
from typing import Literal

import hsizoo
from hsizoo.errors import MissingRequirement, NameLookupError, did_you_mean
from hsizoo.testing.classifiers import CLASSIFIER
from hsizoo.testing.common import BEFORE, BEHAVIOUR
from hsizoo.testing.contract import Check, CheckFailed, NotApplicable
from hsizoo.testing.datasets import DATASET
from hsizoo.testing.labelers import LABELER
from hsizoo.testing.protocols import PROTOCOL
from hsizoo.testing.scorers import SCORER
from hsizoo.testing.segmenters import SEGMENTER
from hsizoo.testing.subject import Subject
from hsizoo.testing.trainables import TRAINABLE
from hsizoo.zoo.spec import KINDS, Kind
from hsizoo.zoo.texts import one_line

__all__ = ["Outcome", "Session", "Status", "checks", "run_checks"]

Status = Literal["passed", "failed", "advice", "not made"]

_OWN: dict[str, list[Check]] = {
    "scorer": SCORER,
    "segmenter": SEGMENTER,
    "trainable segmenter": [*SEGMENTER, *TRAINABLE],
    "classifier": CLASSIFIER,
    "pseudo-labeler": LABELER,
    "dataset": DATASET,
    "protocol": PROTOCOL,
}


@dataclass(frozen=True)
class Outcome:
    """What came of a check.

    Parameters
    ----------
    check, sentence : str
        Name of the check, and what it holds.
    status : {"passed", "failed", "advice", "not made"}
        "advice" is worth a look, but no fault.
    what : str
        What was found, or why the check was not made.
    mend : str
        What to do about it.
    seconds : float
    """

    check: str
    sentence: str
    status: Status
    what: str = ""
    mend: str = ""
    seconds: float = 0.0


def checks(kind: str) -> list[Check]:
    """List the checks of a kind of component, in the order in which they are made.

    Parameters
    ----------
    kind : str
        A kind of a `ComponentSpec`, or ``"trainable segmenter"``.

    Raises
    ------
    NameLookupError
        If there is no such kind.

    Examples
    --------
    >>> [each.name for each in checks("scorer")][:3]
    ['spec', 'options', 'plugin']
    """
    if kind not in _OWN:
        raise NameLookupError(
            f"no kind is named {kind!r}.{did_you_mean(kind, _OWN)} Available: {', '.join(_OWN)}."
        )
    found = [*BEFORE, *_OWN[kind], *BEHAVIOUR]
    order: list[Check] = []
    while found:  # what another one comes after goes first; else as they are written
        waiting = {each.name for each in found}
        ready = next(each for each in found if not waiting & set(each.after))
        found.remove(ready)
        order.append(ready)
    return order


class Session:
    """The checks of one component, each made once and after those that it builds on.

    Parameters
    ----------
    name, kind, slow, device
        See `Subject`.
    """

    def __init__(
        self, name: str, kind: Kind | None = None, *, slow: bool = False, device: str = "cpu"
    ) -> None:
        self.subject = Subject(name, kind, slow=slow, device=device)
        self._outcomes: dict[str, Outcome] = {}

    @cached_property
    def checks(self) -> dict[str, Check]:
        """The checks that concern it, by name."""
        kind: str = self.subject.kind
        try:
            if kind == "segmenter" and self.subject.is_trainable:
                kind = "trainable segmenter"
        except Exception:  # noqa: BLE001 (the check of the spec says what is wrong)
            kind = "segmenter"
        assert kind in (*KINDS, "trainable segmenter")
        found = {each.name: each for each in checks(kind)}
        return {n: each for n, each in found.items() if self.subject.slow or not each.slow}

    def outcome(self, name: str) -> Outcome:
        """Make a check, and those that it comes after, unless they were made."""
        if name not in self._outcomes:
            made = self.checks[name]
            unmet = [each for each in made.after if each in self.checks and not self._holds(each)]
            if unmet:
                before = self.outcome(unmet[0])
                why = f"{before.check} failed" if before.status == "failed" else before.what
                self._outcomes[name] = Outcome(name, made.sentence, "not made", why)
            else:
                self._outcomes[name] = _make(made, self.subject)
        return self._outcomes[name]

    def _holds(self, name: str) -> bool:
        return self.outcome(name).status in ("passed", "advice")


def _make(made: Check, subject: Subject) -> Outcome:
    began = time.perf_counter()

    def outcome(status: Status, what: str = "", mend: str = "") -> Outcome:
        seconds = time.perf_counter() - began
        return Outcome(made.name, made.sentence, status, what, mend, seconds)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.run(subject)
    except NotApplicable as error:
        return outcome("not made", str(error))
    except MissingRequirement as error:
        return outcome("not made", str(error))
    except CheckFailed as error:
        return outcome("advice" if error.is_advice else "failed", error.what, error.mend)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 (whatever a component does)
        return outcome("failed", f"{one_line(error)}{_place(error)}", "")
    return outcome("passed")


def _place(error: BaseException) -> str:
    """Where an error came from: the last line that is not the kit's, nor a library's."""
    own = str(Path(hsizoo.__file__).parent)
    frames = [frame for frame in extract_tb(error.__traceback__)
              if not frame.filename.startswith(own) and "site-packages" not in frame.filename
              and not frame.filename.startswith("<")]  # fmt: skip
    if not frames:
        frames = list(extract_tb(error.__traceback__))[-1:]
    return "".join(f" ({Path(each.filename).name}:{each.lineno})" for each in frames[-1:])


def run_checks(
    name: str,
    kind: Kind | None = None,
    *,
    slow: bool = False,
    device: str = "cpu",
) -> Iterator[Outcome]:
    """Make all checks of a component in this process.

    Parameters
    ----------
    name : str
        Name of a component, with options if need be.
    kind : str, optional
        Needed if several kinds share the name.
    slow : bool, default False
        Look at more: all values of options, all scenes of a dataset.
    device : str, default "cpu"

    Yields
    ------
    Outcome

    Raises
    ------
    NameLookupError
        If there is no such component.

    Examples
    --------
    >>> [each.check for each in run_checks("sa") if each.status == "failed"]   # doctest: +SKIP
    []
    """
    session = Session(name, kind, slow=slow, device=device)
    for each in session.checks:
        yield session.outcome(each)
