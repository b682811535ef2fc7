"""The plugin hook of hsizoo."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from hsizoo.zoo.spec import ComponentSpec

__all__ = ["ENTRY_POINT_GROUP", "hookimpl", "hookspec"]

ENTRY_POINT_GROUP = "hsizoo.plugins"

hookspec = pluggy.HookspecMarker("hsizoo")
hookimpl = pluggy.HookimplMarker("hsizoo")


@hookspec
def hsizoo_components() -> Iterable[ComponentSpec]:
    """Return the specs of the components that this plugin offers.

    The implementing module is asked in a process of its own when it is new or has changed; neither
    it nor its package's ``__init__`` may import torch, NumPy or anything heavy.  The target is a
    string that is imported when the component is built.

    A complete plugin, ``hsizoo_flat/plugin.py``::

        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="flat",
                kind="scorer",
                target="hsizoo_flat.flat:Flat",
                summary="Every pixel is equally similar",
            )

    and in its ``pyproject.toml``::

        [project.entry-points."hsizoo.plugins"]
        flat = "hsizoo_flat.plugin"

    Returns
    -------
    iterable of ComponentSpec
        If it raises, or yields anything else, ``hsizoo plugins`` reports the whole plugin as
        failed and none of its components is registered.
    """
    return ()
