"""Options that are checked without importing the component."""

import subprocess
import sys
from importlib import import_module

import pytest

import hsizoo
from hsizoo.errors import ContractError, OptionError
from hsizoo.zoo.checking import check_options, options_type
from hsizoo.zoo.factory import import_target, resolve
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.options import declared_options
from hsizoo.zoo.registry import registry

DECLARED = [
    (entry.full_name, entry.spec.kind)
    for entry in hsizoo.list_components()
    if entry.dist == "hsizoo" and entry.spec.options_type
]


def entry_of(name, kind):
    return registry().find(parse_name(name), (kind,))


def test_the_families_declare_theirs_by_dataclasses():
    names = {name.removeprefix("hsizoo/") for name, _ in DECLARED}
    assert names >= {"sam2.1-nano", "samsa2-tiny", "medsam-adapter", "ipg", "lp", "ssrn", "svm"}


@pytest.mark.parametrize(("name", "kind"), DECLARED)
def test_every_option_of_a_dataclass_is_described(name, kind):
    declaration = options_type(entry_of(name, kind))
    for option in declared_options(declaration).values():
        assert option.doc, f"{declaration.__qualname__}: {option.name} has no description"
        option.check(option.default)


def test_modules_of_options_are_light():
    entries = [entry_of(*each) for each in DECLARED]
    modules = sorted({entry.spec.options_type.partition(":")[0] for entry in entries})
    code = f"""
import sys
from importlib import import_module
for name in {modules}:
    import_module(name)
    heavy = {{"torch", "numpy", "scipy"}} & set(sys.modules)
    assert not heavy, f"{{name}} imports {{heavy}}"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_options_are_checked_without_torch():
    code = """
import sys
from hsizoo.errors import OptionError
from hsizoo.zoo.checking import check_options
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.registry import registry

entry = registry().find(parse_name("hsizoo/samsa2-nano"), ("segmenter",))
check_options(entry, {"rgb": "even", "prompt_scale": "5", "weights": "none"})
for given in ({"rbg": "even"}, {"rgb": "evn"}, {"checkpoint": "facebook/sam2.1-hiera-tiny"}):
    try:
        check_options(entry, given)
    except OptionError as error:
        print(error)
assert not {"torch", "numpy"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    unknown, choice, size = done.stdout.splitlines()
    assert unknown.startswith("hsizoo/samsa2-nano has no option 'rbg'. Did you mean 'rgb'?")
    assert choice.startswith("hsizoo/samsa2-nano: option rgb='evn': expected 'auto' or")
    assert size.startswith("hsizoo/samsa2-nano: checkpoint=facebook/sam2.1-hiera-tiny is SAM 2.1")


def test_without_a_declaration_nothing_is_checked():
    check_options(entry_of("hsizoo/sa", "scorer"), {"no such": "option"})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ipg:tau_l=0.9,tau_h=0.8", "hsizoo/ipg: tau_l=0.9 and tau_h=0.8: must be from 0 to 1"),
        ("ssrn:patch=4", "hsizoo/ssrn: patch=4: must be an odd number, at least 3"),
        ("dbma:batch=1", "hsizoo/dbma: batch=1: must be at least 2"),
        ("medsam-adapter:image_size=100", "image_size=100: must be a positive multiple of 16"),
    ],
)
def test_a_number_out_of_range_is_found_before_anything_is_built(name, message):
    with pytest.raises(OptionError, match=message):
        resolve(name)


PLUGIN = """
    import hsizoo

    @hsizoo.hookimpl
    def hsizoo_components():
        for name, options_type in (
            ("right", "flat_options:FlatOptions"),
            ("other", "flat_options:OtherOptions"),
            ("none", "flat_options:number"),
            ("gone", "flat_options:Nowhere"),
            ("lost", "no_such_module:Options"),
        ):
            yield hsizoo.ComponentSpec(
                name=name, kind="scorer", target="flat:Flat", summary="a fake",
                options={"scale": 2.0}, options_type=options_type,
            )
"""
OPTIONS = """
    from dataclasses import dataclass
    from hsizoo.errors import OptionError

    number = 5

    @dataclass(frozen=True, kw_only=True)
    class FlatOptions:
        scale: float = 1.0
        offset: float = 0.0

        def __post_init__(self):
            if self.scale <= self.offset:
                raise OptionError(f"scale={self.scale}: must be above offset={self.offset}")

    class OtherOptions(FlatOptions):
        pass
"""
FLAT = """
    import hsizoo
    from flat_options import FlatOptions

    class Flat(hsizoo.SpectralScorer):
        Options = FlatOptions

        def prepare(self, cube):
            return cube.data

        def score(self, prepared, references):
            return prepared[None, :, :, 0].repeat(len(references), 0)
"""


@pytest.fixture
def flat(fake_dist):
    modules = {"flat_plugin": PLUGIN, "flat_options": OPTIONS, "flat": FLAT}
    fake_dist("hsizoo-flat", "1.0", modules, {"flat": "flat_plugin"})


def test_presets_count_and_values_are_checked_together(flat):
    entry = entry_of("hsizoo-flat/right", "scorer")
    check_options(entry, {"offset": "1.5"})  # the preset of scale is 2
    check_options(entry, {"aggregate": "mean"})  # as a segmenter it has this one
    with pytest.raises(OptionError, match=r"hsizoo-flat/right: scale=2.0: must be above offset=3"):
        check_options(entry, {"offset": "3"})
    with pytest.raises(OptionError, match="aggregate='most'"):
        check_options(entry, {"aggregate": "most"})
    assert "flat" not in sys.modules
    assert hsizoo.create("right:offset=1").options.offset == 1
    assert import_target(entry) is import_module("flat").Flat


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other", "flat:Flat.Options is flat_options:FlatOptions; they must be the same"),
        ("none", "options_type=flat_options:number is not a dataclass"),
        ("gone", "importing options_type=flat_options:Nowhere failed"),
        ("lost", "importing options_type=no_such_module:Options failed"),
    ],
)
def test_a_spec_that_names_another_dataclass_is_the_plugins_fault(flat, name, message):
    with pytest.raises(ContractError, match=message):
        import_target(entry_of(f"hsizoo-flat/{name}", "scorer"))
