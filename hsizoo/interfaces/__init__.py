"""The abstract classes that components implement.

Arrays that a component returns may be NumPy arrays or torch tensors on any device; hsizoo moves
them where it needs them.  Every class takes its options as keyword parameters with defaults and
annotations (`int`, `float`, `bool`, `str`, a `Literal` of strings, or one of these ``| None``; or
``Annotated[str, "scorer"]`` where the value names another component):
that signature *is* the list of options that ``name:key=value`` accepts.  A keyword parameter
called ``device`` is not an option: it receives what ``--device`` chose, for example ``"cuda:0"``.
"""

from __future__ import annotations

from hsizoo.interfaces.classifier import PixelClassifier
from hsizoo.interfaces.dataset import DatasetCard, SceneDataset, SceneInfo
from hsizoo.interfaces.protocol import Column, Observation, Protocol, Record, View
from hsizoo.interfaces.pseudo_labeler import PseudoLabeler, PseudoLabels
from hsizoo.interfaces.scorer import SpectralScorer
from hsizoo.interfaces.segmenter import InteractiveSegmenter, TrainableSegmenter

__all__ = [
    "Column",
    "DatasetCard",
    "InteractiveSegmenter",
    "Observation",
    "PixelClassifier",
    "Protocol",
    "PseudoLabeler",
    "PseudoLabels",
    "Record",
    "SceneDataset",
    "SceneInfo",
    "SpectralScorer",
    "TrainableSegmenter",
    "View",
]
