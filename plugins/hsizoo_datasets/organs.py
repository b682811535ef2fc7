"""Tissues of the phantom and their variation between subjects.

Two kinds of pairs make the phantom a test of what spectra add to an RGB image, and of what they
lack:

`RGB_ALIKE_PAIRS` share blood, oxygenation, brightness and surface, thus nearly everything that
matters below 700 nm; they differ in water, fat and scattering power, which matter above.

`SPECTRALLY_ALIKE_PAIRS` share all chromophores and the scattering, thus the shape of the spectrum;
they differ in brightness, a factor common to all bands, and in surface.

Both hold within a subject, because the members of a pair also share the random deviations of the
subject.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "DRAPE",
    "ORGANS",
    "RGB_ALIKE_PAIRS",
    "SKIN",
    "SPECTRALLY_ALIKE_PAIRS",
    "Tissue",
    "draw_tissues",
]

Surface = Literal["smooth", "folds", "loops", "fibres", "lobules"]

DRAPE: Final = 0
"""Label of the surgical cloth, which is background."""


@dataclass(frozen=True)
class Tissue:
    """Optical properties of one organ.

    Parameters
    ----------
    name : str
    blood, water, fat, melanin : float
        Volume fractions.
    saturation : float
        Oxygenated fraction of the blood, 0 to 1.
    amplitude, power : float
        Reduced scattering at 500 nm in 1/cm, and its exponent.
    brightness : float
        Factor common to all bands.
    gloss : float
        Strength of highlights, 0 (dull) to 1 (wet).
    surface : {"smooth", "folds", "loops", "fibres", "lobules"}
    pieces : int
        Maximum number of separate parts of the organ.
    size : float
        Relative extent in a scene.
    """

    name: str
    blood: float
    saturation: float
    water: float
    fat: float
    amplitude: float
    power: float
    melanin: float = 0.0
    brightness: float = 1.0
    gloss: float = 0.8
    surface: Surface = "smooth"
    pieces: int = 1
    size: float = 1.0


# Amplitude and power: S. L. Jacques, Phys. Med. Biol. 58, R37 (2013), table 1 (bowel, liver &
# spleen, muscle of Tromberg, stomach wall) and table 2 (skin, fatty tissue), read in the paper.
# Blood, saturation and water start from G. Alexandrakis et al., Phys. Med. Biol. 50, 4225 (2005),
# read in a public copy: blood 0.30 in liver, 0.07 muscle, 0.056 kidney, 0.06 skin, 0.01 stomach,
# 0.0093 bowel, 0.0033 fat; saturation 0.70 to 0.80; water 0.5 to 0.8.
# INFERRED, where these give one value for two organs, none, or an unsuitable one:
# - less blood in dark organs (liver and spleen 0.09, muscle and kidney 0.03), which would otherwise
#   be black in the closed form, and in skin (0.006); more in bowel (0.016), to distinguish it from
#   stomach;
# - liver is fatty, colon includes the fat of its appendices, and both have less water accordingly;
#   all other fractions of fat, and water in bowel, muscle and fat, are typical values;
# - the powers of liver and spleen lie on either side of the published 1.05, within the 0.62 to 1.64
#   that Jacques lists for liver; colon likewise lies below bowel; the amplitudes make the
#   scattering of a pair equal at 560 nm;
# - the melanin of skin is spread over the depth that light samples;
# - gallbladder has the values of stomach, kidney those of muscle, as their pairs require;
# - brightness represents shadow between folds and fibres: it affects all bands equally; without it
#   the closed form makes fat nearly white.
ORGANS: Final = {
    1: Tissue("liver", 0.09, 0.70, 0.58, 0.25, 8.7, 0.70, size=1.3),
    2: Tissue("spleen", 0.09, 0.70, 0.82, 0.01, 9.3, 1.30, size=0.9),
    3: Tissue("kidney", 0.030, 0.75, 0.75, 0.04, 13.0, 0.93, brightness=0.55, size=0.8),
    4: Tissue("muscle", 0.030, 0.75, 0.75, 0.04, 13.0, 0.93, surface="fibres", gloss=0.4),
    5: Tissue("stomach", 0.008, 0.72, 0.80, 0.03, 19.1, 0.97, surface="folds", size=1.2),
    6: Tissue("gallbladder", 0.008, 0.72, 0.80, 0.03, 19.1, 0.97, brightness=0.55, gloss=1.0,
              size=0.6),
    7: Tissue("small bowel", 0.016, 0.80, 0.85, 0.02, 16.5, 1.24, surface="loops", pieces=2),
    8: Tissue("colon", 0.016, 0.80, 0.52, 0.34, 15.9, 0.95, surface="loops", pieces=2),
    9: Tissue("omentum", 0.0033, 0.70, 0.20, 0.75, 18.4, 0.672, surface="lobules", pieces=3,
              brightness=0.8),
    10: Tissue("skin", 0.006, 0.75, 0.60, 0.10, 46.0, 1.421, melanin=0.004, gloss=0.15,
               surface="lobules"),
}  # fmt: skip
"""Organs by label, in the order of the label numbers."""

SKIN: Final = 10
"""Label of the organ around the opening."""

RGB_ALIKE_PAIRS: Final = ((1, 2), (7, 8))
"""Liver and spleen, small bowel and colon: visually alike, different beyond 700 nm."""

SPECTRALLY_ALIKE_PAIRS: Final = ((4, 3), (5, 6))
"""Muscle and kidney, stomach and gallbladder: same spectral shape, different brightness."""

# Variation of subjects: standard deviation of the logarithm, or of the value itself for saturation
# and power.  INFERRED: the standard deviations in Jacques' table 2 are about half of the mean
# amplitude over many studies, less within one laboratory; a view varies a fifth as much, so that
# subjects differ more than their views.
_SPREAD: Final = {
    "blood": 0.40,
    "saturation": 0.08,
    "amplitude": 0.22,
    "power": 0.08,
    "brightness": 0.08,
    "melanin": 0.40,
    "water": 0.06,
    "fat": 0.25,
}
_LOGARITHMIC: Final = frozenset(_SPREAD) - {"saturation", "power"}
_BEYOND_700: Final = frozenset({"water", "fat"})
_VIEW: Final = 0.2
# Half of the variance of blood and saturation is systemic, since oxygenation and haematocrit are
# properties of the whole animal.  INFERRED: the share.
_SYSTEMIC: Final = frozenset({"blood", "saturation"})


def draw_tissues(seed: int, subject: int, view: int) -> dict[int, Tissue]:
    """Return the tissues of one view of one subject, by label.

    Parameters
    ----------
    seed : int
        Seed of the dataset.
    subject, view : int
        Counted from 1.  View 0 is the subject itself: `numpy.random.SeedSequence` treats
        ``[seed, subject]`` and ``[seed, subject, 0]`` as equal.
    """
    whole = _deviates(seed, subject, 0)
    own = _deviates(seed, subject, view)
    return {
        label: _vary(tissue, {key: whole[label][key] + _VIEW * own[label][key] for key in _SPREAD})
        for label, tissue in ORGANS.items()
    }


def _deviates(seed: int, subject: int, view: int) -> dict[int, dict[str, float]]:
    """Standard normal deviates per organ and property, shared within pairs as required."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, subject, view]))
    systemic = rng.standard_normal(len(_SPREAD))
    local: npt.NDArray[np.float64] = rng.standard_normal((len(ORGANS), len(_SPREAD)))
    # An alike pair follows its first member; RGB-alike organs keep their own water and fat.
    leader = {b: a for a, b in RGB_ALIKE_PAIRS + SPECTRALLY_ALIKE_PAIRS}
    strict = {b: a for a, b in SPECTRALLY_ALIKE_PAIRS}
    rows = {label: row for row, label in enumerate(ORGANS)}
    deviates: dict[int, dict[str, float]] = {}
    for label in ORGANS:
        deviates[label] = {}
        for column, key in enumerate(_SPREAD):
            follows = strict if key in _BEYOND_700 else leader
            value = local[rows[follows.get(label, label)], column]
            if key in _SYSTEMIC:
                value = (value + systemic[column]) / np.sqrt(2)
            deviates[label][key] = float(value)
    return deviates


def _vary(tissue: Tissue, deviates: dict[str, float]) -> Tissue:
    """Shift each property by its deviate, within three standard deviations and physical limits."""
    changed = {}
    for key, deviate in deviates.items():
        step = _SPREAD[key] * float(np.clip(deviate, -3, 3))
        value = getattr(tissue, key)
        changed[key] = value * float(np.exp(step)) if key in _LOGARITHMIC else value + step
    changed["saturation"] = min(changed["saturation"], 0.98)
    changed["water"] = min(changed["water"], 0.95)
    return replace(tissue, **changed)
