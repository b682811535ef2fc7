import dataclasses
import math
import sys
import types
from dataclasses import dataclass
from typing import Annotated, Literal, Optional, Union

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hsizoo
from hsizoo.errors import ContractError, OptionError
from hsizoo.zoo.options import Option, declared_options, resolve_options, takes_device

quick = settings(deadline=None, max_examples=60)


class Everything:
    """A component with options of all kinds.

    Its paragraph is not an option.

    Parameters
    ----------
    positional : object
        Not an option.
    flag : bool, default True
        Whether.
    count : int, default 3
        How many,
        over two lines.

        And a second paragraph.
    scale : float, default 0.5
        How much.
    label, other : str
        What to call it.
    mode : {"max", "mean"}, default "max"
        How.

    Returns
    -------
    radius : float
        Not a parameter.
    """

    def __init__(
        self,
        positional=None,
        *,
        flag: bool = True,
        count: int = 3,
        scale: float = 0.5,
        label: str = "x",
        other: "str" = "y",
        mode: Literal["max", "mean"] = "max",
        radius: Optional[float] = None,  # noqa: UP045
        both: int | Literal["auto"] | None = None,
        old: Union[bool, float] = 1.0,  # noqa: UP007
        device: str = "cpu",
        **more,
    ):
        pass


DECLARED = declared_options(Everything)


class TestDeclared:
    def test_names_types_and_defaults(self):
        assert list(DECLARED) == [
            "flag", "count", "scale", "label", "other", "mode", "radius", "both", "old",
        ]  # fmt: skip
        read = {name: (o.types, o.choices, o.optional, o.default) for name, o in DECLARED.items()}
        assert read == {
            "flag": ((bool,), (), False, True),
            "count": ((int,), (), False, 3),
            "scale": ((float,), (), False, 0.5),
            "label": ((str,), (), False, "x"),
            "other": ((str,), (), False, "y"),
            "mode": ((str,), ("max", "mean"), False, "max"),
            "radius": ((float,), (), True, None),
            "both": ((int, str), ("auto",), True, None),
            "old": ((bool, float), (), False, 1.0),
        }

    def test_docs_come_from_the_parameters_section_only(self):
        assert DECLARED["flag"].doc == "Whether."
        assert DECLARED["count"].doc == "How many, over two lines. And a second paragraph."
        assert DECLARED["label"].doc == DECLARED["other"].doc == "What to call it."
        assert DECLARED["mode"].doc == "How."
        assert DECLARED["radius"].doc == ""  # it is listed under Returns

    def test_without_docstring_and_without_options(self):
        class Plain:
            pass

        class Silent:
            def __init__(self, *, count: int = 1):
                pass

        assert declared_options(Plain) == {}
        assert declared_options(Silent)["count"].doc == ""

    def test_what_is_expected_in_words(self):
        assert {name: option.expects for name, option in DECLARED.items()} == {
            "flag": "bool",
            "count": "int",
            "scale": "float",
            "label": "str",
            "other": "str",
            "mode": "'max' or 'mean'",
            "radius": "float or none",
            "both": "int or 'auto' or none",
            "old": "bool or float",
        }

    def test_takes_device(self):
        class Plain:
            def __init__(self, *, count: int = 1):
                pass

        assert takes_device(Everything)
        assert not takes_device(Plain)

    def test_a_default_is_needed(self):
        class Greedy:
            def __init__(self, *, count: int):
                pass

        with pytest.raises(ContractError, match=r"Greedy: option 'count' needs a default"):
            declared_options(Greedy)

    @pytest.mark.parametrize(
        "annotation",
        [list, list[int], dict[str, int], "nowhere.Type", "Unknown", Literal[1, 2], int | list,
         Option, None, "int | 5"],
    )  # fmt: skip
    def test_an_annotation_that_is_no_option_is_named(self, annotation):
        class Weird:
            def __init__(self, *, count=1):
                pass

        if annotation is not None:
            Weird.__init__.__annotations__["count"] = annotation
        with pytest.raises(ContractError, match=r"Weird: option 'count' has (the|no) annotation"):
            declared_options(Weird)

    def test_an_inherited_constructor_is_read_where_it_was_written(self, monkeypatch):
        """The subclass's module need not have imported what the annotations mention."""
        modules = {name: types.ModuleType(name) for name in ("fake_base", "fake_child")}
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        code = """
            from __future__ import annotations
            from typing import Literal
            class Base:
                def __init__(self, *, mode: Literal["a", "b"] = "a"): pass
        """
        exec("\n".join(line[12:] for line in code.splitlines()), vars(modules["fake_base"]))
        exec("import fake_base\nclass Child(fake_base.Base): pass", vars(modules["fake_child"]))
        child = vars(modules["fake_child"])["Child"]
        assert child.__module__ == "fake_child"
        assert declared_options(child)["mode"].choices == ("a", "b")


