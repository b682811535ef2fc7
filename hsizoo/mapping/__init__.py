"""Class maps: a classifier learns from a few labelled pixels of an image and classifies it.

=================== ============================================================================
``class_map``       `classify` and its result, `ClassMap`
``training_labels`` the labels to learn from, from any kind of file
``points``          tables of labelled pixels
``learning``        fitting a classifier, and classifying images with the same bands
``outputs``         the files of a map, and where they may be written
``picture``         a map with its legend
=================== ============================================================================
"""

from __future__ import annotations

from hsizoo.mapping.class_map import ClassMap, classify

__all__ = ["ClassMap", "classify"]
