"""`plugin`: register components for a while, without installing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from hsizoo.zoo.registry import Lent, registry
from hsizoo.zoo.spec import ComponentSpec

__all__ = ["plugin"]


@contextmanager
def plugin(
    specs: ComponentSpec | Iterable[ComponentSpec], *, dist: str = "testing", version: str = "0"
) -> Iterator[None]:
    """Register components for a while, as if an installed distribution offered them.

    Processes that the kit starts know them too; those of ``hsizoo bench --jobs`` do not.

    Parameters
    ----------
    specs : ComponentSpec or iterable of ComponentSpec
    dist, version : str
        What they are said to come from.  Components of an installed distribution of that name are
        hidden meanwhile.

    Raises
    ------
    SpecError
        If two specs have the same kind and name.

    Examples
    --------
    As a fixture of pytest::

        @pytest.fixture
        def mine():
            with hsizoo.testing.plugin(my_package.plugin.hsizoo_components()):
                yield

    and in a script:

    >>> import hsizoo
    >>> spec = hsizoo.ComponentSpec(name="mine", kind="scorer", target="a.b:C", summary="a test")
    >>> with plugin(spec):
    ...     "testing/mine" in [each.full_name for each in hsizoo.list_components("scorer")]
    True
    """
    found = registry()
    before = found.snapshot()
    given = (specs,) if isinstance(specs, ComponentSpec) else tuple(specs)
    found.lend(Lent(dist, version, given))
    try:
        yield
    finally:
        found.restore(before)
