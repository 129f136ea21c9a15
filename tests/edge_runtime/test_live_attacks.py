"""Attacks on the page's server, with a rightful viewer beside them: who attacks neither fills the
memory nor keeps the viewer waiting. With `SKEDGE_ATTACK` 100000 they are as long as real ones, and
the viewer must be answered within a second."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.edge_runtime.live import crowd, guesses
from skedge.edge_runtime.live.crowd import Crowd
from skedge.edge_runtime.live.guesses import FREE, FREE_OF_ALL, RECOVERY, Guesses
from tests.edge_runtime.test_live_server import TOKEN, Served, messages

ROOT = Path(__file__).parents[2]
SIZE = int(os.environ.get("SKEDGE_ATTACK", "2000"))
GROWTH = 20e6
# Other tests may keep the machine busy.
PATIENCE = 1.0 if SIZE >= 100_000 else 8.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def guarded() -> Iterator[Served]:
    one = Served(TOKEN)
    one.states.put(b'{"people": []}')
    yield one
    one.close()


class Target:
    """A server to attack from a process of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def raw(self, text: bytes) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


def connect(served: Served | Target, text: bytes) -> socket.socket:
    connection = served.raw(b"")
    with suppress(OSError):  # sent away while it still talks
        connection.sendall(text)
    return connection


def endless_heads(served: Target, _: int) -> None:
    """Sixty-four heads of 6.4 MB each, all at once."""
    there = [connect(served, b"GET / HTTP/1.1\r\n") for _ in range(64)]
    line = b"X-Padding: " + b"a" * 60_000 + b"\r\n"
    for _ in range(107):
        for one in there:
            with suppress(OSError):
                one.send(line, socket.MSG_DONTWAIT)
    for one in there:
        one.close()


def many_small_heads(served: Target, _: int) -> None:
    there = [connect(served, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000) for _ in range(64)]
    for one in there:
        one.close()


def slow_clients(served: Target, _: int) -> None:
    """Two hundred that never finish a sentence, with a letter now and then."""
    there = [connect(served, b"GET /state") for _ in range(200)]
    for _ in range(5):
        for one in there:
            with suppress(OSError):
                one.send(b"x", socket.MSG_DONTWAIT)
        time.sleep(0.05)
    for one in there:
        one.close()


def slow_bodies(served: Target, _: int) -> None:
    head = b"POST /token HTTP/1.1\r\nContent-Length: 900\r\n\r\ntoken="
    there = [connect(served, head) for _ in range(100)]
    time.sleep(0.3)
    for one in there:
        one.close()


