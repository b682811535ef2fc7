import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsizoo.cube import HyperCube, LabelMap, Scene
from hsizoo.errors import DataError, NameLookupError, OptionError, ProtocolError
from hsizoo.protocols.perturbations import (
    PERTURBATIONS,
    DroppedBands,
    Noise,
    Shading,
    SpectralShift,
    make_perturbation,
    perturbation_from_config,
)

EVERY = [target(strength=0.4) for target in PERTURBATIONS.values()]
BY_NAME = pytest.mark.parametrize("perturbation", EVERY, ids=lambda each: each.name)


def scene(bands=12, height=40, width=30, name="s1", holes=False, **about):
    rng = np.random.default_rng(bands)
    data = rng.gamma(4.0, 1.0, (height, width, bands)) * np.linspace(1, 5, bands) + 3
    if holes:
        data[2, 3, -1] = np.nan
        data[5, 6] = np.inf
    about.setdefault("wavelengths", np.linspace(500, 720, bands))
    labels = LabelMap(np.ones((height, width), int), {1: "liver"})
    return Scene(HyperCube(data, name=name, **about), labels, name)


@BY_NAME
def test_the_same_for_one_seed_and_scene_and_another_for_others(perturbation):
    clean = scene()
    perturbed = perturbation.apply(clean, seed=3)
    again = perturbation.apply(scene(), seed=3)
    assert perturbed.cube.digest == again.cube.digest != clean.cube.digest
    assert perturbed.label_map is clean.label_map
    assert (perturbed.name, perturbed.subject) == (clean.name, clean.subject)
    others = {perturbation.apply(scene(), seed=4).cube.digest}
    others.add(perturbation.apply(scene(name="s2"), seed=3).cube.digest)
    draws = not isinstance(perturbation, SpectralShift)
    assert (perturbed.cube.digest not in others) == draws


def test_perturbations_of_one_seed_and_scene_draw_apart():
    drawn = []

    class Telling(Noise):
        name = "telling"

        def _perturb(self, cube, rng):
            drawn.append(rng.random())
            return cube

    class Another(Telling):
        name = "another"

    for target in (Telling, Another):
        target().apply(scene(), seed=3)
    assert drawn[0] != drawn[1]


@BY_NAME
def test_the_clean_cube_is_not_touched(perturbation):
    clean = scene(holes=True)
    before = clean.cube.data.tobytes()
    perturbation.apply(clean)
    assert clean.cube.data.tobytes() == before


@BY_NAME
def test_what_is_evaluated_does_not_change(perturbation):
    clean = scene(holes=True)
    for seed in range(5):  # a band with the hole may be among those dropped
        perturbed = perturbation.apply(clean, seed=seed)
        assert (perturbed.cube.valid == clean.cube.valid).all()
        assert (perturbed.evaluated == clean.evaluated).all()


@pytest.mark.parametrize("target", PERTURBATIONS.values(), ids=lambda each: each.name)
def test_strength_0_changes_nothing(target):
    clean = scene()
    assert target(strength=0).apply(clean).cube.digest == clean.cube.digest


@BY_NAME
def test_a_record_says_all_that_it_takes(perturbation):
    again = perturbation_from_config(perturbation.config())
    assert again == perturbation
    assert again.config()["version"] == "1"


@BY_NAME
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(0, 9))
def test_small_cubes(perturbation, height, width, bands, seed):
    clean = scene(bands, height, width)
    if isinstance(perturbation, DroppedBands) and round(0.4 * bands) == bands:
        return
    perturbed = perturbation.apply(clean, seed=seed).cube
    assert np.isfinite(perturbed.data).all()
    assert perturbed.shape[:2] == clean.cube.shape[:2]


def test_noise_is_a_share_of_each_bands_spread():
    clean = scene(height=120, width=110)
    noise = Noise(strength=0.25).apply(clean).cube.data - clean.cube.data
    spread = clean.cube.data.std(axis=(0, 1))
    assert noise.std(axis=(0, 1)) == pytest.approx(0.25 * spread, rel=0.05)
    assert noise.mean(axis=(0, 1)) / spread == pytest.approx(0, abs=0.01)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05


def test_noise_does_not_depend_on_unit_and_offset():
    clean = scene()
    other = Scene(HyperCube(1000 * clean.cube.data.astype(float) + 7), clean.label_map, clean.name)
    one = Noise(strength=0.3).apply(clean).cube.data - clean.cube.data
    two = Noise(strength=0.3).apply(other).cube.data - other.cube.data
    assert two == pytest.approx(1000 * one, rel=0.02, abs=2)


def test_more_of_it_is_more_of_the_same():
    clean = scene()
    weak, strong = (Noise(strength=s).apply(clean).cube.data - clean.cube.data for s in (0.1, 0.2))
    assert strong == pytest.approx(2 * weak, abs=1e-5)
    few, many = (DroppedBands(strength=s).apply(clean).cube.wavelengths for s in (0.2, 0.6))
    assert set(many) < set(few)


