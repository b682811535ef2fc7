"""`hsizoo.tell_progress`: what a component may rely on, and who hears it."""

import threading
import time
from types import SimpleNamespace

import pytest

import hsizoo
from hsizoo.progress import listening


def test_nobody_needs_to_listen():
    assert hsizoo.tell_progress(1, 2) is None
    hsizoo.tell_progress("what", None)


@pytest.fixture
def clock(monkeypatch):
    """The time that the module sees: ``clock.now``, in seconds."""
    clock = SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("hsizoo.progress.time", clock)
    return clock


def test_the_first_and_last_step_of_every_phase_are_heard_and_few_between(clock):
    heard = []
    with listening(lambda *steps: heard.append(steps)):
        for total in (1000, 500):
            for step in range(1, total + 1):
                hsizoo.tell_progress(step, total)
                clock.now += 0.001
    assert next(steps for steps in heard if steps[1] == 1000) == (1, 1000)
    assert (1000, 1000) in heard
    assert next(steps for steps in heard if steps[1] == 500) == (1, 500)
    assert heard[-1] == (500, 500)
    assert len(heard) < 20  # ten a second, for 1.5 s


def test_steps_that_take_long_are_all_heard(clock):
    heard = []
    with listening(lambda *steps: heard.append(steps)):
        for step in (1, 2, 3):
            hsizoo.tell_progress(step, 10)
            clock.now += 0.11
    assert heard == [(1, 10), (2, 10), (3, 10)]


def test_a_listener_that_fails_does_not_end_the_work():
    def fails(done, total):
        raise OSError("the pipe is gone")

    with listening(fails):
        hsizoo.tell_progress(1, 2)

    def stops(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(stops):  # a user's wish is no failure
        hsizoo.tell_progress(1, 2)


def test_the_innermost_listens_and_then_the_outer_one_again():
    outer, inner = [], []
    with listening(lambda *steps: outer.append(steps)):
        with listening(lambda *steps: inner.append(steps)):
            hsizoo.tell_progress(1, 1)
        hsizoo.tell_progress(2, 2)
    hsizoo.tell_progress(3, 3)
    assert (inner, outer) == ([(1, 1)], [(2, 2)])


def test_another_thread_is_another_context():
    heard = []
    with listening(lambda *steps: heard.append(steps)):
        thread = threading.Thread(target=hsizoo.tell_progress, args=(1, 1))
        thread.start()
        thread.join()
    assert heard == []


def test_telling_costs_little():
    with listening(lambda *steps: None):
        began = time.thread_time()
        for step in range(10_000):
            hsizoo.tell_progress(step, 20_000)
        assert time.thread_time() - began < 1  # measured: 0.01 s
