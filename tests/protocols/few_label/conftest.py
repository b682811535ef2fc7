"""Stored records of the few-label protocol, written by hand."""

import pytest


def record(label, seed, oa, *, scene="field", kappa=0.5, status="done", **more):
    about = {
        "label": label,
        "status": status,
        "subject": scene,
        "identity": {"scene": scene, "seed": seed, "dataset": {"component": "hsizoo/x"}},
    }
    if status == "failed":
        return about
    result = {
        "labels": [1, 2],
        "classes": ["corn", "wheat"],
        "confusion": [[8, 2], [1, 9]],
        "scores": {
            "oa": oa,
            "aa": oa,
            "macro_precision": oa,
            "kappa": kappa,
            "recall": [0.8, 0.9],
            "precision": [8 / 9, 9 / 11],
        },
        "split": {"train": [1, 2], "untested": [], "short": [], "digest": f"{seed:064d}"},
        "leak": {"field": 9, "overlap": 0.5, "within": 0.25},
        "seconds": {"fit": 1.0 + seed, "predict": 0.5},
        "megabytes": {"host": None if seed else 12.0},
        **more,
    }
    return {**about, "result": result}


@pytest.fixture(scope="session", name="record")
def make_record():
    """``record(label, seed, oa, …)``."""
    return record
