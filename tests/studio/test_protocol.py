"""`Studio`: every message does what a session does, and what is wrong is refused in words."""

import io
import json
import time
import zipfile

import numpy as np
import pytest

from hsizoo import HyperCube, Session
from hsizoo.errors import DataError, OptionError
from hsizoo.io import read_labels, read_library, write_cube, write_mask
from hsizoo.studio import Studio
from hsizoo.studio.tiles import TILE


def array_of(answer, kind=np.uint8):
    return np.frombuffer(answer.data, kind).reshape(answer.about["shape"])


def test_the_first_answer_tells_what_is_open(do, scene):
    about = do("hello").about
    image = about["image"]
    assert about["images"] == ["field"]
    assert (image["height"], image["width"], image["bands"]) == scene.cube.shape
    assert image["wavelengths"] == scene.cube.wavelengths.tolist()
    assert [each["name"] for each in image["classes"]] == ["corn", "soy"]
    known = do("components").about
    assert {"sa", "pcc"} <= {each["name"] for each in known["scorers"]}
    assert "svm" in {each["name"] for each in known["classifiers"]}
    json.dumps(about, allow_nan=False)


def test_clicks_make_the_masks_of_a_session(do, studio, scene):
    session = Session(scene.cube, "sa:aggregate=max")
    do("add", name="corn")
    session.add("corn")
    for row, col, positive in ((8, 8, True), (20, 25, False), (9, 12, True)):
        about = do("click", object="corn", row=row, col=col, positive=positive).about
        session.click("corn", row, col, positive)
        shown = array_of(do("tile", layer="objects", level=0, row=0, col=0))
        np.testing.assert_array_equal(shown == 1, session.mask("corn"))
        (one,) = about["objects"]
        assert one["pixels"] == session.mask("corn").sum()
    assert one["dice_of"] == "corn"
    mask = session.mask("corn") & scene.evaluated
    expected = 2 * (mask & scene.target(1)).sum() / (mask.sum() + scene.target(1).sum())
    assert one["dice"] == pytest.approx(expected, abs=1e-4)


def test_the_tiles_that_are_looked_at_come_with_the_answer(do, studio):
    shown = [{"level": 0, "row": 0, "col": 0}]
    do("add", name="a")
    answer = do("click", object="a", row=8, col=8, shown=shown)
    assert answer.about["tiles"] == [{"place": (0, 0, 0), "shape": (30, 40)}]
    mask = np.frombuffer(answer.data, np.uint8).reshape(30, 40)
    np.testing.assert_array_equal(mask == 1, studio.desk.session.mask("a"))
    wrong = studio.answer({"do": "undo", "shown": [{"level": 0, "row": 5, "col": 0}]})
    assert "no tile" in wrong.about["error"]


def test_everything_is_undone_and_redone(do, studio):
    def of_session():
        return studio.desk.session.state

    states = [of_session()]
    for action, fields in (
        ("add", {"name": "a"}), ("click", {"object": "a", "row": 8, "col": 8}),
        ("box", {"object": "a", "corners": [[5, 6], [10, 12]]}),
        ("stroke", {"object": "a", "pixels": [[20, 22], [20, 23]], "positive": False}),
        ("paint", {"object": "a", "pixels": [[1, 1], [1, 2]]}),
        ("move", {"object": "a", "index": 0, "row": 9, "col": 8}),
        ("unclick", {"object": "a", "index": 0}), ("threshold", {"threshold": 0.7}),
        ("rename", {"object": "a", "name": "b"}), ("add", {}), ("remove", {"object": "b"}),
    ):  # fmt: skip
        do(action, **fields)
        states.append(of_session())
        assert states[-1] != states[-2], action
    for expected in reversed(states[:-1]):
        do("undo")
        assert of_session() == expected
    for expected in states[1:]:
        do("redo")
        assert of_session() == expected
    assert do("redo").about["did"] == ""


