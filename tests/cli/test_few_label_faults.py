"""``hsizoo bench`` with classifiers on data that is not as it should be: what is said."""

import numpy as np
import pytest
from typer.testing import CliRunner

from hsizoo.cli import app

LABELS = np.zeros((20, 24), dtype=np.int32)
LABELS[1:9, 1:9], LABELS[11:19, 1:9], LABELS[1:9, 12:20] = 1, 2, 3
NEITHER = "neither trained on nor tested, no labelled pixels with a valid spectrum: oats"
NAMES = 'ignore = [0]\n[names]\n1 = "corn"\n2 = "wheat"\n3 = "oats"\n'


def few(pixels):
    """Labels of which class 3 has so many pixels."""
    labels = np.where(LABELS == 3, 0, LABELS)
    labels[2, 12 : 12 + pixels] = 3
    return labels


def spoilt(where, band=slice(None)):
    """A cube whose spectra are not finite in some place."""
    chance = np.random.default_rng(0)
    cube = chance.random((4, 6))[np.minimum(LABELS, 3)]
    cube += 0.02 * chance.normal(size=(*LABELS.shape, 6))
    rows, cols = np.nonzero(where)
    cube[rows, cols, band] = np.nan
    return cube.astype(np.float32)


NOWHERE = np.zeros(LABELS.shape, dtype=bool)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "field").mkdir()

    def run(code, labels=LABELS, cube=None, about=NAMES, names=("rf:trees=5", "lp"), shots=5):
        cube = spoilt(NOWHERE) if cube is None else cube
        np.savez("field/a.npz", cube=cube, gt=labels)
        (tmp_path / "field" / "hsizoo.toml").write_text(about)
        words = ["bench", *names, "-d", "./field/", "--seeds", "1", "--shots", str(shots)]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        return done

    return run


@pytest.mark.parametrize(
    ("labels", "shots", "said"),
    [
        (few(8), 5, "fewer pixels than requested (at most half of a class): oats"),
        (few(3), 5, "fewer pixels than requested (at most half of a class): oats"),
        (few(1), 1, "trained on but not tested, no pixels left: oats"),
        (few(0), 5, NEITHER),
    ],
)
def test_a_class_with_few_pixels_is_named_and_the_run_goes_on(bench, labels, shots, said):
    assert said in bench(0, labels, shots=shots).stdout


def test_a_class_whose_spectra_are_not_finite_is_named(bench):
    done = bench(0, cube=spoilt(LABELS == 3))
    assert NEITHER in done.stdout


def test_nothing_is_said_where_nothing_is_wrong(bench):
    assert "trained on" not in bench(0).stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": np.where(LABELS == 1, 1, 0)}, "1 class(es) with labelled pixels; at least two"),
        ({"labels": 0 * LABELS}, "0 class(es) with labelled pixels"),
        ({"cube": spoilt(~NOWHERE)}, "has no value: all pixels are without data in all bands"),
        ({"labels": np.where(LABELS == 3, 9, LABELS)}, "labels [9] occur in the map but have no"),
        ({"about": NAMES.replace("[names]", "targets = [1, 7]\n[names]")}, "target labels [7]"),
        ({"names": ["cnn2d:patch=51,epochs=1"]}, "patch=39 or less"),
    ],
)
def test_what_cannot_be_is_one_clear_line(bench, change, said):
    done = bench(1, **change)
    assert said in done.stderr
    assert sum(said in line for line in done.stderr.splitlines()) <= 2


def test_a_cube_of_one_band_and_one_of_no_contrast_are_classified(bench):
    bench(0, cube=spoilt(NOWHERE)[:, :, :1])
    bench(0, cube=np.ones((*LABELS.shape, 3), dtype=np.float32))
