"""The division of subjects."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsizoo import SceneInfo
from hsizoo.errors import DataError, ProtocolError
from hsizoo.training import (
    TrainingSettings,
    divide,
)


def split(**counts):
    return [
        SceneInfo(f"{which}{i}-{view}", f"{which}{i}", which if which != "none" else "")
        for which, count in counts.items()
        for i in range(count)
        for view in range(2)
    ]


def subjects(infos, indices):
    return {infos[index].subject for index in indices}


@given(st.integers(1, 8), st.integers(0, 4), st.integers(0, 4), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_fewer_subjects_are_among_more_and_never_among_val_and_test(train, val, test, seed):
    infos = split(train=train, val=val, test=test)
    before = set()
    for n in range(1, train + 1):
        division = divide(infos, TrainingSettings(limit_subjects=n, split_seed=seed))
        now = subjects(infos, division.train)
        assert len(now) == n
        assert before < now
        assert {infos[i].split for i in division.train} == {"train"}
        assert {infos[i].split for i in division.val} == ({"val"} if val else set())
        assert len(division.train) == 2 * n  # all scenes of a subject
        before = now
    with pytest.raises(ProtocolError, match=f"only {train} training subject"):
        divide(infos, TrainingSettings(limit_subjects=train + 1))


@given(
    st.fixed_dictionaries({name: st.integers(0, 4) for name in ("train", "val", "test", "none")}),
    st.integers(0, 3),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_fewer_subjects_change_neither_validation_nor_test(counts, folds, seed):
    infos = split(**counts)
    chosen = TrainingSettings(folds=0 if folds == 1 else folds, split_seed=seed)
    try:
        whole = divide(infos, chosen)
    except ProtocolError:
        return
    assert whole.unused == ()
    for n in range(1, len(subjects(infos, whole.train)) + 1):
        limited = divide(infos, replace(chosen, limit_subjects=n))
        assert (limited.val, limited.held_out) == (whole.val, whole.held_out)
        assert sorted(limited.train + limited.unused) == list(whole.train)
        assert subjects(infos, limited.train).isdisjoint(subjects(infos, limited.unused))


@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 99), st.booleans(), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_folds_never_divide_a_subject(count, folds, seed, has_split, test):
    infos = split(train=count, val=1, test=test) if has_split else split(none=count)
    pool = {info.subject for info in infos if info.split != "test"}
    if len(pool) < folds:
        with pytest.raises(ProtocolError, match="folds need at least"):
            divide(infos, TrainingSettings(folds=folds))
        return
    chosen = []
    for fold in range(folds):
        d = divide(infos, TrainingSettings(folds=folds, fold=fold, split_seed=seed))
        parts = [subjects(infos, part) for part in (d.train, d.val, d.held_out)]
        assert all(a.isdisjoint(b) for n, a in enumerate(parts) for b in parts[:n])
        assert sorted(d.train + d.val + d.held_out) == list(range(len(infos)))
        assert "test" not in {infos[i].split for i in d.train + d.val}
        chosen.append(parts[1] if has_split else parts[2])
    # Each subject is evaluated in exactly one fold.
    assert sum(map(len, chosen)) == len(pool)
    assert set.union(*chosen) == pool


def test_the_fold_after_the_one_that_is_held_out_validates():
    infos = split(none=9)
    folds = [divide(infos, TrainingSettings(folds=3, fold=fold)) for fold in range(3)]
    assert [each.val for each in folds] == [folds[number].held_out for number in (1, 2, 0)]


def test_a_split_seed_divides_the_same_as_ever_and_another_one_anew():
    infos = split(none=6)
    found = [
        sorted(subjects(infos, divide(infos, TrainingSettings(folds=3, split_seed=seed)).held_out))
        for seed in range(3)
    ]
    assert found == [["none1", "none5"], ["none0", "none2"], ["none1", "none5"]]


def test_a_subject_in_two_splits_is_an_error():
    infos = [SceneInfo("a", "eve", "train"), SceneInfo("b", "eve", "test")]
    with pytest.raises(DataError, match="subject 'eve' is in the splits 'train' and 'test'"):
        divide(infos, TrainingSettings())
