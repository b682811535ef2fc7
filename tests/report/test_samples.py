"""Samples of a row, from the best to the worst; and the picture of three of them."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.report import examples
from hsizoo.report.comparison import compare
from hsizoo.report.examples import examples_png
from hsizoo.report.overlays import FOUND, MISSED, WRONG, KeptScene, coloured, png
from hsizoo.report.rows import observe_rows
from hsizoo.report.samples import RankedSamples, spread_out


@given(st.integers(0, 300), st.integers(0, 60))
def test_ranks_are_spread_from_first_to_last(count, most):
    ranks = list(spread_out(count, most))
    assert len(ranks) == len(set(ranks)) == min(count, most)
    assert set(ranks) <= set(range(count))
    if count > 1 and most > 1:
        assert ranks[:2] == [0, count - 1]
    if count > 2 and most > 2:
        assert ranks[2] == (count - 1) // 2


def test_samples_come_in_order_with_their_records(classified):
    records = [classified("svm", seed=seed, oa=oa) for seed, oa in enumerate([0.5, 0.9, 0.7])]
    records.append(classified("svm", seed=3, oa=float("nan")))
    ((_, mine),) = observe_rows(FewLabelProtocol, records).items()
    columns = {column.name: column for column in FewLabelProtocol.columns}
    ranked = RankedSamples(mine, columns["oa"], [columns["oa"], columns["kappa"]])
    found = [ranked[rank] for rank in range(len(ranked))]
    assert [sample.seed for sample in found] == [1, 2, 0, 3]
    assert ranked.known == 3
    assert [sample.values.get("oa") for sample in found] == [0.9, 0.7, 0.5, None]
    assert [ranked.record_of(sample)["identity"]["seed"] for sample in found] == [1, 2, 0, 3]
    assert (found[0].scene, found[0].category, found[0].label) == ("field", "", "")


def test_without_images_there_is_no_picture(classified):
    records = [classified("svm", seed=0, oa=0.5)]
    for record in records:
        record["result"] |= {"labels": [1], "classes": ["a"], "map": ""}
        record["result"]["split"]["shape"] = [1, 1]
    observed = observe_rows(FewLabelProtocol, records)
    comparison = compare(FewLabelProtocol, records, observed)

    class Protocol(FewLabelProtocol):
        @classmethod
        def overlays(cls, record):
            return {}

    assert examples_png(Protocol, comparison, observed, lambda key: None) is None


@pytest.mark.parametrize(
    ("count", "names"),
    [(1, ["best"]), (2, ["best", "worst"]), (3, ["best", "median", "worst"]),
     (6, ["best", "median", "worst"])],
)  # fmt: skip
def test_of_two_samples_none_is_the_median(count, names, classified, monkeypatch):
    records = [classified("svm", seed=seed, oa=0.5 + seed / 20) for seed in range(count)]
    ((_, mine),) = observe_rows(FewLabelProtocol, records).items()
    headline = next(column for column in FewLabelProtocol.columns if column.name == "oa")
    kept = SimpleNamespace(has_answer=True)
    monkeypatch.setattr(examples, "shown_of", lambda *about: kept)
    ranked = RankedSamples(mine, headline, [headline])
    chosen = examples._chosen(FewLabelProtocol, ranked, lambda key: None)
    assert [words for words, _, _ in chosen] == names
    ranks = [sample.rank for _, sample, _ in chosen]
    assert (ranks[0], ranks[-1]) == (0, count - 1)
    assert ranks == sorted(set(ranks))


def test_colours_tell_found_wrong_and_missed_pixels():
    mask, target = np.array([[1, 1, 0, 0]], dtype=bool), np.array([[1, 0, 1, 0]], dtype=bool)
    layer = coloured(mask, target)
    assert [tuple(each[:3]) for each in layer[0].tolist()] == [FOUND, WRONG, MISSED, (0, 0, 0)]
    assert [each[3] > 0 for each in layer[0].tolist()] == [True, True, True, False]
    back = np.asarray(Image.open(io.BytesIO(png(layer))).convert("RGBA"))
    assert (back[..., 3] == layer[..., 3]).all()
    assert np.abs(back[0, :3].astype(int) - layer[0, :3]).max() < 8
    assert (coloured(mask, None)[0, :2, :3] == FOUND).all()


@pytest.mark.parametrize(
    "content",
    [None, {}, {"shape": [2]}, {"shape": [0, 2]}, {"shape": [10**6, 10**6]}, {"shape": "ab"},
     {"shape": [2, 2], "picture": "!", "truth": "", "classes": {}},
     {"shape": [2, 2], "picture": "", "truth": "AAAA", "classes": []}],
)  # fmt: skip
def test_a_damaged_scene_is_none(content):
    assert KeptScene.of(content) is None


@given(st.integers(1, 900), st.data())
def test_the_nearest_ranks_come_first(count, data):
    rank = data.draw(st.integers(0, count - 1))
    found = list(examples._outwards(rank, count))
    apart = [abs(near - rank) for near in found]
    assert apart == sorted(apart)
    assert len({*found}) == len(found)
    assert {*found} == {each for each in range(count) if abs(each - rank) < examples._MOST_TRIED}
