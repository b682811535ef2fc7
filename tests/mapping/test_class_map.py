"""`hsizoo.classify` and its result."""

import csv

import numpy as np
import pytest
from sklearn.svm import SVC

import hsizoo
from hsizoo.errors import ContractError, DataError, NameLookupError, OptionError
from hsizoo.io import class_colours, read_cube, read_labels, write_cube
from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.protocols.few_label.splits import Split
from hsizoo.protocols.few_label.stored_map import decode_map


@pytest.fixture
def found(cube, labels):
    return hsizoo.classify("rf:trees=20", cube, labels, device="cpu")


def test_the_map_is_that_of_a_support_vector_machine_on_the_same_pixels(cube, labels):
    one = np.zeros_like(labels)  # one label per class: no grid search
    one[4] = labels[4]
    found = hsizoo.classify("svm", cube, one, device="cpu")
    spectra = cube.data[cube.valid]
    low, high = spectra.min(axis=0), spectra.max(axis=0)
    machine = SVC(C=100, gamma=1).fit(
        (cube.data[one > 0] - low) / (high - low), one[one > 0]
    )  # fmt: skip
    expected = np.zeros(labels.shape)
    expected[cube.valid] = machine.predict((spectra - low) / (high - low))
    np.testing.assert_array_equal(found.labels, expected)


@pytest.mark.parametrize("name", ["svm", "rf:trees=10", "lp", "lp+rf:trees=5", "cnn2d:epochs=2"])
def test_the_map_is_that_of_the_protocol_on_the_same_draw(cube, truth, name):
    names = {number + 1: f"field {number}" for number in range(3)}
    scene = hsizoo.Scene(cube, hsizoo.LabelMap(truth + 1, names), "fields")
    classifier = hsizoo.create(name, "classifier", device="cpu")
    result = FewLabelProtocol(shots=3).run(classifier, scene, seed=2)
    drawn = Split.from_record(result["split"])
    shown = np.where(drawn.mask(drawn.train), truth + 1, 0)
    found = hsizoo.classify(name, cube, shown, seed=2, device="cpu")
    np.testing.assert_array_equal(found.labels, decode_map(result["map"], truth.shape))


def test_numbers_names_and_probabilities(found, cube, truth):
    numbers = np.array([3, 5, 8])
    assert dict(found.class_names) == {3: "class 3", 5: "class 5", 8: "class 8"}
    assert found.probabilities.shape == (3, 12, 18)
    assert found.probabilities.dtype == np.float32
    assert (found.labels == numbers[truth])[cube.valid].mean() > 0.95
    np.testing.assert_array_equal(
        found.labels[cube.valid], numbers[found.probabilities.argmax(axis=0)][cube.valid]
    )
    assert found.labels[0, 0] == 0
    assert (found.probabilities[:, 0, 0] == 0).all()
    assert found.without_data == 1
    assert found.unsure == 0


def test_the_same_seed_gives_the_same_map_and_another_another(cube, labels, found):
    again = hsizoo.classify("rf:trees=20", cube, labels, device="cpu")
    np.testing.assert_array_equal(again.probabilities, found.probabilities)
    other = hsizoo.classify("rf:trees=20", cube, labels, device="cpu", seed=1)
    assert (other.probabilities != found.probabilities).any()


def test_pixels_that_are_not_probable_enough_have_no_class(cube, labels, found):
    sure = hsizoo.classify("rf:trees=20", cube, labels, device="cpu", min_probability=0.9)
    best = found.probabilities.max(axis=0)
    np.testing.assert_array_equal(sure.labels, np.where(best < 0.9, 0, found.labels))
    assert sure.unsure == (best[cube.valid] < 0.9).sum() > 0
    assert sure.legend[0]["pixels"] == sure.unsure + 1


def test_the_legend_counts_every_pixel(found, tmp_path):
    path = tmp_path / "map.v1.png"
    found.save(path)
    with (tmp_path / "map.v1.legend.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["0", "3", "5", "8"]
    assert [row["name"] for row in rows] == ["unlabelled", "class 3", "class 5", "class 8"]
    assert [row["colour"] for row in rows] == [
        "#{:02x}{:02x}{:02x}".format(*class_colours(9)[number]) for number in (0, 3, 5, 8)
    ]
    written = read_labels(path)[0]
    assert [int(row["pixels"]) for row in rows] == [(written == n).sum() for n in (0, 3, 5, 8)]
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)


@pytest.mark.parametrize("ending", [".png", ".hdr", ".tif", ".npz"])
def test_files(found, tmp_path, ending):
    path = tmp_path / f"map{ending}"
    written = found.save(path, probabilities=tmp_path / "p.npz")
    assert written == (path, tmp_path / "map.legend.csv", tmp_path / "p.npz")
    labels, names = read_labels(path)
    np.testing.assert_array_equal(labels, found.labels)
    if ending in (".hdr", ".npz"):
        assert names | dict(found.class_names) == names
    np.testing.assert_array_equal(
        read_cube(tmp_path / "p.npz").data, found.probabilities.transpose(1, 2, 0)
    )
    found.save(path)
    (tmp_path / "map.legend.csv").unlink()
    with pytest.raises(DataError, match=r"exists and may not .*--force \(force=True\)"):
        found.save(path)
    found.save(path, force=True)


def test_a_picture_needs_matplotlib(found, tmp_path, without_matplotlib):
    with pytest.raises(hsizoo.HsizooError, match="needs matplotlib"):
        found.save(tmp_path / "map.png", picture=True)
    assert list(tmp_path.iterdir()) == []


