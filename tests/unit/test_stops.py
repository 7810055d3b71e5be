"""Signals as requests to stop, in one process."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from parcompute.comm import stopping
from parcompute.run.stops import Folder, StopRequests, passed_on


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """Have nothing noted, before and after; and SIGTERM not end the tests."""
    monkeypatch.setattr(stopping, "_noted", None)
    monkeypatch.setattr(stopping, "_SAME", 0.0)
    before = {number: signal.signal(number, _raise) for number in stopping.REQUESTS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _raise(number, frame):
    raise KeyboardInterrupt(number)


@pytest.mark.parametrize("number", stopping.REQUESTS)
def test_the_first_signal_is_noted(number):
    with StopRequests() as stops:
        assert stops.asked is None
        signal.raise_signal(number)
        assert stops.asked == number.name
        signal.raise_signal(signal.SIGUSR1)
        assert stops.asked == number.name


def test_the_second_sigterm_does_what_it_did_before():
    with StopRequests() as stops:
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGTERM)
        assert stops.asked == "SIGUSR1"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_a_copy_of_sigterm_is_no_second_one(monkeypatch):
    monkeypatch.setattr(stopping, "_SAME", 60.0)
    with StopRequests() as stops:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert stops.asked == "SIGTERM"


def test_handlers_are_restored():
    with StopRequests():
        assert signal.getsignal(signal.SIGTERM) is not _raise
    assert [signal.getsignal(number) for number in stopping.REQUESTS] == [_raise, _raise]


def test_sigusr1_before_is_remembered():
    stopping.remember()
    signal.raise_signal(signal.SIGUSR1)
    with StopRequests() as stops:
        assert stops.asked == "SIGUSR1"


def test_outside_of_the_main_thread_nothing_is_taken():
    def inside():
        with StopRequests() as stops:
            return signal.getsignal(signal.SIGTERM), stops.asked

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result() == (_raise, None)


def test_a_folder_passes_a_request_on(tmp_path, monkeypatch):
    starter, rank = Folder(tmp_path), Folder(tmp_path, speaks=True)
    monkeypatch.setattr(stopping, "_starter", rank)
    with passed_on(starter.ask, starter.able):
        with pytest.raises(KeyboardInterrupt):  # no rank stops in order yet
            signal.raise_signal(signal.SIGTERM)
        rank.offer(True)
        assert rank.request() is None
        signal.raise_signal(signal.SIGUSR1)
        assert rank.request() == "SIGUSR1"
    starter.end()
    with StopRequests() as stops:
        assert stops.asked == "SIGUSR1"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert not starter.able()
