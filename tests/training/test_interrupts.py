"""Ctrl-C during a training."""

import os
import signal
import threading

import pytest

from hsizoo.training.interrupts import Interrupts

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs signals"),
    pytest.mark.usefixtures("hears_ctrl_c"),
]


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_is_delayed_and_the_second_is_not():
    told = []
    with Interrupts(lambda: told.append(1)) as interrupts:
        press()
        assert interrupts.wanted
        assert told == [1]
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_nothing_changes_it_is_not_delayed():
    with Interrupts(lambda: None) as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.at_once():
            press()
        assert interrupts.wanted


def test_another_handler_and_another_thread_are_left_alone():
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    with Interrupts(lambda: None) as interrupts:
        press()
        assert heard == [1]
        assert not interrupts.wanted
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def inside():
        with Interrupts(lambda: None):
            heard.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert heard == [1, True]