@dataclass(frozen=True, kw_only=True)
class BaseOptions:
    """What several components share.

    Parameters
    ----------
    size : {"small", "large"}, default "small"
        Size of the network.
    low, high : float, default 0, 1
        End of the range.
    """

    size: Literal["small", "large"] = "small"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self):
        if self.low > self.high:
            raise OptionError(f"low={self.low} is above high={self.high}")


@dataclass(frozen=True, kw_only=True)
class ChildOptions(BaseOptions):
    """A family member.

    Parameters
    ----------
    size : {"small", "large"}, default "large"
        Size of the child's network.
    low : float, default 0
        Lower end.
    scorer : str, default "sa"
        Any scorer.
    limit : int or none, default none
        Largest number.
    """

    size: Literal["small", "large"] = "large"
    scorer: Annotated[str, "scorer"] = "sa"
    limit: int | None = None


class Base(hsizoo.Component):
    """Not where options are described.

    Parameters
    ----------
    size : str
        Another text.
    """

    Options = BaseOptions
    options: BaseOptions


class Child(Base):
    Options = ChildOptions
    options: ChildOptions

    def __init__(self, *, device: str = "cpu", **options):
        super().__init__(**options)
        self.device = device


class TestDataclass:
    def test_inherited_options_keep_place_and_text(self):
        declared = declared_options(Child)
        assert list(declared) == ["size", "low", "high", "scorer", "limit"]
        assert declared["high"] == declared_options(Base)["high"]
        assert declared["high"].doc == "End of the range."
        assert declared["limit"].types == (int,)
        assert declared["limit"].optional

    def test_a_subclass_overrides_default_and_text(self):
        base, child = declared_options(Base), declared_options(Child)
        assert (base["size"].default, child["size"].default) == ("small", "large")
        assert base["size"].doc == "Size of the network."
        assert child["size"].doc == "Size of the child's network."
        assert child["size"].choices == ("small", "large")
        assert child["low"].doc == "Lower end."  # the text alone

    def test_an_option_may_name_a_component(self):
        assert declared_options(Child)["scorer"].component == "scorer"

    def test_the_constructor_fills_them(self):
        child = Child(size="small", device="cuda:0")
        assert child.options == ChildOptions(size="small")
        assert (child.options.size, child.device) == ("small", "cuda:0")
        assert takes_device(Child)
        assert not takes_device(Base)

    def test_an_unknown_keyword_is_an_error(self):
        with pytest.raises(OptionError) as caught:
            Child(sise="small")
        assert str(caught.value) == (
            "Child has no option 'sise'. Did you mean 'size'? "
            "Available options: size, low, high, scorer, limit."
        )

        class Plain(hsizoo.Component):
            pass

        with pytest.raises(OptionError, match=r"Plain has no option 'size'\. It has no options\."):
            Plain(size="small")

    def test_a_value_that_cannot_be_is_found_at_once(self):
        with pytest.raises(OptionError, match="low=2 is above high=1"):
            Child(low=2)

    def test_options_cannot_change(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            Child().options.size = "small"

    def test_another_base_with_a_constructor_is_initialised(self):
        class Other:
            def __init__(self):
                self.ready = True

        class Both(Base, Other):
            pass

        assert Both(size="large").ready

    def test_annotations_are_read_where_they_were_written(self, monkeypatch):
        """The module of a subclass need not have imported what inherited annotations mention."""
        head = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        codes = {
            "fake_shared": head + "from typing import Literal\n"
            "@dataclass(frozen=True, kw_only=True)\n"
            "class Shared:\n    mode: Literal['a', 'b'] = 'a'\n",
            "fake_own": head + "import fake_shared\n"
            "@dataclass(frozen=True, kw_only=True)\n"
            "class Own(fake_shared.Shared):\n    count: int = 1\n",
        }
        for name, code in codes.items():
            module = types.ModuleType(name)
            monkeypatch.setitem(sys.modules, name, module)
            exec(code, vars(module))
        read = declared_options(sys.modules["fake_own"].Own)
        assert read["mode"].choices == ("a", "b")
        assert read["count"].types == (int,)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (dict, "expected a dataclass"),
            (BaseOptions(), "expected a dataclass"),
            (dataclass(kw_only=True)(type("Loose", (), {})), "Loose must be frozen"),
            (
                dataclasses.make_dataclass("Placed", [("size", int, 1)], frozen=True),
                "'size' must be keyword-only",
            ),
            (
                dataclasses.make_dataclass(
                    "Bound", [("device", str, "cpu")], frozen=True, kw_only=True
                ),
                "'device' is not an option",
            ),
            (
                dataclasses.make_dataclass(
                    "Listed",
                    [("size", int, dataclasses.field(default_factory=int))],
                    frozen=True,
                    kw_only=True,
                ),
                "'size' needs a plain default",
            ),
        ],
    )
    def test_what_declares_no_options_is_refused(self, options, message):
        wrong = type("Wrong", (hsizoo.Component,), {"Options": options})
        with pytest.raises(ContractError, match=rf"^Wrong\.Options.*{message}"):
            declared_options(wrong)

    def test_a_field_needs_a_default(self):
        needy = dataclasses.make_dataclass("Needy", [("size", int)], frozen=True, kw_only=True)
        with pytest.raises(ContractError, match="Needy: option 'size' needs a default"):
            declared_options(type("Wrong", (hsizoo.Component,), {"Options": needy}))


