"""`parametrize`: all checks of a component as tests of pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hsizoo.errors import NameLookupError, did_you_mean
from hsizoo.testing.contract import CheckFailed
from hsizoo.testing.finding import find_checked
from hsizoo.testing.running import Session
from hsizoo.zoo.spec import Kind

if TYPE_CHECKING:
    import pytest

__all__ = ["parametrize"]


def _chosen(names: Sequence[str], kind: Kind | None) -> list[tuple[str, Kind]]:
    """The components that are meant, each once."""
    found: dict[tuple[str, Kind], None] = {}
    for text in names:
        of_text = [each for each in find_checked(text) if kind in (None, each.kind)]
        if not of_text:
            raise NameLookupError(f"{text!r} is no {kind}; `hsizoo list --kind {kind}` shows them")
        found |= {(each.name, each.kind): None for each in of_text}
    return list(found)


@dataclass(frozen=True)
class _Bound:
    """A check of one component; raises what it failed with when it is called."""

    session: Session
    name: str

    def __call__(self) -> None:
        import pytest

        outcome = self.session.outcome(self.name)
        if outcome.status == "failed":
            raise CheckFailed(f"{outcome.sentence}\nBut {outcome.what}", outcome.mend)
        if outcome.status == "not made":
            pytest.skip(outcome.what)


def parametrize(
    *names: str,
    kind: Kind | None = None,
    expected_failures: Mapping[str, str] | None = None,
    slow: bool = False,
    device: str = "cpu",
) -> pytest.MarkDecorator:
    """Parametrize a test over all checks of some components.

    Parameters
    ----------
    *names : str
        Names of components, with options if need be, or of a distribution, for all its components.
    kind : str, optional
        Only components of this kind.
    expected_failures : mapping of str to str, optional
        Checks that fail, by name, and the reason.  One that passes fails the test.
    slow : bool, default False
        Look at more: all values of options, all scenes of a dataset.
    device : str, default "cpu"

    Returns
    -------
    pytest.MarkDecorator
        The test has one parameter, ``check``, and calls it.

    Raises
    ------
    NameLookupError
        If there is no such component or check.

    Examples
    --------
    The whole file of tests of a plugin::

        import hsizoo.testing

        @hsizoo.testing.parametrize("mine", expected_failures={"click-place": "takes boxes only"})
        def test_contract(check):
            check()
    """
    import pytest

    expected = dict(expected_failures or {})
    found: list[Any] = []
    known: dict[str, None] = {}
    for name, chosen_kind in _chosen(names, kind):
        session = Session(name, chosen_kind, slow=slow, device=device)
        known |= dict.fromkeys(session.checks)
        for each in session.checks:
            marks = [pytest.mark.xfail(reason=expected[each], raises=CheckFailed, strict=True)] if (
                each in expected
            ) else []  # fmt: skip
            found.append(
                pytest.param(_Bound(session, each), id=f"{chosen_kind}-{name}-{each}", marks=marks)
            )
    if unknown := [each for each in expected if each not in known]:
        raise NameLookupError(
            f"expected_failures: no check is named {unknown[0]!r}.{did_you_mean(unknown[0], known)}"
        )
    chosen: Callable[..., pytest.MarkDecorator] = pytest.mark.parametrize
    return chosen("check", found)
