"""The parts of IPG: groups, prompts, votes, similarities, the loss and the cache of groups."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hsizoo_ipg.consistency import Consistency
from hsizoo_ipg.dense import DenseEngine
from hsizoo_ipg.groups import band_groups
from hsizoo_ipg.prompts import Labelled, Points, class_prompts
from hsizoo_ipg.rounds import near, surest
from hsizoo_ipg.similarity import Certainty, unit_vectors
from hsizoo_ipg.spectra import smoothed
from hsizoo_ipg.voting import Ballot, Thresholds, Verdict
from hsizoo_medsam.sam import Vit
from hsizoo_medsam.sam_vit import SamVit
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

import hsizoo
from hsizoo.errors import DataError

pytestmark = pytest.mark.usefixtures("one_thread")


def cube_of(bands, seed=0, shape=(18, 22)):
    return hsizoo.HyperCube(np.random.default_rng(seed).random((*shape, bands)))


# Groups


def test_adjacent_groups_are_all_windows_of_three():
    cube = cube_of(6)
    groups = band_groups(cube)
    assert groups.bands == ((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5))
    third = groups.cube(2)
    assert np.array_equal(third.data, cube.data[:, :, 2:5])
    assert third.rgb_bands == (2, 1, 0)
    assert len(band_groups(cube_of(200, shape=(3, 4)))) == 198


def test_stride_and_number_of_groups():
    assert [each[0] for each in band_groups(cube_of(10), stride=3).bands] == [0, 3, 6]
    assert [each[0] for each in band_groups(cube_of(10), most=3).bands] == [0, 4, 7]
    assert len(band_groups(cube_of(3), most=9)) == 1


def test_uncorrelated_groups_take_what_is_correlated_least():
    rng = np.random.default_rng(1)
    a, b, c = rng.random((3, 18, 22))
    data = np.stack([a, a + 0.01 * b, b, b + 0.01 * c, c, np.ones_like(a)], axis=2)
    groups = band_groups(hsizoo.HyperCube(data), "uncorrelated").bands
    kind = [0, 0, 1, 1, 2, 3]
    assert len(groups) == 6
    for group in groups[:5]:
        assert sorted(kind[band] for band in group) == [0, 1, 2]
    assert all(len(set(group)) == 3 for group in groups)


def test_groups_of_principal_components():
    cube = cube_of(5)
    data = cube.data.copy()
    data[0, 0, 1] = np.nan
    groups = band_groups(hsizoo.HyperCube(data), "pca")
    assert len(groups) == 3
    image = groups.source
    assert np.isnan(image[0, 0]).all()
    seen = image[~np.isnan(image).any(axis=2)]
    assert np.allclose(seen.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(np.cov(seen.T) - np.diag(seen.var(axis=0, ddof=1)), 0, atol=1e-5)


def test_a_cube_without_a_usable_pixel():
    with pytest.raises(DataError, match="no pixel has finite values"):
        band_groups(hsizoo.HyperCube(np.full((2, 2, 4), np.nan)))


# Prompts


def known():
    """Class 0 at column 0, class 1 at column 5 and farther; rows are the order."""
    pixels = np.array([0, 5, 10, 15, 20, 29])
    return Labelled(pixels, np.array([0, 1, 0, 1, 0, 1]), 2)


def points_of(clicks):
    return [(row, col) for row, col, sign in clicks if sign], [
        (row, col) for row, col, sign in clicks if not sign
    ]


def prompts(points):
    return class_prompts(known(), (3, 10), 2, points, np.random.default_rng(0))


def test_own_points_are_positive_and_all_others_negative():
    zero, one = prompts(Points(0, 0))
    own, other = points_of(zero)
    assert own == [(0, 0), (1, 0), (2, 0)]
    assert other == [(0, 5), (1, 5), (2, 9)]
    assert points_of(one) == (other, own)


def test_seeds_come_first_then_the_last():
    zero, _ = prompts(Points(2, 0))
    assert points_of(zero)[0] == [(0, 0), (2, 0)]
    zero, _ = prompts(Points(1, 0))
    assert points_of(zero)[0] == [(0, 0)]


def test_which_negative_points_are_kept():
    assert points_of(prompts(Points(0, 2, "nearest"))[0])[1] == [(0, 5), (1, 5)]
    assert points_of(prompts(Points(0, 2, "recent"))[0])[1] == [(1, 5), (2, 9)]
    drawn = points_of(prompts(Points(0, 2, "random"))[0])[1]
    assert len(set(drawn)) == 2
    assert set(drawn) <= {(0, 5), (1, 5), (2, 9)}


# Votes


def naive(masks, high, low, support):
    """Votes by loops: masks (G, K, H, W)."""
    groups, classes, height, width = masks.shape
    winner = np.full((height, width), -1)
    share = np.zeros((classes, height, width))
    for row in range(height):
        for col in range(width):
            yes = [0] * classes
            no = [0] * classes
            for group in range(groups):
                for number in range(classes):
                    chance = masks[group, number, row, col]
                    if chance >= high:
                        yes[number] += 1
                    elif chance < low:
                        no[number] += 1
            counted = [
                n if n >= support * max(1, n + m) else 0 for n, m in zip(yes, no, strict=True)
            ]
            best = max(counted)
            if best > 0 and counted.count(best) == 1:
                winner[row, col] = counted.index(best)
            share[:, row, col] = np.array(yes) / max(1, sum(yes))
    return winner, share


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(1, 5),
    st.integers(2, 4),
    st.sampled_from([(0.8, 0.5), (0.5, 0.5), (0.6, 0.2)]),
    st.sampled_from([0.0, 0.5, 0.9]),
)
def test_voting_is_what_a_naive_loop_gives(seed, groups, classes, taus, support):
    rng = np.random.default_rng(seed)
    # In sixteenths, so that values fall on the thresholds and sums of float32 are exact.
    masks = (rng.integers(0, 17, (groups, classes, 4, 5)) / 16).astype(np.float32)
    high, low = (round(16 * tau) / 16 for tau in taus)
    ballot = Ballot(classes, 4, 5, Thresholds(high, low), support=support, spread=True)
    for number in range(classes):
        ballot.add(number, torch.from_numpy(masks[:, number]))
    found = ballot.close()
    winner, share = naive(masks, high, low, support)
    assert np.array_equal(found.winner, winner)
    assert np.allclose(found.share, share)
    assert np.allclose(found.spread, masks.std(axis=0), atol=1e-4)


def test_votes_may_come_in_parts_and_as_logits():
    masks = torch.rand((6, 3, 7, 8), generator=torch.Generator().manual_seed(3))
    one, two = (Ballot(3, 7, 8, Thresholds()) for _ in range(2))
    for number in range(3):
        one.add(number, masks[:, number])
        for part in masks[:, number].logit().split(4):
            two.add(number, part, logits=True)
    assert torch.equal(one.foreground, two.foreground)
    assert torch.equal(one.background, two.background)


def test_votes_of_earlier_rounds_count():
    masks = torch.rand((2, 4, 3, 6, 5), generator=torch.Generator().manual_seed(5))
    once = Ballot(3, 6, 5, Thresholds(), support=0.3)
    tally = {}
    for part in masks:
        ballot = Ballot(3, 6, 5, Thresholds(), support=0.3, tally=tally)
        for number in range(3):
            ballot.add(number, part[:, number])
            once.add(number, part[:, number])
        before, tally = tally, ballot.tally
    found, expected = ballot.close(), once.close()
    assert torch.equal(found.winner, expected.winner)
    assert torch.equal(found.share, expected.share)
    assert (before["foreground"] != tally["foreground"]).any()  # the old tally was left alone


def test_the_thresholds_themselves():
    masks = torch.tensor([0.49, 0.5, 0.79, 0.8, 0.81])
    yes, no = Thresholds(0.8, 0.5).votes(masks)
    assert yes.tolist() == [False, False, False, True, True]
    assert no.tolist() == [True, False, False, False, False]
    yes, no = Thresholds(0.8, 0.5, strict=True).votes(masks)
    assert yes.tolist() == [False, False, False, False, True]
    assert no.tolist() == [True, True, True, True, False]
    ends = torch.tensor([-1e9, 1e9])
    assert Thresholds(1.0, 0.0).votes(ends, logits=True)[0].tolist() == [False, False]


# Similarity and gate


def test_confidence_is_the_mean_cosine():
    rng = np.random.default_rng(0)
    features = unit_vectors(torch.from_numpy(rng.normal(size=(6, 4, 5))), np.ones((4, 5), bool))
    labelled = Labelled(np.array([0, 7, 3, 11]), np.array([0, 1, 0, 1]), 2)
    for references, used in (("all", 4), ("seeds", 2)):
        for pool, reduce in (("mean", np.mean), ("max", np.max)):
            certainty = Certainty(pool, references, "half", "similarity-spread")
            found, spread = certainty.similarities(features, labelled, 2)
            plain, _ = Certainty(pool, references, "half").similarities(features, labelled, 2)
            assert torch.allclose(found, plain, atol=1e-6)
            for number in range(2):
                own = [p for p, c in zip([0, 7, 3, 11][:used], [0, 1, 0, 1], strict=False)
                       if c == number]  # fmt: skip
                cosine = (features[own] @ features.T).numpy()
                assert np.allclose(found[number], (1 + reduce(cosine, axis=0)) / 2, atol=1e-6)
                assert np.allclose(spread[number], cosine.std(axis=0), atol=1e-6)
    mean, most, both = (
        Certainty(pool, "all", "rival").similarities(features, labelled, 2)[0]
        for pool in ("mean", "max", "both")
    )
    assert torch.equal(both, torch.minimum(mean, most))
    assert (mean < most).any()
    assert (most < mean).any()
    clipped, _ = Certainty("mean", "all", "clip").similarities(features, labelled, 2)
    assert clipped.min() == 0
    own, _ = Certainty("mean", "all", "own").similarities(features, labelled, 2)
    assert torch.allclose(own, clipped / clipped.amax(dim=1, keepdim=True), atol=1e-6)
    rival, _ = Certainty("mean", "all", "rival").similarities(features, labelled, 2)
    best = clipped.amax(dim=0)
    assert torch.allclose(rival, clipped / best.clamp(min=1e-3), atol=1e-6)
    assert torch.allclose(rival.amax(dim=0)[best > 1e-3], torch.ones(()))


def test_features_without_variance_and_without_spectrum():
    image = torch.ones((3, 2, 2))
    image[0] = torch.tensor([[1.0, 2.0], [3.0, 100.0]])
    valid = np.array([[True, True], [True, False]])
    found = unit_vectors(image, valid)
    assert torch.equal(found[3], torch.zeros(3))
    assert found[:3, 0].tolist() == [-1, 0, 1]
    assert (found[:, 1:] == 0).all()


def test_smoothing_keeps_to_valid_pixels():
    image = np.random.default_rng(0).normal(size=(9, 8, 2)).astype(np.float32)
    valid = np.ones((9, 8), dtype=bool)
    plain = smoothed(image, valid, 1.5)
    expected = gaussian_filter(image[:, :, 0], 1.5, mode="nearest")
    assert np.allclose(plain[:, :, 0], expected, atol=1e-6)
    assert np.array_equal(smoothed(image, valid, 0), image)
    flat = np.full((9, 8, 1), 3, dtype=np.float32)
    flat[4, 4] = np.nan
    valid[4, 4] = False
    found = smoothed(flat, valid, 1.5)
    assert np.allclose(found[valid], 3)
    assert found[4, 4] == 0


def test_chance_prefers_no_pixel():
    confidence = torch.tensor([[0.9, 0.1, 0.5, 0.7]]).repeat(2, 1)
    certainty, rng = Certainty(ranking="chance"), np.random.default_rng(0)
    first = [certainty.ranks(confidence, rng).argmax(dim=1) for _ in range(2000)]
    counts = torch.stack([torch.bincount(row, minlength=4) for row in torch.stack(first).T])
    assert ((counts - 500).abs() < 100).all()
    again = certainty.ranks(confidence, np.random.default_rng(1))
    assert torch.equal(again, certainty.ranks(confidence, np.random.default_rng(1)))
    assert again.dtype == confidence.dtype


def test_a_margin_is_the_lead_over_every_other_class():
    confidence = torch.tensor([[0.9, 0.2], [0.7, 0.5], [0.1, 0.4]])
    found = Certainty(ranking="margin").ranks(confidence, np.random.default_rng(0))
    assert torch.allclose(found, torch.tensor([[0.2, -0.3], [-0.2, 0.1], [-0.8, -0.1]]))
    plain = Certainty(ranking="confidence").ranks(confidence, np.random.default_rng(0))
    assert torch.equal(plain, confidence)


def verdict(winner, share=(1.0, 0.0), spread=(0.0, 0.0)):
    winner = torch.tensor([winner])
    share, spread = (
        torch.tensor(each)[:, None, None].expand(-1, *winner.shape) for each in (share, spread)
    )
    return Verdict(winner, share, spread)


def test_the_gate_at_kappa():
    certainty = Certainty(kappa=0.25)
    confidence = torch.tensor([[0.75, 0.74, 1.0, 0.0], [0.0, 0.0, 0.0, 0.75]])
    votes = verdict([0, 0, -1, 1])
    doubt = certainty.doubt(confidence, torch.zeros_like(confidence), votes, votes.winner[0])
    assert certainty.reliable(doubt, votes).tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("confidence", 0.1),
        ("similarity-spread", 0.3),
        ("vote", (0.8 * 0.2) ** 0.5),
        ("entropy", -(0.9 * np.log2(0.9) + 0.1 * np.log2(0.1))),
        ("group-spread", 0.05),
    ],
)
def test_kinds_of_doubt(kind, expected):
    certainty = Certainty(uncertainty=kind)
    votes = verdict([1], share=(0.2, 0.8), spread=(0.4, 0.05))
    similar = torch.tensor([[0.2], [0.9]]), torch.tensor([[0.7], [0.3]])
    found = certainty.doubt(*similar, votes, votes.winner[0])
    assert found.tolist() == pytest.approx([expected], abs=1e-6)
    other = {"confidence": 0.8, "similarity-spread": 0.7, "vote": 0.5, "entropy": 1}
    found = certainty.doubt(*similar, votes, torch.tensor([0]))
    assert found.tolist() == pytest.approx([other.get(kind, 0.4)])


def test_the_surest_free_reliable_pixel_of_each_class():
    confidence = torch.tensor([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.9, 0.95], [1.0, 1.0, 1.0, 1.0]])
    won = torch.tensor([0, 0, 1, 1])
    reliable = torch.tensor([True, True, True, False])
    labelled = Labelled(np.array([0]), np.array([0]), 1)
    free = reliable & ~near(labelled, 3, (1, 4), 1, torch.device("cpu"))
    pixels, classes, sure = surest(confidence, confidence, won, free)
    assert (pixels, classes) == ([1, 2], [0, 1])
    assert sure == pytest.approx([0.8, 0.9])


def test_labels_of_a_class_keep_apart():
    labelled = Labelled(np.array([7, 24]), np.array([0, 1]), 2)  # (1, 2) and (4, 4) of 5 × 5
    blocked = near(labelled, 2, (5, 5), 2, torch.device("cpu")).view(2, 5, 5)
    rows, cols = np.indices((5, 5))
    first = np.maximum(abs(rows - 1), abs(cols - 2)) < 2
    second = np.maximum(abs(rows - 4), abs(cols - 4)) < 2
    first[4, 4] = second[1, 2] = True
    assert np.array_equal(blocked, [first, second])


# The engine of SAM 2.1, and the loss


@pytest.fixture(scope="module", params=["sam2.1-nano", "samsa2-nano", "sam-vit-b"])
def engine(request):
    if request.param == "sam-vit-b":  # a small one with random weights
        with pytest.MonkeyPatch.context() as patch:
            vit = Vit(width=48, depth=2, heads=2, global_blocks=(1,))
            patch.setattr("hsizoo_medsam.sam_vit.SIZES", {"vit-b": vit})
            patch.setattr("hsizoo_medsam.sam_vit._IMAGE_SIZE", 256)
            segmenter = SamVit(checkpoint="random", multimask="single")
        for name, each in segmenter.network.named_parameters():
            if name.startswith("sam_"):  # nothing is 0 or 1 as before training
                each += 0.1 * torch.randn(each.shape, generator=torch.Generator().manual_seed(1))
    else:
        segmenter = hsizoo.create(request.param, kind="segmenter", device="cpu")
    cube = cube_of(5, shape=(30, 44))
    return DenseEngine(segmenter, cube, band_groups(cube), 1.0)


CLICKS = [
    hsizoo.Clicks([(3, 4), (20, 30)], [True, False]),
    hsizoo.Clicks([(20, 30), (3, 4)], [True, False]),
    hsizoo.Clicks([(9, 9), (20, 30), (3, 4)], [True, False, False]),
]


def test_masks_are_those_of_the_segmenter(engine):
    """Group by group against the component's own prediction (half precision apart)."""
    bundles = list(engine.bundles(CLICKS))
    assert [each.classes for each in bundles] == [[0, 1], [2]]
    with torch.no_grad():
        alone = [list(engine.decode(bundles, [group])) for group in range(3)]
        together = list(engine.decode(bundles, [0, 1, 2]))
    for place, found in enumerate(together):
        for group in range(3):
            assert torch.allclose(found.logits[group], alone[group][place].logits[0], atol=1e-3)
            same = torch.allclose(found.features[group], alone[group][place].features[0], atol=1e-3)
            assert same
    if type(engine.segmenter).__name__ != "Samsa2":
        group = engine.groups.cube(1)
        state = engine.segmenter.open(group)
        expected = engine.segmenter.predict(state, CLICKS)
        found = torch.cat([engine._enlarge(each.logits[1][None])[0] for each in together])
        assert (found.sigmoid() - expected).abs().max() < 0.02


