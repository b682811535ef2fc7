"""`Session`: a live session on one cube, from clicks to masks, for web pages and notebooks.

>>> import numpy as np
>>> from hsizoo.session import Session
>>> image = np.full((6, 8, 3), [0.2, 0.3, 0.5])
>>> image[1:4, 2:6] = [0.9, 0.1, 0.2]
>>> session = Session(image, "sa", threshold=0.9)
>>> session.add("leaf", [(2, 3)])
'leaf'
>>> int(session.mask("leaf").sum())
12
>>> session.click("leaf", 0, 0, positive=False)
>>> session.undo()
'click (0, 0), not leaf'
>>> session.save("leaf.json")                                            # doctest: +SKIP

All state is explicit.  Undo and redo move along a chain of immutable `SessionState`; computed
results are kept apart from it and depend on the cube, a component and clicks only.
"""

from __future__ import annotations

from hsizoo.session.live import Session
from hsizoo.session.masks import Export
from hsizoo.session.source import Spectrum
from hsizoo.session.state import SessionObject, SessionState

__all__ = ["Export", "Session", "SessionObject", "SessionState", "Spectrum"]
