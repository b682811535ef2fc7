import numpy as np
import pytest
from hsizoo_datasets import optics

NM = np.arange(optics.FIRST_NM, optics.LAST_NM + 1)
OXY, DEOXY, WATER, FAT, MELANIN = optics.chromophore_absorption(NM)


def peak(absorption, first, last):
    """Wavelength of the highest value in a range, which must not be at its ends."""
    inside = (first <= NM) & (last >= NM)
    found = NM[inside][absorption[inside].argmax()]
    assert first < found < last
    return found


def test_isosbestic_points():
    crossings = NM[1:][np.diff(np.sign(OXY - DEOXY)) != 0]
    assert crossings[1:] == pytest.approx([500, 529, 545, 570, 584, 797], abs=2)
    assert crossings[0] == pytest.approx(452, abs=2)


def test_peaks_of_haemoglobin():
    assert peak(OXY, 530, 556) == pytest.approx(542, abs=1)
    assert peak(OXY, 560, 590) == pytest.approx(577, abs=1)
    assert peak(DEOXY, 540, 575) == pytest.approx(556, abs=1)
    assert peak(DEOXY, 740, 780) == pytest.approx(758, abs=2)
    # Between its two peaks oxygenated blood has a valley, the other has none.
    valley = OXY[(NM >= 555) & (NM <= 565)].min()
    assert valley < 0.65 * min(OXY[NM == 542], OXY[NM == 576])
    single = DEOXY[(NM >= 530) & (NM <= 580)]
    assert np.count_nonzero(np.diff(np.sign(np.diff(single)))) == 1


def test_peaks_of_water_and_fat():
    assert peak(WATER, 900, 999) == pytest.approx(972, abs=5)
    assert peak(FAT, 880, 960) == pytest.approx(930, abs=1)
    assert FAT[NM == 930] > 3 * FAT[NM == 970]


@pytest.mark.parametrize(
    ("nm", "row", "value"),
    [
        # 2.303 · 150 g/L / 64500 g/mol · extinction of the published table
        (500, 0, 20932.8 * 5.3549e-3),
        (576, 0, 55540 * 5.3549e-3),
        (660, 0, 319.6 * 5.3549e-3),
        (800, 0, 816 * 5.3549e-3),
        (660, 1, 3226.56 * 5.3549e-3),
        (758, 1, 1560.48 * 5.3549e-3),
        (850, 1, 691.32 * 5.3549e-3),
        (700, 2, 0.006),
        (970, 2, 0.45),
        (930, 3, 0.131),
        (800, 3, 0.00403),
        (500, 4, 690.0),
    ],
)
def test_values_of_the_tables(nm, row, value):
    assert optics.chromophore_absorption([nm])[row, 0] == pytest.approx(value, rel=0.015)


def test_wavelengths_outside_the_tables_are_refused():
    with pytest.raises(ValueError, match="450 to 1000"):
        optics.chromophore_absorption([449.9])
    with pytest.raises(ValueError, match="450 to 1000"):
        optics.chromophore_absorption([500, 1000.1])


def test_reduced_scattering():
    assert optics.reduced_scattering(18.9, 1.286, [500, 1000]) == pytest.approx(
        [18.9, 18.9 * 2**-1.286]
    )


def test_reflectance_falls_with_absorption_and_rises_with_scattering():
    mu_a = np.geomspace(1e-3, 300, 200)
    reflectance = optics.diffuse_reflectance(mu_a, np.array(12.0))
    assert (np.diff(reflectance) < 0).all()
    assert (reflectance > 0).all()
    assert (reflectance < 1).all()
    assert reflectance[0] > 0.9
    assert (np.diff(optics.diffuse_reflectance(np.array(1.0), mu_a)) > 0).all()


def test_reflectance_depends_on_the_ratio_alone():
    one = optics.diffuse_reflectance(np.array(0.3), np.array(9.0))
    assert optics.diffuse_reflectance(np.array(0.6), np.array(18.0)) == pytest.approx(one)


def monte_carlo(albedo, index, photons=60_000):
    """Diffuse reflectance of a half-space with isotropic scattering, by tracing photons."""
    rng = np.random.default_rng(0)
    depth, cosine, weight = np.zeros(photons), np.ones(photons), np.ones(photons)
    returned = 0.0
    while len(weight):
        depth = depth - np.log(rng.random(len(weight))) * cosine
        up = depth < 0
        inside = -cosine[up]
        outside = np.sqrt(np.clip(1 - index**2 * (1 - inside**2), 0, None))  # 0: total reflection
        across = (index * inside - outside) / (index * inside + outside)
        within = (index * outside - inside) / (index * outside + inside)
        mirrored = (across**2 + within**2) / 2  # Fresnel
        returned += ((1 - mirrored) * weight[up]).sum()
        weight[up] *= mirrored
        depth[up] *= -1
        weight *= albedo
        alive = weight > 1e-3
        depth, weight = depth[alive], weight[alive]
        cosine = rng.uniform(-1, 1, len(weight))
    return returned / photons


def test_the_oracle_agrees_with_the_literature():
    # Giovanelli (1955), as MCML (Wang, Jacques, Zheng 1995) is validated: 0.2600 of the light
    # comes back, the 0.04 that the surface mirrors included.
    assert 0.04 + 0.96 * monte_carlo(0.9, 1.5) == pytest.approx(0.2600, abs=0.005)


@pytest.mark.parametrize(("albedo", "error"), [(0.98, 0.03), (0.9, 0.13), (0.6, 0.40)])
def test_reflectance_agrees_with_monte_carlo(albedo, error):
    closed = optics.diffuse_reflectance(np.array(1 - albedo), np.array(albedo))
    assert closed == pytest.approx(monte_carlo(albedo, 1.4), rel=error)


def test_float32_stays_float32():
    mu_a, mu_s = np.float32([0.1, 1]), np.float32([10, 10])
    assert optics.diffuse_reflectance(mu_a, mu_s).dtype == np.float32
    assert optics.effective_attenuation(mu_a, mu_s).dtype == np.float32


def test_loss_of_oxygen_darkens_red_more_than_near_infrared():
    def reflectance(saturation, nm):
        oxy, deoxy, water, *_ = optics.chromophore_absorption([nm])
        mu_a = 0.03 * (saturation * oxy + (1 - saturation) * deoxy) + 0.7 * water
        return optics.diffuse_reflectance(mu_a, optics.reduced_scattering(13, 0.9, [nm]))[0]

    red = reflectance(0.5, 660) / reflectance(0.9, 660)
    infrared = reflectance(0.5, 850) / reflectance(0.9, 850)
    assert red < 0.85
    assert infrared > 1  # beyond 797 nm deoxygenated blood absorbs less


def test_light_reaches_deepest_in_the_near_infrared():
    nm = [550, 660, 800]
    oxy, deoxy, water, *_ = optics.chromophore_absorption(nm)
    mu_a = 0.02 * (0.7 * oxy + 0.3 * deoxy) + 0.8 * water
    fading = optics.effective_attenuation(mu_a, optics.reduced_scattering(16, 1.2, nm))
    assert fading[0] > 3 * fading[1]
    assert fading[1] > fading[2]
