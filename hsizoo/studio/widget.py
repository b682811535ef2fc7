"""`StudioWidget`: the clicking page in a notebook (Jupyter, VS Code, marimo)."""

from __future__ import annotations

from typing import Any, Final

from hsizoo.errors import MissingRequirement
from hsizoo.session import Session
from hsizoo.studio.protocol import Studio
from hsizoo.studio.server import CANVAS

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise MissingRequirement(
        f"the notebook widget needs anywidget ({error}); install it: pip install 'hsizoo[notebook]'"
    ) from error

__all__ = ["StudioWidget"]

_HEIGHT: Final = 720  # pixels of the screen


class StudioWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """The clicking page as the value of a notebook's cell.

    Parameters
    ----------
    source : path, HyperCube, Scene or Studio, optional
        What to open; see `Studio`.
    height : int, default 720
        In pixels of the screen.
    **options
        As for `Studio`.

    Examples
    --------
    >>> from hsizoo.studio import StudioWidget
    >>> widget = StudioWidget(dataset="indian-pines")                    # doctest: +SKIP
    >>> widget                                                           # doctest: +SKIP
    >>> widget.session.mask("object-1")                                  # doctest: +SKIP
    """

    _esm = CANVAS
    height = traitlets.Int(_HEIGHT).tag(sync=True)

    def __init__(self, source: Any = None, *, height: int = _HEIGHT, **options: Any) -> None:
        self.studio = source if isinstance(source, Studio) else Studio(source, **options)
        super().__init__(height=height)
        self.on_msg(self._received)

    @property
    def session(self) -> Session:
        """The session on the open image."""
        return self.studio.desk.session

    def _received(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Answer a message of the page."""
        if not isinstance(content, dict) or "id" not in content:
            return
        answer = self.studio.answer(content.get("message"))
        self.send({"id": content["id"], "about": answer.about}, [answer.data])
