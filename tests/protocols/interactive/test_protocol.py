"""The settings of the interactive protocol: what a stored cell is known by must never change."""

import json

import pytest

from hsizoo.errors import NameLookupError, OptionError, ProtocolError
from hsizoo.protocols.interactive import InteractiveProtocol
from hsizoo.protocols.interactive.robots import PaperRobot, RitmRobot
from hsizoo.zoo.options import declared_options, resolve_options


@pytest.mark.parametrize(
    ("robot", "same"),
    [
        ("paper:first=centroid,connectivity=4,jitter=1", "paper:jitter=1,first=centroid,"
         "connectivity=4"),
        ("ritm:threshold=0.30,jitter=0", "ritm:threshold=0.3"),
        ("largest-component:connectivity=4,threshold=0.6",
         "largest-component:threshold=0.6,connectivity=4"),
        ("random:jitter=2.5", "random:jitter=2.5"),
        ("paper:first=edt", "paper"),
        ("ritm:jitter=1e300", "ritm:jitter=1e+300"),
    ],
)  # fmt: skip
def test_round_trip(robot, same):
    protocol = InteractiveProtocol(robot=robot, clicks=7, threshold=0.4)
    config = protocol.config()
    assert json.loads(json.dumps(config, allow_nan=False)) == config
    again = InteractiveProtocol.from_config(config)
    assert again == protocol
    assert again.config() == config
    assert again == InteractiveProtocol(robot=same, clicks=7, threshold=0.4)
    # The robot is written in one way only, whatever the user typed.
    assert sorted(again.robot) == sorted(same)
    assert InteractiveProtocol(robot=again.robot).robot == again.robot


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        (
            {},
            {"protocol": "interactive", "version": "1",
             "robot": {"name": "paper", "version": "1", "jitter": 0.0, "first": "edt",
                       "connectivity": "8"},
             "clicks": 5, "threshold": 0.5, "grid_clicks": [1, 5]},
        ),
        (
            {"robot": "ritm:jitter=2", "clicks": 20},
            {"protocol": "interactive", "version": "1",
             "robot": {"name": "ritm", "version": "1", "jitter": 2.0, "threshold": 0.49},
             "clicks": 20, "threshold": 0.5, "grid_clicks": [1, 5, 20]},
        ),
        (
            {"robot": "random", "clicks": 3, "threshold": 0.4},
            {"protocol": "interactive", "version": "1",
             "robot": {"name": "random", "version": "1", "jitter": 0.0, "threshold": 0.5},
             "clicks": 3, "threshold": 0.4, "grid_clicks": [1, 3]},
        ),
    ],
)  # fmt: skip
def test_stored_cells_keep_their_keys(settings, config):
    assert json.dumps(InteractiveProtocol(**settings).config()) == json.dumps(config)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("clicks", 0), ("clicks", 1001), ("threshold", 0), ("threshold", 1.0),
     ("threshold", float("nan"))],
)  # fmt: skip
def test_settings_are_checked(setting, value):
    with pytest.raises(ProtocolError) as caught:
        InteractiveProtocol(**{setting: value})
    assert str(caught.value).startswith(setting)
    assert f"got {value}" in str(caught.value)


@pytest.mark.parametrize(
    ("robot", "error", "message"),
    [
        ("ritmm", NameLookupError, "Did you mean 'ritm'"),
        ("hsizoo/ritm", NameLookupError, "no robot is named"),
        ("paper:jiter=2", OptionError, "Did you mean 'jitter'"),
        ("paper:connectivity=6", OptionError, "expected '8' or '4'"),
        ("ritm:threshold=2", ProtocolError, "threshold must be"),
        (PaperRobot(), ProtocolError, "robot must be a name"),
    ],
)
def test_robots_are_checked(robot, error, message):
    with pytest.raises(error, match=message):
        InteractiveProtocol(robot=robot)


def test_the_user_is_the_robot_that_is_named():
    assert InteractiveProtocol(robot="ritm:jitter=2").user == RitmRobot(jitter=2)


def test_titles():
    assert InteractiveProtocol().title == "robot paper, 5 clicks"
    title = InteractiveProtocol(robot="ritm:jitter=2.0", clicks=1, threshold=0.4).title
    assert title == "robot ritm:jitter=2, 1 click, threshold 0.4"


def test_options_of_the_command_line():
    declared = declared_options(InteractiveProtocol)
    assert list(declared) == ["robot", "clicks", "threshold"]
    assert all(option.doc for option in declared.values())
    assert set(InteractiveProtocol.short_options) <= set(declared)
    given = resolve_options("interactive", declared, {}, {"clicks": "3", "robot": "random"})
    assert InteractiveProtocol(**given) == InteractiveProtocol(clicks=3, robot="random")


def test_columns():
    columns = {column.name: column for column in InteractiveProtocol.columns}
    assert set(InteractiveProtocol.headline) <= set(columns)
    seconds = {"s/open", "s/click"}
    assert {name for name, column in columns.items() if column.interval} == set(columns) - seconds
    assert {name for name, column in columns.items() if column.unit == "s"} == seconds
    compared = [name for name, column in columns.items() if column.compared]
    assert compared == ["dice@0.5 1c", "dice@max 1c", "dice@0.5 5c", "dice@max 5c", "auc"]
    lower = {name for name, column in columns.items() if column.better == "lower"}
    assert lower == {"noc85", "nof85", *seconds}
    least = sorted((column.leave_out, name) for name, column in columns.items() if column.leave_out)
    assert [name for _, name in least] == [
        "s/open", "iou@0.5 5c", "nof85", "dice@tuned 1c", "dice@0.5 end", "dice@max 5c", "noc85",
        "auc", "s/click",
    ]  # fmt: skip
    assert [place for place, _ in least] == list(range(1, 10))
