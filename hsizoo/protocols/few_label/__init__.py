"""The few-label protocol: train on a few labels per class, test on all other pixels.

==================== ==========================================================================
module               contents
==================== ==========================================================================
``protocol``         `FewLabelProtocol`: settings and columns; calls the modules below
``columns``          columns of its table
``draws``            names of the ways to draw training pixels
``splits``           training and test pixels
``overlap``          how many test pixels share pixels with training
``evaluation``       evaluation of one classifier on one scene with one seed
``scores``           confusion matrix, OA, AA, macro precision, kappa
``stored_map``       classification of the whole image, as text in a record
``classes``          classes of a run: their colours, and which are small or untested
``csv_files``        runs, classes and confusion matrices as CSV
``maps``             map of each row and scene as PNG and ENVI
``map_sheet``        all maps of a scene side by side
``confusion``        plots of confusion matrices
``growth``           plot of the growth of pseudo labels
``views``            list of all these files
==================== ==========================================================================
"""

from __future__ import annotations

from hsizoo.protocols.few_label.protocol import FewLabelProtocol

__all__ = ["FewLabelProtocol"]
