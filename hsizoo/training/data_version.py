"""The version of the scenes that a training reads, by the content of their files."""

from __future__ import annotations

import hashlib
import json

from hsizoo.engine.scene_versions import scene_versions
from hsizoo.interfaces import SceneDataset
from hsizoo.training.division import Division

__all__ = ["data_version"]


def data_version(dataset: SceneDataset, division: Division) -> str:
    """Return the version of what a training reads: the scenes it trains and validates on.

    Parameters
    ----------
    dataset : SceneDataset
    division : Division

    Returns
    -------
    str
        That of the dataset, if its scenes have no versions of their own.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    used = {"train": division.train, "val": division.val}
    versions = scene_versions(dataset, [*division.train, *division.val])
    if set(versions) == {dataset.version}:
        return dataset.version
    infos, found = dataset.scenes(), iter(versions)
    about = {
        use: [(infos[index].name, next(found)) for index in indices]
        for use, indices in used.items()
    }
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
