"""Which protocol evaluates which components."""

import pytest

import hsizoo
from hsizoo.engine.store import Store
from hsizoo.errors import NameLookupError, OptionError
from hsizoo.interfaces import Protocol
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.runs.choose import (
    built_as,
    choose_protocol,
    kind_of,
    make_protocol,
    protocol_class,
    protocol_name,
    protocols,
)


@pytest.mark.parametrize(
    ("components", "protocol"),
    [
        (["svm", "lp"], FewLabelProtocol),
        (["lp+cnn2d:epochs=3"], FewLabelProtocol),
        (["hsizoo/rf"], FewLabelProtocol),
        (["sa", "sa-rw"], InteractiveProtocol),
    ],
)
def test_the_kind_of_the_components_decides(components, protocol):
    assert choose_protocol(components) is protocol
    assert choose_protocol(components, protocol.name) is protocol


def test_two_protocols_do_not_mix():
    message = (
        r"'sa' is a scorer \(protocol interactive\) and 'svm' is a classifier \(protocol "
        r"few-label\).*bench them in two commands"
    )
    with pytest.raises(NameLookupError, match=message):
        choose_protocol(["sa", "sa-rw", "svm"])


def test_a_protocol_that_is_named_must_evaluate_every_component():
    message = "'svm' is a classifier; the protocol interactive evaluates scorers and segmenters"
    with pytest.raises(OptionError, match=message):
        choose_protocol(["sa", "svm"], "interactive")
    with pytest.raises(NameLookupError, match="'clicking'"):
        choose_protocol(["sa"], "clicking")


@pytest.mark.parametrize("others", [[], ["rf"], ["sa"]])
@pytest.mark.parametrize("unknown", ["svn", "lp+svn"])
def test_an_unknown_name_is_looked_for_among_all_that_can_be_benched(others, unknown):
    with pytest.raises(NameLookupError, match=r"classifier .* named 'svn'.*'svm'"):
        choose_protocol([*others, unknown])


def test_no_component_is_no_run():
    with pytest.raises(NameLookupError, match="name at least one component; `hsizoo list`"):
        choose_protocol([])


def test_a_pseudo_labeler_alone_classifies_nothing(zoo):
    with pytest.raises(NameLookupError, match=r"'ask' makes pseudo labels.*ask\+cnn2d"):
        choose_protocol(["rf", "ask"])
    assert choose_protocol(["ask+rf"]) is FewLabelProtocol


def test_kinds(zoo):
    names = ("sa", "sa-rw", "svm", "ask", "ask+even")
    assert [kind_of(name) for name in names] == [
        "scorer", "segmenter", "classifier", "pseudo-labeler", "classifier",
    ]  # fmt: skip
    assert built_as("sa", InteractiveProtocol) == "segmenter"
    assert built_as("svm", FewLabelProtocol) == "classifier"
    with pytest.raises(NameLookupError, match="'rf'"):
        kind_of("rf+svm")  # which is no pseudo-labeler


def test_a_protocol_is_made_from_its_name_and_options():
    made = make_protocol("few-label:shots=3", {"draw": "fixed", "gap": "5"})
    assert made == FewLabelProtocol(shots=3, draw="fixed", gap=5)
    assert make_protocol("hsizoo/interactive", {}) == InteractiveProtocol()
    with pytest.raises(OptionError, match=r"protocol few-label has no option 'shot'.*'shots'"):
        make_protocol("few-label", {"shot": 3})
    with pytest.raises(OptionError, match="shots='x': expected int"):
        make_protocol("few-label:shots=x", {})


PLUGIN = """
    import dataclasses
    import hsizoo

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Guess(hsizoo.Protocol):
        \"\"\"Asks nothing and gives marks.

        Parameters
        ----------
        marks : float, default 1
            How many.
        \"\"\"

        name, version, kinds, default_for = "guess", "1", ("scorer",), {defaults}
        columns, headline = (hsizoo.Column(name="marks", meaning="marks"),), ("marks",)
        folder_suffix = "-guess"
        marks: float = 1.0

        title = "guessed"

        def config(self):
            return dataclasses.asdict(self)

        @classmethod
        def from_config(cls, config):
            return cls(**config)

        def run(self, component, scene, *, seed=0, progress=None):
            assert isinstance(component, hsizoo.SpectralScorer)
            return {{"marks": self.marks + seed}}

        @classmethod
        def observe(cls, records):
            return [[hsizoo.Observation(label="", values=each["result"])] for each in records]

    @hsizoo.hookimpl
    def hsizoo_components():
        for name in ("guess", "a-broken-one"):
            target = "Guess" if name == "guess" else "Gone"
            yield hsizoo.ComponentSpec(
                name=name, kind="protocol", target=f"guess_zoo:{{target}}", summary="x"
            )
"""
TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=2,scenes_per_subject=1"
)


@pytest.mark.parametrize("defaults", ["()", "('scorer', 'classifier')"])
def test_a_plugin_brings_a_protocol_and_takes_none_over(fake_dist, tmp_path, defaults):
    fake_dist(
        "a-zoo", "1.0", {"guess_zoo": PLUGIN.format(defaults=defaults)}, {"guess": "guess_zoo"}
    )
    assert set(protocols()) == {
        "hsizoo/box", "hsizoo/few-label", "hsizoo/interactive", "a-zoo/guess"
    }  # fmt: skip
    assert choose_protocol(["sa"]) is InteractiveProtocol
    assert choose_protocol(["svm"]) is FewLabelProtocol
    target = protocol_class("guess")
    assert protocol_name(target) == protocol_name(target()) == "a-zoo/guess"
    for named in ("guess:marks=2", target(marks=2.0)):
        result = hsizoo.bench(
            ["sa", "pcc"], TINY, protocol=named, seeds=2, perturbations=["none", "noise"],
            out=tmp_path / "run", device="cpu",
        )  # fmt: skip
        assert not result.failures
        assert [row["marks"] for row in result.table] == [2.5] * 4
        assert result.protocol is target
    assert len(Store(tmp_path / "run").stored()) == 16


def test_a_protocol_that_no_worker_could_find_is_refused(tmp_path):
    class Private(InteractiveProtocol):
        pass

    with pytest.raises(NameLookupError, match="Private is not a registered protocol; announce it"):
        hsizoo.bench("sa", TINY, protocol=Private(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_object_has_all_its_options(tmp_path):
    with pytest.raises(OptionError, match="clicks: the protocol is given as an object"):
        hsizoo.bench("sa", TINY, protocol=InteractiveProtocol(), clicks=3, out=tmp_path / "run")


def test_protocols_are_what_the_interface_says():
    for target in protocols().values():
        made = target()
        assert isinstance(made, Protocol)
        assert target.from_config(made.config()) == made
