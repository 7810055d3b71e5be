"""Rings and mailboxes on their own, in one process."""

from __future__ import annotations

import random
from threading import Semaphore

import pytest

from parcompute.comm.constants import ANY_SOURCE, ANY_TAG
from parcompute.comm.process.communicators.communicator import ProcessCommunicator
from parcompute.comm.process.transport.mailbox import Mailbox
from parcompute.comm.process.transport.ring import (
    HEADER,
    Inlet,
    Outlet,
    capacity_for,
    segment_bytes,
)
from parcompute.comm.serial import serial
from parcompute.errors import ParcomputeError

RANKS = 64  # small rings
CAPACITY = capacity_for(RANKS)


@pytest.fixture
def ring():
    """Outlet and inlet of one ring, and the doorbells of its writer and reader."""
    memory = memoryview(bytearray(segment_bytes(RANKS)))
    bells = Semaphore(0), Semaphore(0)
    outlet = Outlet(memory, RANKS, (3, 5), bells[0], bells[1])
    inlet = Inlet(memory, RANKS, (3, 5), bells[1], bells[0])
    return outlet, inlet, bells


def _drain(inlet, most):
    target = memoryview(bytearray(most))
    count = inlet.read(target) if inlet.look() else 0
    inlet.release()
    return bytes(target[:count])


@pytest.mark.parametrize("seed", range(20))
def test_stream_keeps_every_byte(ring, seed):
    outlet, inlet, _ = ring
    chance = random.Random(seed)
    sent, got, total = 0, 0, 5 * CAPACITY
    data = memoryview(chance.randbytes(total))
    while got < total:
        sent += outlet.write(data[sent : sent + chance.randint(0, 2 * CAPACITY)])
        piece = _drain(inlet, chance.randint(1, 2 * CAPACITY))
        assert piece == data[got : got + len(piece)]
        got += len(piece)
    assert not inlet.look()


