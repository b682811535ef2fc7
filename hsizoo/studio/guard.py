"""What the server refuses: strangers, other pages, bodies that are too large, too many requests.

A page of the internet can make a browser send requests to this machine.  It cannot know the token
of the address, it cannot hide its origin, and a name of its own that leads to 127.0.0.1 stands in
the header Host; so all three are checked, on every request.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["HEADERS", "LONGEST", "Guard", "Pace"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST: Final = 48 * 2**20
"""Bytes of a body: a library of spectra in base64 is the longest one."""

TOKEN: Final = "x-hsizoo-token"
_A_SECOND: Final = 400.0
_AT_ONCE: Final = 800.0
_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src "
        b"'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""Headers of every answer: nothing is loaded from elsewhere, and no page may frame this one."""


class Pace:
    """How many requests there may be: a bucket that fills steadily and is emptied by them.

    Parameters
    ----------
    a_second : float
    at_once : float
    """

    def __init__(self, a_second: float = _A_SECOND, at_once: float = _AT_ONCE) -> None:
        self._a_second, self._at_once = a_second, at_once
        self._left, self._seen = at_once, time.monotonic()
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Count a request, and tell whether it may be served."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._at_once, self._left + (now - self._seen) * self._a_second)
            self._seen = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Guard:
    """Lets only the page itself through to an ASGI application.

    Parameters
    ----------
    app : ASGI application
    token : str
    port : callable
        The port that is served, once it is known.
    pace : Pace, optional
    """

    def __init__(
        self, app: App, token: str, port: Callable[[], int], pace: Pace | None = None
    ) -> None:
        self._app, self._token, self._port = app, token, port
        self._pace = pace or Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no other kind is spoken here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        refused = self._refused(scope, headers)
        if refused is not None:
            await _refuse(send, *refused)
            return
        body = await _body(receive)
        if body is None:
            await _refuse(send, 413, f"a message has at most {LONGEST} bytes")
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, again, with_headers)

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return the status and the reason of a refusal, or None."""
        own = {f"{name}:{self._port()}" for name in _NAMES}
        if headers.get("host", "") not in own:
            return 421, "this server is for pages of this machine only"
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{each}" for each in own}:
            return 403, "another page may not speak to this server"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "another page may not speak to this server"
        if not hmac.compare_digest(_token(scope, headers).encode(), self._token.encode()):
            return 403, "the token is missing or wrong; use the address that hsizoo studio prints"
        if not self._pace.allows():
            return 429, "too many requests; slow down"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > LONGEST:
            return 413, f"a message has at most {LONGEST} bytes"
        return None


async def _body(receive: Receive) -> bytes | None:
    """Return a body, or None if it is too long, whatever its header says."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":  # who asked is gone
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LONGEST:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _token(scope: Scope, headers: dict[str, str]) -> str:
    """Return the token of a request: in a header, or in the address for what a browser opens."""
    if TOKEN in headers:
        return headers[TOKEN]
    query: dict[str, list[str]] = urllib.parse.parse_qs(
        scope.get("query_string", b"").decode("latin-1")
    )
    (token, *_) = query.get("token", [""])
    return token


async def _refuse(send: Send, status: int, reason: str) -> None:
    content = json.dumps({"error": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),  # what is left of a body is not read
        *HEADERS,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
