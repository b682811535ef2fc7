"""Peak memory of a piece of work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["PeakMemory"]


class PeakMemory:
    """Peak memory from construction to the call of `megabytes`.

    Parameters
    ----------
    device : str
        Device that computes.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._resets = _reset_high_water()
        self._before = _status("VmRSS")
        if device.startswith("cuda"):
            import torch

            # Before the first use of CUDA there is nothing to reset, and torch raises.
            if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                torch.cuda.reset_peak_memory_stats(device)

    def megabytes(self) -> dict[str, Any]:
        """Return the peak memory in megabytes (10**6 bytes).

        Returns
        -------
        dict
            ``host``: peak of the process beyond its memory at construction; None if the system
            does not report it (Linux does).
            ``device``: peak of PyTorch's tensors on a GPU, including earlier ones; only on a GPU.
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
    """Reset the peak memory of the process; False if the system does not support it."""
    try:
        Path(f"/proc/{os.getpid()}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int | None:
    """Value in bytes of a field of this process's status, or None."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split() for line in lines if line.startswith(f"{field}:")), None)
    return int(found[1]) * 1024 if found else None
