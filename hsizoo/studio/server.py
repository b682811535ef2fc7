"""The web server of the clicking page, for this machine only."""

from __future__ import annotations

import json
import logging
import secrets
import socket
import struct
import threading
import webbrowser
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hsizoo.documents import parse_json
from hsizoo.errors import HsizooError, MissingRequirement, OptionError
from hsizoo.studio.guard import Guard, Pace

if TYPE_CHECKING:
    from hsizoo.studio.protocol import Answer, Studio

__all__ = ["CANVAS", "check_installed", "make_app", "serve"]

CANVAS: Final = Path(__file__).with_name("hsizoo-canvas.js")
"""The module that draws the page, and the widget of a notebook."""

_HOST: Final = "127.0.0.1"
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>hsizoo studio</title>
<link rel="icon" href="data:,">
<body>
<script type="module" src="/page.js?token={token}"></script>
</body>
</html>
"""
_SCRIPT: Final = """import {{ overHttp, mount }} from "/hsizoo-canvas.js?token={token}";
document.body.style.margin = "0";
window.hsizooStudio = mount(document.body, overHttp("/do", "{token}"), {{ whole: true }});
"""

_log = logging.getLogger(__name__)


def make_app(studio: Studio, token: str, port: Callable[[], int], pace: Pace | None = None) -> Any:
    """Make the ASGI application.

    Parameters
    ----------
    studio : Studio
    token : str
        Without it no request is served.
    port : callable
        The port that is served.
    pace : Pace, optional
        How many requests there may be.

    Raises
    ------
    MissingRequirement
        If FastAPI is not installed.
    """
    check_installed()
    import fastapi
    from fastapi.concurrency import run_in_threadpool

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    html, script = (text.format(token=token) for text in (_PAGE, _SCRIPT))

    def plain(content: str | bytes, kind: str) -> Any:
        return fastapi.Response(content, media_type=kind)

    @app.get("/")
    def page() -> Any:
        return plain(html, "text/html")

    @app.get("/page.js")
    def page_script() -> Any:
        return plain(script, "text/javascript")

    @app.get("/hsizoo-canvas.js")
    def canvas() -> Any:
        return plain(CANVAS.read_bytes(), "text/javascript")

    async def do(request: Any) -> Any:
        body = await request.body()
        content = await run_in_threadpool(_answered, studio, body)
        return plain(content, "application/octet-stream")

    app.router.add_route("/do", do, methods=["POST"])
    return Guard(app, token, port, pace)


def _answered(studio: Studio, body: bytes) -> bytes:
    """Return the answer to the body of a request: the length of its JSON, JSON, bytes."""
    about: dict[str, Any]
    data = b""
    try:
        answer: Answer = studio.answer(parse_json(body, "the message"))
        about, data = answer.about, answer.data
    except HsizooError as error:
        about = {"error": str(error), "kind": type(error).__name__}
    except Exception:  # noqa: BLE001 (the page goes on, and the terminal shows it)
        _log.exception("a message could not be answered")
        about = {"error": "this failed; the terminal shows the details", "kind": "bug"}
    text = json.dumps(about, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)  # so that the page can view the bytes as numbers
    return struct.pack("<I", len(text)) + text + data


def serve(
    studio: Studio,
    *,
    port: int = 0,
    browser: bool = True,
    tell: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    studio : Studio
    port : int, default 0
        0: any that is free.
    browser : bool, default True
        Whether to open the page.
    tell : callable
        Called with the address.

    Raises
    ------
    MissingRequirement
        If FastAPI or uvicorn is not installed.
    OptionError
        If the port is in use.
    """
    check_installed()
    import uvicorn

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
    except OSError as error:
        listening.close()
        raise OptionError(
            f"port {port} cannot be used: {error.strerror or error}; choose another --port, or "
            "leave it out"
        ) from error
    bound = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    address = f"http://{_HOST}:{bound}/?token={token}"
    app = make_app(studio, token, lambda: bound)
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    server = uvicorn.Server(config)
    tell(address)
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    with listening:
        server.run(sockets=[listening])


def check_installed() -> None:
    """Raise `MissingRequirement` unless FastAPI and uvicorn are installed."""
    for name in ("fastapi", "uvicorn"):
        try:
            import_module(name)
        except ImportError as error:
            raise _missing(error) from error


def _missing(error: ImportError) -> MissingRequirement:
    return MissingRequirement(
        f"the clicking page needs fastapi and uvicorn ({error}); install them: "
        "pip install 'hsizoo[studio]'"
    )
