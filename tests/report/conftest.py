"""Records as the protocols would store them, written by hand."""

import pytest


def _classified(label, seed, oa, *, scene="field", subject=None, kappa=0.5, pseudo=None, **about):
    result = {
        "scores": {"oa": oa, "aa": oa, "macro_precision": oa, "kappa": kappa},
        "split": {"untested": ["oats"] * (seed == 0)},
        "leak": {"overlap": 0.5, "within": 0.25},
        "seconds": {"fit": 1.0 + seed, "predict": 0.5},
        "megabytes": {"host": None if seed else 12.0},
    }
    if pseudo is not None:
        result["pseudo_labels"] = {"right": pseudo}
    return {
        "label": label,
        "status": "done",
        "subject": subject or scene,
        "identity": {"scene": scene, "seed": seed, "dataset": {"component": "hsizoo/x"}},
        "result": result,
        **about,
    }


@pytest.fixture
def classified():
    """A cell of the few-label protocol: ``classified("svm", seed=0, oa=0.5)``."""
    return _classified


@pytest.fixture
def lost():
    """A cell of any protocol that failed."""

    def make(label="sa", scene="z", seed=0, **about):
        return {
            "status": "failed",
            "label": label,
            "identity": {"scene": scene, "seed": seed},
            "error": {"type": "ValueError", "message": "no", "traceback": ""},
            **about,
        }

    return make
