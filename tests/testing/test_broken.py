"""The kit against its zoo: each broken component fails the check that it names, and no other."""

import numpy as np
import pytest

import hsizoo.testing
from hsizoo.testing.broken import BREAKS, DIST, zoo
from hsizoo.testing.process import Fresh

ALL = {spec.name: spec for spec in zoo()}
PATIENT = [name for name in ALL if BREAKS[name] in ("fresh-process", "")]


def failures(name):
    return [each for each in outcomes(name) if each.status == "failed"]


def outcomes(name):
    spec = ALL[name]
    with hsizoo.testing.plugin(ALL.values(), dist=DIST):
        return list(hsizoo.testing.run_checks(f"{DIST}/{name}", spec.kind))


def in_this_process(name, kind, device, seed, example):
    """As good as a fresh process where nothing is kept between instances."""
    from hsizoo.testing.subject import Subject

    subject = Subject(name, kind)
    return Fresh(subject.use(subject.make(), subject.example(**example), seed))


@pytest.fixture
def impatient(request, monkeypatch):
    """Processes take seconds each: only those start them whose check needs them."""
    name = request.getfixturevalue("name")
    if BREAKS[name] != "fresh-process" and name not in ("cosine", "nearest-mean"):
        monkeypatch.setattr("hsizoo.testing.common.answer_freshly", in_this_process)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.usefixtures("impatient")
def test_a_component_fails_the_check_that_it_breaks_and_no_other(name):
    found = failures(name)
    assert [each.check for each in found] == [BREAKS[name]] * bool(BREAKS[name]), found
    for each in found:
        assert each.what
        assert each.sentence.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_so_it_does_with_processes_of_their_own(name):
    found = failures(name)
    assert [each.check for each in found] == [BREAKS[name]] * bool(BREAKS[name]), found


def test_the_zoo_has_a_component_for_nearly_every_check():
    known = {
        each.name
        for kind in ("scorer", "trainable segmenter", "classifier", "pseudo-labeler", "dataset",
                     "protocol")
        for each in hsizoo.testing.checks(kind)
    }  # fmt: skip
    # `plugin` needs a module of its own (test_command.py); `negative-lowers` only gives advice.
    assert known - set(BREAKS.values()) == {"plugin", "negative-lowers"}
    assert set(BREAKS.values()) - {""} <= known
    assert len(ALL) > 100


@pytest.mark.parametrize("kind", ["scorer", "segmenter", "classifier", "dataset"])
def test_every_check_is_told_in_a_sentence_and_comes_after_what_it_needs(kind):
    made = set()
    for each in hsizoo.testing.checks(kind):
        assert each.sentence.endswith((".", ")."))
        known = {other.name for other in hsizoo.testing.checks(kind)}
        assert set(each.after) & known <= made
        made.add(each.name)


def test_examples_are_what_the_checks_say():
    from hsizoo.testing.examples import example

    given = example()
    height, width, _ = given.cube.shape
    assert height != width
    assert sorted(given.scene.label_map.targets) == [3, 7, 12]
    labels = given.seeds.labels[given.seeds.evaluated]
    assert list(dict.fromkeys(labels.tolist())) == [7, 12, 3]  # in the order of reading
    assert {int((labels == each).sum()) for each in (3, 7, 12)} == {5}
    assert np.isnan(given.cube.data).any()
    assert np.isinf(given.cube.data).any()
    for clicks in given.prompts:
        rows, cols = clicks.points.T
        assert given.cube.valid[rows, cols].all()
    assert max(clicks.points[:, 1].max() for clicks in given.prompts) >= height
    assert example().digests() == given.digests()
    assert example(1).digests() != given.digests()
