"""The abstract classes that components implement.

Arrays that a component returns may be NumPy arrays or torch tensors on any device; hsizoo moves
them as needed.

The options accepted by ``name:key=value`` are declared in one of two ways:

- a frozen, keyword-only dataclass, the class attribute ``Options`` (see `Component`), whose fields
  are the options.  Options that several classes share are inherited, values are checked in
  ``__post_init__``, and the class reads them as ``self.options.size``;
- keyword parameters of the constructor, for classes with a few options of their own.

Either way an option has a default and an annotation: `int`, `float`, `bool`, `str`, a `Literal` of
strings, one of these ``| None``, or ``Annotated[str, "scorer"]`` where the value names another
component.  The section "Parameters" of the docstring describes it.  A keyword parameter called
``device`` is not an option: it receives the device chosen by ``--device``, such as ``"cuda:0"``.
"""

from __future__ import annotations

from hsizoo.interfaces.classifier import PixelClassifier, ReceptiveField
from hsizoo.interfaces.component import Component
from hsizoo.interfaces.dataset import DatasetCard, SceneDataset, SceneInfo
from hsizoo.interfaces.figures import Chart, ClassMaps, Figure, Matrix, Overlay, Series
from hsizoo.interfaces.keeping import keep_mask
from hsizoo.interfaces.protocol import Column, Observation, Protocol, Record, View
from hsizoo.interfaces.pseudo_labeler import PseudoLabeler, PseudoLabels
from hsizoo.interfaces.scorer import SpectralScorer
from hsizoo.interfaces.segmenter import InteractiveSegmenter, TrainableSegmenter

__all__ = [
    "Chart",
    "ClassMaps",
    "Column",
    "Component",
    "DatasetCard",
    "Figure",
    "InteractiveSegmenter",
    "Matrix",
    "Observation",
    "Overlay",
    "PixelClassifier",
    "Protocol",
    "PseudoLabeler",
    "PseudoLabels",
    "ReceptiveField",
    "Record",
    "SceneDataset",
    "SceneInfo",
    "Series",
    "SpectralScorer",
    "TrainableSegmenter",
    "View",
    "keep_mask",
]