class TestParse:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            *[("flag", text, True) for text in ("true", "True", "YES", "on", "1")],
            *[("flag", text, False) for text in ("false", "False", "NO", "off", "0")],
            ("count", "-7", -7),
            ("scale", "2", 2.0),
            ("scale", "1e+5", 1e5),
            ("label", "none", "none"),
            ("label", "", ""),
            ("mode", "mean", "mean"),
            ("radius", "None", None),
            ("radius", "1.5", 1.5),
            ("both", "5", 5),
            ("both", "auto", "auto"),
            ("both", "none", None),
            ("old", "yes", True),
            ("old", "0.25", 0.25),
        ],
    )
    def test_value(self, name, text, value):
        parsed = DECLARED[name].parse(text)
        assert parsed == value
        assert type(parsed) is type(value)

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("flag", "maybe", "option flag='maybe': expected bool"),
            ("flag", "2", "option flag='2': expected bool"),
            ("flag", "none", "option flag='none': expected bool"),
            ("count", "2.5", "option count='2.5': expected int"),
            ("count", "true", "option count='true': expected int"),
            ("scale", "much", "option scale='much': expected float"),
            ("scale", "nan", "option scale=nan: expected float"),
            ("scale", "inf", "option scale=inf: expected float"),
            ("scale", "-1e999", "option scale=-inf: expected float"),
            ("mode", "maen", "option mode='maen': expected 'max' or 'mean'. Did you mean 'mean'"),
            ("mode", "Max", "option mode='Max': expected 'max' or 'mean'. Did you mean 'max'"),
            ("radius", "nil", "option radius='nil': expected float or none"),
            ("both", "2.5", "option both='2.5': expected int or 'auto' or none"),
        ],
    )
    def test_error(self, name, text, message):
        with pytest.raises(OptionError) as caught:
            DECLARED[name].parse(text)
        assert str(caught.value).startswith(message)

    @quick
    @given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
    def test_numbers_survive_their_text(self, value):
        option = DECLARED["count" if isinstance(value, int) else "scale"]
        assert option.parse(str(value)) == value
        assert type(option.parse(str(value))) is type(value)


