"""`WeightFile`: a weight file published by its authors."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WeightFile"]


@dataclass(frozen=True)
class WeightFile:
    """A weight file published by its authors.

    Parameters
    ----------
    name : str
        File name, also in ``HSIZOO_HOME/weights``.
    url : str
        Download address.
    size : int
        Size in bytes; 0 if unknown.
    sha256 : str or None
        Published digest.  If None, the digest at first use is written beside the file
        (``<name>.sha256``), and every later use is checked against it.
    licence : str
    mirrors : tuple of str, optional
        Other addresses of the same file, tried in turn if `url` fails.
    """

    name: str
    url: str
    size: int
    sha256: str | None
    licence: str
    mirrors: tuple[str, ...] = ()