def test_shading_multiplies_whole_spectra_by_a_smooth_field():
    clean = scene(height=64, width=48)
    light = Shading(strength=0.3).apply(clean).cube.data / clean.cube.data
    assert light == pytest.approx(np.repeat(light[:, :, :1], 12, axis=2), rel=1e-5)
    field = light[:, :, 0] - 1
    assert np.abs(field).max() == pytest.approx(0.3, rel=1e-5)
    assert abs(field.mean(dtype=float)) < 1e-5  # the mean brightness stays
    assert np.abs(np.diff(field, axis=0)).max() < 0.05
    assert np.abs(np.diff(field, axis=1)).max() < 0.05


def test_shading_is_the_same_light_at_any_resolution():
    small, large = (
        Shading(strength=0.3).apply(scene(height=h, width=w)).cube.data
        / scene(height=h, width=w).cube.data
        for h, w in ((20, 30), (60, 90))
    )
    assert large[1::3, 1::3, 0] == pytest.approx(small[:, :, 0], abs=0.01)


def test_dropped_bands_take_all_that_belongs_to_a_band():
    clean = scene(bands=20, rgb_bands=(15, 8, 2))
    perturbed = DroppedBands(strength=0.6).apply(clean).cube
    assert perturbed.bands == 8
    kept = [list(clean.cube.wavelengths).index(nm) for nm in perturbed.wavelengths]
    assert kept == sorted(kept)
    assert (perturbed.data == clean.cube.data[:, :, kept]).all()
    for before, after in zip((15, 8, 2), perturbed.rgb_bands, strict=True):
        nearest = min(abs(each - before) for each in kept)
        assert abs(kept[after] - before) == nearest


def test_dropped_bands_without_wavelengths():
    perturbed = DroppedBands(strength=0.5).apply(scene(wavelengths=None)).cube
    assert (perturbed.bands, perturbed.wavelengths, perturbed.rgb_bands) == (6, None, None)


def test_dropped_bands_leave_one():
    with pytest.raises(DataError, match=r"leaves none of the 1 band\(s\) of s1"):
        DroppedBands(strength=0.6).apply(scene(bands=1))


def straight(bands, wavelengths):
    """A cube whose value at a wavelength is that wavelength."""
    data = np.broadcast_to(wavelengths, (2, 3, bands))
    labels = LabelMap(np.ones((2, 3), int), {1: "liver"})
    return Scene(HyperCube(data, wavelengths), labels, "line")


def test_spectral_shift_reads_the_spectrum_further_on():
    nm = np.array([500.0, 510, 530, 560, 570])
    found = SpectralShift(strength=15, unit="nm").apply(straight(5, nm)).cube
    # Linear interpolation is exact on a line; beyond the last band its value stands.
    assert found.data[0, 0] == pytest.approx([515, 525, 545, 570, 570])
    assert (found.wavelengths == nm).all()
    back = SpectralShift(strength=-15, unit="nm").apply(straight(5, nm)).cube
    assert back.data[1, 2] == pytest.approx([500, 500, 515, 545, 555])
    bands = SpectralShift(strength=1.5).apply(straight(5, nm)).cube
    assert bands.data[0, 0] == pytest.approx([520, 545, 565, 570, 570])


def test_spectral_shift_goes_by_wavelength_whatever_the_order_of_bands():
    nm = np.array([560.0, 500, 530])
    found = SpectralShift(strength=1).apply(straight(3, nm)).cube
    assert found.data[0, 0].tolist() == [560, 530, 560]
    nanometres = SpectralShift(strength=15, unit="nm").apply(straight(3, nm)).cube
    assert nanometres.data[0, 0] == pytest.approx([560, 515, 545])


def test_spectral_shift_in_nanometres_needs_them():
    with pytest.raises(DataError, match=r"needs the wavelengths of s1.*unit=bands"):
        SpectralShift(strength=1, unit="nm").apply(scene(wavelengths=None))
    with pytest.raises(DataError, match="two bands of s1 share one"):
        SpectralShift(strength=1, unit="nm").apply(scene(bands=2, wavelengths=[500, 500]))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("nois", NameLookupError, "Did you mean 'noise'"),
        ("x/noise", NameLookupError, "no perturbation"),
        ("none:strength=1", NameLookupError, "no perturbation"),
        ("noise:strengh=1", OptionError, "Did you mean 'strength'"),
        ("noise:strength=lots", OptionError, "expected float"),
        ("noise:strength=-1", ProtocolError, "strength must be at least 0; got -1.0"),
        ("shading:strength=1", ProtocolError, "at least 0 and below 1; got 1.0"),
        ("dropped-bands:strength=1", ProtocolError, "below 1"),
        ("spectral-shift:unit=um", OptionError, "unit='um'"),
    ],
)
def test_a_wrong_word_says_what_is_right(text, error, message):
    with pytest.raises(error, match=message):
        make_perturbation(text)


def test_names():
    assert make_perturbation("none") is None
    assert make_perturbation("noise") == Noise(strength=0.1)
    assert make_perturbation("spectral-shift:strength=-2,unit=nm") == SpectralShift(
        strength=-2, unit="nm"
    )
    with pytest.raises(ProtocolError, match="unit must be bands or nm; got 'um'"):
        SpectralShift(unit="um")
    with pytest.raises(ProtocolError, match="finite; got nan"):
        SpectralShift(strength=float("nan"))
    with pytest.raises(ProtocolError, match="got True"):
        Noise(strength=True)