class TestCheck:
    @pytest.mark.parametrize(
        ("name", "value", "kept"),
        [("flag", False, False), ("count", 5, 5), ("scale", 2, 2.0), ("radius", None, None),
         ("radius", 1, 1.0), ("mode", "mean", "mean"), ("both", 7, 7), ("old", True, True)],
    )  # fmt: skip
    def test_value(self, name, value, kept):
        checked = DECLARED[name].check(value)
        assert checked == kept
        assert type(checked) is type(kept)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("flag", 1), ("flag", None), ("count", True), ("count", 2.0), ("count", "2"),
         ("scale", True), ("scale", math.nan), ("scale", math.inf), ("label", 5),
         ("mode", "median"), ("mode", None), ("both", 2.0), ("both", "none"), ("count", [1])],
    )  # fmt: skip
    def test_error(self, name, value):
        with pytest.raises(OptionError) as caught:
            DECLARED[name].check(value)
        assert f"option {name}={value!r}: expected {DECLARED[name].expects}" in str(caught.value)


class TestResolve:
    def resolve(self, presets=(), given=()):
        declared = {name: DECLARED[name] for name in ("count", "mode", "radius")}
        return resolve_options("hsizoo/x", declared, dict(presets), dict(given))

    def test_user_over_preset_over_default(self):
        assert self.resolve() == {"count": 3, "mode": "max", "radius": None}
        assert self.resolve({"count": 5, "radius": 2}) == {
            "count": 5, "mode": "max", "radius": 2.0,
        }  # fmt: skip
        given = {"count": "7", "radius": "none"}
        assert self.resolve({"count": 5, "radius": 2}, given) == {
            "count": 7, "mode": "max", "radius": None,
        }  # fmt: skip

    def test_values_of_the_user_need_not_be_text(self):
        assert self.resolve(given={"count": 7, "radius": 1.5})["radius"] == 1.5

    def test_presets_are_typed(self):
        with pytest.raises(OptionError, match=r"hsizoo/x: option count='5': expected int"):
            self.resolve({"count": "5"})

    def test_errors_name_the_owner(self):
        with pytest.raises(OptionError, match=r"^hsizoo/x: option mode='mix': expected 'max' or"):
            self.resolve(given={"mode": "mix"})

    def test_unknown_option(self):
        with pytest.raises(OptionError) as caught:
            self.resolve(given={"raduis": "1"})
        assert str(caught.value) == (
            "hsizoo/x has no option 'raduis'. Did you mean 'radius'? "
            "Available options: count, mode, radius."
        )

    def test_unknown_option_of_a_component_without_options(self):
        with pytest.raises(OptionError, match=r"x has no option 'beta'\. It has no options\."):
            resolve_options("x", {}, {}, {"beta": "1"})

    def test_unknown_preset(self):
        with pytest.raises(OptionError, match="no option 'beta'"):
            self.resolve({"beta": 1})


def test_numbers_of_numpy_become_those_of_python():
    option = Option("scale", (float,), (), False, 0.5)
    for value in (np.float32(0.25), np.int64(3)):
        checked = option.check(value)
        assert type(checked) is float
        assert checked == value
    with pytest.raises(OptionError, match="expected float"):
        option.check(np.float64("nan"))
