"""Names of executors, as the command line has them; light, so that they are checked at once."""

from __future__ import annotations

from importlib.util import find_spec

from hsizoo.engine.executors.base import Executor
from hsizoo.engine.executors.local import LocalExecutor
from hsizoo.errors import MissingRequirement, OptionError, did_you_mean

__all__ = ["check_executor", "make_executor"]


def check_executor(name: str) -> None:
    """Check the name of an executor, and that its package is installed.

    Parameters
    ----------
    name : str
        ``local``, ``ray`` or ``ray:ADDRESS``.

    Raises
    ------
    OptionError, MissingRequirement

    Examples
    --------
    >>> check_executor("slurm")
    Traceback (most recent call last):
        ...
    hsizoo.errors.OptionError: executor 'slurm' is not one of local, ray, ray:ADDRESS.
    """
    base, colon, address = name.partition(":")
    if base not in ("local", "ray") or (base == "local" and colon) or (colon and not address):
        raise OptionError(
            f"executor {name!r} is not one of local, ray, ray:ADDRESS."
            f"{did_you_mean(base, ('local', 'ray'))}"
        )
    if base == "ray" and find_spec("ray") is None:
        raise MissingRequirement(
            f"executor {name!r} needs ray, which is not installed: pip install 'hsizoo[ray]'"
        )


def make_executor(name: str, jobs: int, device: str) -> tuple[Executor, str]:
    """Return an executor, and the device on which this process checks the components.

    Parameters
    ----------
    name : str
        See `check_executor`.
    jobs : int
        Number of processes, or of workers on the cluster.
    device : str
        See `hsizoo.create`; on a cluster it is resolved by each worker.

    Raises
    ------
    OptionError, MissingRequirement
    """
    check_executor(name)
    if name == "local":
        from hsizoo.zoo.device import resolve_device, worker_devices  # imports torch

        devices = [resolve_device(device)] if jobs == 1 else worker_devices(device)
        return LocalExecutor(jobs, devices), devices[0]
    from hsizoo.engine.executors.ray_ import RayExecutor

    return RayExecutor(name.partition(":")[2] or None, jobs, device=device), "cpu"