def test_boxes_and_strokes_say_how_many_pixels_they_click(do, studio):
    do("add", name="a")
    about = do("box", object="a", corners=[[13, 16], [4, 5]]).about
    assert about["used"] == "5 clicks of the box"
    clicks = studio.desk.session.clicks("a")
    assert len(clicks) == 5
    assert clicks.positive.all()
    stroke = [[20, col] for col in range(20, 36)]
    about = do("stroke", object="a", pixels=stroke, positive=False).about
    assert about["used"] == "8 clicks of 16 drawn pixels"
    again = do("box", object="a", corners=[[13, 16], [4, 5]]).about
    assert again["used"] == "0 clicks of the box"


def test_brush_and_eraser_are_kept_apart_and_exported(do, studio, tmp_path):
    do("add", name="a")
    do("click", object="a", row=8, col=8)
    before = studio.desk.session.mask("a")
    do("paint", object="a", pixels=[[0, 39], [0, 0]])  # one has no data
    about = do("paint", object="a", pixels=[[8, 8]], belongs=False).about
    assert (about["objects"][0]["added"], about["objects"][0]["removed"]) == (1, 1)
    saved = json.loads(do("save").data)
    assert saved["objects"][0]["painted"] == {"added": [[0, 39, 1]], "removed": [[8, 8, 1]]}
    expected = before.copy()
    expected[0, 39], expected[8, 8] = True, False
    (tmp_path / "m.npz").write_bytes(do("export", format=".npz", what="object", object="a").data)
    np.testing.assert_array_equal(read_labels(tmp_path / "m.npz")[0] == 1, expected)


def test_a_session_is_saved_and_opened_again(do, studio):
    do("add", name="a")
    do("click", object="a", row=8, col=8)
    do("paint", object="a", pixels=[[0, 39]])
    before, text = studio.desk.session.state, do("save").data.decode()
    do("remove", object="a")
    do("load", text=text)
    assert studio.desk.session.state == before
    answer = studio.answer({"do": "load", "text": "{}", "name": "notes.json"})
    assert answer.about["error"] == (
        "notes.json is not a session saved by hsizoo: it has no 'clicks'"
    )
    answer = studio.answer({"do": "load", "text": "a note", "name": "notes.txt"})
    assert answer.about["error"].startswith("notes.txt is not a session saved by hsizoo")
    assert studio.desk.session.state == before


@pytest.mark.parametrize("ending", [".png", ".tif", ".npz", ".hdr"])
def test_the_map_of_all_objects_is_read_by_others(do, studio, tmp_path, ending):
    do("add", name="corn")
    do("click", object="corn", row=8, col=8)
    do("add", name="soy")
    do("click", object="soy", row=20, col=25)
    expected = studio.desk.session.label_map().labels
    answer = do("export", format=ending)
    if ending == ".hdr":
        import spectral

        with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
            archive.extractall(tmp_path)
        header = next(tmp_path.glob("*.hdr"))
        opened = spectral.open_image(str(header))
        found = opened.read_band(0)
        assert opened.metadata["class names"] == ["background", "corn", "soy"]
    elif ending == ".npz":
        found = np.load(io.BytesIO(answer.data))["mask"]
    elif ending == ".png":
        from PIL import Image

        found = np.asarray(Image.open(io.BytesIO(answer.data)))
    else:
        import tifffile

        found = tifffile.imread(io.BytesIO(answer.data))
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(expected)) == 3


