"""`PublishedFile`: a file of weights or data at a public address, as a plugin declares it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PublishedFile"]


@dataclass(frozen=True)
class PublishedFile:
    """A file published by its authors.

    Parameters
    ----------
    name : str
        File name, also in ``HSIZOO_HOME/weights`` or ``HSIZOO_HOME/data``.
    url : str
        Download address.
    size : int
        Size in bytes; 0 if unknown.  A file of another size is refused before it is downloaded.
    sha256 : str or None
        Published digest.  If None, the digest at first use is written beside the file
        (``<name>.sha256``), and every later file is checked against it.
    licence : str
    mirrors : tuple of str, optional
        Other addresses of the same file, tried in turn if `url` fails.
    about : int, optional
        Approximate size in bytes, for display, where the exact one is unknown.
    """

    name: str
    url: str
    size: int
    sha256: str | None
    licence: str
    mirrors: tuple[str, ...] = ()
    about: int = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, in the order in which they are tried."""
        return (self.url, *self.mirrors)
