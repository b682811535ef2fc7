import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsizoo.errors import NameLookupError, OptionError
from hsizoo.zoo.names import Name, parse_composition, parse_name, split_outside_brackets
from hsizoo.zoo.spec import NAME_PATTERN

quick = settings(deadline=None, max_examples=60)

bases = st.from_regex(NAME_PATTERN, fullmatch=True)
dists = st.sampled_from(["", "hsizoo", "Some-Dist", "d.1_x"])
keys = st.sampled_from(["a", "beta", "C", "_x1", "scorer"])
# Text whose brackets match: plain pieces, and pieces in brackets, to any depth.
values = st.recursive(
    st.text("ab1 ,=+:/.-\n", max_size=6),
    lambda inner: st.lists(inner | inner.map("[{}]".format), max_size=3).map("".join),
    max_leaves=6,
)
names = st.builds(Name, bases, dists, st.dictionaries(keys, values, max_size=3))


@quick
@given(names)
def test_text_and_name_are_inverse(name):
    text = str(name)
    assert parse_name(text) == name
    assert str(parse_name(text)) == text


@quick
@given(names)
def test_a_printed_name_is_one_component(name):
    """Values that hold ``+x`` must not turn into a composition when the name is printed."""
    assert parse_composition(str(name)) == (name,)


@quick
@given(names, names)
def test_printed_names_can_be_joined(labeler, classifier):
    if not classifier.dist[:1].isdigit():
        assert parse_composition(f"{labeler}+{classifier}") == (labeler, classifier)


@quick
@given(st.text(st.sampled_from("ab1:=,+[]/ -"), max_size=14))
def test_whatever_parses_round_trips_and_the_rest_is_shown(text):
    try:
        name = parse_name(text)
    except (NameLookupError, OptionError) as error:
        # The options part alone is shown where brackets are unbalanced.
        shown = re.findall(r"'(.*?)'", str(error))
        assert any(part in text for part in shown)
    else:
        assert parse_name(str(name)) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sa", Name("sa")),
        ("  sa\n", Name("sa")),
        ("sa:", Name("sa")),
        ("hsizoo/sa", Name("sa", "hsizoo")),
        ("Some.Dist-1/sa", Name("sa", "Some.Dist-1")),
        ("sa:a=1,b=x", Name("sa", "", {"a": "1", "b": "x"})),
        ("sa: a = 1 , b = x y ", Name("sa", "", {"a": "1", "b": "x y"})),
        ("sa:a=", Name("sa", "", {"a": ""})),
        ("sa:a=b=c", Name("sa", "", {"a": "b=c"})),
        ("sa-rw:scorer=ace:shrinkage=0.1", Name("sa-rw", "", {"scorer": "ace:shrinkage=0.1"})),
        ("x:s=[a:p=1,q=2],t=3", Name("x", "", {"s": "a:p=1,q=2", "t": "3"})),
        ("x:s=[a:r=[b:p=1,q=2],t=3]", Name("x", "", {"s": "a:r=[b:p=1,q=2],t=3"})),
        ("x:s=[]", Name("x", "", {"s": ""})),
        ("x:s=[[a]]", Name("x", "", {"s": "[a]"})),
        ("x:s=[a][b]", Name("x", "", {"s": "[a][b]"})),  # nothing encloses the whole value
        ("x:s=a[b]", Name("x", "", {"s": "a[b]"})),
    ],
)
def test_parse_name(text, expected):
    assert parse_name(text) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (Name("a", "d", {"x": "1", "y": "2"}), "d/a:x=1,y=2"),
        (Name("a", "", {"x": "p,q"}), "a:x=[p,q]"),
        (Name("a", "", {"x": "[p]"}), "a:x=[[p]]"),
        (Name("a", "", {"x": "p+q"}), "a:x=[p+q]"),
        (Name("a", "", {"x": "1e+5"}), "a:x=1e+5"),
        (Name("a", "", {"x": " p"}), "a:x=[ p]"),
    ],
)
def test_brackets_where_they_are_needed(name, text):
    assert str(name) == text
    assert parse_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", "SA", "1e+5", "-sa", "sa-", "sa--eq", "sa eq", "a/b/c", "/sa", "hsizoo/", "sä", "sa,pcc"],
)
def test_what_is_no_name_is_shown(text):
    with pytest.raises(NameLookupError, match=re.escape(repr(text))):
        parse_name(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sa:5", "'sa:5': expected key=value, got '5'"),
        ("sa:a=1,", "'sa:a=1,': expected key=value, got ''"),
        ("sa:a b=1", "'sa:a b=1': expected key=value, got 'a b=1'"),
        ("sa:a=1,a=2", "'sa:a=1,a=2': option 'a' is given twice"),
        ("sa:a=[1", "unbalanced brackets in 'a=[1'"),
        ("sa:a=1]", "unbalanced brackets in 'a=1]'"),
        ("sa:a=]1[", "unbalanced brackets in 'a=]1['"),
        ("sa:a=[1],[2]", "'sa:a=[1],[2]': expected key=value, got '[2]'"),
    ],
)
def test_malformed_options_are_shown(text, shown):
    with pytest.raises(OptionError, match=re.escape(shown)):
        parse_name(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ipg+svm", ["ipg", "svm"]),
        ("hsizoo/ipg:t=0.8+other/svm:C=1", ["hsizoo/ipg:t=0.8", "other/svm:C=1"]),
        ("svm:C=1e+5", ["svm:C=1e+5"]),
        ("ipg:t=1e+5+svm:C=2E+10", ["ipg:t=1e+5", "svm:C=2E+10"]),
        ("ipg:x=[a+b]", ["ipg:x=[a+b]"]),
        ("ipg:x=[a+b:k=[c,d]]+svm", ["ipg:x=[a+b:k=[c,d]]", "svm"]),
        ("ipg:x=[a:k=[c]+b]+svm", ["ipg:x=[a:k=[c]+b]", "svm"]),
    ],
)
def test_parse_composition(text, expected):
    assert [str(name) for name in parse_composition(text)] == expected


@quick
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-400, 400))
def test_a_number_never_splits_a_composition(number, exponent):
    for text in (repr(number), f"1e{exponent:+d}", f"-2.5E{exponent:+d}"):
        assert parse_composition(f"ipg:t={text}+svm:C={text}") == (
            Name("ipg", "", {"t": text}),
            Name("svm", "", {"C": text}),
        )


def test_three_components_cannot_be_joined():
    with pytest.raises(NameLookupError, match=r"'a\+b\+c' joins 3 components"):
        parse_composition("a+b+c")


@quick
@given(st.lists(values, min_size=1, max_size=4))
def test_split_is_undone_by_join(parts):
    quoted = [f"[{part}]" for part in parts]
    assert split_outside_brackets(",".join(quoted), ",") == quoted


def test_empty_text_has_no_part():
    assert split_outside_brackets("", ",") == []
    assert split_outside_brackets(",", ",") == ["", ""]


@pytest.mark.parametrize("text", ["./my-plugin", "/home/my-plugin", "~/my-plugin"])
def test_a_folder_is_no_name(text):
    with pytest.raises(NameLookupError, match="once it is installed: pip install -e FOLDER"):
        parse_name(text)
