"""The few-label protocol: a few labels per class are learnt from, everything else is the test.

==================== ==========================================================================
module               what it holds
==================== ==========================================================================
``protocol``         `FewLabelProtocol`: settings and columns, and the way to all below
``columns``          the columns of its table
``draws``            the ways to draw training pixels, by name
``splits``           which pixels are learnt from and which are tested, and what leaks
``evaluation``       one classifier on one scene with one seed
``scores``           confusion matrix, OA, AA, macro precision, kappa
``stored_map``       the classification of the whole image, as text in a record
``classes``          the classes of a run: their colours, and which are small or untested
``csv_files``        runs, classes and confusion matrices as CSV
``maps``             the map of each row and scene as PNG and ENVI
``map_sheet``        all maps of a scene side by side
``confusion``        confusion matrices as pictures
``growth``           the picture of how pseudo labels grow
``views``            the list of all these files
==================== ==========================================================================
"""

from __future__ import annotations

from hsizoo.protocols.few_label.protocol import FewLabelProtocol

__all__ = ["FewLabelProtocol"]
