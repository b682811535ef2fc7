"""The parts of hsizoo's core that this plugin uses; the one place that says where they are."""

from hsizoo.engine.embeddings import EmbeddingCache, EmbeddingKey, embedding_cache, embedding_key
from hsizoo.engine.weights import WeightFile, check_state, load_state, locate, state_digest

__all__ = [
    "EmbeddingCache",
    "EmbeddingKey",
    "WeightFile",
    "check_state",
    "embedding_cache",
    "embedding_key",
    "load_state",
    "locate",
    "state_digest",
]
