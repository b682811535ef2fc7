"""The modules under ``docs/`` are no package: they are imported from their folder."""

import sys
from pathlib import Path

import hsizoo

DOCS = Path(hsizoo.__file__).resolve().parents[1] / "docs"
if (DOCS / "blocks.py").exists():
    sys.path.insert(0, str(DOCS))
else:  # hsizoo is installed without its documents
    collect_ignore_glob = ["test_*.py"]
