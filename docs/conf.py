"""Settings of the documentation, which Sphinx builds: see `docs/check.py`.

The source folder is the repository, not `docs/`, so that links between documents, to the records
under `benchmarks/results` and to files of the repository work on the site as they do in a checkout.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

# What is built must not depend on the weights, data and plugins of whoever builds it.
os.environ["HSIZOO_HOME"] = str(DOCS / "_build" / "home")
os.environ["HSIZOO_NO_PLUGINS"] = "1"
os.environ.pop("HSIZOO_DATA", None)

import hsizoo  # noqa: E402

project = "hsizoo"
author = copyright = "the hsizoo developers"  # noqa: A001
version = release = hsizoo.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generate",  # pages from the code, before Sphinx reads any
    "linking",  # names of components and commands become links
    "mathml",  # formulas without JavaScript: the pages open offline
]
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
include_patterns = [
    "docs/**.md",
    "benchmarks/README.md",
    "benchmarks/results/**.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = ["docs/_build", "docs/_parts", "**/.*"]
default_role = "py:obj"  # as in numpydoc: `HyperCube`

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
# Some records begin below the first level, as they are also read inside other documents.
suppress_warnings = ["myst.header"]

napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = ["Policies"]
autodoc_typehints = "none"  # the docstrings tell types, with shapes and units
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}

highlight_language = "none"  # tables of results and plain output; shell and Python say so
html_theme = "furo"
html_title = f"hsizoo {version}"
html_math_renderer = "mathml"
html_static_path: list[str] = []
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"
