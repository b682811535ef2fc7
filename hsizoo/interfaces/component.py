"""`Component`: what scorers, segmenters, labelers, classifiers, datasets and protocols share."""

from __future__ import annotations

from abc import ABC
from dataclasses import fields
from typing import Any, ClassVar

from hsizoo.errors import OptionError, did_you_mean

__all__ = ["Component"]


class Component(ABC):
    """Something that has a name in the registry and takes options.

    A class declares its options in one of two ways:

    - by a dataclass, ``Options``.  It is the better way where several classes share options, where
      values need checks, or where options should be read without importing the class;
    - by the keyword parameters of its constructor, which then defines `__init__` itself and need
      not call this one.

    Attributes
    ----------
    Options : type or None
        A frozen, keyword-only dataclass: one field per option, with a default and an annotation of
        `bool`, `int`, `float`, `str`, a `Literal` of strings, one of these ``| None``, or
        ``Annotated[str, "scorer"]`` (any kind) where the value names another component.  The
        numpydoc section "Parameters" of its docstring describes each option.  A subclass of the
        dataclass inherits options with their descriptions and may override default and text.  Its
        ``__post_init__`` raises `OptionError` for values that it cannot take.  It belongs in a
        module that imports neither NumPy nor torch: see ``options_type`` of `ComponentSpec`.
    options : object
        The instance of ``Options`` that the constructor made; annotate it in the class
        (``options: MyOptions``).  Only where ``Options`` is set.
    later_options : frozenset of str
        Options that the class did not have from the beginning.  At their default they are left out
        of the identity of a stored result, so that older results stay in use.

    Parameters
    ----------
    **options
        Fields of ``Options``.

    Raises
    ------
    OptionError
        If there is no such option, or it cannot take the value.

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
        super().__init__()  # of another base, if the class has one
        declared = self.Options
        known = [] if declared is None else [each.name for each in fields(declared)]
        for name in options:
            if name not in known:
                has = f"It has: {', '.join(known)}." if known else "It has no options."
                hint = did_you_mean(name, known)
                raise OptionError(f"{type(self).__name__} has no option {name!r}.{hint} {has}")
        if declared is not None:
            self.options = declared(**options)

    @staticmethod
    def base_weights(**options: Any) -> str:
        """Identify the published weights that a component with these options starts from.

        Nothing is built or downloaded.  If the class has any, the identity of stored results holds
        what this returns in place of the option ``checkpoint``: what a file contains counts, not
        where it is.  Results that begin with ``random:`` are marked.

        Parameters
        ----------
        **options
            As of the class; those that are not given have their default.

        Returns
        -------
        str
            ``sha256:<digest of the file>``, ``random:<seed>``, ``missing:<path>`` of a file that is
            not there, or nothing, as here, if the class has no such weights.
        """
        return ""
