"""Checks of protocols."""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from typing import Any, Final

from hsizoo.errors import HsizooError, MissingRequirement, listed
from hsizoo.interfaces import Column, Observation, Protocol
from hsizoo.testing.common import imported
from hsizoo.testing.contract import Check, check, fail
from hsizoo.testing.records import record_of
from hsizoo.testing.subject import Subject
from hsizoo.zoo.options import Option, declared_options
from hsizoo.zoo.texts import one_line

__all__ = ["PROTOCOL"]

PROTOCOL: list[Check] = []

_KINDS: Final = {"scorer", "segmenter", "classifier"}
_ROUNDING: Final = 1e-9


def _record(subject: Subject, protocol: Protocol, seed: int = 0) -> dict[str, Any]:
    try:
        return record_of(protocol, subject.example(seed), seed)
    except (TypeError, ValueError) as error:
        if isinstance(error, HsizooError):
            raise
        fail(
            f"run returned what records cannot hold: {one_line(error)}",
            "Return a dict of strings, numbers, lists and dicts; float(…), int(…), .tolist(); "
            "None instead of NaN.",
        )


@check(PROTOCOL, "answers", after=["builds", "declared"])
def check_answers(subject: Subject) -> None:
    """It evaluates a plain component, and reads its own record."""
    protocol = subject.make()
    record = _record(subject, protocol)
    observations = protocol.observe([record])
    if len(observations) != 1 or not observations[0]:
        fail(
            f"observe returned {len(observations)} lists for one record, or an empty one",
            "Return a list of observations for each record.",
        )


@check(PROTOCOL, "declared", after=["builds"])
def check_declared(subject: Subject) -> None:
    """Its class tells name, version, kinds and columns that fit together."""
    target: type[Protocol] = subject.target
    for what in ("name", "version", "kinds", "columns", "headline", "folder_suffix"):
        if not hasattr(target, what):
            fail(
                f"{target.__qualname__} has no {what}", "Set it on the class; see hsizoo.Protocol."
            )
    if not is_dataclass(target) or not target.__dataclass_params__.frozen:
        fail(
            f"{target.__qualname__} is no frozen dataclass",
            "Write @dataclass(frozen=True, kw_only=True): settings must not change in a run.",
        )
    if not set(target.kinds) <= _KINDS or not target.kinds:
        fail(f"kinds is {target.kinds!r}", f"Name some of {', '.join(sorted(_KINDS))}.")
    if not target.columns or not all(isinstance(each, Column) for each in target.columns):
        fail(f"columns is {target.columns!r}", "Give a tuple of hsizoo.Column.")
    names = [each.name for each in target.columns]
    if len(set(names)) < len(names):
        fail("two columns have the same name", "Give each column a name of its own.")
    shown = [*target.headline, *(each for panel in target.sweep_panels for each in panel)]
    if unknown := [each for each in shown if each not in names]:
        fail(
            f"headline or sweep_panels name {listed(unknown)}, which is no column",
            "Name columns as they are declared.",
        )


