"""What several test modules need."""

import sys
import textwrap

import pytest

import hsizoo.registry


@pytest.fixture(autouse=True)
def _no_run_is_influenced(monkeypatch, tmp_path_factory):
    """Environment of the person who runs the tests must not matter; nor may registries leak."""
    for variable in ("HSIZOO_DATA", "HSIZOO_NO_PLUGINS", "HSIZOO_STRICT_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    # Weights that somebody trained or downloaded here must not change a test.
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    yield
    hsizoo.registry.reset()


@pytest.fixture
def fake_dist(tmp_path, monkeypatch):
    """Put a distribution on disk and on the path, as pip would; no pip needed.

    ``fake_dist("hsizoo-good", "1.0", {"hsizoo_good": "<code>"}, {"good": "hsizoo_good"})``
    """
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(name, version, modules, entry_points):
        for module, code in modules.items():
            made.append(module)
            (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = "\n".join(f"{point} = {target}" for point, target in entry_points.items())
        (info / "entry_points.txt").write_text(f"[hsizoo.plugins]\n{lines}\n")
        hsizoo.registry.reset()
        return tmp_path

    yield make
    for module in made:
        sys.modules.pop(module, None)
