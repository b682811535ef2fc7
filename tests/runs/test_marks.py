"""What tables say of a component's weights, under every protocol and through every option."""

from dataclasses import replace
from pathlib import Path

import pytest

import hsizoo
from hsizoo.errors import ProtocolError
from hsizoo.runs.marks import mark
from hsizoo.weights.trained import TrainedWeights
from hsizoo.zoo.factory import resolve

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=1"
)


def marked(component, *, subjects=(), dataset=TINY, kind="segmenter"):
    source = resolve(dataset, "dataset")
    return mark(resolve(component, kind, on_dataset=source), source, set(subjects))


def saw(card, dataset, subjects):
    """Whether weights with that card are marked as having seen these subjects."""
    source = resolve(dataset, "dataset")
    component = replace(resolve("sa", "segmenter"), weights=TrainedWeights(Path(), "", card))
    return "seen" in mark(component, source, subjects)


def test_weights_that_saw_a_tested_subject_are_marked():
    card = {
        "dataset": {"component": "hsizoo/phantom"},
        "subjects": {"train": ["s01"], "val": ["s02"], "held_out": ["s03"]},
    }
    assert saw(card, TINY, {"s01"})
    assert saw(card, TINY, {"s02", "s03"})
    assert not saw(card, TINY, {"s03", "s04"})
    assert not saw({**card, "dataset": {"component": "hsizoo/indian-pines"}}, TINY, {"s01"})
    assert not saw({**card, "dataset": {"component": "gone/phantom"}}, TINY, {"s01"})
    assert not saw({"subjects": card["subjects"]}, TINY, {"s01"})


@pytest.mark.parametrize(
    ("trained", "subject", "tested", "seen"),
    [
        ("cross-sensor", "salinas-a", "salinas-a", True),
        ("cross-sensor", "salinas-a", "salinas", True),  # the whole that it is a part of
        ("salinas", "salinas", "salinas-a", True),
        ("cross-sensor", "pavia-mini", "pavia-university", True),
        ("salinas-a", "salinas-a", "cross-sensor", False),  # which tests on samson
        ("samson", "samson", "cross-sensor", True),
        ("cross-sensor", "indian-pines", "indian-pines", True),
        ("cross-sensor", "indian-pines", "samson", False),
        ("pavia-university", "pavia-university", "pavia-centre", False),
    ],
)
def test_a_scene_is_known_again_in_another_dataset(trained, subject, tested, seen):
    card = {
        "dataset": {"component": f"hsizoo/{trained}"},
        "subjects": {"train": [subject], "val": []},
    }
    infos = resolve(tested, "dataset").build().scenes()
    assert saw(card, tested, {i.subject for i in infos if i.split in ("", "test")}) == seen


RANDOM = "checkpoint=random"


def test_random_weights_are_refused_or_marked(tmp_path):
    with pytest.raises(ProtocolError, match=r"has not been trained.*Its weights are random"):
        hsizoo.bench([f"sam2.1-nano:{RANDOM}"], TINY, clicks=1, out=tmp_path)
    names = [f"sam2.1-nano:{RANDOM}", f"samsa2-nano:{RANDOM}"]
    result = hsizoo.bench(names, TINY, clicks=1, out=tmp_path, allow_untrained=True)
    labels = [row.component for row in result.table]
    assert labels == [f"{names[0]} (random weights)", f"{names[1]} (untrained)"]
    # What the checkpoint is counts, not how it was spelled.
    options = result.records[0]["identity"]["component"]["options"]
    assert options["checkpoint"].startswith("random")


@pytest.mark.parametrize(
    ("component", "part", "words"),
    [
        (f"ipg:segmenter=[samsa2-nano:{RANDOM}]+svm", f"samsa2-nano:{RANDOM}", "untrained"),
        (f"ipg:segmenter=[sam2.1-nano:{RANDOM}]+svm", f"sam2.1-nano:{RANDOM}", "random weights"),
        ("ask+even", "tiny", "untrained"),  # the option's default, too
        ("ask:segmenter=[tiny:hidden=3]+even", "tiny:hidden=3", "untrained"),
    ],
)
def test_classifiers_are_marked_by_what_their_options_name(zoo, component, part, words):
    who = f"{part}, which {component} builds on, has not been trained"
    with pytest.raises(ProtocolError) as refused:
        hsizoo.bench(component, TINY, shots=2, seeds=1, out=zoo / "run", device="cpu")
    assert str(refused.value).startswith(who)
    assert "--allow-untrained" in str(refused.value)
    assert not (zoo / "run").exists()
    assert marked(component, kind="classifier") == f" ({words})"


def test_the_marks_of_a_classifier_are_in_everything_that_is_written(zoo):
    result = hsizoo.bench(
        ["ask+even", "even"], TINY, shots=2, seeds=1, out=zoo / "run", device="cpu",
        allow_untrained=True,
    )  # fmt: skip
    assert not result.failures
    assert [row.component for row in result.table] == ["ask+even (untrained)", "even"]
    for name in ("table.csv", "runs.csv", "results.json"):
        assert "ask+even (untrained)" in (zoo / "run" / name).read_text()


@pytest.mark.parametrize("component", ["tiny", "ask+even", "ask:segmenter=tiny+even"])
def test_trained_weights_are_marked_wherever_they_are(put_weights, component):
    kind = "classifier" if "+" in component else "segmenter"
    put_weights(1.0, subjects=["s01"])
    assert marked(component, kind=kind, subjects=["s03"]) == ""
    assert marked(component, kind=kind, subjects=["s01", "s03"]) == " (seen)"
    put_weights(2.0, dataset="hsizoo/indian-pines", folder="1")  # in place of the others
    assert marked(component, kind=kind) == " (trained on indian-pines)"


def test_a_trained_part_on_a_random_encoder_says_so(zoo):
    source = resolve(TINY, "dataset")
    component = resolve(f"samsa2-nano:{RANDOM}", "segmenter")
    card = {"dataset": {"component": "hsizoo/phantom"}}
    trained = replace(component, weights=TrainedWeights(Path(), "", card))
    assert mark(trained, source, set()) == " (random encoder)"


def test_rows_built_from_an_abstract_are_marked_and_the_mark_explained(tmp_path):
    assert marked("smr-eg", kind="classifier") == " (abstract only)"
    assert marked("lp+sln-sni", kind="classifier") == " (abstract only)"
    assert marked("ssrn", kind="classifier") == ""
    result = hsizoo.bench(
        ["dca:components=3", "svm"], TINY, shots=2, seeds=1, out=tmp_path, device="cpu"
    )
    assert [row.component for row in result.table] == ["dca:components=3 (abstract only)", "svm"]
    (note,) = [note for note in result.notes if note.startswith("abstract only: ")]
    assert note in (tmp_path / "results.json").read_text()
    plain = hsizoo.bench("svm", TINY, shots=2, seeds=1, out=tmp_path / "svm", device="cpu")
    assert not any("abstract" in note for note in plain.notes)