def test_tiles_are_parts_of_the_image_in_every_resolution():
    rng = np.random.default_rng(1)
    cube = HyperCube(rng.random((600, 300, 3), dtype=np.float32))
    studio = Studio(cube, component="sa", device="cpu")
    levels = studio.answer({"do": "hello"}).about["image"]["levels"]
    assert TILE * 2 ** (levels - 1) >= 600 > TILE * 2 ** (levels - 2)
    whole = np.zeros((600, 300, 3), dtype=np.uint8)
    for row in range(3):
        for col in range(2):
            tile = array_of(
                studio.answer(
                    {"do": "tile", "layer": "image", "bands": [2, 1, 0], "level": 0,
                     "row": row, "col": col, "stretch": "reflectance"}
                )
            )  # fmt: skip
            rows, cols = slice(row * TILE, (row + 1) * TILE), slice(col * TILE, (col + 1) * TILE)
            whole[rows, cols] = tile
    np.testing.assert_array_equal(whole, np.rint(cube.data[:, :, ::-1].astype(float) * 255))
    coarse = studio.answer(
        {"do": "tile", "layer": "image", "bands": [0], "level": levels - 1, "row": 0, "col": 0,
         "stretch": "reflectance"}
    )  # fmt: skip
    step = 2 ** (levels - 1)
    np.testing.assert_array_equal(array_of(coarse)[:, :, 0], whole[::step, ::step, 2])


def test_spectra_are_exact_on_click_and_within_the_stated_error_under_the_pointer(do, scene):
    answer = do("basis")
    basis = array_of(answer, "<f4")
    weights = array_of(do("weights", level=0, row=0, col=0), "<f2").astype(np.float32)
    drawn = weights @ basis[1:] + basis[0]  # as the page does it
    valid = scene.cube.valid
    assert np.isnan(drawn[~valid]).all()
    apart = np.linalg.norm(drawn - scene.cube.data, axis=2) / np.linalg.norm(
        scene.cube.data, axis=2
    )
    errors = answer.about["errors"]
    assert errors["all"]
    assert apart[valid].max() <= errors["highest"] * 1.001
    assert np.percentile(apart[valid], 99) <= errors["p99"] * 1.001
    exact = do("spectrum", row=7, col=9)
    np.testing.assert_array_equal(np.frombuffer(exact.data, "<f4"), scene.cube.data[7, 9])
    assert exact.about["label"] == "corn"
    mean = do("spectrum", row=7, col=9, radius=2)
    np.testing.assert_allclose(
        np.frombuffer(mean.data, "<f4"), scene.cube.data[5:10, 7:12].mean((0, 1)), rtol=1e-5
    )


@pytest.mark.parametrize("ending", [".csv", ".sli"])
def test_pinned_spectra_are_a_library(do, scene, tmp_path, ending):
    pins = [{"name": "corn", "row": 7, "col": 9}, {"name": "soy", "row": 20, "col": 25}]
    answer = do("spectra", format=ending, pins=pins)
    if ending == ".sli":
        with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
            archive.extractall(tmp_path)
        library = read_library(tmp_path / "spectra.hdr")
    else:
        (tmp_path / "s.csv").write_bytes(answer.data)
        library = read_library(tmp_path / "s.csv")
    assert library.names == ("corn", "soy")
    np.testing.assert_allclose(library.spectra, scene.cube.data[[7, 20], [9, 25]], rtol=1e-6)


def test_a_spectrum_of_a_library_is_a_prompt(do, studio, scene):
    import base64

    lines = ["wavelength,maize,alien"]
    alien = np.zeros(12)
    alien[5] = 1
    for nm, value, odd in zip(scene.cube.wavelengths, scene.cube.data[6, 6], alien, strict=True):
        lines.append(f"{nm},{value},{odd}")
    content = base64.b64encode("\n".join(lines).encode()).decode()
    about = do("library", files=[{"name": "mine.csv", "base64": content}]).about
    assert about["library"]["names"] == ["maize", "alien"]
    used = do("reference", reference=0).about["used"]
    assert used.startswith("clicked (row=6, col=6), 0.000 rad")
    assert studio.desk.session.clicks("maize").to_json() == [[6, 6, True]]
    refused = studio.answer({"do": "reference", "reference": 1}).about["error"]
    assert "no pixel is like alien" in refused
    assert do("similar", reference=0, scorer="sa").about["overlays"]["similarity"]["to"] == "maize"


