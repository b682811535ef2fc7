"""The contract kit: what every component must hold, as tests, a command and a function.

The whole file of tests of a plugin:

>>> import hsizoo.testing
>>> @hsizoo.testing.parametrize("sa")                                    # doctest: +SKIP
... def test_contract(check):
...     check()

The same on the command line is ``hsizoo check sa``, and in Python `run_checks`.  Everything below
is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsizoo.testing.contract import Check, CheckFailed
    from hsizoo.testing.lending import plugin
    from hsizoo.testing.parametrizing import parametrize
    from hsizoo.testing.running import Outcome, checks, run_checks

__all__ = ["Check", "CheckFailed", "Outcome", "checks", "parametrize", "plugin", "run_checks"]

_WHERE = {
    "Check": "contract",
    "CheckFailed": "contract",
    "Outcome": "running",
    "checks": "running",
    "parametrize": "parametrizing",
    "plugin": "lending",
    "run_checks": "running",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'hsizoo.testing' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"hsizoo.testing.{_WHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return list(__all__)
