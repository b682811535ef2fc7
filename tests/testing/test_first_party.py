"""hsizoo's own components hold the contracts that it asks of others."""

import pytest

import hsizoo.testing

SCORERS = ("pcc", "sid", "sa-eq", "ace", "matched-filter", "contest")
SEGMENTERS = ("sa-rw", "sam2.1-nano", "medsam-adapter")
TRAINED = ("sam2.1-nano-ft", "samsa-nano", "samsa2-nano")
CLASSIFIERS = (
    "svm", "rf", "dca", "cnn2d:epochs=3", "ssrn:epochs=3", "a2s2k:epochs=3", "cdcnn:epochs=3",
    "dbma:epochs=3", "sln-sni:epochs=3", "smr-eg:max_steps=4", "erw", "emp", "lcmr", "sgl", "rpnet",
    "panel",
)  # fmt: skip
LABELERS = ("ipg:iterations=2", "ipg-plus")
DATASETS = (
    "salinas-a",
    "samson",
    "pavia-mini",
    "jasper-ridge",
    "abu",
    "phantom",
    "cross-sensor",
    "mosaics",
    "landscapes:side=48,bands=12",
)
PROTOCOLS = ("interactive", "box", "few-label")


@hsizoo.testing.parametrize("sa")
def test_a_scorer(check):
    check()


@hsizoo.testing.parametrize("lp", kind="pseudo-labeler")
def test_a_labeler(check):
    check()


@hsizoo.testing.parametrize("lp", kind="classifier")
def test_a_classifier(check):
    check()


@hsizoo.testing.parametrize("indian-pines", kind="dataset")
def test_a_dataset(check):
    check()


@pytest.mark.slow
@hsizoo.testing.parametrize(*SCORERS, kind="scorer")
def test_scorers(check):
    check()


@pytest.mark.slow
@hsizoo.testing.parametrize(*SEGMENTERS, kind="segmenter")
def test_segmenters(check):
    check()


@pytest.mark.slow
@hsizoo.testing.parametrize(
    *TRAINED,
    kind="segmenter",
    expected_failures={
        "gradients": "SAM's embeddings of masks and boxes are trained, as in the papers, but "
        "clicks do not use them"
    },
)
def test_trainable_segmenters(check):
    check()


@pytest.mark.slow
@hsizoo.testing.parametrize(*CLASSIFIERS, kind="classifier")
def test_classifiers(check):
    check()


@pytest.mark.slow
@hsizoo.testing.parametrize(*LABELERS, kind="pseudo-labeler")
def test_labelers(check):
    check()


@pytest.mark.slow
@hsizoo.testing.parametrize(*DATASETS, kind="dataset")
def test_datasets(check):
    check()


@pytest.mark.slow
@hsizoo.testing.parametrize(*PROTOCOLS, kind="protocol")
def test_protocols(check):
    check()
