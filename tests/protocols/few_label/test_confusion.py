"""Pictures of confusion matrices: what is summed, what is shown, nothing cut."""

import numpy as np
import pytest

from hsizoo.errors import MissingRequirement
from hsizoo.io import class_colours
from hsizoo.protocols.few_label import confusion
from hsizoo.protocols.few_label.confusion import confusion_files, confusion_png


def record(label, seed, matrix, *, scene="field", classes=((1, "corn"), (2, "wheat")), **about):
    result = {
        "labels": [number for number, _ in classes],
        "classes": [name for _, name in classes],
        "confusion": matrix,
    }
    identity = {"scene": scene, "seed": seed}
    return {"label": label, "status": "done", "identity": identity, "result": result, **about}


@pytest.mark.parametrize(
    ("count", "title"),
    [(2, "ipg:segmenter=sam2.1-small,iterations=50+cnn2d:epochs=100 | shots=5"), (16, "svm"),
     (61, "svm")],
)  # fmt: skip
def test_nothing_is_cut_and_every_class_has_its_colour(pixels_of, count, title):
    matrix = np.random.default_rng(0).integers(0, 20_000, (count, count))
    names = [f"{number} Buildings-Grass-Trees-Drives" for number in range(count)]
    pixels = pixels_of(confusion_png(matrix, names, title, "sum of 10 seed(s)"))
    shown = {tuple(colour) for colour in np.round(255 * pixels).astype(int).reshape(-1, 3).tolist()}
    assert {tuple(colour) for colour in class_colours(count + 1)[1:].tolist()} <= shown


def test_shades_are_shares_of_the_true_class(pixels_of):
    names = ["a", "b"]
    small = confusion_png([[3, 1], [0, 0]], names, "x")
    assert small == confusion_png([[3, 1], [0, 0]], names, "x")  # the same bytes
    # Ten times the pixels are other numbers in the same shades: few pixels differ, those of text.
    large = pixels_of(confusion_png([[30, 10], [0, 0]], names, "x"))
    apart = (np.abs(pixels_of(small) - large) > 0.02).any(axis=-1)
    assert 0 < apart.mean() < 0.002


def test_seeds_and_scenes_of_a_row_are_summed_by_class(monkeypatch):
    drawn = []
    monkeypatch.setattr(confusion, "confusion_png", lambda *what: drawn.append(what) or b"png")
    records = [
        record("svm", 0, [[8, 2], [1, 9]]),
        record("svm", 1, [[7, 3], [0, 10]]),
        record("svm", 0, [[5, 0], [4, 1]], scene="wood", classes=((2, "wheat"), (7, "oak"))),
        record("svm", 0, [[1, 0], [0, 1]], conditions={"shots": "3"}),
        {"label": "rf", "status": "failed"},
    ]
    assert list(confusion_files(records)) == [
        ("confusion/svm.png", b"png"), ("confusion/svm_shots=3.png", b"png"),
    ]  # fmt: skip
    total, names, title, remark = drawn[0]
    assert total.tolist() == [[15, 5, 0], [1, 24, 0], [0, 4, 1]]
    assert names == ["corn", "wheat", "oak"]
    assert (title, remark) == ("svm", "sum of 2 seed(s), 2 scenes")
    assert drawn[1][2] == "svm | shots=3"
    assert list(confusion_files(records[-1:])) == []


@pytest.mark.usefixtures("without_matplotlib")
def test_needs_matplotlib():
    with pytest.raises(MissingRequirement, match="report"):
        confusion_png([[1]], ["a"], "x")
