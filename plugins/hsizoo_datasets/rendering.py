"""Render a label map of tissues to the cube that a camera records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hsizoo_datasets import optics
from hsizoo_datasets.anatomy import (
    draw_labels,
    draw_relief,
    draw_surface,
    draw_vessels,
    smooth_noise,
)
from hsizoo_datasets.organs import (
    DRAPE,
    ORGANS,
    RGB_ALIKE_PAIRS,
    SKIN,
    SPECTRALLY_ALIKE_PAIRS,
    Tissue,
)

__all__ = ["compose", "render"]

_SMALLEST_PART: Final = 0.012  # minimum share of the image per organ: 197 pixels at 128 × 128
_CLIPPED: Final = 1.5  # INFERRED: saturation of the camera; HeiPorSPECTRAL cubes reach 1.4
_VALUES_AT_ONCE: Final = 2**20  # bounds temporary memory: about ten arrays of 4 MiB
_FIELD_CM: Final = 10.0  # INFERRED: field of view along the shorter side of the image
# Whole blood scatters as in Jacques (2013), table 1.  INFERRED: an artery near the surface and a
# vein below it, each with oxygen saturation, depth in cm, trunks, radius in cm, share of light.
_BLOOD_SCATTERING: Final = (22.0, 0.66)
_VESSELS: Final = ((0.96, 0.012, 2, 0.06, 0.75), (0.62, 0.09, 3, 0.14, 0.80))
# INFERRED: variation of blood and oxygenation inside an organ, and visibility of its surface.
_PERFUSION, _OXYGENATION, _MOISTURE, _SCATTERING = 0.14, 0.035, 0.04, 0.06
_GROOVES: Final = {"smooth": 0.06, "folds": 0.20, "loops": 0.35, "fibres": 0.30, "lobules": 0.22}
_RIDGES: Final = {
    "smooth": 0.002,
    "folds": 0.006,
    "loops": 0.014,
    "fibres": 0.002,
    "lobules": 0.006,
}

Labels = npt.NDArray[np.int64]
Field = npt.NDArray[np.float64]
Cube = npt.NDArray[np.float32]
Streams = Mapping[str, np.random.Generator]


def compose(rng: np.random.Generator, shape: tuple[int, int]) -> Labels:
    """Return the label map of a scene: two pairs of similar organs and up to three others.

    Every organ covers at least 1.2 % of the image.
    """
    pairs = list(RGB_ALIKE_PAIRS + SPECTRALLY_ALIKE_PAIRS)
    rng.shuffle(pairs)
    rest = [label for label in ORGANS if label not in (*pairs[0], *pairs[1])]
    extra = rng.permutation(rest)[: rng.integers(0, 4)].tolist()
    chosen = [*pairs[0], *pairs[1], *extra]
    rim = SKIN if SKIN in chosen else None
    organs = [(c, ORGANS[c].pieces, ORGANS[c].size) for c in chosen if c != SKIN]
    rng.shuffle(organs)
    for _ in range(50):
        labels = draw_labels(rng, shape, organs, outside=DRAPE, rim=rim)
        counts = np.bincount(labels.ravel(), minlength=len(ORGANS) + 1)
        if counts[chosen].min() >= _SMALLEST_PART * labels.size:
            return labels
    # In a crowded small image, organs without room become cloth.
    small = [label for label in chosen if counts[label] < _SMALLEST_PART * labels.size]
    return np.where(np.isin(labels, small), DRAPE, labels)


def render(
    labels: Labels,
    tissues: Mapping[int, Tissue],
    nm: Field,
    rng: Streams,
    *,
    noise: float = 1.0,
    shading: float = 1.0,
    highlights: float = 1.0,
) -> Cube:
    """Return the reflectance measured by a camera, (H, W, B), from 0 to its saturation.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    tissues : mapping of label to Tissue
    nm : ndarray, shape (B,)
        Wavelengths.
    rng : mapping of str to numpy.random.Generator
        Generators ``"tissue"``, ``"light"`` and ``"sensor"``, separate so that an option affects
        only its own effect.
    noise, shading, highlights : float, default 1
        Factors on the default strength.
    """
    surface, ridges = _surfaces(rng["tissue"], labels, tissues)
    maps = _tissue_maps(rng["tissue"], labels, tissues)
    vessels = _vessel_maps(rng["tissue"], labels)
    relief = draw_relief(rng["light"], labels) + ridges
    even, glare = _light(
        rng["light"], relief, _spread(labels, {c: t.gloss for c, t in tissues.items()})
    )
    gain = maps.pop("brightness") * surface * np.clip(1 + shading * (even - 1), 0.05, None)
    # INFERRED: 2 % of the lamp colour remains after white referencing.
    tilt = 1 + rng["light"].normal(0, 0.02) * np.linspace(-1, 1, len(nm))

    height, width = labels.shape
    cube = np.empty((height, width, len(nm)), dtype=np.float32)
    rows = max(1, _VALUES_AT_ONCE // (width * len(nm)))
    for start in range(0, height, rows):
        part = slice(start, start + rows)
        values = _reflectance(
            {key: field[part] for key, field in maps.items()}, [v[part] for v in vessels], nm
        )
        values *= gain[part, :, None].astype(np.float32) * tilt.astype(np.float32)
        values += (highlights * glare[part, :, None]).astype(np.float32)
        np.clip(_expose(values, nm, rng["sensor"], noise), 0, _CLIPPED, out=cube[part])
    return cube


def _reflectance(maps: Mapping[str, Field], vessels: list[Field], nm: Field) -> Cube:
    """Diffuse reflectance of tissue with its vessels, or of the drape."""
    absorption = optics.chromophore_absorption(nm).astype(np.float32)
    single = {key: field[..., None].astype(np.float32) for key, field in maps.items()}
    # Summed one by one: a matrix product may round differently with the number of threads.
    mu_a = single["oxy"] * absorption[0]
    for row, key in enumerate(("deoxy", "water", "fat", "melanin"), start=1):
        mu_a += single[key] * absorption[row]
    mu_s = single["amplitude"] * np.exp(single["power"] * np.log(500 / nm).astype(np.float32))
    values = optics.diffuse_reflectance(mu_a, mu_s).astype(np.float32, copy=False)
    fading = optics.effective_attenuation(mu_a, mu_s)
    # Deepest first, so that upper layers cover it.
    for (saturation, depth, *_, share), seen in reversed(list(zip(_VESSELS, vessels, strict=True))):
        blood = saturation * absorption[0] + (1 - saturation) * absorption[1]
        inside = optics.diffuse_reflectance(
            blood, optics.reduced_scattering(*_BLOOD_SCATTERING, nm)
        )
        # Light crosses the tissue above the vessel twice.
        weight = np.exp(np.float32(-2 * depth) * fading)
        weight *= (share * seen)[..., None].astype(np.float32)
        values += weight * (inside.astype(np.float32) - values)
    values += single["drape"] * (_drape(nm) - values)
    return values


def _drape(nm: Field) -> Cube:
    """Reflectance of a surgical cloth.

    INFERRED: a dull grey-green with a peak in the green; the dye is transparent beyond 720 nm.
    """
    green = 0.09 * np.exp(-0.5 * ((nm - 525) / 40) ** 2)
    clear = 0.16 / (1 + np.exp(-(nm - 730) / 18))
    return (0.14 + green + clear).astype(np.float32)


def _tissue_maps(
    rng: np.random.Generator, labels: Labels, tissues: Mapping[int, Tissue]
) -> dict[str, Field]:
    """Per-pixel tissue properties, varying smoothly within organs and blurred across borders."""
    shape = labels.shape
    maps = {
        key: _spread(labels, {label: getattr(tissue, key) for label, tissue in tissues.items()})
        for key in (
            "blood",
            "saturation",
            "water",
            "fat",
            "melanin",
            "amplitude",
            "power",
            "brightness",
        )
    }
    maps["drape"] = (labels == DRAPE).astype(np.float64)
    maps["brightness"][labels == DRAPE] = 1.0
    # The lens mixes both sides of a border.
    maps = {key: ndimage.gaussian_filter(field, 0.6, mode="nearest") for key, field in maps.items()}
    blood = maps.pop("blood") * np.exp(_PERFUSION * smooth_noise(rng, shape, 7, 4))
    saturation = maps.pop("saturation") + _OXYGENATION * smooth_noise(rng, shape, 6, 3)
    saturation = np.clip(saturation, 0.05, 1.0)
    maps["oxy"], maps["deoxy"] = blood * saturation, blood * (1 - saturation)
    maps["water"] *= np.exp(_MOISTURE * smooth_noise(rng, shape, 5, 3))
    maps["fat"] *= np.exp(2 * _MOISTURE * smooth_noise(rng, shape, 5, 3))
    maps["amplitude"] *= np.exp(_SCATTERING * smooth_noise(rng, shape, 6, 4))
    # No absorption or scattering under the drape would divide by zero.
    maps["water"] = np.maximum(maps["water"], 0.01)
    maps["amplitude"] = np.maximum(maps["amplitude"], 1.0)
    return maps


def _vessel_maps(rng: np.random.Generator, labels: Labels) -> list[Field]:
    """Share of each pixel covered by each layer of vessels, blurred by the tissue above."""
    maps = []
    for _, depth, trunks, radius, _ in _VESSELS:
        vessels = draw_vessels(rng, labels.shape, trunks, radius / _FIELD_CM)
        blur = depth / _FIELD_CM * min(labels.shape)
        maps.append(ndimage.gaussian_filter(vessels, blur) if blur > 0.3 else vessels)
    return maps


def _surfaces(
    rng: np.random.Generator, labels: Labels, tissues: Mapping[int, Tissue]
) -> tuple[Field, Field]:
    """Brightness (at most 1) and height of the fine structure of each organ."""
    weave = np.indices(labels.shape).sum(axis=0) % 2
    brightness = np.where(labels == DRAPE, 1 - 0.04 * weave, 1.0)
    height = np.zeros(labels.shape)
    for label, tissue in tissues.items():
        structure = draw_surface(rng, labels.shape, tissue.surface)
        here = labels == label
        brightness[here] = 1 - _GROOVES[tissue.surface] * (1 - structure[here])
        height[here] = _RIDGES[tissue.surface] * structure[here]
    return brightness, height


def _light(rng: np.random.Generator, relief: Field, gloss: Field) -> tuple[Field, Field]:
    """Diffuse light (mean one) and glare on a surface under a tilted lamp."""
    size = min(relief.shape)
    tilt, turn = rng.uniform(0.25, 0.5), rng.uniform(0, 2 * np.pi)
    lamp = np.array([tilt * np.sin(turn), tilt * np.cos(turn), 1.0])
    lamp /= np.linalg.norm(lamp)
    film = 0.0012 * smooth_noise(rng, relief.shape, 22, 2)  # fluid on the organs
    y, x = ((np.indices(relief.shape).T + 0.5) / size).T
    spot = np.array(relief.shape) / size * rng.uniform(0.3, 0.7, 2)
    cone = np.exp(-((y - spot[0]) ** 2 + (x - spot[1]) ** 2) / (2 * 1.0**2))

    def facing(height: Field, direction: Field) -> Field:
        down, right = (slope * size for slope in np.gradient(height))
        along = direction[2] - down * direction[0] - right * direction[1]
        cosine: Field = np.clip(along, 0, None) / np.sqrt(1 + down**2 + right**2)
        return cosine

    even = (0.3 + 0.7 * facing(relief, lamp) / lamp[2]) * cone
    half = lamp + np.array([0.0, 0.0, 1.0])  # mirror normal that reflects the lamp into the lens
    half /= np.linalg.norm(half)
    glare = 1.6 * gloss * cone * facing(relief + film, half) ** 700
    return even / even.mean(), np.where(glare > 0.02, glare, 0.0)


def _expose(values: Cube, nm: Field, rng: np.random.Generator, noise: float) -> Cube:
    """Add shot and read noise, stronger at both ends of the band range.

    INFERRED: read noise of 0.4 % of full scale, shot noise of 0.8 % at white, three times as much
    at the ends, where lamp and sensor are weak.
    """
    if noise:
        place = np.linspace(-1, 1, len(nm)) if len(nm) > 1 else np.zeros(1)
        ends = (noise * (1 + 2 * place**4)).astype(np.float32)
        spread = np.sqrt(np.float32(0.004**2) + np.float32(0.008**2) * values)
        values += ends * spread * rng.standard_normal(values.shape, dtype=np.float32)
    return values


def _spread(labels: Labels, values: Mapping[int, float]) -> Field:
    """Map labels to their values, 0 for labels without one."""
    table = np.zeros(labels.max() + 1)
    for label, value in values.items():
        if label < len(table):
            table[label] = value
    return table[labels]