def test_what_is_alike_is_shown_with_its_histogram(do, studio):
    do("add", name="a")
    do("click", object="a", row=8, col=8)
    like = do("similar", object="a", scorer="sa").about["overlays"]["similarity"]
    expected = studio.desk.session.similarity("a", "sa")
    valid = studio.desk.cube.valid
    shown = array_of(do("tile", layer="similarity", level=0, row=0, col=0))
    assert (shown[~valid] == 0).all()
    values = like["low"] + (shown[valid].astype(float) - 1) / 254 * (like["high"] - like["low"])
    np.testing.assert_allclose(values, expected[valid], atol=(like["high"] - like["low"]) / 500)
    assert sum(like["histogram"]) == valid.sum()
    assert "similarity" not in do("hide", overlay="similarity").about["overlays"]


def test_two_components_on_the_same_clicks(do, studio):
    do("add", name="a")
    do("click", object="a", row=8, col=8)
    do("compare", component="pcc")
    studio.jobs.wait()
    assert do("state").about["compared"] == "pcc"
    other = Session(studio.desk.cube, "pcc")
    other.add("a", [(8, 8)])
    shown = array_of(do("tile", layer="compared", level=0, row=0, col=0))
    np.testing.assert_array_equal(shown == 1, other.mask("a"))
    do("use", component="pcc")
    studio.jobs.wait()
    shown = array_of(do("tile", layer="objects", level=0, row=0, col=0))
    np.testing.assert_array_equal(shown == 1, other.mask("a"))
    do("compare")
    assert "no map" in studio.answer(
        {"do": "tile", "layer": "compared", "level": 0, "row": 0, "col": 0}
    ).about["error"]  # fmt: skip


def test_clicked_and_painted_labels_make_a_map(do, studio, scene, tmp_path):
    for name, row, col in (("corn", 8, 8), ("soy", 20, 25), ("ground", 2, 30)):
        do("add", name=name)
        do("click", object=name, row=row, col=col)
    do("paint", object="corn", pixels=[[6, 6], [12, 15]])
    do("classify", classifier="svm")
    studio.jobs.wait()
    about = do("state").about
    assert about["jobs"]["classify"]["error"] == ""
    found = about["overlays"]["classes"]
    assert found["labelled"] == 5
    assert [each["name"] for each in found["classes"]] == ["corn", "soy", "ground"]
    shown = array_of(do("tile", layer="classes", level=0, row=0, col=0))
    assert (shown[scene.target(1)] == 1).mean() > 0.95
    assert (shown[scene.target(2)] == 2).mean() > 0.95
    for row, col in found["places"]:
        assert 0 <= row < 30
        assert 0 <= col < 40
    (tmp_path / "c.npz").write_bytes(do("export", format=".npz", what="classes").data)
    labels, names = read_labels(tmp_path / "c.npz")[:2]
    np.testing.assert_array_equal(labels, shown)
    assert names[2] == "soy"


def test_a_map_says_that_its_labels_have_changed(do, studio):
    for name, row, col in (("corn", 8, 8), ("soy", 20, 25)):
        do("add", name=name)
        do("click", object=name, row=row, col=col)
    do("classify", classifier="svm")
    studio.jobs.wait()

    def outdated(about):
        return about["overlays"]["classes"]["outdated"]

    assert not outdated(do("state").about)
    assert not outdated(do("add", name="empty").about)
    assert not outdated(do("click", object="soy", row=2, col=2, positive=False).about)
    assert outdated(do("click", object="corn", row=9, col=9).about)
    assert not outdated(do("undo").about)
    assert outdated(do("paint", object="empty", pixels=[[2, 30]]).about)
    do("classify", classifier="svm")
    studio.jobs.wait()
    assert not outdated(do("state").about)


def test_an_export_says_how_many_pixels_several_objects_claim(do, studio):
    for name in ("a", "b"):
        do("add", name=name)
        do("click", object=name, row=8, col=8)
    masks = [studio.desk.session.mask(name) for name in ("a", "b")]
    count = int((masks[0] & masks[1]).sum())
    assert count > 0
    for ending in (".png", ".npz"):
        assert do("export", format=ending).about["remarks"][0].startswith(f"{count} pixel(s)")
    one = do("export", format=".png", what="object", object="a").about["remarks"]
    assert not any("several objects" in each for each in one)