def one_after_another(served: Target, number: int) -> None:
    for _ in range(number // 10):
        connect(served, b"").close()


def hostile_requests(served: Target, number: int) -> None:
    lines = [
        b"DELETE / HTTP/1.1", b"GET /../../etc/passwd HTTP/1.1", b"GET /%00 HTTP/1.1", b"\x16\x03\x01",
        b"GET http://[/ HTTP/1.1", b"GET / HTTP/9.9", b"PRI * HTTP/2.0", b"GET /\xff\xfe HTTP/1.1",
        b"POST /token HTTP/1.1\r\nContent-Length: 99999999999999999999", b"GET /events HTTP/1.1\r\nLast-Event-ID: \x00-9",
    ]  # fmt: skip
    for line, _ in zip(lines * number, range(number // 20), strict=False):
        with connect(served, line + b"\r\n\r\n") as one, suppress(OSError):
            one.recv(100)


def guessing(served: Target, number: int) -> None:
    for guess in range(number):
        head = f"GET /state?token=guess{guess} HTTP/1.1\r\n\r\n".encode()
        with connect(served, head) as one, suppress(OSError):
            assert one.recv(100).split()[1] in (b"401", b"429")


@pytest.mark.parametrize(
    "attack",
    [endless_heads, many_small_heads, slow_clients, slow_bodies, one_after_another, hostile_requests, guessing],
)  # fmt: skip
def test_an_attack_hurts_nobody(guarded: Served, attack: Callable[[Target, int], None]) -> None:
    cookie = guarded.post(f"token={TOKEN}").headers["Set-Cookie"].split(";")[0]
    assert guarded.ask("/state", Cookie=cookie).status == 200
    stream = guarded.ask("/events", Cookie=cookie)
    messages(stream, 1)
    before = psutil.Process().memory_info().rss
    waits: list[float] = []
    code = f"from {__name__} import *; {attack.__name__}(Target({guarded.page.port}), {SIZE})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    attacker = subprocess.Popen([sys.executable, "-c", code], env=environment)
    for number in count():
        begin = time.monotonic()
        assert guarded.ask("/state", Cookie=cookie).status == 200
        waits.append(time.monotonic() - begin)
        guarded.log.add("action", {"event": number})
        guarded.states.put(b'{"people": []}')
        assert messages(stream, 1, ("action",))[0][2]["event"] == number
        time.sleep(0.02)
        if attacker.poll() is not None:
            break
    assert attacker.returncode == 0
    growth = psutil.Process().memory_info().rss - before
    figures = f"answers within {max(waits):.3f} s, {growth / 1e6:.1f} MB more, {len(waits)} events"
    print(f"{attack.__name__}: {figures}")
    assert max(waits) < PATIENCE
    assert growth < GROWTH


def test_a_new_viewer_gets_in_while_others_hold_all_places(guarded: Served) -> None:
    held = [connect(guarded, b"GET /") for _ in range(crowd.CONNECTIONS + 10)]
    begin = time.monotonic()
    assert guarded.post(f"token={TOKEN}").status == 204
    assert time.monotonic() - begin < PATIENCE
    for one in held:
        one.close()


def test_one_computer_holds_no_more_than_its_places(
    guarded: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ports are no computers of their own."""
    monkeypatch.setattr("skedge.edge_runtime.live.server.HEAD_SECONDS", 300.0)
    held = [connect(guarded, b"GET /") for _ in range(crowd.PER_ADDRESS + 1)]
    assert held[0].recv(1) == b"", "the oldest makes room"
    for one in held:
        one.close()


def test_who_talks_slowly_is_sent_away(guarded: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skedge.edge_runtime.live.server.HEAD_SECONDS", 0.3)
    with connect(guarded, b"GET /state HTTP/1.1\r\n") as one:
        begin = time.monotonic()
        while time.monotonic() - begin < 10:
            time.sleep(0.05)
            try:
                one.sendall(b"a")
            except OSError:
                break
        assert time.monotonic() - begin < 5


def test_guesses_come_back_one_by_one() -> None:
    clock, notes = Clock(), []
    one = Guesses(notes.append, clock)
    for _ in range(FREE):
        assert one.tried("10.0.0.1", right=False) == 0
    assert one.tried("10.0.0.1", right=True) == one.tried("10.0.0.1", right=False) == RECOVERY
    assert one.tried("10.0.0.2", right=True) == 0
    clock.now += RECOVERY
    assert one.tried("10.0.0.1", right=False) == 0
    assert one.tried("10.0.0.1", right=True) == RECOVERY
    clock.now += guesses.NOTE_EVERY
    assert one.tried("10.0.0.1", right=False) == 0
    assert notes == [
        "page: a wrong token from 10.0.0.1",
        f"page: {FREE + 1} wrong tokens, the last from 10.0.0.1",
    ]


@given(st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 1)), max_size=300))
def test_no_number_of_addresses_guesses_more_than_so_often(tries: list[tuple[int, float]]) -> None:
    clock = Clock()
    one = Guesses(lambda text: None, clock)
    passed = 0
    for address, pause in tries:
        clock.now += pause
        name = (
            f"2001:db8:{address % 7:x}::{address:x}" if address % 2 else f"10.0.0.{address % 250}"
        )
        passed += one.tried(name, right=False) == 0
    assert passed <= FREE_OF_ALL + clock.now / guesses.RECOVERY_OF_ALL + 1


def test_a_thousand_computers_at_once_have_fifty_guesses_together() -> None:
    one = Guesses(lambda text: None, Clock())
    tries = [one.tried(f"10.0.{n >> 8}.{n & 255}", right=False) for n in range(1000)]
    assert tries.count(0) == FREE_OF_ALL


def test_guesses_side_by_side_are_no_more_than_one_after_the_other() -> None:
    """48 connections could be let through before the first wrong token of theirs was counted."""

    class Slow(Clock):
        def __call__(self) -> float:
            time.sleep(0.001)
            return super().__call__()

    one = Guesses(lambda text: None, Slow())
    with ThreadPoolExecutor(48) as pool:
        waits = list(pool.map(lambda _: one.tried("10.0.0.1", right=False), range(48)))
    assert waits.count(0) == FREE


def test_a_network_of_addresses_is_one_guesser_and_memory_is_bounded() -> None:
    clock = Clock()
    one = Guesses(lambda text: None, clock)
    for number in range(FREE):
        one.tried(f"2001:db8::{number:x}", right=False)
    assert one.tried("2001:db8::ffff", right=True) > 0
    assert one.tried("2001:db8:0:1::1", right=True) == 0
    assert one.tried("::ffff:10.0.0.9", right=True) == one.tried("10.0.0.9", right=True) == 0
    for number in range(5000):
        clock.now += 1
        one.tried(f"10.{number >> 8}.{number & 255}.1", right=False)
    assert len(one._whole) <= guesses.REMEMBERED


@given(
    st.lists(
        st.tuples(st.sampled_from(["in", "in", "in", "admit", "leave"]), st.integers(0, 2)),
        max_size=250,
    )
)
def test_the_crowd_is_bounded_and_viewers_stay(steps: list[tuple[str, int]]) -> None:
    there = Crowd()
    viewers, waiting = {}, {}
    for number, (what, which) in enumerate(steps):
        if what == "in":
            one = _Connection(number)
            if there.enter(one, f"10.0.0.{which}"):
                waiting[one] = which
        elif waiting:
            one = next(reversed(waiting))
            if what == "admit":
                there.admit(one)
                viewers[one] = which
            else:
                there.leave(one)
            del waiting[one]
        assert len(there._guests) <= crowd.CONNECTIONS
    assert not any(one.sent_away for one in viewers)
    places: list[str] = [guest.address for guest in there._guests.values()]
    assert all(places.count(address) <= crowd.PER_ADDRESS for address in places)


def test_who_holds_most_places_makes_room_and_viewers_never_do() -> None:
    """The oldest that only waits goes: of one's own address where that has too many, else of the
    address with most."""
    there = Crowd()
    alone = Crowd()
    greedy = [_Connection(number) for number in range(crowd.PER_ADDRESS + 1)]
    for one in greedy:
        assert alone.enter(one, "10.0.0.1")
    assert greedy.pop(0).sent_away, "it has too many, although there is room"
    modest = [_Connection(100 + number) for number in range(crowd.CONNECTIONS - len(greedy))]
    for one in modest:
        assert there.enter(one, "10.0.0.2")
    for one in greedy:
        assert there.enter(one, "10.0.0.1")
    there.admit(greedy[0])
    assert there.enter(_Connection(200), "10.0.0.3")
    assert there.enter(_Connection(201), "10.0.0.1")
    assert [one.number for one in [*greedy, *modest] if one.sent_away] == [2, 3]
    full = Crowd()
    for one in (viewers := [_Connection(number) for number in range(crowd.CONNECTIONS)]):
        assert full.enter(one, f"10.0.0.{one.number % 2}")
        full.admit(one)
    assert not full.enter(_Connection(300), "10.0.0.3")
    full.leave(viewers[0])
    assert full.enter(_Connection(301), "10.0.0.3")
    assert not any(one.sent_away for one in viewers)


class _Connection:
    def __init__(self, number: int) -> None:
        self.number, self.sent_away = number, False

    def shutdown(self, how: int) -> None:
        self.sent_away = True
