"""Classification maps of whole images, made from stored records."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hsizoo.io import write_mask
from hsizoo.protocol.few_label import decode_map
from hsizoo.report.samples import done

__all__ = ["write_maps"]


def write_maps(folder: Path, records: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write the map of each component and scene, of the lowest seed that is done.

    Parameters
    ----------
    folder : Path
        Made if there is a map to write.
    records : sequence of mapping

    Returns
    -------
    list of Path
        ``<component>-<scene>.png`` with a palette and ``.hdr``, ENVI, with class names.  Label 0 is
        a pixel without a usable spectrum, other labels count classes from 1 in the order of the
        record's ``classes``.
    """
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for record in sorted(done(records), key=lambda each: int(each["identity"]["seed"])):
        first.setdefault((record["label"], record["identity"]["scene"]), record)
    written = []
    names: dict[str, int] = {}
    for (label, scene), record in first.items():
        result = record["result"]
        height, width = result["split"]["shape"]
        labels = decode_map(result["map"], (height, width))
        classes = {0: "unusable", **dict(enumerate(result["classes"], start=1))}
        folder.mkdir(exist_ok=True)
        name = re.sub(r"[^A-Za-z0-9.=+-]+", "_", f"{label}-{scene}").strip("_")
        names[name] = names.get(name, 0) + 1
        name += f"-{names[name]}" if names[name] > 1 else ""
        for ending in (".png", ".hdr"):
            # Not with_suffix: a scene's name may hold a dot.
            path = folder / f"{name}{ending}"
            written.append(write_mask(path, labels, class_names=classes))
    return written
