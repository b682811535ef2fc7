"""Provenance of a result: versions, revision, machine, device."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["available_cores", "git_revision", "machine", "other_releases", "provenance"]

_PACKAGES = (
    "hsizoo", "torch", "numpy", "scipy", "scikit-image", "scikit-learn", "sam2", "timm", "tensorly",
)  # fmt: skip
_LIBRARIES = {"python", *_PACKAGES} - {"hsizoo"}


def provenance(device: str, distributions: tuple[str, ...] = ()) -> dict[str, Any]:
    """Describe this process for a record, without user, host or path names.

    Parameters
    ----------
    device : str
        Device that the component ran on.
    distributions : tuple of str
        Further distributions whose version matters (the plugin's).
    """
    import torch

    versions: dict[str, str | None] = {}
    for package in dict.fromkeys((*_PACKAGES, *distributions)):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    return {
        "versions": {"python": platform.python_version(), **versions},
        "git": git_revision(),
        **machine(),
        "device": name,
        "threads": torch.get_num_threads(),
    }


def other_releases(made: Iterable[Any]) -> list[str]:
    """Tell which distributions had another release than now when cells were computed.

    Parameters
    ----------
    made : iterable
        Provenance of cells, as `provenance` describes it; anything else is left out.

    Returns
    -------
    list of str
        ``hsizoo-mine 1.0 (now 1.1)``; versions of libraries are not looked at.
    """
    found: dict[str, None] = {}
    for each in made:
        versions = each.get("versions") if isinstance(each, dict) else None
        for name, then in versions.items() if isinstance(versions, dict) else ():
            if name in _LIBRARIES or not isinstance(then, str):
                continue
            try:
                now = version(name)
            except PackageNotFoundError:
                continue
            if now != then:
                found[f"{name} {then} (now {now})"] = None
    return list(found)


@cache
def git_revision() -> str | None:
    """Commit of the checkout that hsizoo runs from, with ``+`` if modified, or None."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # installed from a wheel; the version suffices
        return None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no", "--", "hsizoo", "plugins")
        return git("rev-parse", "HEAD") + ("+" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return None


def available_cores() -> int:
    """Number of cores that this process may use; a scheduler or container may limit it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def machine() -> dict[str, Any]:
    """Return operating system, processor and core count."""
    processor = platform.processor()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        processor = next(models, processor)
    return {"platform": platform.platform(), "processor": processor, "cores": available_cores()}
