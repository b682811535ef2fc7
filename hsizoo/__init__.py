"""hsizoo: model zoo, benchmark runner and clicking tool for hyperspectral images.

>>> import hsizoo
>>> scene = hsizoo.load_scene("indian-pines")                           # doctest: +SKIP
>>> segmenter = hsizoo.create("sa", kind="segmenter")                   # doctest: +SKIP
>>> state = segmenter.open(scene.cube)                                  # doctest: +SKIP
>>> maps = segmenter.predict(state, [hsizoo.Clicks([(20, 30)])])        # doctest: +SKIP

Everything below is imported on first use, so that ``import hsizoo`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsizoo.benchmark import RunResult, bench
    from hsizoo.clicks import Clicks
    from hsizoo.components import ComponentSpec
    from hsizoo.cube import HyperCube, LabelMap, Scene
    from hsizoo.engine.embeddings import (
        EmbeddingCache,
        EmbeddingKey,
        embedding_cache,
        embedding_key,
    )
    from hsizoo.engine.scoring import ScorerSegmenter
    from hsizoo.engine.weights import (
        WeightFile,
        check_state,
        home,
        load_state,
        locate,
        state_digest,
    )
    from hsizoo.errors import HsizooError
    from hsizoo.factory import create, load_dataset, load_scene
    from hsizoo.fewlabel import FewLabelResult, bench_few_labels
    from hsizoo.hookspecs import hookimpl
    from hsizoo.interfaces import (
        DatasetCard,
        InteractiveSegmenter,
        PixelClassifier,
        PseudoLabeler,
        PseudoLabels,
        SceneDataset,
        SceneInfo,
        SpectralScorer,
        TrainableSegmenter,
    )
    from hsizoo.progress import tell_progress
    from hsizoo.registry import list_components
    from hsizoo.training import TrainResult, train

_WHERE = {
    "Clicks": "hsizoo.clicks",
    "ComponentSpec": "hsizoo.components",
    "DatasetCard": "hsizoo.interfaces",
    "EmbeddingCache": "hsizoo.engine.embeddings",
    "EmbeddingKey": "hsizoo.engine.embeddings",
    "FewLabelResult": "hsizoo.fewlabel",
    "HsizooError": "hsizoo.errors",
    "HyperCube": "hsizoo.cube",
    "InteractiveSegmenter": "hsizoo.interfaces",
    "LabelMap": "hsizoo.cube",
    "PixelClassifier": "hsizoo.interfaces",
    "PseudoLabeler": "hsizoo.interfaces",
    "PseudoLabels": "hsizoo.interfaces",
    "RunResult": "hsizoo.benchmark",
    "Scene": "hsizoo.cube",
    "SceneDataset": "hsizoo.interfaces",
    "SceneInfo": "hsizoo.interfaces",
    "ScorerSegmenter": "hsizoo.engine.scoring",
    "SpectralScorer": "hsizoo.interfaces",
    "TrainResult": "hsizoo.training",
    "TrainableSegmenter": "hsizoo.interfaces",
    "WeightFile": "hsizoo.engine.weights",
    "bench": "hsizoo.benchmark",
    "bench_few_labels": "hsizoo.fewlabel",
    "check_state": "hsizoo.engine.weights",
    "create": "hsizoo.factory",
    "embedding_cache": "hsizoo.engine.embeddings",
    "embedding_key": "hsizoo.engine.embeddings",
    "home": "hsizoo.engine.weights",
    "hookimpl": "hsizoo.hookspecs",
    "list_components": "hsizoo.registry",
    "load_dataset": "hsizoo.factory",
    "load_scene": "hsizoo.factory",
    "load_state": "hsizoo.engine.weights",
    "locate": "hsizoo.engine.weights",
    "state_digest": "hsizoo.engine.weights",
    "tell_progress": "hsizoo.progress",
    "train": "hsizoo.training",
}

__all__ = [
    "Clicks",
    "ComponentSpec",
    "DatasetCard",
    "EmbeddingCache",
    "EmbeddingKey",
    "FewLabelResult",
    "HsizooError",
    "HyperCube",
    "InteractiveSegmenter",
    "LabelMap",
    "PixelClassifier",
    "PseudoLabeler",
    "PseudoLabels",
    "RunResult",
    "Scene",
    "SceneDataset",
    "SceneInfo",
    "ScorerSegmenter",
    "SpectralScorer",
    "TrainResult",
    "TrainableSegmenter",
    "WeightFile",
    "bench",
    "bench_few_labels",
    "check_state",
    "create",
    "embedding_cache",
    "embedding_key",
    "home",
    "hookimpl",
    "list_components",
    "load_dataset",
    "load_scene",
    "load_state",
    "locate",
    "state_digest",
    "tell_progress",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("hsizoo")
    if name not in _WHERE:
        raise AttributeError(f"module 'hsizoo' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHERE[name]), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
