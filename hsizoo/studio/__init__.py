"""The clicking page: look at a cube, click, get masks; in a browser or in a notebook.

================ ===============================================================================
``images``       the images that may be opened: a file, a folder, a dataset
``desk``         one open image with its session, and what is shown of it
``tiles``        parts of an image and of maps, in the resolution of the screen
``basis``        the cube's principal components, from which the page draws any spectrum at once
``prompts``      boxes, strokes and reference spectra as clicks
``labelling``    a map of classes from the labels of a session, and where to label next
``jobs``         work that goes on while the page is used
``files``        what is downloaded and uploaded
``fields``       the fields of a message, checked
``protocol``     `Studio`: a message in, an answer out; the page and the notebook speak to it
``server``       the web server, for this machine only
``guard``        what the server refuses
``widget``       the same page in a notebook
================ ===============================================================================

The page is one module, ``hsizoo-canvas.js``; nothing is loaded from elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsizoo.studio.protocol import Studio

if TYPE_CHECKING:
    from hsizoo.studio.widget import StudioWidget

__all__ = ["Studio", "StudioWidget"]


def __getattr__(name: str) -> Any:
    if name != "StudioWidget":
        raise AttributeError(f"module 'hsizoo.studio' has no attribute {name!r}")
    from hsizoo.studio.widget import StudioWidget  # needs anywidget

    return StudioWidget
