"""A plugin with a labeler that asks a segmenter, and classifiers that compute next to nothing."""

from typing import Annotated

import numpy as np

import hsizoo

ASKED = []
"""What each segmenter that a labeler asked was made of: the sum of its weights."""


@hsizoo.hookimpl
def hsizoo_components():
    for name, kind, target in (
        ("ask", "pseudo-labeler", "Ask"),
        ("ask-scorer", "pseudo-labeler", "AskScorer"),
        ("even", "classifier", "Even"),
        ("drawn", "classifier", "Drawn"),
    ):
        yield hsizoo.ComponentSpec(
            name=name, kind=kind, target=f"{__name__}:{target}", summary="a fake"
        )


class Ask(hsizoo.PseudoLabeler):
    """Gives the labels that it was given, once a segmenter has looked at the cube.

    Parameters
    ----------
    segmenter : str, default "tiny"
        Whom to ask.
    """

    def __init__(self, *, segmenter: Annotated[str, "segmenter"] = "tiny", device: str = "cpu"):
        self.segmenter = hsizoo.create(segmenter, kind="segmenter", device=device)

    def label(self, cube, seeds, *, rng):
        state = getattr(self.segmenter, "state_dict", dict)()
        ASKED.append(round(sum(float(each.sum()) for each in state.values()), 3))
        labels = np.where(seeds.evaluated, seeds.labels, -1)
        return hsizoo.PseudoLabels(labels, (labels >= 0).astype(np.float32))


class AskScorer(Ask):
    """Asks a scorer.

    Parameters
    ----------
    scorer : str, default "sa"
        Whom to ask.
    """

    def __init__(self, *, scorer: Annotated[str, "scorer"] = "sa"):
        super().__init__(segmenter=scorer)


class Even(hsizoo.PixelClassifier):
    """Holds all classes for equally likely.

    Parameters
    ----------
    units : int, default 1
        Named like a field of tables.
    samples : int, default 1
        This one too.
    """

    def __init__(self, *, units: int = 1, samples: int = 1):
        pass

    def fit(self, cube, labels, *, rng):
        self.classes = len(labels.targets)
        return self

    def predict_proba(self, cube):
        return np.full((self.classes, *cube.shape[:2]), 1 / self.classes, dtype=np.float32)


class Drawn(Even):
    """Draws the classes at random when it is built, so that two of them never agree."""

    built = 0

    def __init__(self):
        super().__init__()
        type(self).built += 1
        self.rng = np.random.default_rng(self.built)

    def predict_proba(self, cube):
        drawn = self.rng.random((self.classes, *cube.shape[:2]), dtype=np.float32) + 0.01
        return drawn / drawn.sum(axis=0)
