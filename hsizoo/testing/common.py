"""Checks that components of every kind share."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import numpy as np

from hsizoo.errors import ContractError, HsizooError, MissingRequirement, OptionError, listed
from hsizoo.interfaces import TrainableSegmenter
from hsizoo.testing.contract import Check, NotApplicable, check, does_not_apply, fail
from hsizoo.testing.process import Fresh, PluginImport, answer_freshly, import_plugin
from hsizoo.testing.subject import Subject
from hsizoo.testing.using import difference
from hsizoo.zoo.checking import check_values
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.options import Option, declared_options
from hsizoo.zoo.registry import registry
from hsizoo.zoo.texts import one_line

__all__ = ["BEFORE", "BEHAVIOUR", "fresh", "imported"]

BEFORE: list[Check] = []
"""Made before anything is used."""
BEHAVIOUR: list[Check] = []
"""Made once the component answers."""

_PLUGIN_SECONDS: Final = 0.2
_HEAVY: Final = ("numpy", "torch", "scipy", "sklearn", "skimage", "pandas", "matplotlib")
_BUILD_SECONDS: Final = 5.0  # for trying values of options, unless asked for more
_IMPOSSIBLE_VALUE: Final = (
    "Raise hsizoo.errors.OptionError for a value that is not possible, saying what is."
)
_CALLS: Final = 20
_CALL_SECONDS: Final = 1.0  # that all further calls may take
_OTHER: Final = {"seed": 1}  # another image of the same size: caches by shape are noticed


# --- before anything is used ----------------------------------------------------------------------


@check(BEFORE, "spec")
def check_spec(subject: Subject) -> None:
    """The spec names a class that can be imported and implements the interface of its kind."""
    try:
        target = subject.target
    except ContractError as error:
        fail(str(error), _mend_import(error.__cause__, subject.entry.spec.target))
    if inspect.isabstract(target):
        missing = sorted(target.__abstractmethods__)
        fail(
            f"{target.__qualname__} does not implement {listed(missing)}",
            "Write the methods that its interface in hsizoo.interfaces declares.",
        )
    if not (inspect.getdoc(target) or "").strip() or "__doc__" not in vars(target):
        fail(
            f"{target.__qualname__} has no docstring of its own",
            "Say in one line what it does; `hsizoo info` shows it.",
        )


def _mend_import(error: BaseException | None, target: str) -> str:
    """What to do about a target that cannot be imported."""
    own = target.partition(":")[0].partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] != own:
        return (
            "Install it, and name it in the dependencies of pyproject.toml; or, if not everybody "
            "needs it, in `requires` of the ComponentSpec."
        )
    return "Mend the target of the ComponentSpec, or the module that it names."


@check(BEFORE, "options", after=["spec"])
def check_options(subject: Subject) -> None:
    """Options are keyword-only, annotated and documented, with a default of their type."""
    target = subject.target
    try:
        declared = declared_options(target)
    except ContractError as error:
        fail(str(error), "Give the option an annotation and a default that hsizoo can read.")
    if getattr(target, "Options", None) is None:
        _check_constructor(target)
    for option in declared.values():
        try:
            option.check(option.default)
        except OptionError as error:
            fail(f"the default of {error}", "Give a default of the annotated type.")
        if not option.doc:
            fail(
                f"the option {option.name!r} of {target.__qualname__} is not described",
                "Describe it in the section 'Parameters' of the docstring (numpydoc).",
            )
    try:
        _ = subject.recipe
    except (ContractError, OptionError) as error:
        fail(str(error), "Mend the options of the ComponentSpec, or those of the class.")


def _check_constructor(target: type[Any]) -> None:
    kinds = inspect.Parameter
    if "__init__" not in {name for base in _own_bases(target) for name in vars(base)}:
        return
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.kind in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL):
            fail(
                f"{target.__qualname__}() takes *{name}: a misspelt option would be accepted",
                "Name each option as a keyword parameter, or use an Options dataclass.",
            )
        if parameter.kind is not kinds.KEYWORD_ONLY:
            fail(
                f"{target.__qualname__}() takes {name!r} by position, so it is no option",
                "Put a * before the parameters: def __init__(self, *, …).",
            )


def _own_bases(target: type[Any]) -> list[type[Any]]:
    return [base for base in target.__mro__ if not base.__module__.startswith("hsizoo.interfaces")][
        :-1
    ]


@check(BEFORE, "plugin")
def check_plugin(subject: Subject) -> None:
    """The plugin says what it offers at once, silently, and imports nothing heavy."""
    entry = subject.entry
    records = [
        each
        for each in registry().plugins
        if each.dist == entry.dist and entry.spec.name in each.components and each.module
    ]
    if not records:
        does_not_apply("it was registered without a plugin")
    for record in records:
        _look_at_plugin(record.name, record.module)


def imported(name: str, module: str) -> PluginImport:
    """Import a plugin, or a module, in a new process; again if that took long."""
    return _imported(name, module, tuple(sys.path))


@cache
def _imported(name: str, module: str, path: tuple[str, ...]) -> PluginImport:
    tries = []
    for _ in range(3):  # a busy machine is slow at times
        tries.append(import_plugin(name, module))
        if tries[-1].error or tries[-1].seconds < _PLUGIN_SECONDS:
            break
    return min(tries, key=lambda each: each.seconds)


def _look_at_plugin(name: str, module: str) -> None:
    done = imported(name, module)
    if done.error:
        fail(f"{module} cannot be imported: {done.error}", "See `hsizoo plugins --verbose`.")
    if heavy := [each for each in _HEAVY if each in done.modules]:
        fail(
            f"importing {module} imports {', '.join(heavy)}, which every command waits for",
            "Keep it, and the __init__ of its package, free of imports; the class is imported from "
            "its target.",
        )
    if done.printed:
        fail(f"importing {module} prints {done.printed[:80]!r}", "Print nothing in a plugin.")
    if done.seconds > _PLUGIN_SECONDS:
        fail(
            f"importing {module} computes for {done.seconds:.2f} s; {_PLUGIN_SECONDS} s at most",
            "Do the work in the component, when it is built or used.",
        )


@check(BEFORE, "builds", after=["spec", "options"])
def check_builds(subject: Subject) -> None:
    """It can be built with its defaults."""
    subject.make()


@check(BEFORE, "identity", after=["builds"])
def check_identity(subject: Subject) -> None:
    """Its identity, under which results are kept, is plain and the same each time."""
    recipe = subject.recipe
    mend = "base_weights and weight_files must depend on the options only, and build nothing."
    try:
        text = json.dumps(recipe.identity(), sort_keys=True, allow_nan=False)
        again = resolve(recipe.pinned(), subject.kind)
        other = json.dumps(again.identity(), sort_keys=True, allow_nan=False)
        recipe.weight_files()
    except HsizooError:
        raise
    except Exception as error:  # noqa: BLE001
        fail(f"its identity cannot be told: {one_line(error)}", mend)
    if text != other:
        fail(f"its identity differs from call to call: {text} and {other}", mend)
    target = subject.target
    declared = declared_options(target)
    for what in ("later_options", "free_options"):
        named = set(getattr(target, what, ()))
        if unknown := sorted(named - set(declared)):
            fail(
                f"{target.__qualname__}.{what} names {listed(unknown)}, which is no option",
                f"Name options in {what} as they are declared.",
            )
    if issubclass(target, TrainableSegmenter):
        needs = target.needs_training(**recipe.options)
        if not isinstance(needs, bool):
            fail(f"needs_training returned {needs!r}", "Return True or False.")


@check(BEFORE, "option-values", after=["builds"])
def check_option_values(subject: Subject) -> None:
    """It builds with every choice, and raises OptionError for a value that it cannot take."""
    recipe = subject.recipe
    began, left = time.monotonic(), []
    for option in declared_options(subject.target).values():
        for value in _values(option):
            if not subject.slow and time.monotonic() - began > _BUILD_SECONDS:
                left.append(f"{option.name}={value}")
                continue
            options = {**recipe.options, option.name: value}
            try:
                check_values(subject.entry, subject.target.Options, options)
                subject.make(**{option.name: value})
            except (NotApplicable, MissingRequirement):
                continue
            except ContractError as error:
                fail(f"{option.name}={value!r}: {error}", _IMPOSSIBLE_VALUE)
            except HsizooError:
                continue  # refused, in words
            except Exception as error:  # noqa: BLE001
                fail(f"{option.name}={value!r} raises {one_line(error)}", _IMPOSSIBLE_VALUE)
    if left:
        does_not_apply(f"builds take long, so {len(left)} values were left out; --slow tries all")


def _values(option: Option) -> Iterator[Any]:
    """Values worth a try: all choices, and numbers that are often impossible."""
    if option.optional:
        yield None
    if bool in option.types:
        yield from (False, True)
    if int in option.types:
        yield from (0, -1)
    if float in option.types:
        yield from (0.0, -1.0)
    yield from option.choices
    if str in option.types and not option.choices and not option.component:
        yield "no-such-value"


# --- once it answers ------------------------------------------------------------------------------


@check(BEHAVIOUR, "read-only", after=["answers"])
def check_read_only(subject: Subject) -> None:
    """It changes nothing that it is lent: cube, labels, clicks, references."""
    if subject.kind == "dataset":
        does_not_apply("it is lent nothing")
    given = subject.example()
    before = given.digests()
    subject.use(subject.make(), given)
    after = given.digests()
    if changed := [what for what, digest in before.items() if after[what] != digest]:
        fail(
            f"it changed the {' and the '.join(changed)}, which other components share",
            "Copy an array before writing to it: torch.from_numpy(cube.data) shares its memory "
            "and does not know that it is read-only.",
        )


@check(BEHAVIOUR, "quiet", after=["answers"])
def check_quiet(subject: Subject) -> None:
    """It prints nothing to stdout, where commands write their tables and JSON."""
    with _stdout() as text:
        subject.use(subject.make(), subject.example())
    printed = text() or fresh(subject).printed
    if printed.strip():
        fail(f"it prints {printed.strip()[:80]!r}", "Remove the print, or use logging.")


@check(BEHAVIOUR, "process", after=["answers"])
def check_process(subject: Subject) -> None:
    """It leaves the process as it was: folder, environment, NumPy's and torch's settings."""
    component = subject.make()
    subject.use(component, subject.example())  # what it imports may set what it likes
    before = _state_of_process()
    subject.use(subject.make(), subject.example())
    after = _state_of_process()
    if changed := [what for what, value in before.items() if after.get(what, value) != value]:
        fail(
            f"it changes {listed(changed)} for everything in the process",
            "Restore what you change, with a context manager.",
        )


@check(BEHAVIOUR, "chance", after=["answers", "evaluation"])
def check_chance(subject: Subject) -> None:
    """It neither draws from nor seeds the global random numbers of Python, NumPy and torch."""
    component = subject.make()
    subject.use(component, subject.example())
    with _chance_of(12345):
        before = _state_of_chance()
        subject.use(component, subject.example())
        after = _state_of_chance()
    if used := [what for what, state in before.items() if after[what] != state]:
        takes = subject.kind in ("classifier", "pseudo-labeler")
        fail(
            f"it uses the global random numbers of {' and '.join(used)}",
            "Draw from the rng that it is given; for torch, make a torch.Generator and seed it by "
            "rng.integers(2**31)."
            if takes
            else "Make a generator of a fixed seed where it is used.",
        )


@check(BEHAVIOUR, "deterministic", after=["answers", "chance", "seeded", "order"])
def check_deterministic(subject: Subject) -> None:
    """The same input gives the same answer, again and in another instance."""
    component = subject.make()
    first = subject.use(component, subject.example())
    mend = (
        "Draw random numbers from the given rng or a fixed seed, and keep nothing between calls "
        "that changes an answer; some libraries keep such a state in their modules."
    )
    if text := difference(first, subject.use(component, subject.example())):
        fail(f"a second call on the same input differs: {text}", mend)
    if text := difference(first, subject.use(subject.make(), subject.example())):
        fail(f"another instance differs: {text}", mend)


@check(BEHAVIOUR, "history", after=["deterministic"])
def check_history(subject: Subject) -> None:
    """An answer does not depend on what was asked before: other images, other sizes, many calls."""
    component = subject.make()
    began = time.monotonic()
    first = subject.use(component, subject.example())
    once = time.monotonic() - began
    mend = (
        "Keep what belongs to an image in its state (prepare, open), and forget in fit what was "
        "fitted before."
    )
    if subject.kind not in ("dataset", "protocol"):
        subject.use(component, subject.example(2, height=19, width=26))
        other = subject.use(component, subject.example(**_OTHER))
        if text := difference(subject.use(subject.make(), subject.example(**_OTHER)), other):
            fail(f"after another image: {text}", mend)
    calls = max(1, min(_CALLS, int(_CALL_SECONDS / max(once, 1e-3))))
    for call in range(calls):
        if text := difference(first, subject.use(component, subject.example())):
            fail(f"call {call + 2} on the same image: {text}", mend)


@check(BEHAVIOUR, "fresh-process", after=["history"])
def check_fresh_process(subject: Subject) -> None:
    """A second image gives the same as in a process that has seen nothing else."""
    told = fresh(subject)
    if told.error:
        fail(
            f"in a process of its own it fails: {told.error}",
            "A component is built from its spec alone in workers: it must not rely on what its "
            "plugin, or a script, has set before.",
        )
    component = subject.make()
    subject.use(component, subject.example())
    here = subject.use(component, subject.example(**_OTHER))
    if text := difference(told.answer, here):
        fail(
            f"the second image of a process differs from the first of another one: {text}",
            "Keep no cache in a module or class that is not keyed by the content of the image.",
        )


def fresh(subject: Subject) -> Fresh:
    """What the component answers in a process of its own; asked once."""
    found = vars(subject).get("_fresh")
    if not isinstance(found, Fresh):
        found = answer_freshly(subject.name, subject.kind, subject.device, 0, _OTHER)
        vars(subject)["_fresh"] = found
    return found


@contextlib.contextmanager
def _stdout() -> Iterator[Any]:
    """Catch what is written to stdout, by Python or below it; yields a function of the text."""
    sys.stdout.flush()
    with tempfile.TemporaryFile("w+b") as file:
        try:
            kept = os.dup(1)
        except OSError:  # there is none
            kept = None
        if kept is not None:
            os.dup2(file.fileno(), 1)
        wrapped = open(os.dup(file.fileno()), "w", encoding="utf-8")  # noqa: PTH123, SIM115
        found = ""
        try:
            with wrapped, contextlib.redirect_stdout(wrapped):
                yield lambda: found
        finally:
            if kept is not None:
                os.dup2(kept, 1)
                os.close(kept)
            file.seek(0)
            found = file.read().decode(errors="replace")


def _state_of_process() -> dict[str, object]:
    state: dict[str, object] = {
        "the working folder": os.getcwd(),  # noqa: PTH109
        "environment variables": dict(os.environ),
        "NumPy's error handling": np.geterr(),
        "NumPy's print options": repr(np.get_printoptions()),
        "sys.path": list(sys.path),
    }
    if (torch := sys.modules.get("torch")) is not None:
        state |= {
            "torch's default dtype": torch.get_default_dtype(),
            "torch's gradient mode": torch.is_grad_enabled(),
            "torch's threads": torch.get_num_threads(),
            "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
        }
    return state


@contextlib.contextmanager
def _chance_of(seed: int) -> Iterator[None]:
    """Seed all global generators as nobody else does, and restore them."""
    python, numpy_ = random.getstate(), np.random.get_state()  # noqa: NPY002
    torch = sys.modules.get("torch")
    state = None if torch is None else torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    if torch is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_)  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(state)


def _state_of_chance() -> dict[str, object]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    state: dict[str, object] = {
        "Python": random.getstate(),
        "NumPy": (kind, np.asarray(keys).tobytes(), *rest),
    }
    if (torch := sys.modules.get("torch")) is not None:
        state["torch"] = torch.get_rng_state().numpy().tobytes()
    return state
