"""Published files of weights and data: find, download and verify them.

Before a byte is fetched, the address, the size (if known) and the licence are printed on stderr.  A
file is in its place only when it is whole and has the expected SHA-256, which is checked at each
use; a broken download goes on where it stopped, and processes that need the same file wait for each
other.  ``HSIZOO_OFFLINE=1`` forbids downloads, and the proxies of the environment (``https_proxy``)
are used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.weights.places import DATA_VARIABLE, data_folders, home, is_offline
from hsizoo.weights.published import PublishedFile

__all__ = ["data_state", "fetch", "find_data", "how_to_get", "locate_data"]

_DIGEST = re.compile("[0-9a-f]{64}")
_OWN_DATA = f"set the folder of your own copy with data_dir=FOLDER or {DATA_VARIABLE}"


def locate_data(
    file: PublishedFile, data_dir: str | None = None, *, dataset: str, download: bool = False
) -> Path:
    """Return the path of a data file, downloading it if necessary.

    A file in ``data_dir`` or in a folder of ``HSIZOO_DATA`` is used as it is.  Otherwise it is in
    ``HSIZOO_HOME/data``, or downloaded there, and its SHA-256 is checked.

    Parameters
    ----------
    file : PublishedFile
    data_dir : str, optional
        The user's option ``data_dir``; if given, nothing is downloaded.
    dataset : str
        Name of the dataset, for the command in messages.
    download : bool, default False
        Whether the user asked for the download; needed only if no digest of the file is known.

    Raises
    ------
    MissingRequirement
        If the file is missing and cannot be downloaded; the message says what to put where.
    DataError
        If the file has another digest than expected.
    """
    found = find_data(file, data_dir)
    place = home() / "data" / file.name
    if found is not None and (found != place or data_dir is not None):
        return found
    if data_dir is not None:
        raise MissingRequirement(
            f"{file.name} is not in {data_dir}.  Put it there, or leave data_dir out: "
            f"`hsizoo data fetch {dataset}` gets it from {file.url}"
        )
    ask = "" if download else f"hsizoo data fetch {dataset} --download"
    return fetch(file, place, what="data", own=_OWN_DATA, ask=ask)


def find_data(file: PublishedFile, data_dir: str | None = None) -> Path | None:
    """Return the path of a data file that is here, or None; see `data_folders`."""
    paths = (folder / file.name for folder in data_folders(data_dir))
    return next((path for path in paths if path.is_file()), None)


def data_state(files: Iterable[PublishedFile]) -> str:
    """Say in a few words where the files of a dataset are: here, or how they get here.

    Returns
    -------
    str
        ``here``, ``downloads by itself (35 MB)`` or ``needs --download (35 MB)``, with the size of
        what is missing if it is known.
    """
    missing = [file for file in files if find_data(file) is None]
    if not missing:
        return "here"
    sizes = [file.size or file.about for file in missing]
    size = f" ({max(round(sum(sizes) / 1e6), 1)} MB)" if all(sizes) else ""
    try:
        known = all(_expected(file, home() / "data" / file.name)[0] for file in missing)
    except DataError:  # said when the file is needed
        known = False
    return f"{'downloads by itself' if known else 'needs --download'}{size}"


def fetch(file: PublishedFile, path: Path, *, what: str, own: str, ask: str = "") -> Path:
    """Return the path of a file that is there and has the expected digest.

    Parameters
    ----------
    file : PublishedFile
    path : Path
        Its place.
    what : str
        What it holds, for messages: weights or data.
    own : str
        How to use another copy, for messages.
    ask : str, optional
        Command with which the user asks for a file without a known digest; if given, such a file
        is not downloaded without asking.

    Raises
    ------
    MissingRequirement, DataError
        See `locate_data`.
    """
    if not path.is_file():
        if ask and _expected(file, path)[0] is None:
            reason = f"no digest of it is known, so its download must be asked for: {ask}"
            raise MissingRequirement(how_to_get(file, path, reason, what, own))
        _download(file, path, what, own)
    _verify(file, path, own)
    return path


def _download(file: PublishedFile, path: Path, what: str, own: str) -> None:
    if is_offline():
        raise MissingRequirement(how_to_get(file, path, "HSIZOO_OFFLINE is set", what, own))
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.is_file():  # another process may just have downloaded it
                _retrieve(file, path)
    except (OSError, ValueError) as error:
        reason = f"the download failed: {_why(error)}"
        raise MissingRequirement(how_to_get(file, path, reason, what, own)) from error


def _retrieve(file: PublishedFile, path: Path) -> None:
    """Download from the first address that works; if all fail, raise the first error."""
    import pooch

    from hsizoo.weights.resuming import ResumableDownloader

    pooch.get_logger().setLevel("ERROR")  # what it tells is told here
    expected = _expected(file, path)[0]
    digest = expected and f"sha256:{expected}"
    downloader = ResumableDownloader(path, file.size)
    first: Exception | None = None
    for url in file.addresses:
        _say(f"downloading {file.name} ({_size(file)}) from {url}\n  licence: {file.licence}")
        if have := downloader.so_far(url):
            _say(f"  going on after {have:,} bytes")
        for _ in range(2):
            try:
                downloader.download(url)
                pooch.retrieve(url, digest, path.name, path.parent, downloader=downloader)
            except (OSError, ValueError) as error:  # from requests, or a wrong digest
                first = first or error
                if isinstance(error, ValueError) and downloader.resumed:
                    continue  # the two parts may not belong together: once more, from the start
                _say(f"  failed: {_why(error)}")
            else:
                return
            break
    assert first is not None
    raise first


def _why(error: Exception) -> str:
    """Say in a line why a download failed; requests' own words for no network are an object."""
    import requests

    request = getattr(error, "request", None)
    if isinstance(error, requests.ConnectionError) and request is not None:
        slow = isinstance(error, requests.Timeout)
        host = urlsplit(request.url).netloc
        return f"{host} does not answer" if slow else f"no connection to {host}"
    return str(error).splitlines()[0] if str(error) else repr(error)


