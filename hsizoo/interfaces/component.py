"""`Component`: base class of scorers, segmenters, labelers, classifiers, datasets, protocols."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

from hsizoo.errors import OptionError, did_you_mean

__all__ = ["Component"]


class Component(ABC):
    """Base class of everything that has a name in the registry and takes options.

    A class declares its options in one of two ways:

    - by a dataclass, ``Options``.  Prefer it if several classes share options, if values need
      checks, or if options should be read without importing the class;
    - by the keyword parameters of its constructor; it then defines `__init__` itself and need not
      call this one.

    Attributes
    ----------
    Options : type or None
        A frozen, keyword-only dataclass: one field per option, with a default and an annotation of
        `bool`, `int`, `float`, `str`, a `Literal` of strings, one of these ``| None``, or
        ``Annotated[str, "scorer"]`` (any kind) where the value names another component.  The
        numpydoc section "Parameters" of its docstring describes each option.  A subclass of the
        dataclass inherits options with their descriptions and may override default and text.  Its
        ``__post_init__`` raises `OptionError` for invalid values.  It belongs in a
        module that imports neither NumPy nor torch: see ``options_type`` of `ComponentSpec`.
    options : object
        The instance of ``Options`` that the constructor made; annotate it in the class
        (``options: MyOptions``).  Exists only if ``Options`` is set.
    later_options : frozenset of str
        Options added to the class later.  At their default they are left out of the identity of a
        stored result, so that older results stay in use.

    Parameters
    ----------
    **options
        Fields of ``Options``.

    Raises
    ------
    OptionError
        If an option is unknown or a value invalid.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True)
    ... class DiscOptions:
    ...     '''Options of a disc.
    ...
    ...     Parameters
    ...     ----------
    ...     radius : float, default 5
    ...         In pixels.
    ...     '''
    ...     radius: float = 5.0
    >>> class Disc(Component):
    ...     Options = DiscOptions
    ...     options: DiscOptions
    >>> Disc(radius=2.0).options.radius
    2.0
    """

    Options: ClassVar[type | None] = None
    options: Any
    later_options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **options: Any) -> None:
        super().__init__()  # another base class, if there is one
        declared = self.Options
        known = [] if declared is None else [each.name for each in fields(declared)]
        for name in options:
            if name not in known:
                listed = (
                    f"Available options: {', '.join(known)}." if known else "It has no options."
                )
                hint = did_you_mean(name, known)
                raise OptionError(f"{type(self).__name__} has no option {name!r}.{hint} {listed}")
        if declared is not None:
            self.options = declared(**options)

    @staticmethod
    def base_weights(**options: Any) -> str:
        """Identify the published weights that a component with these options starts from.

        Nothing is built or downloaded.  If the class has such weights, the identity of stored
        results contains the returned text in place of the option ``checkpoint``: the content of a
        file counts, not its path.  Results whose text begins with ``random:`` are marked.

        Parameters
        ----------
        **options
            Options of the class; those not given have their default.

        Returns
        -------
        str
            ``sha256:<digest of the file>``, ``random:<seed>``, ``missing:<path>`` of a missing
            file, or, as here, an empty string if the class has no such weights.
        """
        return ""

    @staticmethod
    def weight_files(**options: Any) -> Sequence[Any]:
        """List the published files that building a component with these options reads.

        Nothing is built or downloaded.  What is missing is then said, with the place of each file,
        before anything is computed, and by ``hsizoo doctor``.

        Parameters
        ----------
        **options
            Options of the class; those not given have their default.

        Returns
        -------
        sequence of hsizoo.WeightFile
            Those that `hsizoo.locate` would be asked for; here none.
        """
        return ()
