"""References from sessions and libraries, applied to cubes; SPy is the oracle of angles."""

import json

import numpy as np
import pytest
import spectral

import hsizoo
from hsizoo.errors import DataError, NameLookupError, OptionError
from hsizoo.io import SpectralLibrary, write_cube, write_library
from hsizoo.session.applying import Applier, otsu_threshold
from hsizoo.session.references import read_references

NM = [500.0, 600.0, 700.0, 800.0, 900.0]
MATERIALS = np.array(
    [[0.2, 0.3, 0.1, 0.4, 0.3], [0.9, 0.2, 0.7, 0.1, 0.3], [0.1, 0.5, 0.5, 0.9, 0.8]]
)
LIBRARY = SpectralLibrary(["leaf", "rock"], MATERIALS[1:], NM)


def scene(seed=0, nm=NM, scale=1.0):
    """A ground with a leaf and a rock, and one pixel without data; with the truth."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((20, 26), int)
    truth[3:9, 4 + seed : 12 + seed] = 1
    truth[12:18, 15:24] = 2
    light = rng.uniform(0.5, 1.5, truth.shape)[..., None]
    data = (MATERIALS[truth] + rng.normal(0, 0.01, (*truth.shape, 5))) * light
    data[0, 0] = np.nan
    truth[0, 0] = 0
    return hsizoo.HyperCube(data * scale, nm, name=f"scene-{seed}"), truth


def test_the_mask_is_what_spy_says():
    cube, _ = scene()
    (found,) = hsizoo.apply_references("sa", cube, LIBRARY, threshold=0.95, scores=True)
    data = np.where(cube.valid[..., None], cube.data, 1)
    angles = spectral.spectral_angles(data, MATERIALS[1:].astype(np.float32))
    similar = np.where(cube.valid[..., None], 1 - angles / np.pi, 0)
    np.testing.assert_allclose(found.scores, similar.transpose(2, 0, 1), atol=1e-5)
    expected = np.where(similar.max(axis=2) > 0.95, similar.argmax(axis=2) + 1, 0)
    np.testing.assert_array_equal(found.labels.labels, expected)
    assert dict(found.labels.class_names) == {0: "background", 1: "leaf", 2: "rock"}
    assert found.thresholds == {"leaf": 0.95, "rock": 0.95}


@pytest.mark.parametrize(
    "scorer", ["sa", "pcc", "sid", "ace", "matched-filter", "sa-eq", "contest"]
)
def test_every_scorer_finds_the_materials_in_other_cubes(scorer):
    cubes = [scene(1)[0], hsizoo.Scene(*_as_scene(2))]
    for label, material in enumerate(MATERIALS[1:], 1):
        library = SpectralLibrary(["it"], material[None], NM)
        found = list(hsizoo.apply_references(scorer, cubes, library, threshold="otsu"))
        assert [each.name for each in found] == ["scene-1", "second"]
        for each, seed in zip(found, (1, 2), strict=True):
            truth = scene(seed)[1] == label
            # The map of sa-eq is a ranking of the pixels, in which no material stands apart.
            assert _dice(each.labels.labels == 1, truth) > (0.6 if scorer == "sa-eq" else 0.75)
            assert each.labels.labels[0, 0] == 0


def _as_scene(seed):
    cube, truth = scene(seed)
    return cube, hsizoo.LabelMap(truth, {0: "g", 1: "l", 2: "r"}), "second"


def test_a_session_applied_to_its_own_cube_gives_its_masks():
    cube, _ = scene()
    session = hsizoo.Session(cube, "sa", threshold=0.93)
    session.add("leaf", [(4, 6), (5, 8)])
    session.click("leaf", 14, 20, positive=False)
    session.add("rock", [(14, 20)])
    (found,) = hsizoo.apply_references("sa", [cube], session)
    np.testing.assert_array_equal(found.labels.labels, session.label_map().labels)
    assert found.thresholds == {"leaf": 0.93, "rock": 0.93}
    (other,) = hsizoo.apply_references("sa", scene(3)[0], session, threshold="session")
    assert other.thresholds == {"leaf": 0.93, "rock": 0.93}
    (between,) = hsizoo.apply_references("sa", scene(3)[0], session)
    (otsu,) = hsizoo.apply_references("sa", scene(3)[0], session, threshold="otsu")
    expected = 1 - np.sqrt(0.07 * (1 - otsu.thresholds["leaf"]))
    assert between.thresholds["leaf"] == pytest.approx(expected)
    assert ((other.labels.labels > 0) == (scene(3)[1] > 0)).mean() > 0.98
    (one,) = hsizoo.apply_references("sa", cube, session, as_one=True)
    assert dict(one.labels.class_names) == {0: "background", 1: "leaf + rock"}
    assert ((one.labels.labels > 0) == (session.label_map().labels > 0)).mean() > 0.98


def test_negative_clicks_act_against_a_class():
    cube, truth = scene()
    session = hsizoo.Session(cube, "sa", threshold=0.1)
    session.add("leaf", [(4, 6)])
    (found,) = hsizoo.apply_references("sa", cube, session, threshold=0.1)
    assert (found.labels.labels > 0)[truth == 2].all()
    session.click("leaf", 14, 20, positive=False)
    (found,) = hsizoo.apply_references("sa", cube, session, threshold=0.1)
    assert not (found.labels.labels > 0)[truth == 2].any()
    assert (found.labels.labels > 0)[truth == 1].all()


def test_the_threshold_is_fitted_to_the_masks_of_another_component():
    cube, truth = scene()
    session = hsizoo.Session(cube, "sa-rw")
    session.add("leaf", [(5, 8)])
    mask = session.mask("leaf")
    applier = Applier("sa", read_references(session))
    (found,) = applier.fitted.values()
    assert 0.8 < found < 1
    (applied,) = hsizoo.apply_references("sa", cube, session)
    assert applied.thresholds == {"leaf": found}
    assert ((applied.labels.labels == 1) == mask).mean() > 0.98
    # No other threshold is better.
    scores = next(hsizoo.apply_references("sa", cube, session, scores=True)).scores[0]
    best = max(_dice(scores > t, mask) for t in np.linspace(0, 1, 2001))
    assert _dice(applied.labels.labels == 1, mask) >= best - 1e-6
    # A mask that covers everything says nothing.
    session = hsizoo.Session(cube, "sa")
    session.add("leaf", [(5, 8)])
    references = read_references(session)
    assert references.example is None
    assert references.remarks == (
        "the session's mask of leaf covers the whole image, so it gives no threshold",
    )
    (applied,) = hsizoo.apply_references("sa", cube, session)
    assert ((applied.labels.labels == 1) == (truth == 1)).mean() > 0.95


def _dice(mask, other):
    return 2 * (mask & other).sum() / max(1, mask.sum() + other.sum())


def test_otsu_is_repeated_until_a_third_is_left():
    values = np.repeat(np.array([0.55, 0.9, 0.9999], np.float32), [500, 400, 100])
    assert 0.9 <= otsu_threshold(values) < 0.9999
    values = np.repeat(np.array([0.1, 0.9], np.float32), [900, 100])
    assert 0.1 <= otsu_threshold(values) < 0.9
    assert otsu_threshold(np.full(50, 0.7, np.float32)) == 0
    assert otsu_threshold(np.empty(0, np.float32)) == 0
    assert 0 <= otsu_threshold(np.ones(9, np.float32)) < 1


def test_spectra_of_one_name_are_one_class_and_the_most_similar_counts():
    cube, _ = scene()
    many = SpectralLibrary(["leaf", "leaf", "rock"], MATERIALS[[1, 0, 2]], NM)
    (found,) = hsizoo.apply_references("sa", cube, many, threshold=0.5, scores=True)
    single = SpectralLibrary(["a", "b", "c"], MATERIALS[[1, 0, 2]], NM)
    (each,) = hsizoo.apply_references("sa", cube, single, threshold=0.5, scores=True)
    np.testing.assert_allclose(found.scores[0], each.scores[:2].max(axis=0), atol=1e-6)
    (one,) = hsizoo.apply_references("sa", cube, many, as_one=True, threshold=0.5, scores=True)
    np.testing.assert_allclose(one.scores[0], each.scores.max(axis=0), atol=1e-6)
    assert one.labels.class_names[1] == "references"
    (mean,) = hsizoo.apply_references("sa:aggregate=mean", cube, many, scores=True)
    np.testing.assert_allclose(mean.scores[0], each.scores[:2].mean(axis=0), atol=1e-6)


def test_bands_are_brought_together_or_refused():
    cube, truth = scene()
    fine = np.arange(450, 951, 10.0)
    spectra = [np.interp(fine, NM, each) for each in MATERIALS[1:]]
    (found,) = hsizoo.apply_references("sa", cube, SpectralLibrary(["l", "r"], spectra, fine))
    assert ((found.labels.labels == 1) == (truth == 1)).mean() > 0.98
    part = SpectralLibrary(["l", "r"], MATERIALS[1:, :4], NM[:4])
    (found,) = hsizoo.apply_references("sa", cube, part, scores=True)
    assert "1 of 5 bands are not compared: the references have no value there" in found.remarks
    alone = hsizoo.HyperCube(cube.data[..., :4], NM[:4])
    (same,) = hsizoo.apply_references("sa", alone, part, scores=True)
    np.testing.assert_array_equal(found.scores, same.scores)
    with pytest.raises(DataError, match=r"^scene-0: the references share only 0|of scene-0"):
        list(hsizoo.apply_references("sa", cube, SpectralLibrary(["l"], [[1, 2]], [1e4, 2e4])))


def test_other_units_are_told_where_they_matter():
    cube, _ = scene(nm=None, scale=10000)
    library = SpectralLibrary(LIBRARY.names, LIBRARY.spectra)
    (found,) = hsizoo.apply_references("matched-filter", cube, library)
    (remark,) = found.remarks
    assert "matched-filter minds; if only the units differ, set scale = 10000" in remark
    for scorer in ("sa", "pcc", "sid"):
        (found,) = hsizoo.apply_references(scorer, cube, library)
        assert found.remarks == ()
    (found,) = hsizoo.apply_references("matched-filter", scene()[0], library)
    assert found.remarks == ("only one of the cube and the references has wavelengths; the bands "
                             "are compared in their order",)  # fmt: skip


def test_references_from_files(tmp_path):
    cube, _ = scene()
    path = write_cube(tmp_path / "c.hdr", cube)
    session = hsizoo.Session(path, "sa", threshold=0.93)
    session.add("leaf", [(4, 6)])
    (tmp_path / "elsewhere").mkdir()
    kept = session.save(tmp_path / "elsewhere" / "leaf.json")
    (found,) = hsizoo.apply_references("sa", path, kept)  # its cube is among the cubes
    np.testing.assert_array_equal(found.labels.labels == 1, session.mask("leaf"))
    assert found.name == "c"
    with pytest.raises(DataError, match=r"leaf.json has clicks on c.hdr, which is neither"):
        next(hsizoo.apply_references("sa", cube, kept))
    (found,) = hsizoo.apply_references("sa", cube, kept, reference_cube=path)
    assert found.labels.labels.any()
    about = json.loads(kept.read_text())
    kept.write_text(json.dumps({**about, "component": "gone", "component sha256": "0"}))
    references = read_references(kept, cube=path)
    assert references.example is None
    assert any("its component gone cannot be used here" in each for each in references.remarks)
    assert len(references.library) == 1
    kept.write_text(json.dumps({**about, "cube sha256": "0"}))
    assert "made on another cube" in read_references(kept, cube=path).remarks[0]
    for name in ("lib.csv", "lib.sli"):
        known = read_references(write_library(tmp_path / name, LIBRARY), as_one=True)
        assert [(each.name, each.spectra) for each in known.classes] == [("lib", (0, 1))]


def test_what_cannot_be_applied(tmp_path):
    cube, _ = scene()
    with pytest.raises(NameLookupError, match=r"'sa-rw' is a segmenter.*need a scorer: ace, .*sid"):
        hsizoo.apply_references("sa-rw", cube, LIBRARY)
    with pytest.raises(OptionError, match="pass a scorer"):
        hsizoo.apply_references(hsizoo.create("sa", "segmenter"), cube, LIBRARY)
    for threshold in (1, -0.1, "high", None):
        with pytest.raises(OptionError, match="threshold must be"):
            hsizoo.apply_references("sa", cube, LIBRARY, threshold=threshold)
    with pytest.raises(OptionError, match="there is none of leaf, rock"):
        hsizoo.apply_references("sa", cube, LIBRARY, threshold="session")
    with pytest.raises(OptionError, match="references are a path"):
        hsizoo.apply_references("sa", cube, MATERIALS)
    with pytest.raises(DataError, match="there is no file or folder"):
        hsizoo.apply_references("sa", tmp_path / "none", LIBRARY)
    with pytest.raises(DataError, match="there is no cube in"):
        hsizoo.apply_references("sa", tmp_path, LIBRARY)
    with pytest.raises(OptionError, match=r"for a folder, set scale in .*hsizoo\.toml"):
        hsizoo.apply_references("sa", tmp_path, LIBRARY, settings={"scale": 2})
    write_library(tmp_path / "l.csv", LIBRARY)
    with pytest.raises(OptionError, match="is no saved session, so it has no cube"):
        hsizoo.apply_references("sa", cube, tmp_path / "l.csv", reference_cube="c.hdr")
    session = hsizoo.Session(cube, "sa")
    session.add("leaf")
    with pytest.raises(DataError, match="has no positive click"):
        hsizoo.apply_references("sa", cube, session)


def test_cubes_before_a_bad_one_are_yielded(tmp_path):
    first = write_cube(tmp_path / "a.hdr", scene()[0])
    np.save(tmp_path / "b.npy", np.ones((6, 7, 3)))
    found = hsizoo.apply_references("sa", [first, tmp_path / "b.npy"], LIBRARY)
    assert next(found).name == "a"
    with pytest.raises(DataError, match="5 bands, but b has 3"):
        next(found)


class Dot(hsizoo.SpectralScorer):
    """A scorer that is no plugin: a dot product."""

    score_range = (-float("inf"), float("inf"))
    threshold = 0.9

    def prepare(self, cube):
        return np.nan_to_num(cube.data)

    def score(self, prepared, references):
        return np.einsum("hwb,nb->nhw", prepared, references)


def test_a_scorer_may_be_an_object():
    cube, _ = scene()
    applier = Applier(Dot(), read_references(LIBRARY), 0.5)
    expected = np.nan_to_num(cube.data) @ LIBRARY.spectra[0] > 0.9
    np.testing.assert_array_equal(applier.apply(cube, scores=True).scores[0] > 0.5, expected)
    assert applier.identity["component sha256"] is None