def test_a_picture(found, tmp_path, pixels_of):
    pytest.importorskip("matplotlib")
    *_, picture = found.save(tmp_path / "map.png", picture=True)
    assert picture == tmp_path / "map.picture.png"
    drawn = {tuple(c) for c in (pixels_of(picture.read_bytes()) * 255).round().reshape(-1, 3)}
    assert {tuple(map(float, class_colours(9)[n])) for n in (0, 3, 5, 8)} <= drawn


def test_georeference_and_image_are_kept(cube, labels, tmp_path):
    write_cube(tmp_path / "c.hdr", cube)
    place = "map info = {UTM, 1, 1, 637000, 4480000, 20, 20, 16, North, WGS-84}\n"
    with (tmp_path / "c.hdr").open("a") as file:
        file.write(place)
    found = hsizoo.classify("rf:trees=5", tmp_path / "c.hdr", labels, device="cpu")
    found.save(tmp_path / "map.hdr")
    assert place in (tmp_path / "map.hdr").read_text()
    assert found.lost("map.hdr") == ""
    assert "no georeference" in found.lost("map.png")
    with pytest.raises(DataError, match=r"c\.hdr is read and would be overwritten"):
        found.save(tmp_path / "c.hdr", force=True)
    assert read_cube(tmp_path / "c.hdr").digest == cube.digest


def test_another_image_is_classified_with_what_was_learnt(found, make_cube, truth):
    other = make_cube(seed=1, name="other")
    result = found.apply_to(other)
    assert (result.labels == np.array([3, 5, 8])[truth])[other.valid].mean() > 0.95
    assert result.remarks == ()
    np.testing.assert_array_equal(result.apply_to(make_cube()).labels, found.labels)
    near = make_cube(wavelengths=[500.9, 600, 700, 800])
    np.testing.assert_array_equal(found.apply_to(near).labels, found.labels)
    unknown = make_cube(wavelengths=None)
    np.testing.assert_array_equal(found.apply_to(unknown).labels, found.labels)


def test_another_image_is_read_as_the_first(cube, labels, tmp_path):
    np.save(tmp_path / "a.npy", cube.data.transpose(2, 0, 1))
    found = hsizoo.classify(
        "rf:trees=5", tmp_path / "a.npy", labels, device="cpu", settings={"layout": "bhw"}
    )
    np.testing.assert_array_equal(found.apply_to(tmp_path / "a.npy").labels, found.labels)
    np.save(tmp_path / "b.npy", cube.data)
    hwb = found.apply_to(tmp_path / "b.npy", settings={"layout": "hwb"})
    np.testing.assert_array_equal(hwb.labels, found.labels)


def test_other_bands_are_refused_and_both_shown(found, make_cube, cube):
    with pytest.raises(DataError, match=r"band 1 .* at 602 nm in other, but at 600 nm in fields"):
        found.apply_to(make_cube(name="other", wavelengths=[500, 602, 700, 800]))
    fewer = hsizoo.HyperCube(cube.data[:, :, :3], [500, 600, 700], "fewer")
    with pytest.raises(
        DataError, match=r"fewer has 3 bands \(500 to 700 nm\), but .* has 4 bands \(500 to 800"
    ):
        found.apply_to(fewer)


def test_values_of_another_scale_are_told(found, cube):
    (remark,) = found.apply_to(hsizoo.HyperCube(cube.data * 10_000, name="counts")).remarks
    assert remark.startswith("counts: the mean of its values is 4.")
    assert "that of fields is 0.4" in remark


def test_only_its_own_image(cube, labels, make_cube):
    found = hsizoo.classify("lp", cube, labels, device="cpu")
    with pytest.raises(
        OptionError, match=r"^lp classifies only the cube that it learns from; .*rf, .*svm"
    ):
        found.apply_to(make_cube(seed=1))


def test_an_object_and_arrays(cube, labels):
    given = hsizoo.create("rf:trees=5", "classifier", device="cpu")
    found = hsizoo.classify(given, np.array(cube.data), labels)
    same = hsizoo.classify("rf:trees=5", cube, labels, device="cpu")
    np.testing.assert_array_equal(found.labels, same.labels)


class Wrong(hsizoo.PixelClassifier):
    """Gives half of what is due."""

    def fit(self, cube, labels, *, rng):
        return self

    def predict_proba(self, cube):
        return np.full((3, *cube.shape[:2]), 1 / 6)


def test_a_broken_classifier_is_told(cube, labels):
    with pytest.raises(ContractError, match=r"Wrong\.predict_proba returned .* sum to 0\.5"):
        hsizoo.classify(Wrong(), cube, labels)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"classifier": "svn"}, NameLookupError, "Did you mean 'svm'"),
        ({"classifier": "sa"}, NameLookupError, "is a scorer, not a classifier"),
        ({"classifier": SVC()}, OptionError, "hsizoo.PixelClassifier; got SVC"),
        ({"seed": -1}, OptionError, "seed must be at least 0"),
        ({"min_probability": 1.0}, OptionError, r"in \[0, 1\)"),
        ({"min_probability": float("nan")}, OptionError, "got nan"),
        ({"device": "gpu"}, OptionError, "unknown device 'gpu'"),
        ({"settings": {"nodat": 0}}, OptionError, "unknown setting 'nodat'"),
        ({"cube": "none.hdr"}, DataError, "no file none.hdr"),
        ({"labels": "none.csv"}, DataError, "no none.csv"),
    ],
)
def test_wrong_arguments(cube, labels, changed, error, message):
    given = {"classifier": "svm", "cube": cube, "labels": labels, **changed}
    with pytest.raises(error, match=message):
        hsizoo.classify(**given)
