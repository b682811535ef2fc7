"""Import a plugin and ask it for the specs of its components."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Final

import pluggy

from hsizoo.errors import PluginError, SpecError
from hsizoo.zoo import hooks
from hsizoo.zoo.spec import PLUGIN_API, ComponentSpec

__all__ = ["load_specs"]

_MOST: Final = 1000  # components of one plugin


def load_specs(name: str, value: str) -> list[ComponentSpec]:
    """Import a plugin and return all its specs.

    Parameters
    ----------
    name, value : str
        Of its entry point.

    Raises
    ------
    PluginError
        If its module is not there, has no hook, or needs a newer hsizoo.
    SpecError
        If it yields anything but specs, or too many.
    BaseException
        Whatever the plugin raises.
    """
    try:
        plugin = EntryPoint(name, value, hooks.ENTRY_POINT_GROUP).load()
    except ModuleNotFoundError as error:
        module = value.partition(":")[0].strip()
        if not (error.name and f"{module}.".startswith(f"{error.name}.")):
            raise  # a module that the plugin imports
        raise PluginError(
            f"there is no module {error.name}; mend {name} = {value!r} below "
            f'[project.entry-points."{hooks.ENTRY_POINT_GROUP}"] in pyproject.toml'
        ) from error
    needs = getattr(plugin, "HSIZOO_API", PLUGIN_API)
    if not isinstance(needs, int) or needs > PLUGIN_API:
        raise PluginError(
            f"needs hsizoo plugin API {needs}, but this hsizoo has {PLUGIN_API}; upgrade hsizoo"
        )
    manager = pluggy.PluginManager("hsizoo")
    manager.add_hookspecs(hooks)
    manager.register(plugin, name=name)
    if not manager.get_hookcallers(plugin):
        raise PluginError(f"{value} has no hsizoo_components() marked with @hsizoo.hookimpl")
    specs: list[ComponentSpec] = []
    for batch in manager.hook.hsizoo_components():
        for spec in batch:
            if not isinstance(spec, ComponentSpec):
                raise SpecError(f"hsizoo_components() yielded {spec!r}; expected a ComponentSpec")
            if len(specs) == _MOST:
                raise SpecError(f"hsizoo_components() yielded more than {_MOST} components")
            specs.append(spec)
    return specs
