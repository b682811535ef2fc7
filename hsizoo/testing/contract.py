"""`Check`: one thing that a component must hold, and what happens where it does not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from hsizoo.testing.subject import Subject

__all__ = ["Check", "CheckFailed", "NotApplicable", "advise", "check", "does_not_apply", "fail"]


class CheckFailed(AssertionError):
    """What a component does not hold.

    Parameters
    ----------
    what : str
        What was found, with the values.
    mend : str
        What to do about it.
    is_advice : bool, default False
        Whether it is no fault, but worth a look.
    """

    def __init__(self, what: str, mend: str, *, is_advice: bool = False) -> None:
        super().__init__(f"{what}\n{mend}" if mend else what)
        self.what, self.mend, self.is_advice = what, mend, is_advice


class NotApplicable(Exception):
    """A check cannot be made, or does not concern the component; the message says why."""


def fail(what: str, mend: str) -> NoReturn:
    """End a check that does not hold."""
    raise CheckFailed(what, mend)


def advise(what: str, mend: str) -> NoReturn:
    """End a check with something that is worth a look, but no fault."""
    raise CheckFailed(what, mend, is_advice=True)


def does_not_apply(why: str) -> NoReturn:
    """End a check that does not concern the component."""
    raise NotApplicable(why)


@dataclass(frozen=True)
class Check:
    """One thing that a component must hold.

    Parameters
    ----------
    name : str
        Name that ``expected_failures`` and tables use.
    sentence : str
        What holds.
    run : callable
        Takes a `Subject`; raises `CheckFailed` or `NotApplicable`.
    after : tuple of str, default ()
        Checks that must have passed; where one has not, this one would only repeat what is known,
        and is not made.
    slow : bool, default False
        Whether it is made on request only.
    """

    name: str
    sentence: str
    run: Callable[[Subject], None]
    after: tuple[str, ...] = ()
    slow: bool = False


_Function = TypeVar("_Function", bound=Callable[..., Any])


def check(
    into: list[Check], name: str, *, after: Sequence[str] = (), slow: bool = False
) -> Callable[[_Function], _Function]:
    """Add a function to a list of checks; its docstring is the sentence."""

    def add(function: _Function) -> _Function:
        sentence = " ".join((inspect.getdoc(function) or "").split())
        into.append(Check(name, sentence, function, tuple(after), slow))
        return function

    return add
