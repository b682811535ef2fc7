"""What segmenters are advised about negative clicks, which is no failure."""

import pytest

import hsizoo
import hsizoo.testing
from hsizoo.testing import plain
from hsizoo.testing.broken.trainables import Net
from hsizoo.testing.contract import CheckFailed
from hsizoo.testing.segmenters import check_click_place, check_negative_lowers
from hsizoo.testing.subject import Subject


class TakesAllForPositive(plain.Segmenter):
    """Signs are ignored."""

    def one(self, state, clicks):
        return self.near(state, clicks.points)


class NeverSawNegatives(Net):
    """A network that takes all clicks for positive."""

    open = TakesAllForPositive.open
    predict = TakesAllForPositive.predict
    one = TakesAllForPositive.one
    near = TakesAllForPositive.near

    @staticmethod
    def needs_training(**options):
        return False


class HardlyLearnt(NeverSawNegatives):
    """A network whose maps are low where it is clicked."""

    def one(self, state, clicks):
        return 1 - super().one(state, clicks)


@pytest.fixture
def told():
    """``told(check, NAME)``: what the check of a segmenter of this module says."""

    def told(check, name):
        spec = hsizoo.ComponentSpec(
            name="mine", kind="segmenter", target=f"{__name__}:{name}", summary="a test"
        )
        with hsizoo.testing.plugin(spec), pytest.raises(CheckFailed) as error:
            check(Subject("testing/mine", "segmenter"))
        return error.value

    return told


@pytest.mark.parametrize("name", ["TakesAllForPositive", "NeverSawNegatives"])
def test_a_negative_click_that_raises_its_place_is_advice(told, name):
    advice = told(check_negative_lowers, name)
    assert advice.is_advice
    assert "raises its place by" in advice.what
    assert "whether signs are exchanged" in advice.mend
    assert ("hsizoo train --set robot=ritm" in advice.mend) == (name == "NeverSawNegatives")


def test_weights_that_have_hardly_learnt_are_thought_of(told):
    failure = told(check_click_place, "HardlyLearnt")
    assert not failure.is_advice
    assert "they are higher " in failure.what
    assert "Weights that have hardly learnt fail, too" in failure.mend
