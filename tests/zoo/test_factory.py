"""Building components from names."""

import dataclasses

import numpy as np
import pytest

import hsizoo
from hsizoo import ScorerSegmenter, create
from hsizoo.errors import (
    ContractError,
    DataError,
    HsizooError,
    MissingRequirement,
    NameLookupError,
    OptionError,
)
from hsizoo.zoo.factory import resolve


def test_a_scorer_is_wrapped_where_a_segmenter_is_wanted():
    assert isinstance(create("sa", "segmenter"), ScorerSegmenter)
    assert isinstance(create("sa"), hsizoo.SpectralScorer)


def test_options_go_to_the_scorer_and_to_its_wrapper():
    segmenter = create("sa-eq:nbins=64,aggregate=mean", "segmenter", negatives="ignore")
    assert (segmenter.options.aggregate, segmenter.options.negatives) == ("mean", "ignore")
    assert segmenter.scorer._nbins == 64


def test_keywords_override_the_name():
    assert create("sa-eq:nbins=64", nbins=32)._nbins == 32


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sa-eq:nbin=3", r"hsizoo/sa-eq has no option 'nbin'. Did you mean 'nbins'\?"),
        ("sa-eq:nbins=many", "nbins='many': expected int"),
        ("sa-eq:nbins=2.5", "nbins='2.5': expected int"),
        ("sa:aggregate=maxx", "aggregate='maxx'.*'max' or 'mean'.*Did you mean 'max'"),
        ("sa:aggregate", "expected key=value, got 'aggregate'"),
        ("sa:aggregate=max,aggregate=mean", "given twice"),
    ],
)
def test_wrong_options_are_answered(name, message):
    with pytest.raises(OptionError, match=message):
        create(name, "segmenter")


def test_identity_holds_all_options_and_no_device():
    plain, spelled_out = resolve("sa", "segmenter"), resolve("hsizoo/sa:aggregate=max", "segmenter")
    assert plain.identity() == spelled_out.identity()
    assert plain.identity()["options"] == {"aggregate": "max", "negatives": "veto"}
    assert resolve("sa:aggregate=mean", "segmenter").identity() != plain.identity()


def test_an_unknown_device_is_refused():
    for device in ("gpu", "cuda:99", "meta"):
        with pytest.raises(OptionError, match="device"):
            create("sa", device=device)


PLUGIN = """
    import hsizoo

    @hsizoo.hookimpl
    def hsizoo_components():
        for name, kind, target, requires in [
            ("needy", "scorer", "x:Y", ("no_such_package",)),
            ("nowhere", "scorer", "no_such_module:Y", ()),
            ("quitter", "scorer", "quits:Y", ()),
            ("not-one", "scorer", "parts:NotAScorer", ()),
            ("grow", "pseudo-labeler", "parts:Grow", ()),
            ("nearest", "classifier", "parts:Nearest", ()),
            ("both", "classifier", "parts:Nearest", ()),
            ("both", "pseudo-labeler", "parts:Grow", ()),
        ]:
            yield hsizoo.ComponentSpec(
                name=name, kind=kind, target=target, summary="a fake", requires=requires,
                install="pip install no-such-package" if requires else "",
            )
"""
PARTS = """
    from typing import Annotated

    import numpy as np
    import hsizoo

    class NotAScorer:
        pass

    class Grow(hsizoo.PseudoLabeler):
        def __init__(self, *, radius: int = 1, scorer: Annotated[str, "scorer"] = "sa"):
            self.radius = radius

        def label(self, cube, seeds, *, rng):
            labels = np.where(seeds.evaluated, seeds.labels, -1)
            row = labels[0].copy()
            labels[0] = row.max()
            return hsizoo.PseudoLabels(labels, (labels >= 0).astype(np.float32))

    class Nearest(hsizoo.PixelClassifier):
        def __init__(self, *, device: str = "cpu"):
            self.device = device

        def fit(self, cube, labels, *, rng):
            self.seen = labels
            return self

        def predict_proba(self, cube):
            return np.ones((1, *cube.shape[:2]), dtype=np.float32)
"""


@pytest.fixture
def parts(fake_dist):
    fake_dist(
        "hsizoo-parts",
        "1.0",
        {"parts_plugin": PLUGIN, "parts": PARTS, "quits": "raise SystemExit('bye')"},
        {"parts": "parts_plugin"},
    )


def test_a_missing_package_is_answered_with_the_command(parts):
    with pytest.raises(MissingRequirement, match=r"no_such_package.*pip install no-such-package"):
        create("needy")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "importing no_such_module:Y failed: ModuleNotFoundError"),
        ("quitter", "importing quits:Y failed: SystemExit: bye"),
        ("not-one", "must be a subclass of hsizoo.SpectralScorer"),
    ],
)
def test_a_target_that_cannot_be_used_is_the_plugins_fault(parts, name, message):
    with pytest.raises(ContractError, match=message):
        create(name)


