"""Which worker computes which cell: the cells of one image stay together.

A worker keeps what it made of an image, and the others cannot see it.  So each worker has an image
to itself, with all components, as long as there are images; then those without one help where most
is left, which costs them an encoding and is faster than waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from hsizoo.engine.cells import Cell

__all__ = ["ImageQueue"]


class ImageQueue:
    """Cells that wait, by image: whoever has begun an image goes on with it.

    Parameters
    ----------
    cells : sequence of Cell
        Their `Cell.affinity` says which belong together.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        images: dict[str, deque[Cell]] = {}
        for cell in cells:
            images.setdefault(cell.affinity, deque()).append(cell)
        self._untouched = deque(images.values())
        self._begun: list[deque[Cell]] = []
        self._next: dict[object, tuple[deque[Cell], Callable[[], Cell]]] = {}

    def take(self, worker: object) -> Cell | None:
        """The next cell for a worker, or None if nothing waits.

        The next of the image that it is at, or the first of the next image, or, where others have
        begun all images, the last of the one with most cells left.  Who shares an image works
        towards each other, since neighbours in the list are likely to share an encoder too.
        """
        waiting, take = self._next.get(worker, (None, None))
        if not waiting:
            if self._untouched:
                waiting = self._untouched.popleft()
                self._begun.append(waiting)
                take = waiting.popleft
            else:
                waiting = max(self._begun, key=len, default=None)
                if not waiting:
                    return None
                take = waiting.pop
            self._next[worker] = waiting, take
        assert take is not None
        return take()