def _expected(file: PublishedFile, path: Path) -> tuple[str | None, str]:
    """Return the expected digest, if any, and where it stands."""
    if file.sha256 is not None:
        return file.sha256, "the published one is"
    pin = _pin(path)
    with contextlib.suppress(OSError):
        words = pin.read_text(encoding="utf-8", errors="replace").split()
        if not words or not _DIGEST.fullmatch(words[0]):
            raise DataError(
                f"{pin} is damaged: it has no sha256 of {path.name}.  Delete it if you trust that "
                f"file; delete both to download it again from {file.url}"
            )
        return words[0], f"the one in {pin.name} is"
    return None, ""


def _pin(path: Path) -> Path:
    """File with the digest at first use, in the format of ``sha256sum``."""
    return path.with_name(f"{path.name}.sha256")


def _verify(file: PublishedFile, path: Path, own: str) -> None:
    """Compare the digest with the published one, or with that of the first use."""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    expected, source = _expected(file, path)
    if expected is None:
        with contextlib.suppress(OSError):  # in a read-only folder the file stays unchecked
            temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
            temporary.write_text(f"{found}  {path.name}\n", encoding="utf-8")
            temporary.replace(_pin(path))
            _say(f"{path.name}: its sha256 is {found}, recorded in {_pin(path)}")
    elif found != expected:
        raise DataError(
            f"{path} is not the expected file: its sha256 is {found}, {source} {expected}. "
            f"Delete it to download it again from {file.url}, or {own}"
        )


def how_to_get(file: PublishedFile, path: Path, reason: str, what: str, own: str) -> str:
    """Say what to put where, and how; `reason` is why it is not downloaded, see `fetch`."""
    digest = _expected(file, path)[0] or "not published; recorded at the first use"
    return (
        f"the {what} {file.name} are missing, and {reason}. Download them on a machine "
        f"with network access and put them at the path below, or {own}.\n"
        f"  file:    {file.name}\n"
        f"  sha256:  {digest}\n"
        f"  size:    {_size(file)}\n"
        f"  licence: {file.licence}\n"
        + "".join(f"  url:     {url}\n" for url in file.addresses)
        + f"  path:    {path}"
    )


def _size(file: PublishedFile) -> str:
    if file.size:
        return f"{file.size:,} bytes"
    return f"about {file.about / 1e6:.0f} MB" if file.about else "size unknown"


def _say(text: str) -> None:
    """Print on stderr at once, also from a worker whose stderr is a pipe."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
