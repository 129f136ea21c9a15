"""The page's server: who may see it, what it sends, and that nobody can hold up anybody."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.edge_runtime.live import server
from skedge.edge_runtime.live.crew import LiveError
from skedge.edge_runtime.live.guesses import FREE, RECOVERY
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.pipeline import Log
from skedge.edge_runtime.live.run import Viewing, addresses
from skedge.edge_runtime.live.server import Feeds, Page, is_own, token_for
from skedge.skeleton import InputError
from tests.edge_runtime.waiting import wait_until

TOKEN = "correct-horse"


class Served:
    """A page that runs in a thread, with pictures, states and a log to put things into."""

    def __init__(self, token: str | None = None, pictures: bool = True) -> None:
        self.pictures: Newest[bytes] | None = Newest() if pictures else None
        self.states: Newest[bytes] = Newest()
        self.log = Log()
        self.problems: list[str] = []
        self.followed = threading.Event()
        self.followed.set()
        feeds = Feeds(
            self.pictures, self.states, self.log, lambda: self.problems, followed=self.followed
        )
        self.page = Page(feeds, port=0, token=token)
        self.start()

    def start(self) -> None:
        self.thread = threading.Thread(target=self.page.run)
        self.thread.start()

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.page.port, timeout=30)
        connection.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        return connection.getresponse()

    def post(self, body: str, path: str = "/token", **headers: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.page.port, timeout=30)
        connection.request("POST", path, body, headers)
        return connection.getresponse()

    def raw(self, text: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.page.port), timeout=30)
        connection.sendall(text)
        return connection

    def close(self) -> None:
        self.page.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    yield one
    one.close()


@pytest.fixture
def guarded() -> Iterator[Served]:
    one = Served(TOKEN)
    yield one
    one.close()


def wait_for_watchers(served: Served, count: int) -> None:
    deadline = time.monotonic() + 30
    assert served.pictures is not None
    while served.pictures.watchers != count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def read_picture(answer: HTTPResponse) -> bytes:
    """One part of the stream; the boundary before it was read already."""
    length = None
    while line := answer.readline().strip():
        name, _, value = line.partition(b": ")
        length = int(value) if name == b"Content-Length" else length
    assert length is not None
    picture = answer.read(length)
    assert answer.readline() == b"\r\n"
    assert answer.readline() == b"--picture\r\n"
    return picture


def messages(
    answer: HTTPResponse, count: int, kinds: tuple[str, ...] = ("state", "action", "note")
) -> list[tuple[str, str, object]]:
    """So many server-sent events of these kinds: (kind, id, data)."""
    found, kind, number = [], "", ""
    while len(found) < count:
        line = answer.readline().decode()
        assert line, "the stream has ended"
        name, _, value = line.strip().partition(": ")
        kind, number = (value, "") if name == "event" else (kind, value if name == "id" else number)
        if name == "data" and kind in kinds:
            found.append((kind, number, json.loads(value)))
    return found


class TestWhoMaySeeIt:
    """Tokens, names and headers."""

    def test_this_computer_needs_no_token(self, served: Served) -> None:
        for path, kind in (
            ("/", "text/html"),
            ("/live.js", "text/javascript"),
            ("/feed.js", "text/javascript"),
            ("/demo.js", "text/javascript"),
            ("/live.css", "text/css"),
            ("/icon.svg", "image/"),
        ):
            answer = served.ask(path)
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith(kind)
            assert len(answer.read()) == int(answer.headers["Content-Length"])

    @pytest.mark.parametrize("path", ["/stream", "/events", "/state", "/nothing"])
    @pytest.mark.parametrize(
        "shown",
        ["", "?token=", "?token=correct-hors", "?token=correct-horsf", "?token=%C3%A9%00", "?x"],
    )
    def test_without_the_token_nothing_is_told(
        self, guarded: Served, path: str, shown: str
    ) -> None:
        guarded.states.put(b'{"secret": 1}')
        answer = guarded.ask(path + shown, Cookie=f"skedge_{guarded.page.port}=wrong")
        assert answer.status == 401
        assert b"secret" not in answer.read()
        assert "Set-Cookie" not in answer.headers

    def test_the_page_itself_asks_for_the_token(self, guarded: Served) -> None:
        for path in server.FILES:
            assert guarded.ask(f"{path}?token=wrong").status == 200
        assert guarded.log.since(0) == []

    @pytest.mark.parametrize("how", ["address", "head", "form"])
    def test_the_token_opens_and_the_cookie_goes_on(self, guarded: Served, how: str) -> None:
        guarded.states.put(b"{}")
        if how == "address":
            answer = guarded.ask(f"/state?token={TOKEN}")
        elif how == "head":
            answer = guarded.ask("/state", Authorization=f"Bearer {TOKEN}")
        else:
            answer = guarded.post(f"token={TOKEN}")
        assert answer.status == (204 if how == "form" else 200)
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert guarded.ask("/state", Cookie=f"other=1; {cookie.split(';')[0]}").status == 200
        assert guarded.ask("/state", Cookie=f"{cookie.split(';')[0]}x").status == 401
        assert guarded.ask("/state", Cookie="=;;;==\x7f").status == 401

    def test_two_servers_of_one_host_keep_their_cookies_apart(self, guarded: Served) -> None:
        other = Served(TOKEN)
        names = {
            one.post(f"token={TOKEN}").headers["Set-Cookie"].partition("=")[0]
            for one in (guarded, other)
        }
        other.close()
        assert len(names) == 2

    @pytest.mark.parametrize(
        "other", ['prefs={"a":1}', "version=3", "name=John Smith", "n=J\xfcrg", "skedge_1", "=; ;"]
    )
    def test_cookies_of_other_programs_on_the_host_lock_nobody_out(
        self, guarded: Served, other: str
    ) -> None:
        guarded.states.put(b"{}")
        cookie = guarded.post(f"token={TOKEN}").headers["Set-Cookie"].split(";")[0]
        older = cookie.partition("=")[0] + "=of-another-run"
        for sent in (f"{other}; {cookie}", f"{cookie}; {other}", f"{older}; {other}; {cookie}"):
            assert guarded.ask("/state", Cookie=sent).status == 200
        assert guarded.ask("/state", Cookie=f"{other}; {older}").status == 401

    def test_a_form_of_another_page_is_refused(self, guarded: Served) -> None:
        there = f"127.0.0.1:{guarded.page.port}"
        body = f"token={TOKEN}"
        assert guarded.post(body, Origin="http://evil.example").status == 403
        assert guarded.post(body, Origin=f"http://{there}").status == 204
        assert guarded.post("token=" + "x" * 2000).status == 413
        assert guarded.ask("/token", method="POST", Content_Length="-1").status == 413
        assert guarded.ask("/state", method="POST").status == 404

    def test_guessing_is_slowed_down_and_said_while_viewers_go_on(self, guarded: Served) -> None:
        guarded.states.put(b"{}")
        cookie = guarded.post(f"token={TOKEN}").headers["Set-Cookie"].split(";")[0]
        ways = [guarded.ask("/state?token=guess"), guarded.post("token=guess")]
        ways += [guarded.ask("/state", Authorization="Bearer guess") for _ in range(FREE - 2)]
        assert [answer.status for answer in ways] == [401] * FREE
        late = guarded.post(f"token={TOKEN}")
        assert late.status == 429, "a right guess must not be told from a wrong one"
        assert 0 < int(late.headers["Retry-After"]) <= RECOVERY
        assert guarded.ask("/state", Cookie=cookie).status == 200
        notes = [entry[2]["note"] for entry in guarded.log.since(0)]
        assert notes == ["page: a wrong token from 127.0.0.1"]

    def test_the_token_is_compared_in_constant_time(
        self, guarded: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared = []

        def compare(one: bytes, other: bytes) -> bool:
            compared.append(other)
            return one == other

        monkeypatch.setattr(server.hmac, "compare_digest", compare)
        guarded.ask("/state?token=nonsense")
        assert compared[-1] == TOKEN.encode()

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "",
            "192.168.1.7:8080",
            "[::2]",
        ],
    )
    def test_another_name_for_this_computer_is_refused(self, served: Served, host: str) -> None:
        # A web page elsewhere can lead its own name to 127.0.0.1 and would then read the camera.
        assert served.ask("/state", Host=host).status == 403

    @pytest.mark.parametrize(
        "host",
        ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080"],
    )
    def test_its_own_names_are_fine(self, served: Served, host: str) -> None:
        assert served.ask("/", Host=host).status == 200

    def test_other_sites_can_neither_frame_nor_embed_it(self, served: Served) -> None:
        headers = served.ask("/").headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers

    @pytest.mark.parametrize("line", [b"PUT / HTTP/1.0", b"<b>x</b> / HTTP/1.0"])
    def test_what_the_library_refuses_has_the_same_headers(
        self, served: Served, line: bytes
    ) -> None:
        """It was a page of HTML that a browser might keep, without any of them."""
        with served.raw(line + b"\r\nHost: localhost\r\n\r\n") as connection:
            head = connection.makefile("rb").read().decode()
        for name, value in server.HEADERS.items():
            assert f"\r\n{name}: {value}\r\n" in head
        assert "\r\nContent-Type: text/plain; charset=utf-8\r\n" in head

    def test_monitors_may_ask_for_the_head_alone(self, guarded: Served) -> None:
        """They were told 501, as if nothing worked."""

        def head(path: str) -> str:
            with guarded.raw(b"HEAD %s HTTP/1.0\r\n\r\n" % path.encode()) as connection:
                return connection.makefile("rb").read().decode()

        assert "200 OK" in head("/healthz")
        guarded.problems = ["the camera is lost"]
        said = head("/healthz")
        assert "503 Service Unavailable" in said
        assert "\r\nContent-Length: 9\r\n" in said
        assert said.endswith("\r\n\r\n"), "nothing follows"
        assert " 401 " in head("/state")
        assert " 401 " in head("/stream")
        for stream in ("/stream", "/events"):
            said = head(f"{stream}?token={TOKEN}")
            assert " 405 " in said, "it was 404, as if there were none"
            assert "\r\nAllow: GET\r\n" in said

    @pytest.mark.parametrize("path", ["/", "/state", "/healthz", "/nothing"])
    def test_no_browser_keeps_what_it_was_shown(self, served: Served, path: str) -> None:
        assert served.ask(path).headers["Cache-Control"] == "no-store"

    def test_beyond_this_computer_a_token_is_needed(self) -> None:
        feeds = Feeds(None, Newest(), Log())
        with pytest.raises(InputError, match="token"):
            Page(feeds, host="0.0.0.0", port=0)
        made = {token_for("0.0.0.0", None) for _ in range(5)}
        assert len(made) == 5
        assert all(token is not None and len(token) >= 16 for token in made)
        assert token_for(Viewing().host, None) is None
        assert token_for("::1", "longenough") == "longenough"
        assert token_for("0.0.0.0", "eight-to") == "eight-to", "as many as the message asks for"
        for short in ("", "short", "with space", "umlaut-ä-ö-ü", "a&b=c&d=e"):
            with pytest.raises(InputError, match="--token or SKEDGE_TOKEN"):
                token_for("0.0.0.0", short)

    @pytest.mark.parametrize(
        ("host", "own"), [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True), ("0.0.0.0", False),
                          ("::", False), ("192.168.0.3", False), ("raspberrypi.local", False), ("", False)],
    )  # fmt: skip
    def test_what_only_this_computer_reaches(self, host: str, own: bool) -> None:
        assert is_own(host) is own

    def test_the_address_to_type_is_said(self) -> None:
        assert addresses("127.0.0.1", 8080, None) == ["http://127.0.0.1:8080/"]
        assert addresses("::1", 8080, "abc") == ["http://[::1]:8080/?token=abc"]
        several = addresses("0.0.0.0", 80, "abc")
        assert several
        assert not any("0.0.0.0" in one or "127.0.0.1" in one for one in several)

    def test_a_viewer_is_told_the_name_and_the_first_addresses_that_a_network_reaches(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither those of this computer alone nor those of its network cards."""
        v4, v6, card = socket.AF_INET, socket.AF_INET6, -1
        there = {
            "lo": [(v4, "127.0.0.1"), (v6, "::1")],
            "eth0": [(v4, "192.168.1.5"), (v6, "fe80::1%eth0"), (card, "aa:bb:cc:dd:ee:ff")],
            "wlan0": [(v4, "10.0.0.7")],
            "tun0": [(v4, "10.9.0.1")],
        }
        found = {
            name: [SimpleNamespace(family=family, address=address) for family, address in all_]
            for name, all_ in there.items()
        }
        monkeypatch.setattr("psutil.net_if_addrs", lambda: found)
        monkeypatch.setattr("os.uname", lambda: SimpleNamespace(nodename="hall.lan"))
        expected = ["hall.local", "192.168.1.5", "10.0.0.7"]
        for host in ("0.0.0.0", "::"):
            assert addresses(host, 80, None) == [f"http://{one}:80/" for one in expected]

    def test_the_browser_is_sent_to_an_address_of_ipv6_in_brackets(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bound = SimpleNamespace(server_address=("::1", 8080, 0, 0))
        monkeypatch.setattr(server, "_Server", lambda *_, **__: bound)
        assert Page(Feeds(None, Newest(), Log()), host="::1").url == "http://[::1]:8080/"

    def test_the_name_to_type_has_one_ending(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A Mac calls itself `study.local`, and a viewer was sent to `study.local.local`."""
        for name in ("study", "study.local", "study.home.arpa"):
            monkeypatch.setattr("os.uname", lambda name=name: SimpleNamespace(nodename=name))
            assert addresses("0.0.0.0", 80, None)[0] == "http://study.local:80/"

    def test_a_port_in_use_is_one_line(self, served: Served) -> None:
        with pytest.raises(LiveError, match=rf"--port {served.page.port}: .*in use"):
            Page(Feeds(None, Newest(), Log()), port=served.page.port)
        for host, port in (("nowhere.invalid", 0), ("küche..local", 0), ("127.0.0.1", 65536)):
            with pytest.raises(InputError, match=f"--host {host} --port {port}"):
                Page(Feeds(None, Newest(), Log()), host=host, port=port, token=TOKEN)


class TestStreams:
    """Pictures and events."""

    def test_pictures_come_as_they_are_made(self, served: Served) -> None:
        assert served.pictures is not None
        answer = served.ask("/stream")
        wait_for_watchers(served, 1)
        assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=picture"
        assert answer.readline() == b"--picture\r\n"
        for picture in (b"one", b"\r\n--picture\r\n", b"x" * 300_000):
            served.pictures.put(picture)
            assert read_picture(answer) == picture

    def test_a_viewer_who_takes_nothing_holds_up_nobody(self, served: Served) -> None:
        assert served.pictures is not None
        stuck = served.raw(b"GET /stream HTTP/1.0\r\nHost: localhost\r\n\r\n")
        wait_for_watchers(served, 1)
        other = served.ask("/stream")
        wait_for_watchers(served, 2)
        assert other.readline() == b"--picture\r\n"
        for number in range(20):
            picture = bytes([number]) * 2_000_000
            served.pictures.put(picture)  # far more than any buffer holds
            assert read_picture(other) == picture
        stuck.close()
        other.close()

    def test_viewers_who_leave_a_lost_camera_take_no_place(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who opened the page while no picture came was never missed, and after 32 of them nobody
        else got pictures or events."""
        monkeypatch.setattr(server, "KEEPALIVE", 0.05)
        assert served.pictures is not None
        answer = served.raw(b"GET /stream HTTP/1.0\r\nHost: localhost\r\n\r\n")
        wait_for_watchers(served, 1)
        time.sleep(0.2)
        assert served.pictures.watchers == 1, "who waits for a picture stays"
        answer.close()
        wait_for_watchers(served, 0)

    def test_who_waits_for_a_camera_gets_its_first_picture_however_large(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "KEEPALIVE", 0.05)
        looks: list[object] = []
        gone = server._gone
        monkeypatch.setattr(server, "_gone", lambda one: looks.append(one) or gone(one))
        assert served.pictures is not None
        answer = served.ask("/stream")
        assert answer.readline() == b"--picture\r\n"
        # One when it came, others while it waits: after those its connection must still be one.
        wait_until(lambda: len(looks) > 2)
        picture = b"x" * 40_000_000  # far more than any buffer holds
        served.pictures.put(picture)
        assert read_picture(answer) == picture

    def test_who_looks_at_a_lost_camera_gets_its_last_picture_again(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So it shows whether somebody is still there."""
        monkeypatch.setattr(server, "KEEPALIVE", 0.05)
        assert served.pictures is not None
        answer = served.ask("/stream")
        wait_for_watchers(served, 1)
        assert answer.readline() == b"--picture\r\n"
        served.pictures.put(b"the last one")
        assert [read_picture(answer) for _ in range(3)] == 3 * [b"the last one"]

    def test_viewers_are_counted_out_when_they_leave(self, served: Served) -> None:
        assert served.pictures is not None
        answer = served.raw(b"GET /stream HTTP/1.0\r\nHost: localhost\r\n\r\n")
        wait_for_watchers(served, 1)
        answer.close()
        deadline = time.monotonic() + 30
        while served.pictures.watchers:  # the next picture finds nobody
            assert time.monotonic() < deadline
            served.pictures.put(b"x" * 100_000)
            time.sleep(0.01)

    def test_too_many_viewers_are_refused(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        streams = [
            served.raw(b"GET /stream HTTP/1.0\r\nHost: localhost\r\n\r\n")
            for _ in range(server.STREAMS)
        ]
        wait_for_watchers(served, server.STREAMS)
        assert served.ask("/stream").status == 503
        assert served.ask("/").status == 200
        for stream in streams:
            stream.close()

    def test_states_and_events(self, served: Served) -> None:
        served.log.add("action", {"event": "wave"})
        answer = served.ask("/events")
        assert answer.headers["Content-Type"] == "text/event-stream"
        served.states.put(b'{"people": []}')
        first, second = messages(answer, 2)
        assert first[0] == "action"
        assert first[2]["event"] == "wave"
        assert second == ("state", "", {"people": []})
        served.log.add("note", {"note": "two\nlines"})
        served.states.put(b'{"people": [1]}')
        assert [one[0] for one in messages(answer, 2)] == ["note", "state"]

    def test_who_comes_back_is_told_what_is_new(self, served: Served) -> None:
        for number in range(3):
            served.log.add("action", {"event": str(number)})
        served.states.put(b"{}")
        told = messages(served.ask("/events"), 3, ("action",))
        assert [one[2]["event"] for one in told] == ["0", "1", "2"]
        again = messages(served.ask("/events", Last_Event_ID=told[1][1]), 1, ("action",))
        assert again[0][2]["event"] == "2"
        for strange in ("other-2", "2", "x" * 100, f"{told[0][1].split('-')[0]}-", "-"):
            anew = messages(served.ask("/events", Last_Event_ID=strange), 3, ("action",))
            assert [one[2]["event"] for one in anew] == ["0", "1", "2"]

    @pytest.mark.parametrize("number", ["9" * 5000, "-1", "1.5", "\xb2", ""])
    def test_what_is_no_number_of_an_event_tells_all_and_is_no_note(
        self, served: Served, number: str
    ) -> None:
        """5,000 digits were a note on the page of everybody."""
        served.log.add("action", {"event": "wave"})
        served.states.put(b"{}")
        run = served.page._server.run
        answer = served.ask("/events", Last_Event_ID=f"{run}-{number}")
        assert messages(answer, 1, ("action",))[0][2]["event"] == "wave"
        answer.close()
        assert [kind for _, kind, _ in served.log.since(0)] == ["action"]

    def test_the_log_is_limited(self) -> None:
        log = Log()
        for number in range(250):
            log.add("action", {"event": number})
        kept = log.since(0)
        assert [entry[0] for entry in kept] == list(range(151, 251))
        assert log.since(249)[0][2]["event"] == 249
        told = datetime.fromisoformat(kept[-1][2]["time"])
        assert timedelta(0) <= datetime.now(UTC) - told < timedelta(hours=1)

    def test_without_pictures_there_is_no_stream(self) -> None:
        bare = Served(pictures=False)
        assert bare.ask("/stream").status == 404
        bare.close()

    def test_closing_ends_open_streams_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server._Handler, "timeout", 300)  # nobody may wait for that
        served = Served()
        held = [
            served.raw(b"GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" % path)
            for path in (b"/stream", b"/events")
        ]
        held += [served.raw(b"GET /"), served.raw(b"")]
        wait_for_watchers(served, 1)
        before = threading.active_count()
        served.close()
        assert threading.active_count() < before
        for one in held:
            one.close()

    def test_who_listens_hears_the_last_events(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "LAST_WORDS", 60.0)
        served = Served()
        served.followed.clear()
        served.log.add("action", {"event": "wave", "phase": "begun"})
        served.states.put(b"{}")
        answer = served.ask("/events")
        assert messages(answer, 1, ("action",))[0][2]["phase"] == "begun"
        served.page.stop()
        served.log.add("action", {"event": "wave", "phase": "ended"})
        served.followed.set()
        assert messages(answer, 1, ("action",))[0][2]["phase"] == "ended"
        served.close()


@given(st.binary(max_size=300))
def test_nonsense_is_answered_or_dropped(fuzzed: Served, nonsense: bytes) -> None:
    connection = fuzzed.raw(nonsense + b"\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass
    connection.close()
    assert fuzzed.thread.is_alive()
    assert fuzzed.log.since(0) == []


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Served]:
    one = Served()
    yield one
    assert one.ask("/").status == 200
    one.close()


def test_what_is_not_there_is_not_found(served: Served) -> None:
    for path in ("/nothing", "/../secret", "/page/index.html", "/live.js/", "/%2e%2e/"):
        assert served.ask(path).status == 404
    with served.raw(b"GET http://[/ HTTP/1.0\r\nHost: localhost\r\n\r\n") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.0 404")
    assert served.ask("/", method="POST").status == 404
    for method in ("PUT", "DELETE", "TRACE", "CONNECT", "X" * 3000):
        assert served.ask("/", method=method).status == 501
    assert served.log.since(0) == []


def test_the_pages_files_are_in_the_package() -> None:
    from skedge.edge_runtime.live import page

    there = {path.name for path in Path(page.__path__[0]).iterdir()}
    assert {name for name, _ in server.FILES.values()} <= there


def test_what_breaks_in_an_answer_is_noted_and_ends_nothing(served: Served) -> None:
    def broken() -> list[str]:
        raise RuntimeError("no figures")

    served.page._server.feeds = replace(served.page._server.feeds, problems=broken)
    with pytest.raises((HTTPException, ConnectionError)):
        served.ask("/healthz")
    wait_until(lambda: bool(served.log.since(0)))
    [(_, kind, document)] = served.log.since(0)
    assert (kind, document["note"]) == ("note", "page: RuntimeError: no figures")
    assert served.ask("/").status == 200
