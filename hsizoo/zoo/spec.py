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
from hsizoo.zoo.texts import clean, is_plain

__all__ = ["KINDS", "PLUGIN_API", "ComponentSpec", "Kind"]

PLUGIN_API = 1
"""Version of the plugin interface.  A plugin module may declare ``HSIZOO_API = 1``."""

Kind = Literal["scorer", "segmenter", "pseudo-labeler", "classifier", "dataset", "protocol"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Starts with a letter, so that "1e+5" in an option is never parsed as a composition "1e" + "5".
NAME_PATTERN = r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*"
_MODULE_PATTERN = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_TARGET_PATTERN = _MODULE_PATTERN + r":[A-Za-z_]\w*"
_PROSE = ("summary", "paper", "licence", "weights", "install")
_TEXTS = (*_PROSE, "options_type", "version", "packaged")
_PACKAGED_PATTERN = _MODULE_PATTERN + r":\w[\w.-]*(?:/\w[\w.-]*)*"
_LONGEST_NAME = 64  # characters; of a version too
_LONGEST_PATH = 200
_LONGEST_PROSE = 1000
_MOST = 1000  # options, files or requirements
_SHA256_PATTERN = r"[0-9a-fA-F]{64}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSpec:
    """One scorer, segmenter, pseudo-labeler, classifier, dataset or protocol of a plugin.

    Texts are printed in terminals: escape sequences and control characters are left out of them,
    and what is longer than 1000 characters is cut.

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
    from_abstract : bool, default False
        Whether only the abstract of `paper` was at hand, so that layers and constants are the
        plugin's own.  Tables mark such rows "abstract only".
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
    from_abstract: bool = False
    licence: str = "Apache-2.0"
    weights: str = ""
    packaged: str = ""
    files: tuple[PublishedFile, ...] = ()
    requires: tuple[str, ...] = ()
    install: str = ""

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise SpecError(
                f"component name {self.name!r} is not valid: use lower-case letters, digits and "
                "single '-', '_' or '.' between them, starting with a letter, at most "
                f"{_LONGEST_NAME} characters"
            )
        if self.kind not in KINDS:
            raise self._error(f"kind {self.kind!r}; expected one of {', '.join(KINDS)}", " has")
        if not isinstance(self.target, str) or not _matches(_TARGET_PATTERN, self.target):
            raise self._error(f"target {self.target!r}; expected 'package.module:Class'", " has")
        self._check_texts()
        self._check_files()
        self._check_requires()
        self._check_options()
        # A read-only copy: changes to the plugin's dict must not affect a frozen spec.
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))
        object.__setattr__(self, "files", tuple(self.files))
        object.__setattr__(self, "requires", tuple(self.requires))

    def _error(self, what: str, verb: str = ":") -> SpecError:
        return SpecError(f"component {self.name!r}{verb} {what}")

    def _check_texts(self) -> None:
        for text in _TEXTS:
            if not isinstance(getattr(self, text), str):
                raise self._error(f"{text} must be a string, got {getattr(self, text)!r}")
        for text in _PROSE:
            plain = clean(getattr(self, text), _LONGEST_PROSE, lines=text == "install")
            object.__setattr__(self, text, plain)
        if not self.summary:
            raise self._error("a one-line summary", " needs")
        if not isinstance(self.from_abstract, bool):
            raise self._error(f"from_abstract={self.from_abstract!r}; expected a bool", " has")
        if not is_plain(self.version, _LONGEST_NAME):
            raise self._error(
                f"version={self.version!r}; expected at most {_LONGEST_NAME} printable characters",
                " has",
            )
        if self.options_type and not _matches(_TARGET_PATTERN, self.options_type):
            raise self._error(
                f"options_type={self.options_type!r}; expected 'package.module:Class'", " has"
            )
        if self.packaged and not _matches(_PACKAGED_PATTERN, self.packaged):
            raise self._error(
                f"packaged={self.packaged!r}; expected 'package:folder/in/it', with slashes and "
                "without '..'",
                " has",
            )

    def _check_files(self) -> None:
        files = self.files
        if not _is_list(files) or not all(isinstance(each, PublishedFile) for each in files):
            raise self._error(f"files must be a tuple of hsizoo.PublishedFile, got {files!r}")
        if files and self.kind != "dataset":
            raise self._error(f"only a dataset has files, not a {self.kind}")
        for file in files:
            if wrong := _wrong_in(file):
                raise self._error(f"the file {file.name!r} has {wrong}={getattr(file, wrong)!r}")

    def _check_requires(self) -> None:
        requires = self.requires
        if not _is_list(requires) or not all(
            isinstance(name, str) and _matches(_MODULE_PATTERN, name) for name in requires
        ):
            raise self._error(f"requires must be a tuple of import names, got {requires!r}")

    def _check_options(self) -> None:
        options = self.options
        if not isinstance(options, Mapping) or len(options) > _MOST:
            raise self._error(f"options must be a mapping, got {options!r}")
        for key, value in options.items():
            if not isinstance(key, str) or not isinstance(value, str | int | float | None):
                raise self._error(
                    f"option {key!r}={value!r} must map a string to a string, a number, a bool or "
                    "None"
                )
            for text in (key, value):
                if isinstance(text, str) and not is_plain(text, _LONGEST_PROSE):
                    raise self._error(
                        f"option {key!r}={value!r} must be one line of at most {_LONGEST_PROSE} "
                        "printable characters"
                    )
            if isinstance(value, int) and abs(value) >= 2**63:
                raise self._error(f"option {key!r} is too large; expected less than 2**63")

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, which `MappingProxyType` does not."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return partial(ComponentSpec, **{**fields, "options": dict(self.options)}), ()


def _matches(pattern: str, text: str) -> bool:
    return len(text) <= _LONGEST_PATH and re.fullmatch(pattern, text) is not None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and _matches(NAME_PATTERN, name)


def _is_list(values: object) -> bool:
    return isinstance(values, tuple | list) and len(values) <= _MOST


def _wrong_in(file: PublishedFile) -> str:
    """Field of a published file that is of the wrong type, or unfit to be printed; or nothing."""
    if not _is_text(file.name, _LONGEST_PATH) or file.name in (".", "..") or "/" in file.name:
        return "name"
    for field_name in ("url", "licence"):
        if not _is_text(getattr(file, field_name)):
            return field_name
    for field_name in ("size", "about"):
        number = getattr(file, field_name)
        if not isinstance(number, int) or not 0 <= number < 2**63:
            return field_name
    if file.sha256 is not None and not (
        isinstance(file.sha256, str) and _matches(_SHA256_PATTERN, file.sha256)
    ):
        return "sha256"
    right = _is_list(file.mirrors) and all(_is_text(each) for each in file.mirrors)
    return "" if right else "mirrors"


def _is_text(text: object, longest: int = _LONGEST_PROSE) -> bool:
    return isinstance(text, str) and is_plain(text, longest)