@check(PROTOCOL, "settings", after=["builds"])
def check_settings(subject: Subject) -> None:
    """config() tells every setting, and from_config makes the same protocol again."""
    protocol: Protocol = subject.make()
    config = protocol.config()
    try:
        text = json.dumps(config, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        fail(f"config() is not plain: {error}", "Return strings, numbers, lists and dicts.")
    again = type(protocol).from_config(json.loads(text)).config()
    if json.dumps(again, sort_keys=True) != text:
        fail(
            f"from_config makes another protocol: {again} of {config}",
            "Read every entry of config() there.",
        )
    for option in declared_options(subject.target).values():
        for value in _others(option, getattr(protocol, option.name, option.default)):
            try:
                other = subject.make(**{option.name: value}).config()
            except HsizooError:
                continue
            except Exception:  # noqa: BLE001 (the check of values tells it)
                continue
            if json.dumps(other, sort_keys=True) == text:
                fail(
                    f"config() is the same for {option.name}={value!r}, so results of other "
                    "settings would be taken for those of these",
                    "Put every setting that changes a result into config().",
                )
            break


def _others(option: Option, value: Any) -> list[Any]:
    """Other values of an option, in the order in which they are likely to be possible."""
    found: list[Any] = [each for each in option.choices if each != value]
    if bool in option.types:
        found.append(not value)
    if int in option.types and not isinstance(value, bool):
        found += [(value or 0) + 1, max((value or 0) - 1, 0)]
    if float in option.types:
        found += [(value or 0.0) * 0.5 + 0.1, (value or 0.0) + 1]
    return found


@check(PROTOCOL, "light")
def check_light(subject: Subject) -> None:
    """Its module imports neither NumPy nor torch, since `hsizoo bench --help` imports it."""
    module = subject.entry.spec.target.partition(":")[0]
    done = imported("", module)
    if done.error:
        fail(f"{module} cannot be imported by itself: {done.error}", "Import what it needs.")
    if heavy := [each for each in ("numpy", "torch") if each in done.modules]:
        fail(
            f"importing {module} imports {' and '.join(heavy)}",
            "Import them inside the methods that need them.",
        )


@check(PROTOCOL, "columns", after=["answers"])
def check_columns(subject: Subject) -> None:
    """Observations and measures have values of declared columns, within their ranges."""
    protocol = subject.make()
    record = _record(subject, protocol)
    columns = {each.name: each for each in protocol.columns}
    (observations,) = protocol.observe([record])
    values = [pair for each in observations for pair in each.values.items()]
    values += protocol.measures(record).items()
    for name, value in values:
        if name not in columns:
            fail(
                f"there is a value of {name!r}, which is no column",
                f"Declare it in columns: {listed(columns)}.",
            )
        if value is None or value != value:
            continue
        column = columns[name]
        low = -float("inf") if column.low is None else column.low
        high = float("inf") if column.high is None else column.high
        if not low - _ROUNDING <= value <= high + _ROUNDING:
            fail(
                f"{name} is {value:g}, outside of {low:g} to {high:g}",
                "Mend the value, or the low and high of its column.",
            )
    seen = {name for name, _ in values}
    if not seen & set(protocol.headline):
        fail(
            f"there is no value of the headline {listed(protocol.headline)}",
            "Rows are sorted by it: name a column that always has a value.",
        )


@check(PROTOCOL, "records", after=["answers"])
def check_records(subject: Subject) -> None:
    """It reads as many lists of observations as there are records, and changes no record."""
    protocol = subject.make()
    records = [_record(subject, protocol, seed) for seed in (0, 2)]
    before = json.dumps(records, sort_keys=True)
    together = type(protocol).observe(records)
    if len(together) != len(records):
        fail(
            f"observe returned {len(together)} lists for {len(records)} records",
            "Return a list of observations for each record, in their order.",
        )
    if json.dumps(records, sort_keys=True) != before:
        fail("observe changes the records", "Copy what is to be changed.")
    if _plain(type(protocol).observe(records)) != _plain(together):
        fail("observe gives other values when it is called again", "Keep nothing between calls.")


def _plain(observations: list[list[Observation]]) -> str:
    return repr(
        [[(each.label, each.category, dict(each.values)) for each in of] for of in observations]
    )


@check(PROTOCOL, "views", after=["answers"])
def check_views(subject: Subject) -> None:
    """Its files and notes can be made of its records, and of failed ones."""
    protocol = subject.make()
    record = _record(subject, protocol)
    failed = {key: value for key, value in record.items() if key != "result"} | {
        "status": "failed",
        "error": {"type": "DataError", "message": "a test", "where": "", "traceback": ""},
    }
    for view in protocol.views([record, failed], "title"):
        try:
            for name, content in view.files():
                parts = [content] if isinstance(content, bytes | str) else list(content)
                wrong = [type(each).__name__ for each in parts if not isinstance(each, bytes)]
                if wrong or name.startswith("/") or ".." in name:
                    fail(
                        f"the view {view.name!r} makes {name!r} of {' '.join(wrong) or 'bytes'}",
                        "Give a path below the run folder, and bytes, or an iterable of bytes.",
                    )
        except MissingRequirement:
            continue
    notes = protocol.notes([record, failed])
    if not all(isinstance(each, str) for each in notes):
        fail(f"notes returned {notes!r}", "Return sentences.")
