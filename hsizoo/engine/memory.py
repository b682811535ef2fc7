"""The most memory that a piece of work needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["PeakMemory"]


class PeakMemory:
    """Measures from its making to `megabytes`.

    Parameters
    ----------
    device : str
        Where the work is done.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._resets = _reset_high_water()
        self._before = _status("VmRSS")
        if device.startswith("cuda"):
            import torch

            # Before its first use a GPU has nothing to reset, and torch refuses to.
            if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                torch.cuda.reset_peak_memory_stats(device)

    def megabytes(self) -> dict[str, Any]:
        """What was needed beyond what was held before, in megabytes (10**6 bytes).

        Returns
        -------
        dict
            ``host``: of the process; None where the system cannot tell (it can on Linux).
            ``device``: of PyTorch's tensors on a GPU, those held before included; only there.
        """
        peak = _status("VmHWM") if self._resets else None
        known = peak is not None and self._before is not None
        found: dict[str, Any] = {
            "host": max(0.0, (peak - self._before) / 1e6) if known else None  # type: ignore[operator]
        }
        if self._device.startswith("cuda"):
            import torch

            used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
            found["device"] = torch.cuda.max_memory_allocated(self._device) / 1e6 if used else 0.0
        return found


def _reset_high_water() -> bool:
    """Let the system forget the process's highest use so far; False where it cannot."""
    try:
        Path(f"/proc/{os.getpid()}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int | None:
    """Bytes of a field of this process's status, None where there is none."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith(f"{field}:")), None)
    return int(found[1]) * 1024 if found else None
