"""A zoo of broken components, by which the kit itself is tested.

Each is wrong in one way, which its docstring tells, and names the check that must fail, and no
other; the good ones beside them fail none.

>>> from hsizoo.testing.broken import zoo
>>> "NormalisedOverReferences" in {each.target.rpartition(":")[2] for each in zoo()}
True
"""

from __future__ import annotations

from importlib import import_module

from hsizoo.testing.broken.marks import BREAKS, specs_of
from hsizoo.zoo.spec import ComponentSpec

__all__ = ["BREAKS", "DIST", "zoo"]

DIST = "broken"
"""Distribution that they are said to come from."""

_MODULES = (
    "scorers",
    "segmenters",
    "classifiers",
    "labelers",
    "datasets",
    "protocols",
    "heavy_protocol",
)
_TRAINABLE = "trainables"


def zoo(*, trainable: bool = True) -> list[ComponentSpec]:
    """Return the specs of all, good and broken; `BREAKS` has the checks that fail, by name.

    Parameters
    ----------
    trainable : bool, default True
        Whether those that need torch are among them.
    """
    names = (*_MODULES, _TRAINABLE) if trainable else _MODULES
    found = []
    for name in names:
        module = import_module(f"{__name__}.{name}")
        found += specs_of(module.__name__)
    import_module(f"{__name__}.scorers").make_ready()
    return found
