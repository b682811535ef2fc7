"""hsizoo: model zoo, benchmark runner and clicking tool for hyperspectral images.

>>> import hsizoo
>>> scene = hsizoo.load_scene("indian-pines")                           # doctest: +SKIP
>>> segmenter = hsizoo.create("sa", kind="segmenter")                   # doctest: +SKIP
>>> state = segmenter.open(scene.cube)                                  # doctest: +SKIP
>>> maps = segmenter.predict(state, [hsizoo.Clicks([(20, 30)])])        # doctest: +SKIP

Everything below is imported on first use, so that ``import hsizoo`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube, LabelMap, Scene
    from hsizoo.engine.embeddings import (
        EmbeddingCache,
        EmbeddingKey,
        embedding_cache,
        embedding_key,
    )
    from hsizoo.errors import HsizooError
    from hsizoo.interfaces import (
        Chart,
        ClassMaps,
        Column,
        Component,
        DatasetCard,
        InteractiveSegmenter,
        Matrix,
        Observation,
        Overlay,
        PixelClassifier,
        Protocol,
        PseudoLabeler,
        PseudoLabels,
        SceneDataset,
        SceneInfo,
        Series,
        SpectralScorer,
        TrainableSegmenter,
        View,
        keep_mask,
    )
    from hsizoo.io.reading import read_cube
    from hsizoo.mapping import ClassMap, classify
    from hsizoo.papers import Reproduction, reproduce
    from hsizoo.progress import tell_progress
    from hsizoo.runs.bench import RunResult, bench
    from hsizoo.runs.reporting import write_report
    from hsizoo.runs.trainings import train_several
    from hsizoo.session import Session
    from hsizoo.session.applying import apply_references
    from hsizoo.training.run import TrainResult, train
    from hsizoo.weights.fetching import locate_data
    from hsizoo.weights.files import (
        WeightFile,
        check_state,
        load_state,
        locate,
        state_digest,
    )
    from hsizoo.weights.places import data_folders, home
    from hsizoo.weights.published import PublishedFile
    from hsizoo.zoo.factory import create, load_dataset, load_scene
    from hsizoo.zoo.hooks import hookimpl
    from hsizoo.zoo.registry import list_components
    from hsizoo.zoo.scoring import ScorerSegmenter
    from hsizoo.zoo.spec import ComponentSpec

_WHERE = {
    "Chart": "hsizoo.interfaces",
    "ClassMap": "hsizoo.mapping",
    "ClassMaps": "hsizoo.interfaces",
    "Clicks": "hsizoo.clicks",
    "Column": "hsizoo.interfaces",
    "Component": "hsizoo.interfaces",
    "ComponentSpec": "hsizoo.zoo.spec",
    "DatasetCard": "hsizoo.interfaces",
    "EmbeddingCache": "hsizoo.engine.embeddings",
    "EmbeddingKey": "hsizoo.engine.embeddings",
    "HsizooError": "hsizoo.errors",
    "HyperCube": "hsizoo.cube",
    "InteractiveSegmenter": "hsizoo.interfaces",
    "LabelMap": "hsizoo.cube",
    "Matrix": "hsizoo.interfaces",
    "Observation": "hsizoo.interfaces",
    "Overlay": "hsizoo.interfaces",
    "PixelClassifier": "hsizoo.interfaces",
    "Protocol": "hsizoo.interfaces",
    "PseudoLabeler": "hsizoo.interfaces",
    "PseudoLabels": "hsizoo.interfaces",
    "PublishedFile": "hsizoo.weights.published",
    "Reproduction": "hsizoo.papers",
    "RunResult": "hsizoo.runs.bench",
    "Scene": "hsizoo.cube",
    "SceneDataset": "hsizoo.interfaces",
    "SceneInfo": "hsizoo.interfaces",
    "ScorerSegmenter": "hsizoo.zoo.scoring",
    "Series": "hsizoo.interfaces",
    "Session": "hsizoo.session",
    "SpectralScorer": "hsizoo.interfaces",
    "TrainResult": "hsizoo.training.run",
    "TrainableSegmenter": "hsizoo.interfaces",
    "View": "hsizoo.interfaces",
    "WeightFile": "hsizoo.weights.files",
    "apply_references": "hsizoo.session.applying",
    "bench": "hsizoo.runs.bench",
    "check_state": "hsizoo.weights.files",
    "classify": "hsizoo.mapping",
    "create": "hsizoo.zoo.factory",
    "data_folders": "hsizoo.weights.places",
    "embedding_cache": "hsizoo.engine.embeddings",
    "embedding_key": "hsizoo.engine.embeddings",
    "home": "hsizoo.weights.places",
    "hookimpl": "hsizoo.zoo.hooks",
    "keep_mask": "hsizoo.interfaces",
    "list_components": "hsizoo.zoo.registry",
    "load_dataset": "hsizoo.zoo.factory",
    "load_scene": "hsizoo.zoo.factory",
    "load_state": "hsizoo.weights.files",
    "locate": "hsizoo.weights.files",
    "locate_data": "hsizoo.weights.fetching",
    "read_cube": "hsizoo.io.reading",
    "reproduce": "hsizoo.papers",
    "state_digest": "hsizoo.weights.files",
    "tell_progress": "hsizoo.progress",
    "train": "hsizoo.training.run",
    "train_several": "hsizoo.runs.trainings",
    "write_report": "hsizoo.runs.reporting",
}

__all__ = [
    "Chart",
    "ClassMap",
    "ClassMaps",
    "Clicks",
    "Column",
    "Component",
    "ComponentSpec",
    "DatasetCard",
    "EmbeddingCache",
    "EmbeddingKey",
    "HsizooError",
    "HyperCube",
    "InteractiveSegmenter",
    "LabelMap",
    "Matrix",
    "Observation",
    "Overlay",
    "PixelClassifier",
    "Protocol",
    "PseudoLabeler",
    "PseudoLabels",
    "PublishedFile",
    "Reproduction",
    "RunResult",
    "Scene",
    "SceneDataset",
    "SceneInfo",
    "ScorerSegmenter",
    "Series",
    "Session",
    "SpectralScorer",
    "TrainResult",
    "TrainableSegmenter",
    "View",
    "WeightFile",
    "apply_references",
    "bench",
    "check_state",
    "classify",
    "create",
    "data_folders",
    "embedding_cache",
    "embedding_key",
    "home",
    "hookimpl",
    "keep_mask",
    "list_components",
    "load_dataset",
    "load_scene",
    "load_state",
    "locate",
    "locate_data",
    "read_cube",
    "reproduce",
    "state_digest",
    "tell_progress",
    "train",
    "train_several",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        from hsizoo.zoo.distributions import own_version
        from hsizoo.zoo.hooks import ENTRY_POINT_GROUP

        return own_version(ENTRY_POINT_GROUP) or version("hsizoo")
    if name in ("errors", "io", "testing"):  # public rooms, without an import of their own
        return import_module(f"hsizoo.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'hsizoo' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHERE[name]), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
