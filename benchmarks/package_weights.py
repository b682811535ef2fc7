"""Package the result of a training for a plugin: half the size, with its card.

Run from the repository root::

    python benchmarks/package_weights.py RUN_FOLDER plugins/hsizoo_samsa/weights/samsa2-nano

``RUN_FOLDER`` is the folder printed by `hsizoo train`, or that of the published card.  Tensors of
float32 become bfloat16; see `hsizoo.training.folder.package`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hsizoo.errors import HsizooError
from hsizoo.training.folder import package


def main() -> int:
    """Package one result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("destination", type=Path)
    parser.add_argument("--limits", default="", help="limits of the weights, as text")
    chosen = parser.parse_args()
    try:
        made = package(chosen.run_folder, chosen.destination, chosen.limits)
    except HsizooError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{made.path}  {made.path.stat().st_size:,} bytes, sha256 {made.digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
