"""A downloader for pooch that goes on where a broken download stopped.

pooch checks the digest and puts the whole file in place; this part only gets the bytes.  They go to
``.NAME.part``, beside ``.NAME.part.json`` with their address and the server's mark of the version
(an ETag or a date).  The rest is requested with ``Range`` and ``If-Range``, so that a server
answers with the rest of the same version, or with the whole file.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsizoo.documents import read_json
from hsizoo.errors import DataError
from hsizoo.progress import tell_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

__all__ = ["ResumableDownloader"]

_CHUNK = 2**16  # bytes; at most so many are lost when a connection breaks
_TIMEOUT = (30, 60)  # seconds to connect, and between two pieces
_TRIES = 3  # connections in a row that may bring nothing before the download fails
_PAUSE = 1  # seconds after a connection that brought nothing, and more after each further one


class ResumableDownloader:
    """Download a file over HTTP through the proxies of the environment.

    Call `download`, then let pooch check the file and put it in place, with this as its downloader.
    pooch would keep a temporary file from the start, which a killed process leaves behind.

    Parameters
    ----------
    path : Path
        Where the whole file will be; the partial file is kept beside it.
    size : int
        Expected size in bytes; 0 if unknown.

    Attributes
    ----------
    resumed : bool
        Whether the last download went on from a partial file.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self._part = path.with_name(f".{path.name}.part")
        self._about = path.with_name(f".{path.name}.part.json")
        self._size = size
        self.resumed = False

    def __call__(self, _: str, output_file: str | os.PathLike[str], __: Any) -> None:
        """Hand what `download` got over to pooch."""
        shutil.move(self._part, output_file)
        self._about.unlink(missing_ok=True)

    def so_far(self, url: str) -> int:
        """Return the number of bytes that a broken download from `url` left."""
        return self._known(url)[0]

    def download(self, url: str) -> None:
        """Download what is missing of `url`.

        Raises
        ------
        OSError
            If the server refuses, or the connection breaks again and again; what has come is kept.
        ValueError
            If the server sends something else than the file.
        """
        import requests

        self.resumed = False
        broken = (
            _BrokenOffError,
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        )
        failures = 0  # connections in a row that brought nothing
        most = self.so_far(url)
        while True:
            try:
                self._go_on(url)
                break
            except broken:
                have = self.so_far(url)
                failures = failures + 1 if have <= most else 0
                most = max(most, have)
                if failures == _TRIES:
                    raise
                time.sleep(_PAUSE * failures)

    def _go_on(self, url: str) -> None:
        """Get the rest of the file, or the whole."""
        import requests

        have, known = self._known(url)
        if have and have == known["total"]:  # stopped just before it was put in place
            self.resumed = True
            return None
        headers = {"Accept-Encoding": "identity"}  # bytes are counted as they are in the file
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": known["version"]}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            other = response.status_code == 206 and not _continues(response, have, known)
            if have and (other or response.status_code == 416):
                # The rest of another version, or none.  Request the whole.
                response.close()
                self._part.unlink()
                return self._go_on(url)
            response.raise_for_status()
            self._check_kind(response)
            fresh = not have or response.status_code != 206
            if fresh:
                known = self._begin(url, response)
            total = known["total"] or self._size
            if self._size and total != self._size:
                raise ValueError(
                    f"{url} has {total:,} bytes instead of the expected {self._size:,}"
                )
            self.resumed = self.resumed or not fresh
            have = 0 if fresh else have
            with self._part.open("wb" if fresh else "ab") as file:
                for piece in response.iter_content(_CHUNK):
                    file.write(piece)
                    have += len(piece)
                    if total:
                        tell_progress(have, total)
        if total and have != total:
            raise _BrokenOffError(
                f"the connection to {url} ended after {have:,} of {total:,} bytes"
            )
        return None

    def _known(self, url: str) -> tuple[int, dict[str, Any]]:
        """Return the size of the partial file and what is known of it; 0 if it is of no use."""
        # There is no partial file, or its record is damaged.
        with contextlib.suppress(DataError, OSError, KeyError, TypeError):
            known = read_json(self._about)
            have = self._part.stat().st_size
            if known["url"] == url and known["version"]:
                return have, known
        return 0, {}

    def _begin(self, url: str, response: requests.Response) -> dict[str, Any]:
        """Record the version of a file whose download starts."""
        coded = response.headers.get("Content-Encoding", "identity") != "identity"
        length = response.headers.get("Content-Length", "")
        known = {
            "url": url,
            "version": None if coded else _version(response.headers),
            "total": int(length) if length.isdecimal() and not coded else None,
        }
        self._part.unlink(missing_ok=True)  # never an old part beside the record of a new one
        self._about.write_text(json.dumps(known), encoding="utf-8")
        return known

    @staticmethod
    def _check_kind(response: requests.Response) -> None:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise ValueError(f"{response.url} answers with a web page instead of the file")


class _BrokenOffError(OSError):
    """The connection ended before the file did."""


def _version(headers: Mapping[str, str]) -> str | None:
    """Return the strong ETag or the date of a file; weak ETags are not allowed in If-Range."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified")


def _continues(response: requests.Response, have: int, known: Mapping[str, Any]) -> bool:
    """Whether the response is the rest of the same version of the file."""
    place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    return (
        place is not None
        and int(place[1]) == have
        and place[2] in ("*", str(known["total"]))
        and _version(response.headers) in (None, known["version"])
    )
