"""What a record must have, and in what range, to be in a table."""

import copy

import pytest

import hsizoo
from hsizoo.interfaces import Column
from hsizoo.protocols.box import BoxProtocol
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.runs.records import fault_of

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=1"
)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    about = {"device": "cpu", "out": out}
    return {
        InteractiveProtocol: hsizoo.bench("sa", TINY, clicks=2, **about).records[0],
        BoxProtocol: hsizoo.bench("sa", TINY, protocol="box", **about).records[0],
        FewLabelProtocol: hsizoo.bench("svm", TINY, shots=2, seeds=1, **about).records[0],
    }


@pytest.mark.parametrize("protocol", [InteractiveProtocol, BoxProtocol, FewLabelProtocol])
def test_what_was_computed_is_sound(records, protocol):
    assert fault_of(protocol, records[protocol]) == ""


@pytest.mark.parametrize(
    ("protocol", "path", "value", "message"),
    [
        (
            InteractiveProtocol, ("samples", 0, "dice", 0), 17,
            "has the value 17 for dice@0.5 1c, which is between 0 and 1",
        ),
        (InteractiveProtocol, ("samples", 0, "dice_max", 0), -0.1, "-0.1 for dice@max 1c"),
        (BoxProtocol, ("samples", 0, "iou"), 1.01, "has the value 1.01 for iou@0.5"),
        (FewLabelProtocol, ("scores", "kappa"), -1.5, "-1.5 for kappa, which is between -1 and 1"),
        (FewLabelProtocol, ("scores", "oa"), 85.2, "has the value 85.2 for oa"),
        (FewLabelProtocol, ("seconds", "fit"), -3, "fit_seconds, which is at least 0"),
        (FewLabelProtocol, ("scores", "kappa"), 1 + 1e-15, ""),  # rounding
        (FewLabelProtocol, ("scores", "kappa"), None, ""),  # not defined
        (FewLabelProtocol, ("scores",), {}, "cannot be read by protocol few-label: KeyError"),
        (InteractiveProtocol, ("samples", 0), 3, "cannot be read by protocol interactive: "),
        (BoxProtocol, ("samples",), [], "cannot be read by protocol box: ZeroDivisionError"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(records, protocol, path, value, message):
    record = copy.deepcopy(dict(records[protocol]))
    place = record["result"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    fault = fault_of(protocol, record)
    assert message in fault
    assert bool(message) == bool(fault)


@pytest.mark.parametrize(
    ("path", "named"),
    [(("subject",), "subject"), (("identity", "scene"), "scene"), (("identity", "seed"), "seed")],
)
def test_what_every_table_needs(records, path, named):
    record = copy.deepcopy(dict(records[InteractiveProtocol]))
    place = record
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    assert fault_of(InteractiveProtocol, record) == f"lacks {named}"


def test_a_range_may_be_open():
    for limits, value, message in (
        ({"low": 0}, -1, "which is at least 0"),
        ({"high": 9}, 10, "which is at most 9"),
        ({"low": 0}, 10**9, ""),
        ({}, -5, ""),
    ):

        class Free(BoxProtocol):
            columns = (Column(name="s/open", meaning="", **limits),)

            @classmethod
            def observe(cls, records):
                return [[]]

            @classmethod
            def measures(cls, record, value=value):
                return {"s/open": value, "other": -1}

        record = {"identity": {"scene": "a", "seed": 0, "dataset": {}}, "subject": "a"}
        assert fault_of(Free, record).endswith(message)
        assert bool(fault_of(Free, record)) == bool(message)
