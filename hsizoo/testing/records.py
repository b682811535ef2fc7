"""Records of a protocol's own cells, as a run stores them."""

from __future__ import annotations

import json
from typing import Any

from hsizoo.interfaces import InteractiveSegmenter, Protocol
from hsizoo.testing.examples import Example
from hsizoo.testing.plain import Classifier, Scorer

__all__ = ["evaluated", "record_of"]


def evaluated(protocol: Protocol | type[Protocol]) -> Any:
    """A component of the first kind that a protocol evaluates, plain and always the same."""
    kind = protocol.kinds[0]
    if kind == "classifier":
        return Classifier()
    if kind == "scorer" and "segmenter" not in protocol.kinds:
        return Scorer()
    from hsizoo.zoo.scoring import ScorerSegmenter

    found: InteractiveSegmenter = ScorerSegmenter(Scorer())
    return found


def record_of(protocol: Protocol, given: Example, seed: int = 0) -> dict[str, Any]:
    """Evaluate a plain component and return the record as it is read from a file.

    Raises
    ------
    TypeError, ValueError
        If the result is not of plain values.
    """
    result = protocol.run(evaluated(protocol), given.scene, seed=seed)
    record = {
        "format": 1,
        "status": "done",
        "key": f"{seed:032}",
        "identity": {
            "component": {"component": "testing/plain", "version": "1", "options": {}},
            "dataset": {"component": "testing/examples", "options": {}, "data_version": "1"},
            "protocol": protocol.config(),
            "scene": given.scene.name,
            "seed": seed,
        },
        "subject": given.scene.subject,
        "split": "",
        "label": "plain",
        "conditions": {},
        "training_seed": None,
        "seconds": 1.0,
        "result": {**result, "megabytes": {"host": 1.0, "device": None}},
    }
    found: dict[str, Any] = json.loads(json.dumps(record, allow_nan=False))
    return found