def test_where_a_pixel_is_in_the_decoders_features(engine):
    """A mask is the product of the features and a vector: both orders must tell the same pixel."""
    height, width = engine.cube.shape[:2]
    pixels = torch.arange(height * width)
    with torch.no_grad():
        (found, _) = engine.decode(list(engine.bundles(CLICKS)), [0])
    in_mask, in_features = engine.pixel_order(pixels)
    mask = found.logits[0, 0].flatten()[in_mask].double()
    features = found.features[0, 0][in_features].double()
    weights = torch.linalg.lstsq(features, mask[:, None]).solution
    assert torch.allclose((features @ weights)[:, 0], mask, atol=1e-2)
    wrong = features.roll(1, 0)
    assert (wrong @ torch.linalg.lstsq(wrong, mask[:, None]).solution)[:, 0].sub(
        mask
    ).abs().max() > 1


@pytest.mark.parametrize("form", ["features", "mask"])
@pytest.mark.parametrize("trained", ["prompt-encoder", "layer", "prompt-encoder+layer"])
def test_the_loss_reaches_what_is_trained_and_nothing_else(engine, form, trained):
    labelled = Labelled(np.array([136, 910, 405]), np.array([0, 1, 2]), 3)
    training = Consistency(
        engine, form=form, trained=trained, rate=1e-3, thresholds=Thresholds(0.5, 0.5)
    )
    with training.borrowed():
        loss = training.loss(CLICKS, labelled, torch.ones(3, dtype=torch.bool), [0, 1])
        loss.backward()
        grads = {name: each.grad for name, each in engine.network.named_parameters()}
        signs = [f"sam_prompt_encoder.point_embeddings.{sign}.weight" for sign in (0, 1)]
        layer = "sam_mask_decoder.transformer.layers.0."
        if trained != "layer":
            assert all(float(grads[name].abs().max()) > 0 for name in signs)
        if trained != "prompt-encoder":
            assert any(
                name.startswith(layer) and each is not None and float(each.abs().max()) > 0
                for name, each in grads.items()
            )
        for name, each in grads.items():
            if name not in training.parameters:
                assert each is None
    assert all(each.grad is None for each in engine.network.parameters())


def test_training_lowers_the_loss_and_is_undone(engine):
    labelled = Labelled(np.array([136, 910, 405]), np.array([0, 1, 2]), 3)
    sure = torch.ones(3, dtype=torch.bool)
    training = Consistency(
        engine, form="mask", trained="prompt-encoder", rate=1e-2, thresholds=Thresholds(0.5, 0.5)
    )
    before = hsizoo.state_digest(engine.network.state_dict())
    with training.borrowed():
        losses = [training.step(CLICKS, labelled, sure, [0]) for _ in range(8)]
        assert hsizoo.state_digest(engine.network.state_dict()) != before
    assert losses[-1] < losses[0]
    assert hsizoo.state_digest(engine.network.state_dict()) == before


def test_no_loss_where_no_pixel_is_reliable(engine):
    labelled = Labelled(np.array([136, 910, 405]), np.array([0, 1, 2]), 3)
    training = Consistency(
        engine, form="mask", trained="prompt-encoder", rate=1e-2, thresholds=Thresholds()
    )
    with training.borrowed():
        assert training.step(CLICKS, labelled, torch.zeros(3, dtype=torch.bool), [0]) is None
