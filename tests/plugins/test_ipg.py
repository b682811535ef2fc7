"""IPG as a whole: what it gives, what it refuses, and how it goes on after a kill."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hsizoo_ipg import ipg as module
from hsizoo_ipg.ipg import IPG

import hsizoo
from hsizoo.errors import DataError, OptionError

HEIGHT, WIDTH, BANDS = 24, 20, 7
SMALL = {"iterations": 3, "groups": 3, "loss_groups": 1}


pytestmark = pytest.mark.usefixtures("one_thread")


def fields(bands=BANDS, *, bare=()):
    """Three stripes of different spectra with two seeds each."""
    rng = np.random.default_rng(0)
    which = np.arange(HEIGHT)[:, None] * 3 // HEIGHT + np.zeros((1, WIDTH), dtype=int)
    spectra = rng.uniform(1, 3, (3, bands))
    data = spectra[which] + rng.normal(scale=0.05, size=(HEIGHT, WIDTH, bands))
    seeds = np.zeros((HEIGHT, WIDTH), dtype=int)
    for number in range(3):
        if number not in bare:
            for col in (4, 13):
                seeds[number * 8 + 3, col] = number + 1
    names = {1: "oats", 2: "corn", 3: "woods"}
    return hsizoo.HyperCube(data), hsizoo.LabelMap(seeds, names, ignore=[0]), which + 1


def label(cube, seeds, *, seed=0, **options):
    return IPG(**{**SMALL, **options}).label(cube, seeds, rng=np.random.default_rng(seed))


def steps(made):
    return [
        {key: value for key, value in step.items() if key != "seconds"} for step in made.history
    ]


def same(one, two, rounding=0.0):
    assert np.array_equal(one.labels, two.labels)
    assert np.array_equal(one.confidence, two.confidence)
    first, second = steps(one), steps(two)
    for losses in zip(
        *([step.pop("loss") for step in made] for made in (first, second)), strict=True
    ):
        assert losses[0] == losses[1] or math.isclose(*losses, rel_tol=rounding)
    assert first == second


@pytest.mark.parametrize("segmenter", ["sam2.1-nano", "samsa2-nano", "samsa-nano", "sa-rw", "sa"])
def test_labels_grow_and_never_contradict_a_seed(segmenter):
    cube, seeds, truth = fields()
    made = label(cube, seeds, segmenter=segmenter)
    given = seeds.labels > 0
    assert np.array_equal(made.labels[given], seeds.labels[given])
    assert (made.confidence[given] == 1).all()
    new = (made.labels != made.unassigned) & ~given
    assert new.sum() == sum(step["new"] for step in made.history) == made.history[-1]["total"] > 0
    assert (made.confidence[~given & ~new] == 0).all()
    assert made.confidence.min() >= 0
    assert (made.labels[new] == truth[new]).mean() > 0.9
    assert len(made.history) == 3
    for step in made.history:
        assert step["new"] <= 3
        assert made.labels.flat[step["pixels"]].tolist() == step["labels"]
        assert 0 <= step["reliable"] <= step["coverage"] <= 1
        trained = segmenter.endswith("nano")
        assert (step["loss"] is not None) == trained


def test_what_is_trained_is_given_back():
    labeler = IPG(**SMALL)
    before = {name: each.clone() for name, each in labeler._segmenter.state_dict().items()}
    graded = {name: each.requires_grad for name, each in labeler._segmenter.trainable().items()}
    cube, seeds, _ = fields()
    first = labeler.label(cube, seeds, rng=np.random.default_rng(5))
    after = labeler._segmenter.state_dict()
    assert all(torch.equal(after[name], each) for name, each in before.items())
    assert graded == {n: p.requires_grad for n, p in labeler._segmenter.trainable().items()}
    same(first, labeler.label(cube, seeds, rng=np.random.default_rng(5)))


@pytest.mark.parametrize(("refresh", "tally"), [(1, "all"), (1, "round"), (2, "all")])
def test_a_killed_run_gives_what_an_uninterrupted_one_gives(monkeypatch, refresh, tally):
    cube, seeds, _ = fields()
    options = {"iterations": 4, "refresh": refresh, "negative_choice": "random", "negatives": 2}
    options["tally"] = tally
    whole = label(cube, seeds, **options)
    runs = hsizoo.home() / "ipg" / "runs"
    assert list(runs.iterdir()) == []
    done = []

    class Killed(Exception):
        pass

    def stop(runner, progress):
        if len(done) == 3:
            raise Killed
        done.append(1)
        return real(runner, progress)

    real = module.Runner.round
    monkeypatch.setattr(module.Runner, "round", stop)
    with pytest.raises(Killed):
        label(cube, seeds, **options)
    assert len(list(runs.iterdir())) == 1
    rounds = []
    monkeypatch.setattr(
        module.Runner, "round", lambda runner, p: rounds.append(1) or real(runner, p)
    )
    # It scores all clicks so far at once, not one per round: a product of another shape.
    same(label(cube, seeds, **options), whole, rounding=1e-5)
    assert len(rounds) == 1
    assert list(runs.iterdir()) == []
    label(cube, seeds, **options, seed=1)  # another chance is another run
    assert len(rounds) == 5


def test_votes_of_one_round_or_of_all():
    cube, seeds, _ = fields()
    options = {"refresh": 1, "negative_choice": "random", "negatives": 2, "consistency": "off"}
    one, every = (
        [step["coverage"] for step in steps(label(cube, seeds, tally=tally, **options))]
        for tally in ("round", "all")
    )
    assert one[0] == every[0]
    assert one[1:] != every[1:]


def test_a_file_that_cannot_be_read_is_not_used():
    cube, seeds, _ = fields()
    whole = label(cube, seeds, segmenter="sa")
    labeler = IPG(**SMALL, segmenter="sa")
    key = module.run_key(labeler._about(cube, seeds), np.random.default_rng(0))
    path = hsizoo.home() / "ipg" / "runs" / f"{key}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half of it")
    same(labeler.label(cube, seeds, rng=np.random.default_rng(0)), whole)


def test_rounds_that_cannot_be_kept_cost_nothing_else():
    cube, seeds, _ = fields()
    whole = label(cube, seeds, segmenter="sa")
    runs = hsizoo.home() / "ipg" / "runs"
    runs.rmdir()
    runs.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="cannot save IPG's rounds in .*start over"):
        found = label(cube, seeds, segmenter="sa")
    same(found, whole)


def test_pixels_without_a_spectrum_get_no_label():
    cube, seeds, _ = fields()
    data = cube.data.copy()
    data[5, :, 2] = np.nan
    data[11, 5:, :] = np.inf
    made = label(hsizoo.HyperCube(data), seeds, segmenter="sa", iterations=20)
    bad = ~np.isfinite(data).all(axis=2) & (seeds.labels == 0)
    assert (made.labels[bad] == made.unassigned).all()


def test_three_bands_are_one_group():
    cube, seeds, _ = fields(bands=3)
    made = label(cube, seeds)
    assert made.history[-1]["total"] > 0


def test_two_bands_are_too_few():
    cube, seeds, _ = fields(bands=2)
    with pytest.raises(DataError, match=r"2 band\(s\).* needs 3"):
        label(cube, seeds)


def test_a_class_without_a_label_is_named():
    cube, seeds, _ = fields(bare=[1])
    with pytest.raises(DataError, match="for: corn"):
        label(cube, seeds)
    data = cube.data.copy()
    data[3, [4, 13], 0] = np.nan
    with pytest.raises(DataError, match="for: oats, corn"):
        label(hsizoo.HyperCube(data), seeds)


def test_one_class_is_too_few():
    cube, seeds, _ = fields()
    one = hsizoo.LabelMap(seeds.labels, seeds.class_names, ignore=[0], targets=[1])
    with pytest.raises(DataError, match=r"two classes or more.* have 1"):
        label(cube, one)


def test_labels_of_another_size():
    cube, _, _ = fields()
    with pytest.raises(DataError, match="24 × 20 pixels, its labels are 2 × 2"):
        label(cube, hsizoo.LabelMap([[1, 2], [3, 0]], {1: "a", 2: "b", 3: "c"}, ignore=[0]))


def test_a_label_beside_the_targets_is_no_seed():
    cube, seeds, _ = fields()
    two = hsizoo.LabelMap(seeds.labels, seeds.class_names, ignore=[0], targets=[1, 3])
    made = label(cube, two, segmenter="sa")
    assert set(np.unique(made.labels)) <= {made.unassigned, 1, 3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "iterations=0: must be at least 1"),
        ({"tau_l": 0.9}, "tau_l=0.9 and tau_h=0.8"),
        ({"kappa_h": -0.1}, "kappa_h=-0.1"),
        ({"support": 1.5}, "support=1.5"),
        ({"groups": -1}, "groups=-1"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(OptionError, match=message):
        IPG(segmenter="sa", **options)


def test_features_that_an_engine_does_not_have():
    cube, seeds, _ = fields()
    with pytest.raises(DataError, match="use features=components"):
        label(cube, seeds, segmenter="sa", features="fine")


@pytest.mark.parametrize(
    "options",
    [
        {"features": "image", "uncertainty": "vote", "kappa_h": 0.5},
        {"features": "fine", "pool": "max", "uncertainty": "entropy", "kappa_h": 0.9},
        {"features": "spectrum", "smoothing": 0.0, "ranking": "margin", "components": 2},
        {"uncertainty": "similarity-spread", "references": "seeds", "consistency": "mask"},
        {"uncertainty": "group-spread", "strict": True, "trained": "layer", "support": 0.5},
        {"grouping": "pca", "positives": 0, "negatives": 0, "scale": "clip"},
        {"grouping": "uncorrelated", "negative_choice": "recent", "negatives": 1, "stride": 2},
        {"scale": "rival", "references": "seeds", "tally": "round", "refresh": 1},
        {"trained": "prompt-encoder+layer", "scale": "own", "refresh": 2},
    ],
)
def test_every_option_runs(options):
    cube, seeds, _ = fields()
    made = label(cube, seeds, segmenter="sam2.1-nano", **options)
    assert len(made.history) == 3
    assert np.isfinite(made.confidence).all()
    assert made.confidence.max() <= 1


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, hsizoo; names = {each.spec.name for each in hsizoo.list_components()};"
        "assert 'ipg' in names; assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_feeds_a_classifier():
    cube, seeds, _ = fields()
    both = hsizoo.create("ipg:segmenter=sa,iterations=2,groups=2+rf", device="cpu")
    both.fit(cube, seeds, rng=np.random.default_rng(0))
    assert both.predict_proba(cube).shape == (3, HEIGHT, WIDTH)
    assert len(both.pseudo_labels.history) == 2
