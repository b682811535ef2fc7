"""Shapes and textures of the mosaics, drawn on a square grid from -1 to 1.

A shape is a function that is below 1 inside and grows outwards; a texture varies roughly between -1
and 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["SHAPES", "TEXTURES", "Draw", "noise"]

Floats = npt.NDArray[np.float32]

_TILE = 256  # side of a noise tile in pixels
_TILES = 4  # tiles per steepness
_STEEPNESS = (0.6, 1.2, 1.8, 2.2, 3.0)


class Draw:
    """Grid and random number generator.

    Attributes
    ----------
    row, col : ndarray of float32, shapes (side, 1) and (1, side)
        Coordinates from -1 to 1.
    """

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        self.rng = rng
        self.side = side
        axis = np.linspace(-1, 1, side, dtype=np.float32)
        self.row, self.col = axis[:, None], axis[None, :]

    def frame(
        self, size: float, centre: tuple[float, float] | None = None
    ) -> tuple[Floats, Floats]:
        """Return coordinates of a rotated and stretched frame, in units of its semi-axes.

        Parameters
        ----------
        size : float
            Geometric mean of the semi-axes.
        centre : (float, float), optional
            Row and column; random by default.
        """
        rng = self.rng
        row, col = centre if centre is not None else rng.uniform(-0.95, 0.95, 2)
        turn, stretch = rng.uniform(0, 2 * np.pi), np.exp(rng.normal(0, 0.3))
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        down, right = self.row - np.float32(row), self.col - np.float32(col)
        along = (cos * down + sin * right) * np.float32(1 / (size * stretch))
        across = (cos * right - sin * down) * np.float32(stretch / size)
        return along, across


def noise(rng: np.random.Generator, side: int, steepness: float) -> Floats:
    """Return smooth noise with power spectrum 1 / f^(2 steepness), rotated and scaled at random.

    Cut from cached tiles; approximately standard normal, clipped to ±3.
    """
    nearest = min(_STEEPNESS, key=lambda each: abs(each - steepness))
    tile = _tiles()[nearest][rng.integers(_TILES)]
    turn = rng.uniform(0, 2 * np.pi)
    step = rng.uniform(0.5, 1.5) * min(1.0, 128 / side) * 1.2
    axis = np.arange(side, dtype=np.float32)
    cos, sin = np.float32(np.cos(turn) * step), np.float32(np.sin(turn) * step)
    start = rng.uniform(0, _TILE, 2)
    row = (cos * axis[:, None] + sin * axis[None, :] + start[0]).astype(np.int32) % _TILE
    col = (cos * axis[None, :] - sin * axis[:, None] + start[1]).astype(np.int32) % _TILE
    return tile[row, col]


@functools.cache
def _tiles() -> Mapping[float, Floats]:
    """Make periodic noise, (tiles, side, side) for each steepness."""
    rng = np.random.default_rng(20210)
    axis = np.fft.fftfreq(_TILE)
    frequency = np.hypot(axis[:, None], axis[None, :])
    frequency[0, 0] = 1
    tiles = {}
    for steepness in _STEEPNESS:
        spectrum = np.fft.fft2(rng.standard_normal((_TILES, _TILE, _TILE))) / frequency**steepness
        spectrum[:, 0, 0] = 0
        field = np.fft.ifft2(spectrum).real
        field /= field.std(axis=(1, 2), keepdims=True)
        tiles[steepness] = field.clip(-3, 3).astype(np.float32)
    return tiles


# Shapes.


def _ellipse(draw: Draw, along: Floats, across: Floats) -> Floats:
    return np.sqrt(along**2 + across**2)


def _superellipse(draw: Draw, along: Floats, across: Floats) -> Floats:
    """Rectangle, diamond or superellipse."""
    if draw.rng.random() < 0.5:
        return np.maximum(np.abs(along), np.abs(across))
    if draw.rng.random() < 0.3:
        return np.abs(along) + np.abs(across)
    return (along**4 + across**4) ** np.float32(0.25)


def _polar(along: Floats, across: Floats) -> tuple[Floats, Floats]:
    return np.sqrt(along**2 + across**2), np.arctan2(along, across)


def _blob(draw: Draw, along: Floats, across: Floats) -> Floats:
    """Smooth outline made of a few waves."""
    radius, angle = _polar(along, across)
    outline = np.ones_like(angle)
    for waves in draw.rng.choice(np.arange(2, 8), 3, replace=False):
        depth, phase = draw.rng.normal(0, 0.5 / waves), draw.rng.uniform(0, 2 * np.pi)
        outline += np.float32(depth) * np.cos(np.float32(waves) * angle + np.float32(phase))
    return radius / np.maximum(outline, 0.2)


def _polygon(draw: Draw, along: Floats, across: Floats) -> Floats:
    """Convex polygon with three to seven sides."""
    sides = draw.rng.integers(3, 8)
    angles = (np.arange(sides) + draw.rng.uniform(-0.3, 0.3, sides)) * 2 * np.pi / sides
    out = np.full(np.broadcast_shapes(along.shape, across.shape), -9, np.float32)
    for angle, distance in zip(angles, draw.rng.uniform(0.55, 0.95, sides), strict=True):
        cos, sin = np.float32(np.cos(angle) / distance), np.float32(np.sin(angle) / distance)
        np.maximum(out, cos * along + sin * across, out=out)
    return out


def _tube(draw: Draw, along: Floats, across: Floats) -> Floats:
    """Thin bent tube."""
    bend, wave = draw.rng.normal(0, 0.8), draw.rng.uniform(0, 0.3)
    line = bend * (along**2 - 0.3) + wave * np.sin(draw.rng.uniform(2, 7) * along)
    width = draw.rng.uniform(0.06, 0.25)
    return np.maximum(np.abs(across - line) / np.float32(width), np.abs(along) / np.float32(1.6))


def _ring(draw: Draw, along: Floats, across: Floats) -> Floats:
    half = np.float32(draw.rng.uniform(0.12, 0.35))
    return np.abs(np.sqrt(along**2 + across**2) - (1 - half)) / half


def _crescent(draw: Draw, along: Floats, across: Floats) -> Floats:
    hole = np.sqrt((along - np.float32(draw.rng.uniform(0.5, 0.9))) ** 2 + across**2)
    return np.maximum(np.sqrt(along**2 + across**2), np.float32(0.8) / np.maximum(hole, 1e-3))


def _gear(draw: Draw, along: Floats, across: Floats) -> Floats:
    radius, angle = _polar(along, across)
    teeth, depth = draw.rng.integers(5, 12), draw.rng.uniform(0.08, 0.25)
    return radius / (1 + np.float32(depth) * np.tanh(3 * np.cos(np.float32(teeth) * angle)))


def _cloud(draw: Draw, along: Floats, across: Floats) -> Floats:
    """Ellipse with a fractal outline; may be disconnected."""
    rough = noise(draw.rng, draw.side, 1.8)
    return np.sqrt(along**2 + across**2) + np.float32(draw.rng.uniform(0.1, 0.3)) * rough


def _leaf(draw: Draw, along: Floats, across: Floats) -> Floats:
    """Leaf, pointed at both ends."""
    width = np.maximum(1 - along**2, 1e-3) * np.float32(draw.rng.uniform(0.4, 0.9))
    return np.maximum(np.abs(across) / width, np.abs(along))


SHAPES: Mapping[str, Callable[[Draw, Floats, Floats], Floats]] = {
    "ellipse": _ellipse,
    "superellipse": _superellipse,
    "blob": _blob,
    "polygon": _polygon,
    "tube": _tube,
    "ring": _ring,
    "crescent": _crescent,
    "gear": _gear,
    "cloud": _cloud,
    "leaf": _leaf,
}


# Textures.


def _frequencies(draw: Draw) -> tuple[Floats, Floats]:
    """Rotated coordinates in which one period is 1."""
    turn, periods = draw.rng.uniform(0, np.pi), np.exp(draw.rng.uniform(np.log(4), np.log(20)))
    cos, sin = np.float32(np.cos(turn) * periods / 2), np.float32(np.sin(turn) * periods / 2)
    return cos * draw.row + sin * draw.col, cos * draw.col - sin * draw.row


def _noise(draw: Draw) -> Floats:
    return noise(draw.rng, draw.side, draw.rng.uniform(0.6, 2.2)) / 2


def _speckle(draw: Draw) -> Floats:
    return noise(draw.rng, draw.side, 0.6) / 2


def _stripes(draw: Draw) -> Floats:
    wave = np.sin(np.float32(2 * np.pi) * _frequencies(draw)[0])
    return np.sign(wave) if draw.rng.random() < 0.4 else wave


def _checks(draw: Draw) -> Floats:
    along, across = _frequencies(draw)
    return np.sign(np.sin(np.float32(np.pi) * along) * np.sin(np.float32(np.pi) * across))


def _ramp(draw: Draw) -> Floats:
    turn = draw.rng.uniform(0, 2 * np.pi)
    return np.float32(np.cos(turn)) * draw.row + np.float32(np.sin(turn)) * draw.col


def _wood(draw: Draw) -> Floats:
    """Stripes bent by smooth noise."""
    bent = _frequencies(draw)[0] + np.float32(0.4) * noise(draw.rng, draw.side, 2.2)
    return np.sin(np.float32(2 * np.pi) * bent)


def _dots(draw: Draw) -> Floats:
    along, across = _frequencies(draw)
    hexagonal = across + np.float32(0.5) * np.floor(along)
    far = ((along - np.floor(along) - 0.5) ** 2 + (hexagonal - np.floor(hexagonal) - 0.5) ** 2) / (
        0.3**2
    )
    return np.where(far < 1, np.float32(1), np.float32(-0.4))


def _ripples(draw: Draw) -> Floats:
    row, col = draw.rng.uniform(-1.5, 1.5, 2)
    radius = np.sqrt((draw.row - np.float32(row)) ** 2 + (draw.col - np.float32(col)) ** 2)
    return np.sin(np.float32(draw.rng.uniform(15, 50)) * radius)


TEXTURES: Mapping[str, Callable[[Draw], Floats]] = {
    "noise": _noise,
    "speckle": _speckle,
    "stripes": _stripes,
    "checks": _checks,
    "ramp": _ramp,
    "wood": _wood,
    "dots": _dots,
    "ripples": _ripples,
}
