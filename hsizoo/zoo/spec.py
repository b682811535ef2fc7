"""`ComponentSpec`: a plugin's description of a component, without importing anything heavy.

A plugin yields one frozen `ComponentSpec` per component.  The spec names the class by a string,
``"package.module:Class"``, which is imported only when the component is requested.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, get_args

from hsizoo.errors import SpecError
from hsizoo.weights.published import PublishedFile

__all__ = ["KINDS", "PLUGIN_API", "ComponentSpec", "Kind"]

PLUGIN_API = 1
"""Version of the plugin interface.  A plugin module may declare ``HSIZOO_API = 1``."""

Kind = Literal["scorer", "segmenter", "pseudo-labeler", "classifier", "dataset", "protocol"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Starts with a letter, so that "1e+5" in an option is never parsed as a composition "1e" + "5".
NAME_PATTERN = r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*"
_MODULE_PATTERN = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_TARGET_PATTERN = _MODULE_PATTERN + r":[A-Za-z_]\w*"
_TEXTS = (
    "summary", "options_type", "version", "paper", "licence", "weights", "packaged", "install",
)  # fmt: skip
_PACKAGED_PATTERN = _MODULE_PATTERN + r":\w[\w.-]*(?:/\w[\w.-]*)*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSpec:
    """One scorer, segmenter, pseudo-labeler, classifier, dataset or protocol of a plugin.

    Parameters
    ----------
    name : str
        Name that users type: lower-case letters, digits, and single ``-``, ``_`` or ``.`` between
        them, starting with a letter (``samsa2-small``).
    kind : {"scorer", "segmenter", "pseudo-labeler", "classifier", "dataset", "protocol"}
        Interface of `hsizoo.interfaces` that the target implements.
    target : str
        ``"package.module:Class"``, imported on first use.
    summary : str
        One-line description for ``hsizoo list``.
    options : mapping of str to str, int, float, bool or None, optional
        Preset values; they replace the defaults of the class's keyword parameters, and users may
        override them (``samsa2-small:scorer=pcc``).
    options_type : str, optional
        ``"package.module:Class"``, the dataclass that the target names as ``Options`` (see
        `hsizoo.Component`), in a module that imports neither NumPy nor torch, so that options can
        be checked without importing the target.
    version : str, default "1"
        Version of the component's *results*.  Increase it when the same input gives a different
        output, so that stored cells of the old version are not reused.
    paper : str, optional
        Citation or DOI of the method.
    licence : str, default "Apache-2.0"
        Licence of the code.
    weights : str, optional
        Source and licence of the weights; empty if there are none.
    packaged : str, optional
        Weights shipped with the plugin, ``"package:folder/in/it"``, located on request without
        importing the package.  For a trainable segmenter, a folder as published by `hsizoo train`,
        with ``weights.safetensors`` and ``card.json``, which ``weights=auto`` finds.  Otherwise a
        file or folder that the target reads itself.  It need not exist yet.
    files : tuple of PublishedFile, optional
        For a dataset, the files that it downloads to ``HSIZOO_HOME/data`` at first use (see
        `hsizoo.locate_data`), for ``hsizoo data list`` and ``hsizoo data fetch``.
    requires : tuple of str, optional
        Import names of packages that the target needs beyond hsizoo's own dependencies.
    install : str, optional
        Command that installs `requires`, for error messages and ``hsizoo doctor``.

    Raises
    ------
    SpecError
        If a field is malformed; the message gives the field and its value.

    Examples
    --------
    >>> ComponentSpec(name="sa", kind="scorer", target="hsizoo_spectral.sa:SpectralAngle",
    ...               summary="Spectral angle").name
    'sa'
    """

    name: str
    kind: Kind
    target: str
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    options_type: str = ""
    version: str = "1"
    paper: str = ""
    licence: str = "Apache-2.0"
    weights: str = ""
    packaged: str = ""
    files: tuple[PublishedFile, ...] = ()
    requires: tuple[str, ...] = ()
    install: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(NAME_PATTERN, self.name):
            raise SpecError(
                f"component name {self.name!r} is not valid: use lower-case letters, digits and "
                "single '-', '_' or '.' between them, starting with a letter"
            )
        if self.kind not in KINDS:
            raise SpecError(
                f"component {self.name!r} has kind {self.kind!r}; "
                f"expected one of {', '.join(KINDS)}"
            )
        if not isinstance(self.target, str) or not re.fullmatch(_TARGET_PATTERN, self.target):
            raise SpecError(
                f"component {self.name!r} has target {self.target!r}; "
                "expected 'package.module:Class'"
            )
        for text in _TEXTS:
            if not isinstance(getattr(self, text), str):
                raise SpecError(
                    f"component {self.name!r}: {text} must be a string, got {getattr(self, text)!r}"
                )
        if self.options_type and not re.fullmatch(_TARGET_PATTERN, self.options_type):
            raise SpecError(
                f"component {self.name!r} has options_type={self.options_type!r}; "
                "expected 'package.module:Class'"
            )
        if self.packaged and not re.fullmatch(_PACKAGED_PATTERN, self.packaged):
            raise SpecError(
                f"component {self.name!r} has packaged={self.packaged!r}; "
                "expected 'package:folder/in/it', with slashes and without '..'"
            )
        if not self.summary.strip():
            raise SpecError(f"component {self.name!r} needs a one-line summary")
        if not isinstance(self.files, tuple | list) or not all(
            isinstance(each, PublishedFile) for each in self.files
        ):
            raise SpecError(
                f"component {self.name!r}: files must be a tuple of hsizoo.PublishedFile, "
                f"got {self.files!r}"
            )
        if self.files and self.kind != "dataset":
            raise SpecError(f"component {self.name!r}: only a dataset has files, not a {self.kind}")
        if isinstance(self.requires, str) or not all(isinstance(r, str) for r in self.requires):
            raise SpecError(
                f"component {self.name!r}: requires must be a tuple of import names, "
                f"got {self.requires!r}"
            )
        if not isinstance(self.options, Mapping):
            raise SpecError(
                f"component {self.name!r}: options must be a mapping, got {self.options!r}"
            )
        for key, value in self.options.items():
            if not isinstance(key, str) or not isinstance(value, str | int | float | None):
                raise SpecError(
                    f"component {self.name!r}: option {key!r}={value!r} must map a string to "
                    "a string, a number, a bool or None"
                )
        # A read-only copy: changes to the plugin's dict must not affect a frozen spec.
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))
        object.__setattr__(self, "files", tuple(self.files))
        object.__setattr__(self, "requires", tuple(self.requires))

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, which `MappingProxyType` does not."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return partial(ComponentSpec, **{**fields, "options": dict(self.options)}), ()
