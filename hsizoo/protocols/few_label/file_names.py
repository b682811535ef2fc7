"""`FileNames`: unique file names for any text."""

from __future__ import annotations

import re

__all__ = ["FileNames"]


class FileNames:
    """Creates unique file names from any text."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def of(self, text: str) -> str:
        """Replace unsafe characters by ``_``; append a number to a repeated name.

        Examples
        --------
        >>> names = FileNames()
        >>> names.of("rf:trees=5 | shots=3"), names.of("rf/trees=5 | shots=3")
        ('rf_trees=5_shots=3', 'rf_trees=5_shots=3-2')
        """
        name = re.sub(r"[^A-Za-z0-9.=+-]+", "_", text).strip("_")
        self._times[name] = times = self._times.get(name, 0) + 1
        return name if times == 1 else f"{name}-{times}"
