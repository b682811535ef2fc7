"""Drawings, from which robots' tests make their scenes."""

import numpy as np
import pytest

from hsizoo.clicks import Clicks


@pytest.fixture(scope="session")
def scene():
    """``scene(drawing)``: target, evaluated and probability (0.1 or 0.9) of a drawing.

    ====== ========================================== ==========
    ``#``  target, and in the mask                    right
    ``o``  target, not in the mask                    missed
    ``x``  not target, but in the mask                excess
    ``.``  neither                                    right
    ``?``  not evaluated (truth unknown), in the mask
    ====== ========================================== ==========
    """

    def make(drawing):
        codes = np.array([list(line) for line in drawing.split()])  # raises if not a rectangle
        target, evaluated = np.isin(codes, ["#", "o"]), codes != "?"
        return target, evaluated, np.where(np.isin(codes, ["#", "x", "?"]), 0.9, 0.1)

    return make


@pytest.fixture(scope="session")
def first(scene):
    """``first(robot, drawing)``: the first click."""

    def click(robot, drawing):
        target, evaluated, _ = scene(drawing)
        return robot.first_click(target, evaluated, np.random.default_rng(0))

    return click


@pytest.fixture(scope="session")
def following(scene):
    """``following(robot, drawing, clicked)``: the next click."""

    def click(robot, drawing, clicked=()):
        return robot.next_click(*scene(drawing), Clicks(clicked), np.random.default_rng(0))

    return click
