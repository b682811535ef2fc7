"""What is published: the wheel and the source distribution."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

import hsizoo

ROOT = Path(hsizoo.__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="hsizoo is installed without its sources"
)

MB = 1_000_000
WHEEL_LIMIT, WEIGHTS_LIMIT = 35 * MB, 40 * MB


def python(*words, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Both, made as a release makes them, but without a network."""
    folder = tmp_path_factory.mktemp("dist")
    python("build", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def test_an_index_would_take_them(built):
    said = python("twine", "check", "--strict", *built, NO_COLOR="1")
    assert said.count("PASSED") == 2


def test_the_wheel_holds_the_packages_and_nothing_else(built):
    with zipfile.ZipFile(built[0]) as wheel:
        entries = {each.filename: each.file_size for each in wheel.infolist()}
    tops = {name.partition("/")[0] for name in entries}
    expected = {"hsizoo", *(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir())}
    assert {top for top in tops if not top.endswith(".dist-info")} == expected
    suffixes = {Path(name).suffix for name in entries if ".dist-info" not in name}
    known = {".py", ".safetensors", ".json", ".tmpl", ".typed", ".toml", ".yaml", ".md", ""}
    assert suffixes <= known
    for top in expected:
        here = {str(p.relative_to(ROOT)) for p in (ROOT / top).rglob("*.py")}
        here |= {
            str(p.relative_to(ROOT / "plugins")) for p in (ROOT / "plugins" / top).rglob("*.py")
        }
        assert {n for n in entries if n.startswith(f"{top}/") and n.endswith(".py")} == here
    assert built[0].stat().st_size < WHEEL_LIMIT
    weights = [size for name, size in entries.items() if name.endswith(".safetensors")]
    assert len(weights) >= 4
    assert sum(weights) < WEIGHTS_LIMIT
    assert "hsizoo/py.typed" in entries
    assert "hsizoo/new_plugin/files/LICENSE" in entries


def test_the_metadata_say_what_pyproject_says(built):
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        told = BytesParser().parsebytes(wheel.read(name))
        entry_points = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (told["Version"], told["License-Expression"]) == (project["version"], "Apache-2.0")
    assert set(told.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    assert "hsizoo = hsizoo.cli:main" in entry_points
    for plugin in project["entry-points"]["hsizoo.plugins"]:
        assert f"{plugin} = " in entry_points


def test_the_sources_are_whole(built):
    with tarfile.open(built[1]) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    for wanted in ("LICENSE", "README.md", "pyproject.toml", "tests/conftest.py", "CITATION.cff"):
        assert wanted in names
    assert not any(name.startswith((".ci", "hsizoo-runs", "dist")) for name in names)
    assert not any("__pycache__" in name for name in names)


def test_versions_agree():
    import yaml

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
