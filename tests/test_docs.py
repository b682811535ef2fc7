"""What the documents say is true: their code runs, their names exist."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import hsizoo
from hsizoo.cli.listing import print_components
from hsizoo.errors import DataError, OptionError
from hsizoo.zoo.options import declared_options

ROOT = Path(hsizoo.__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / "README.md").exists(), reason="hsizoo is installed without its documents"
)


def blocks(document, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(), re.M | re.S)


AUTHOR = "docs/paths/method-author.md"
WRITTEN = [  # by hand: what is generated is tested in tests/docs
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if not {"_build", "_parts", "components", "python"} & set(path.relative_to(ROOT).parts)
    and path.name != "commands.md"
]
GENERATED = re.compile(r"docs/(components/|reference/(commands|python/)|_parts/)")


def test_the_plugin_of_the_tutorial_works(fake_dist):
    plugin, scorer, options, using, _ = blocks(AUTHOR, "python")
    (point, target), *_ = re.findall(r'^(flat) = "([\w.]+)"', blocks(AUTHOR, "toml")[0], re.M)
    # One module instead of a package, as the fixture makes modules.
    flat = plugin.replace("hsizoo_flat.distance:", "hsizoo_flat_distance:")
    fake_dist(
        "hsizoo-flat",
        "1.0",
        {"hsizoo_flat_plugin": flat, "hsizoo_flat_distance": scorer},
        {point: target.replace(".", "_")},
    )
    segmenter = hsizoo.create("distance:scale=0.5", "segmenter")
    data = np.random.default_rng(0).random((6, 7, 5))
    state = segmenter.open(hsizoo.HyperCube(data))
    probability = np.asarray(segmenter.predict(state, [hsizoo.Clicks([(2, 3)])]))[0]
    distance = np.linalg.norm(data - data[2, 3], axis=2)
    np.testing.assert_array_equal(probability > 0.5, distance < 0.5)
    scope = {"hsizoo": hsizoo}
    exec(options + using, scope)
    assert declared_options(scope["Distance"])["scale"].doc.startswith("Distance at which")
    with pytest.raises(OptionError, match="must be above 0"):
        scope["DistanceOptions"](scale=0.0)


def test_the_python_of_the_readme_and_of_the_tasks_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = blocks("README.md", "python")[0]
    (own,) = blocks("docs/usage.md", "python")
    small = "phantom:height=32,width=32,bands=8,test_subjects=1,scenes_per_subject=1"
    scope = {}
    exec(code.replace('"phantom"', repr(small)), scope)
    assert scope["mask"].shape == (145, 145)
    assert len(scope["result"].table) == 2
    data, truth = np.random.default_rng(0).random((20, 50, 6)), np.indices((20, 50))[1] // 25
    data += truth[:, :, None] * np.linspace(0, 1, 6)
    for name in ("scene", "other"):
        hsizoo.io.write_cube(f"{name}.hdr", hsizoo.HyperCube(data, np.linspace(500, 900, 6)))
    hsizoo.io.write_mask("scene.mask.png", truth + 1)
    rows = [f"{r},{c},{('corn', 'oats')[truth[r, c]]}" for r in range(5) for c in (3, 9, 30, 41)]
    Path("labels.csv").write_text("\n".join(["row,col,class", *rows]))
    exec(own, scope)
    assert (scope["found"].labels == truth + 1).mean() > 0.8
    assert Path("other.tif").exists()
    assert scope["mask"].shape == (20, 50)


def test_the_dataset_of_the_tutorial_works(tmp_path):
    scope = {}
    exec(blocks(AUTHOR, "python")[-1], scope)
    rng = np.random.default_rng(0)
    for name in ("north-1", "north-2", "south-1"):
        np.save(tmp_path / f"{name}.npy", rng.random((9, 8, 5)))
        np.save(tmp_path / f"{name}.mask.npy", rng.integers(0, 3, (9, 8)))
    fields = scope["Fields"](folder=str(tmp_path))
    assert [info.subject for info in fields.scenes()] == ["north", "north", "south"]
    assert sorted(fields.scene(2).label_map.targets) == [1, 2]


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", *WRITTEN])
def test_every_name_of_a_command_exists(document):
    text = (ROOT / document).read_text().replace("\\\n", " ")
    listed = {entry.spec.name for entry in hsizoo.list_components()}
    for command in re.findall(r"hsizoo bench ([^`\n]*)", text):
        if command.startswith("--help"):
            continue
        if command.startswith(("--config FILE", "--config study.toml")):  # the reader's own
            continue
        if command.startswith("--config"):
            assert (ROOT / command.split()[1]).is_file(), command
            continue
        words = [word.strip("'") for word in command.split(" --")[0].split()]
        parts = [part for word in words for part in word.split("+")]  # LABELER+CLASSIFIER
        names = {part.partition(":")[0] for part in parts} - {"…", "distance", *MADE_UP}
        assert names <= listed, command
    for name in re.findall(r"hsizoo train ([a-z][a-z0-9.-]*)", text):
        assert name in listed | MADE_UP
    for name in re.findall(r"hsizoo info ([a-z][a-z0-9.-]*)", text):
        assert name in listed | MADE_UP


MADE_UP = {"my-angle", "my-clicks", "my-unet"}  # by the tutorial


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", *WRITTEN])
def test_every_link_to_a_file_leads_somewhere(document):
    folder = (ROOT / document).parent
    for target in re.findall(r"\]\((?!http)([^)#]+)", (ROOT / document).read_text()):
        path = (folder / target).resolve()
        if not GENERATED.match(path.relative_to(ROOT).as_posix()):
            assert path.exists(), target


@pytest.mark.parametrize("document", [page for page in WRITTEN if page != "docs/index.md"])
def test_every_page_is_reached_from_another(document):
    stem = (ROOT / document).with_suffix("")
    listed = set()
    for page in WRITTEN:
        for tree in blocks(page, "{toctree}"):
            listed |= {((ROOT / page).parent / line).resolve() for line in tree.splitlines()}
    assert stem in listed


def test_every_picture_is_small_and_shown():
    shown = {
        ((ROOT / page).parent / target).resolve()
        for page in WRITTEN
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / page).read_text())
    }
    pictures = set((ROOT / "docs" / "pictures").glob("*.png"))
    assert pictures <= shown
    assert max(path.stat().st_size for path in pictures) < 150_000


def test_every_environment_variable_is_listed():
    used = {
        name
        for room in ("hsizoo", "plugins")
        for path in (ROOT / room).rglob("*.py")
        for name in re.findall(r"\bHSIZOO_[A-Z_]+\b", path.read_text(encoding="utf-8"))
    }
    table = (ROOT / "docs" / "reference" / "environment.md").read_text()
    listed = set(re.findall(r"^\| `(HSIZOO_[A-Z_]+)`", table, re.M))
    assert listed == used - {"HSIZOO_API"}  # of a plugin's module, no variable


def test_the_list_of_components_keeps_its_schema(capsys):
    schema = json.loads((ROOT / "docs" / "schemas" / "list.json").read_text())
    print_components(None, json=True)
    printed = json.loads(capsys.readouterr().out)
    jsonschema.validate(printed, schema)
    assert set(schema["items"]["properties"]) == set(printed[0]), (
        "say new keys in docs/stability.md"
    )
    told = (ROOT / "docs" / "stability.md").read_text().partition("(list)=")[2]
    assert all(f"`{key}`" in told for key in printed[0])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{**printed[0], "packaged": "yes"}], schema)


@pytest.mark.parametrize("document", WRITTEN)
def test_settings_in_documents_are_toml(document):
    for block in blocks(document, "toml"):
        tomllib.loads(block)


def test_settings_of_a_folder_are_known(tmp_path):
    hsizoo.io.write_cube(tmp_path / "a.npy", hsizoo.HyperCube(np.ones((4, 5, 3))))
    settings = blocks("docs/folders.md", "toml")
    for block in settings:
        for key in tomllib.loads(block):
            (tmp_path / "hsizoo.toml").write_text(f"{key}_ = 1\n")
            with pytest.raises(DataError, match="has the unknown key") as told:
                hsizoo.load_dataset("folder", path=str(tmp_path)).scenes()
            assert key in str(told.value).partition("Allowed keys: ")[2].split(", ")
    assert len(settings) >= 4


def test_public_names_are_what_is_announced():
    for name in hsizoo.__all__:
        assert getattr(hsizoo, name) is not None
    assert set(hsizoo.__all__) | {"__version__"} == set(dir(hsizoo))
    code = "import hsizoo; hsizoo.io.read_cube, hsizoo.errors.DataError"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        hsizoo.nonsense  # noqa: B018
