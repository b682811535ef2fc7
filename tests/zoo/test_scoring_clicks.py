"""`ScorerSegmenter` with a scorer that sees all clicks of an object at once."""

import numpy as np
import pytest
import torch

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube
from hsizoo.errors import ContractError, OptionError
from hsizoo.interfaces import SpectralScorer
from hsizoo.zoo.scoring import ScorerSegmenter

POINTS = [(0, 0), (4, 5), (2, 3)]


@pytest.fixture
def cube():
    return HyperCube(np.random.default_rng(0).normal(size=(5, 6, 3)), name="field")


def run(segmenter, cube, *prompts):
    probability = segmenter.predict(segmenter.open(cube), prompts)
    assert probability.shape == (len(prompts), *cube.shape[:2])
    return probability.numpy()


class CountsClicks(SpectralScorer):
    """Combines clicks itself: the number of positive clicks in every pixel, over ten."""

    def __init__(self, returned=None):
        self.prompts = []
        self.returned = returned

    def prepare(self, cube):
        return cube.data

    def score(self, prepared, references):
        raise AssertionError("it combines clicks itself")

    def score_clicks(self, prepared, prompts):
        self.prompts.append(list(prompts))
        if self.returned is not None:
            return self.returned
        counts = np.array([clicks.positive.sum() for clicks in prompts], dtype=np.float32)
        return np.broadcast_to(counts[:, None, None] / 10, (len(prompts), *prepared.shape[:2]))


class TestScorerThatSeesClicks:
    def test_it_is_given_whole_objects_and_no_reference(self, cube):
        scorer = CountsClicks()
        segmenter = ScorerSegmenter(scorer)
        prompts = [Clicks(POINTS[:3], [True, False, True]), Clicks(POINTS[:1])]
        probability = run(segmenter, cube, *prompts)
        assert [list(clicks) for clicks in scorer.prompts[0]] == [list(c) for c in prompts]
        np.testing.assert_allclose(probability[:, 0, 0], [0.2, 0.1])

    def test_an_object_without_a_positive_click_is_nowhere(self, cube):
        scorer = CountsClicks()
        segmenter = ScorerSegmenter(scorer)
        nothing = Clicks(POINTS[:2], [False, False])
        probability = run(segmenter, cube, nothing, Clicks(POINTS[:1]))
        np.testing.assert_allclose(probability[:, 0, 0], [0, 0.1])
        assert len(scorer.prompts[0]) == 1
        assert not run(segmenter, cube, nothing).any()
        assert len(scorer.prompts) == 1  # it was not asked

    def test_negative_clicks_can_be_kept_from_it(self, cube):
        scorer = CountsClicks()
        run(ScorerSegmenter(scorer, negatives="ignore"), cube, Clicks(POINTS[:2], [True, False]))
        assert list(scorer.prompts[0][0]) == [(*POINTS[0], True)]

    def test_it_alone_aggregates(self):
        with pytest.raises(OptionError, match=r"aggregate='mean': CountsClicks combines clicks"):
            ScorerSegmenter(CountsClicks(), aggregate="mean")

    def test_pixels_without_a_spectrum_are_background(self):
        data = np.random.default_rng(0).normal(size=(5, 6, 3))
        data[2, 2] = np.nan
        returned = torch.full((1, 5, 6), 0.7)
        returned[0, 2, 2] = torch.nan
        probability = run(
            ScorerSegmenter(CountsClicks(returned)), HyperCube(data), Clicks([(0, 0)])
        )
        assert probability[0, 2, 2] == 0
        assert np.count_nonzero(probability) == 29

    @pytest.mark.parametrize(
        ("returned", "message"),
        [
            (torch.zeros(1, 6, 5), r"score_clicks returned shape \(1, 6, 5\).*one map per object"),
            (torch.full((1, 5, 6), 1.5), r"score_clicks returned values from 1\.5"),
            (torch.full((1, 5, 6), torch.nan), r"score_clicks returned values from nan"),
        ],
    )
    def test_its_contract_is_checked(self, cube, returned, message):
        segmenter = ScorerSegmenter(CountsClicks(returned))
        with pytest.raises(ContractError, match=message):
            run(segmenter, cube, Clicks([(0, 0)]))

    def test_others_say_that_they_do_not(self):
        class Plain(SpectralScorer):
            def prepare(self, cube): ...

            def score(self, prepared, references): ...

        with pytest.raises(NotImplementedError, match="Plain leaves combining clicks to hsizoo"):
            Plain().score_clicks(None, [])