def test_headers_survive_the_wrap(ring):
    outlet, inlet, _ = ring
    for k in range(3 * CAPACITY // 24):
        body = memoryview(bytes([k % 251] * (k % 13)))
        header = HEADER.pack(k, k + 1, len(body))
        if not outlet.write_message(header, body, len(header) + len(body)):
            assert outlet.write(memoryview(header)) == len(header)
            assert outlet.write(body) == len(body)
        assert inlet.look()
        assert inlet.read_header() == (k, k + 1, len(body))
        target = memoryview(bytearray(len(body)))
        assert inlet.read(target) == len(body)
        assert target == body
        inlet.release()


def test_a_full_ring_takes_no_message(ring):
    outlet, inlet, _ = ring
    header, body = HEADER.pack(0, 0, 1000), memoryview(bytes(1000))
    nbytes = len(header) + len(body)
    assert all(outlet.write_message(header, body, nbytes) for _ in range(CAPACITY // nbytes))
    rest = CAPACITY % nbytes
    assert outlet.write(body[:rest]) == rest
    assert not outlet.write_message(header, body, nbytes)
    _drain(inlet, nbytes - 1)
    assert not outlet.write_message(header, body, nbytes)
    _drain(inlet, 1)
    assert outlet.write_message(header, body, nbytes)


def test_a_starved_writer_is_rung(ring):
    outlet, inlet, (writer, _) = ring
    data = memoryview(bytes(CAPACITY + 1))
    assert outlet.write(data) == CAPACITY
    assert not writer.acquire(blocking=False)
    _drain(inlet, 10)
    assert writer.acquire(blocking=False)
    assert outlet.write(data[CAPACITY:]) == 1
    _drain(inlet, 10)
    assert not writer.acquire(blocking=False)


def test_rings_fit_their_budget():
    assert capacity_for(2) == 1 << 18
    for ranks in range(1, 300):
        capacity = capacity_for(ranks)
        assert capacity & (capacity - 1) == 0
        assert segment_bytes(ranks) <= max(64 << 20, ranks**2 << 14) + ranks**2 * 128 + 4096


class _Receive:
    def __init__(self, source, tag, context=0):
        self.key = source, context, tag
        self.order = 0
        self.got = None

    def accept(self, source, tag, data):
        self.landing(len(data))[:] = data
        self.finish(source, tag, len(data))

    def landing(self, nbytes):
        self.data = memoryview(bytearray(nbytes))
        return self.data

    def finish(self, source, tag, nbytes):
        self.got = source, tag, bytes(self.data)


def _no_receipt(source, receipt):
    raise AssertionError("no message here is synchronous")


def _no_reading(rank, address, target):
    raise AssertionError("no message here lies in the memory of its sender")


def _arrive(mailbox, source, tag, body=b"", context=0):
    sink = mailbox.sink_for((source, context, tag))
    sink.landing(len(body))[:] = body
    sink.finish(source, tag, len(body))


def test_early_messages_are_taken_in_order_of_arrival():
    mailbox = Mailbox(_no_receipt, _no_reading)
    for source, tag, body in ((2, 7, b"a"), (1, 7, b"b"), (2, 8, b"c"), (2, 7, b"d")):
        _arrive(mailbox, source, tag, body)
    wanted = [(2, ANY_TAG), (ANY_SOURCE, 7), (ANY_SOURCE, ANY_TAG), (2, 7)]
    receives = [_Receive(source, tag) for source, tag in wanted]
    for receive in receives:
        mailbox.post(receive)
    assert [receive.got[2] for receive in receives] == [b"a", b"b", b"c", b"d"]


def test_receives_are_served_in_the_order_they_were_posted():
    mailbox = Mailbox(_no_receipt, _no_reading)
    wanted = [(1, 7), (ANY_SOURCE, 7), (1, 7), (1, ANY_TAG)]
    receives = [_Receive(source, tag) for source, tag in wanted]
    for receive in receives:
        mailbox.post(receive)
    for body in (b"a", b"b", b"c", b"d"):
        _arrive(mailbox, 1, 7, body)
    assert [receive.got[2] for receive in receives] == [b"a", b"b", b"c", b"d"]


def test_contexts_do_not_mix():
    mailbox = Mailbox(_no_receipt, _no_reading)
    receive = _Receive(ANY_SOURCE, ANY_TAG, context=4)
    mailbox.post(receive)
    _arrive(mailbox, 1, 7, b"other", context=2)
    assert receive.got is None
    _arrive(mailbox, 1, 7, b"this", context=4)
    assert receive.got == (1, 7, b"this")


def test_receive_posted_while_its_message_is_coming():
    mailbox, receive = Mailbox(_no_receipt, _no_reading), _Receive(1, 7)
    sink = mailbox.sink_for((1, 0, 7))
    sink.landing(2)[:] = b"hi"
    mailbox.post(receive)
    assert receive.got is None
    sink.finish(1, 7, 2)
    assert receive.got == (1, 7, b"hi")


def test_the_only_rank_does_not_wait_for_nobody():
    with pytest.raises(ParcomputeError, match="nobody can send"):
        serial().recv()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.send(1, 3), "dest must be in 0 … 0, got 3"),
        (lambda c: c.recv(source=-7), "source must be"),
        (lambda c: c.send(1, 0, -1), "tag must be"),
        (lambda c: c.Recv(b"123"), "read-only"),
        (lambda c: c.scatter(None), "got None"),
        (lambda c: c.Send([bytes(24), 4, "d"], 0), "buffer of 4 items or more, got 3"),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call(serial())


def test_lists_are_no_buffers():
    with pytest.raises(TypeError):
        serial().Send([1, 2, 3], 0)


def test_what_is_outside_of_the_subset_is_named():
    comm = serial()
    with pytest.raises(NotImplementedError, match=r"Spawn.*backend=mpi"):
        comm.Spawn("true")
    assert not hasattr(comm, "Spawn")
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        _ = comm.frobnicate
    assert isinstance(comm, ProcessCommunicator)