def test_a_wrong_library_is_called_by_its_name(studio):
    import base64

    content = base64.b64encode(b"a note").decode()
    files = [{"name": "notes.txt", "base64": content}]
    told = studio.answer({"do": "library", "files": files}).about["error"]
    assert told.startswith("no spectral library: notes.txt has no line of numbers")


def test_a_page_says_how_untrained_components_are_allowed(do, studio):
    do("use", component="samsa2-nano:weights=none")
    studio.jobs.wait()
    job = do("state").about["jobs"]["prepare"]
    assert "start hsizoo studio with --allow-untrained" in job["error"]
    assert "allow_untrained=True (--" not in job["error"]
    assert job["ago"] >= 0
    before = job["number"]
    do("use", component="pcc")
    studio.jobs.wait()
    assert do("state").about["jobs"]["prepare"]["number"] > before


def test_a_class_alone_is_no_map(do, studio):
    do("add", name="a")
    do("click", object="a", row=8, col=8)
    do("classify", classifier="svm")
    studio.jobs.wait()
    assert "two objects or more" in do("state").about["jobs"]["classify"]["error"]
    do("add", name="b")
    do("click", object="b", row=8, col=8)
    do("classify", classifier="svm")
    studio.jobs.wait()
    assert "labelled a and b" in do("state").about["jobs"]["classify"]["error"]


def test_the_next_image_has_the_same_objects(scene, tmp_path):
    flipped = HyperCube(scene.cube.data[::-1, ::-1], scene.cube.wavelengths)
    write_cube(tmp_path / "a.hdr", scene.cube)
    write_cube(tmp_path / "b.hdr", flipped)
    write_mask(tmp_path / "a.mask.png", scene.label_map.labels)
    studio = Studio(tmp_path, component="sa", device="cpu")
    hello = studio.answer({"do": "hello"}).about
    assert hello["images"] == ["a", "b"]
    assert [each["name"] for each in hello["image"]["classes"]] == ["class 1", "class 2"]
    studio.answer({"do": "add", "name": "corn"})
    studio.answer({"do": "add", "name": "none yet"})
    studio.answer({"do": "click", "object": "corn", "row": 8, "col": 8})
    about = studio.answer({"do": "open", "image": "b", "carry": True}).about
    assert [each["name"] for each in about["objects"]] == ["corn", "none yet"]
    assert about["objects"][0]["clicks"] == [[21, 31, True]]  # the same pixel
    assert "0.000 rad" in about["remarks"][-1]


@pytest.mark.parametrize(
    "name", ["../b", "/etc/passwd", "..", "b/../b", "field\x00", "file:///etc/passwd", "", "A"]
)
def test_images_are_opened_by_their_name_only(studio, name):
    answer = studio.answer({"do": "open", "image": name})
    assert "image" in answer.about["error"]
    assert studio.desk.name == "field"


