"""The graph of label propagation, against one that is made pixel by pixel."""

import numpy as np
import pytest
from hsizoo_classifiers.graph import Graph
from hsizoo_classifiers.options.propagation import GraphOptions
from hsizoo_classifiers.pixels import Seeds

import hsizoo


@pytest.fixture
def cube():
    rng = np.random.default_rng(0)
    data = rng.random((5, 7, 4))
    data[2, 3] = data[4, 0] = np.nan
    return hsizoo.HyperCube(data)


def test_weights_are_those_of_a_loop_over_pixels(cube):
    graph = Graph(GraphOptions(neighbours=3, width=0.7))
    features = graph._features(cube)
    count = len(features)
    apart = np.linalg.norm(features[:, None] - features[None], axis=2)
    nearest = [[j for j in np.argsort(apart[i]) if j != i][:3] for i in range(count)]
    width = 0.7 * np.median([apart[i, each[-1]] for i, each in enumerate(nearest)])
    weights = np.zeros((count, count))
    for i, each in enumerate(nearest):
        for j in each:  # whoever of the two has the other among its nearest
            weights[i, j] = weights[j, i] = np.exp(-((apart[i, j] / width) ** 2)) + 1e-12
    expected = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(graph._steps(cube).toarray(), expected, rtol=1e-9)


def test_the_longer_side_is_so_many_standard_deviations(cube):
    features = Graph(GraphOptions(components=2, position=3.5))._features(cube)
    assert features.shape == (33, 4)
    np.testing.assert_allclose(features[:, 2:], np.argwhere(cube.valid) * 3.5 / 7)


def test_pixels_without_a_spectrum_do_not_bleed_into_others(cube, monkeypatch):
    class Ones:
        def __init__(self, cube, number, **how):
            pass

        def of(self, cube):
            return cube.valid[:, :, None].astype(np.float32)

    monkeypatch.setattr("hsizoo_classifiers.graph.Components", Ones)
    features = Graph(GraphOptions(smoothing=1.3))._features(cube)
    np.testing.assert_allclose(features[:, 0], 1)


def test_all_labels_of_a_class_have_one_vote_together_and_stay_where_they_are(cube):
    rows, cols = np.array([0, 1, 4, 3]), np.array([6, 2, 5, 0])
    seeds = Seeds(rows, cols, np.array([0, 1, 1, 1]), 2)
    arrived = Graph(GraphOptions(alpha=1e-6)).arrived(cube, seeds)
    assert arrived.shape == (33, 2)
    maps = np.zeros((2, 5, 7))
    maps[:, cube.valid] = arrived.T
    np.testing.assert_allclose(maps[seeds.classes, rows, cols], [1, 1 / 3, 1 / 3, 1 / 3], rtol=1e-5)
    spread = Graph(GraphOptions(alpha=0.99)).arrived(cube, seeds)
    assert (spread > 0).all()  # that much goes on to the neighbours, and theirs
