"""Assignment of cells to workers: the cells of one image stay together.

A worker caches what it computes from an image, and other workers cannot access that cache.  So
each worker has an image to itself, with all components, while there are images left.  Then idle
workers help with the image that has most cells left: this costs them an encoding, but is faster
than waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from hsizoo.engine.cells import Cell

__all__ = ["ImageQueue"]


class ImageQueue:
    """Queue of cells by image: a worker that has started an image continues with it.

    Parameters
    ----------
    cells : sequence of Cell
        Grouped by `Cell.affinity`.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        images: dict[str, deque[Cell]] = {}
        for cell in cells:
            images.setdefault(cell.affinity, deque()).append(cell)
        self._untouched = deque(images.values())
        self._begun: list[deque[Cell]] = []
        self._next: dict[object, tuple[deque[Cell], Callable[[], Cell]]] = {}

    def take(self, worker: object) -> Cell | None:
        """Return the next cell for a worker, or None if the queue is empty.

        This is the next cell of its current image, else the first cell of an untouched image,
        else, if all images have been started, the last cell of the image with most cells left.
        Workers that share an image start from opposite ends, since neighbouring cells are likely
        to share an encoder too.
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