def test_links_that_lead_out_of_a_folder_are_no_images(scene, tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    write_cube(outside / "secret.npz", scene.cube)
    write_cube(folder / "own.npz", scene.cube)
    (folder / "link.npz").symlink_to(outside / "secret.npz")
    (folder / "down").symlink_to(outside)
    studio = Studio(folder, component="sa", device="cpu")
    assert studio.answer({"do": "hello"}).about["images"] == ["own"]


@pytest.mark.parametrize(
    "text", ["sa:weights=/etc/passwd", "samsa2-nano:weights=../x", "sa:x=~/y", "./sa", "/sa",
             "sa:x=a\\b", "nothing-like-this", "sa:unknown=1", "", "x" * 1000],
)  # fmt: skip
def test_a_page_names_components_and_no_files(studio, text):
    for action, key in (("use", "component"), ("compare", "component"), ("classify", "classifier")):
        before = studio.desk.session.state
        answer = studio.answer({"do": action, key: text})
        studio.jobs.wait()
        jobs = studio.answer({"do": "state"}).about["jobs"]
        failed = [job["error"] for job in jobs.values() if job["error"]]
        assert "error" in answer.about or failed
        assert studio.desk.session.state == before


WRONG = [
    7, None, [], "click", {}, {"do": 3}, {"do": "no such"}, {"do": "__init__"},
    {"do": "click"}, {"do": "click", "object": "a", "row": "1", "col": 1},
    {"do": "click", "object": "a", "row": 1.5, "col": 1},
    {"do": "click", "object": "a", "row": True, "col": 1},
    {"do": "click", "object": "a", "row": -1, "col": 1},
    {"do": "click", "object": "a", "row": 10**30, "col": 1},
    {"do": "click", "object": "a", "row": 99, "col": 1},
    {"do": "click", "object": "a", "row": 0, "col": 0},
    {"do": "click", "object": "b", "row": 5, "col": 5},
    {"do": "click", "object": "a", "row": 5, "col": 5, "positive": "yes"},
    {"do": "add", "name": ""}, {"do": "add", "name": "a"}, {"do": "add", "name": "\x07"},
    {"do": "add", "name": "n" * 10_000}, {"do": "add", "name": ["a"]},
    {"do": "remove", "object": "b"}, {"do": "unclick", "object": "a", "index": 5},
    {"do": "move", "object": "a", "index": 0, "row": 3, "col": 3},
    {"do": "box", "object": "a", "corners": [[1, 2]] * 9},
    {"do": "box", "object": "a", "corners": [[1, 2], [3]]},
    {"do": "box", "object": "a", "corners": [[0, 0], [0, 0]]},
    {"do": "stroke", "object": "a", "pixels": []}, {"do": "stroke", "object": "a", "pixels": "x"},
    {"do": "stroke", "object": "a", "pixels": [[999, 0]]},
    {"do": "stroke", "object": "a", "pixels": [[-1, 0]]},
    {"do": "paint", "object": "a", "pixels": [[1, 2, 3]]},
    {"do": "paint", "object": "a", "pixels": [[1.5, 2.0]]},
    {"do": "paint", "object": "a", "pixels": [[10**30, 2]]},
    {"do": "tile", "layer": "image", "bands": [0, 1], "level": 0, "row": 0, "col": 0},
    {"do": "tile", "layer": "image", "bands": [99], "level": 0, "row": 0, "col": 0},
    {"do": "tile", "layer": "image", "bands": [0], "level": 0, "row": 9, "col": 0},
    {"do": "tile", "layer": "image", "bands": [0], "level": 99, "row": 0, "col": 0},
    {"do": "tile", "layer": "../objects", "level": 0, "row": 0, "col": 0},
    {"do": "weights", "level": 0, "row": 7, "col": 0}, {"do": "spectrum", "row": 0, "col": 0},
    {"do": "spectrum", "row": 3, "col": 3, "radius": 10**9},
    {"do": "threshold", "threshold": 1.0}, {"do": "threshold", "threshold": 1e400},
    {"do": "reference", "reference": 0}, {"do": "similar", "object": "a", "scorer": "samsa2-nano"},
    {"do": "export", "format": ".exe"}, {"do": "export", "format": ".png", "what": "classes"},
    {"do": "export", "format": ".png", "what": "object", "object": "../../etc"},
    {"do": "export", "format": ".geojson", "tolerance": -1},
    {"do": "library", "files": [{"name": "x.py", "base64": ""}]},
    {"do": "library", "files": [{"name": "x.csv", "base64": "!"}]},
    {"do": "library", "files": [{"name": "x.csv", "base64": "AAAA"}]},
    {"do": "library", "files": [{"name": "x.hdr", "base64": "RU5WSQo="}]},
    {"do": "library", "files": []}, {"do": "library", "files": [3]},
    {"do": "spectra", "pins": []}, {"do": "spectra", "pins": [{"name": "x", "row": 0, "col": 0}]},
    {"do": "load", "text": "not json"}, {"do": "load", "text": "[" * 100_000},
    {"do": "load", "text": "\ud800"},
]  # fmt: skip


@pytest.mark.parametrize("message", WRONG, ids=lambda each: str(each)[:50])
def test_what_is_wrong_is_refused_and_changes_nothing(studio, do, message):
    do("add", name="a")
    before = studio.desk.session.state
    about = studio.answer(message).about
    assert about["error"]
    assert len(about["error"]) < 1500
    assert studio.desk.session.state == before
    json.dumps(about, allow_nan=False)


def test_place_and_bands_that_are_left_out_are_told(tmp_path, scene):
    header = write_cube(tmp_path / "a.hdr", scene.cube)
    flags = ["1"] * 12
    flags[3] = flags[4] = "0"
    header.write_text(
        header.read_text() + f"bbl = {{{', '.join(flags)}}}\n"
        "map info = {UTM, 1, 1, 500000, 5400000, 10, 10, 32, North, WGS-84}\n"
    )
    studio = Studio(header, component="sa", device="cpu")
    image = studio.answer({"do": "hello"}).about["image"]
    assert image["bands"] == 10
    assert image["left_out"] == scene.cube.wavelengths[3:5].tolist()
    assert image["place"] == [10, 0, 500000, 0, -10, 5400000]
    assert "32632" in image["crs"] or "UTM" in image["crs"]
    studio.jobs.wait()
    studio.answer({"do": "add", "name": "a"})
    studio.answer({"do": "click", "object": "a", "row": 8, "col": 8})
    answer = studio.answer({"do": "export", "format": ".hdr"})
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".hdr")]
        assert b"map info = {UTM, 1, 1, 500000" in archive.read(name)
    assert (
        "no georeference" in studio.answer({"do": "export", "format": ".png"}).about["remarks"][-1]
    )


