"""Selection of the compute device."""

from __future__ import annotations

import torch

from hsizoo.errors import OptionError

__all__ = ["resolve_device", "worker_devices"]


def resolve_device(device: str = "auto") -> str:
    """Resolve ``auto|cpu|cuda[:n]|mps`` to the name of an available device.

    ``auto`` selects the first CUDA device if there is one, else Apple's GPU, else the CPU.

    Raises
    ------
    OptionError
        If the device is unknown or not available.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda:0"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        wanted = torch.device(device)
    except RuntimeError:
        raise OptionError(
            f"unknown device {device!r}; use auto, cpu, cuda, cuda:<number> or mps"
        ) from None
    if wanted.type == "cuda":
        count = torch.cuda.device_count()
        if (wanted.index or 0) >= count:
            raise OptionError(
                f"device {device!r} is not available: torch finds {count} CUDA device(s); "
                "use --device cpu, or install a CUDA build of torch"
            )
        return f"cuda:{wanted.index or 0}"
    if wanted.type == "mps" and not torch.backends.mps.is_available():
        raise OptionError(
            "device 'mps' is not available: torch finds no Apple GPU; use --device cpu"
        )
    if wanted.type not in ("cpu", "mps"):
        raise OptionError(f"device {device!r} is not supported; use auto, cpu, cuda or mps")
    return wanted.type


def worker_devices(device: str) -> list[str]:
    """Devices to share among worker processes: all GPUs for ``auto`` and ``cuda``, else one."""
    count = torch.cuda.device_count()
    if device in ("auto", "cuda") and count > 1:
        return [f"cuda:{number}" for number in range(count)]
    return [resolve_device(device)]