def test_a_plus_b_feeds_the_classifier_with_pseudo_labels(parts):
    model = create("grow:radius=2+nearest")
    labels = np.zeros((3, 4), dtype=int)
    labels[0, 1] = 5
    seeds = hsizoo.LabelMap(labels, {5: "wheat"}, ignore=[0])
    cube = hsizoo.HyperCube(np.ones((3, 4, 2)))
    assert model.fit(cube, seeds, rng=np.random.default_rng(0)) is model
    seen = model.classifier.seen
    assert seen.evaluated[0].all()
    assert not seen.evaluated[1:].any()
    assert model.predict_proba(cube).shape == (1, 3, 4)
    assert resolve("grow+nearest").identity()["feeds"]["component"] == "hsizoo-parts/nearest"


def test_what_is_fed_gets_the_device(parts):
    assert resolve("grow+nearest").build("meta").classifier.device == "meta"


def test_what_an_option_of_the_labeler_names_counts_in_a_composition(parts):
    """Otherwise a result would be used again after that component has changed."""
    alone, composed = resolve("grow", "pseudo-labeler"), resolve("grow+nearest")
    assert alone.identity()["options"]["scorer"]["component"] == "hsizoo/sa"
    assert composed.identity()["options"] == alone.identity()["options"]
    assert composed.distributions == ("hsizoo-parts", "hsizoo")
    assert composed.label == "grow+nearest"


def test_a_composition_of_wrong_kinds_is_refused(parts):
    with pytest.raises(NameLookupError, match="'nearest' is a classifier, not a pseudo-labeler"):
        create("nearest+nearest")
    with pytest.raises(NameLookupError, match="joins 3 components"):
        create("grow+grow+nearest")
    with pytest.raises(NameLookupError, match="is a classifier, not a segmenter"):
        create("grow+nearest", "segmenter")


def test_a_name_of_two_kinds_asks_which(parts):
    with pytest.raises(
        NameLookupError, match="'both' is a classifier and a pseudo-labeler: pass kind="
    ):
        create("both")
    assert isinstance(create("both", "classifier"), hsizoo.PixelClassifier)
    assert isinstance(create("both+nearest").labeler, hsizoo.PseudoLabeler)


def test_scenes_are_numbered_from_zero():
    assert hsizoo.load_scene("indian-pines").name == "indian-pines"
    with pytest.raises(
        NameLookupError, match=r"1 scene\(s\), numbered from 0; there is no scene 1"
    ):
        hsizoo.load_scene("indian-pines", 1)


def test_a_component_in_an_option_counts_as_what_it_is_not_as_how_it_is_spelled(monkeypatch):
    from hsizoo.zoo.registry import registry

    plain = resolve("sa-rw", "segmenter").identity()
    assert resolve("sa-rw:scorer=[hsizoo/sa:aggregate=max]", "segmenter").identity() == plain
    assert resolve("sa-rw:scorer=[sa:aggregate=mean]", "segmenter").identity() != plain
    entry = resolve("sa").entry
    newer = dataclasses.replace(entry, spec=dataclasses.replace(entry.spec, version="99"))
    monkeypatch.setitem(registry()._entries, ("scorer", "sa"), [newer])
    assert resolve("sa-rw", "segmenter").identity() != plain


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sa-rw:scorer=nope", "'nope'"),
        ("sa-rw:scorer=sa-rw", "must name a scorer; hsizoo/sa-rw is a segmenter"),
        ("sa-rw:scorer=[sa-eq:nbin=3]", "Did you mean 'nbins'"),
        ("sa-rw:scorer=indian-pines", "is a dataset"),
    ],
)
def test_a_wrong_component_in_an_option_is_answered_before_anything_runs(name, message):
    with pytest.raises(HsizooError, match=message):
        resolve(name, "segmenter")


def test_a_path_is_a_folder_of_cubes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a b,[c").mkdir()
    np.savez(tmp_path / "a b,[c" / "x.npz", cube=np.ones((3, 4, 5)), gt=np.eye(3, 4, dtype=int))
    identities = []
    for text in ("./a b,[c", "a b,[c/", f"{tmp_path}/a b,[c", "../" + tmp_path.name + "/a b,[c/"):
        assert hsizoo.load_scene(text).cube.shape == (3, 4, 5)
        resolved = resolve(text, "dataset")
        assert (resolved.label, resolved.entry.full_name) == (text, "hsizoo/folder")
        identities.append(resolved.identity())
    assert identities[0] == identities[1]
    assert hsizoo.load_dataset("~/a b,[c").scenes()[0].name == "x"
    with pytest.raises(DataError, match=r"~/b does not exist; expected a folder of cubes"):
        resolve("~/b", "dataset")
    with pytest.raises(NameLookupError, match="is not a valid name"):
        resolve("./a", "segmenter")


def test_an_option_that_came_later_is_no_part_of_old_results():
    plain = resolve("indian-pines", "dataset").identity()
    assert plain["options"] == {}
    given = resolve("indian-pines:data_dir=x", "dataset").identity()
    assert given == {**plain, "options": {"data_dir": "x"}}