def test_what_cannot_be_opened_is_said_at_once(tmp_path, scene):
    with pytest.raises(OptionError, match="nothing to open"):
        Studio()
    with pytest.raises(OptionError, match="only one of them"):
        Studio(scene, dataset="phantom")
    with pytest.raises(DataError, match="no file or folder"):
        Studio(tmp_path / "none.hdr")
    with pytest.raises(DataError, match="no cube"):
        Studio(tmp_path)
    write_cube(tmp_path / "a.npz", scene.cube)
    write_mask(tmp_path / "small.png", np.ones((3, 3), dtype=int))
    with pytest.raises(DataError, match="rows and columns"):
        Studio(tmp_path / "a.npz", labels=tmp_path / "small.png")
    write_mask(tmp_path / "m.png", scene.label_map.labels)
    studio = Studio(tmp_path / "a.npz", labels=tmp_path / "m.png")
    assert len(studio.desk.describe()["classes"]) == 2


def test_a_large_image_is_only_looked_at_until_there_is_an_object(scene, monkeypatch):
    monkeypatch.setattr("hsizoo.studio.protocol._LARGE", 0)
    studio = Studio(scene, component="sa", device="cpu")
    assert studio.answer({"do": "hello"}).about["jobs"] == {}
    studio.answer({"do": "add", "name": "a"})
    studio.jobs.wait()
    about = studio.answer({"do": "click", "object": "a", "row": 8, "col": 8}).about
    assert about["ready"]
    assert about["objects"][0]["pixels"] > 0


def test_a_job_that_fails_says_so_and_another_may_begin(studio, do):
    def fail():
        raise RuntimeError("broken")

    studio.jobs.start("prepare", "a trial", fail)
    studio.jobs.wait()
    assert do("state").about["jobs"]["prepare"]["error"].startswith("a trial failed")
    studio.jobs.start("prepare", "a long trial", lambda: time.sleep(0.3))
    refused = studio.answer({"do": "use", "component": "pcc"}).about
    assert "a long trial is not finished" in refused["error"]
    studio.jobs.wait()
    do("use", component="pcc")
    studio.jobs.wait()
    assert studio.desk.session.component == "pcc"
