"""The page: video and figures for browsers near by, on the standard library's HTTP server."""

import errno
import hmac
import io
import ipaddress
import json
import math
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from socketserver import TCPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from skedge import __version__
from skedge.edge_runtime.live.crew import LAST_WORDS, LiveError
from skedge.edge_runtime.live.crowd import CONNECTIONS, Crowd
from skedge.edge_runtime.live.guesses import Guesses, network
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.pipeline import Log
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import parse_json

SHORTEST_TOKEN = 8
STREAMS = 32
# Seconds and bytes for a request's head, and bytes for its body.
HEAD_SECONDS, HEAD_BYTES, BODY_BYTES = 5.0, 16 * 1024, 1024
# Seconds that a viewer may take for an answer, or for one picture.
PATIENCE = 10.0
KEEPALIVE = 5.0
# What the kernel holds back for a slow viewer is what its picture lags behind: two or three
# pictures, not fifty.
SEND_BUFFER = 128 * 1024
BOUNDARY = b"picture"

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/live.js": ("live.js", "text/javascript; charset=utf-8"),
    "/demo.js": ("demo.js", "text/javascript; charset=utf-8"),
    "/control.js": ("control.js", "text/javascript; charset=utf-8"),
    "/feed.js": ("feed.js", "text/javascript; charset=utf-8"),
    "/live.css": ("live.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
# What goes on until the view ends.
ENDLESS = ("/stream", "/events")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Feeds:
    """What the page shows: JPEG pictures (None: there are none), states as JSON, and the log of
    events; `problems` are a few words each, none while all is well; `metrics` is text for
    Prometheus; `change` takes what a viewer wants of the view; `followed` is set when nothing is
    logged any more (None: it always is)."""

    pictures: Newest[bytes] | None
    states: Newest[bytes]
    log: Log
    problems: Callable[[], list[str]] = list
    metrics: Callable[[], bytes] | None = None
    change: Callable[[Any], None] | None = None
    followed: threading.Event | None = None


class Page:
    """Serves the page until it is closed. Without a `token` it answers only to this computer's own
    names.

    With one, everybody gets the page's files, and nothing else without the token: in the address
    (`?token=`), in the head `Authorization: Bearer`, or by the page's form. A browser that has
    shown it gets a cookie, which holds until the server ends. Wrong tokens are slowed down
    (`Guesses`). Connections are bounded in number, time and size (`Crowd`).

    Raises `InputError` for a host other than this computer without a token (see `token_for`) and
    for one that is no address, `LiveError` for a port in use and an address that this computer has
    not, or not yet.
    """

    def __init__(
        self, feeds: Feeds, host: str = "127.0.0.1", port: int = 8080, token: str | None = None
    ) -> None:
        if not host:
            raise InputError("--host: expected an address such as 127.0.0.1 or 0.0.0.0, got none")
        if not is_own(host) and token is None:
            raise InputError(
                f"--host {host}: expected a token for viewers on other computers, got none"
            )
        self._server = _Server(feeds, host, port, token=token)
        shown = f"[{host}]" if ":" in host else host
        self.port = int(self._server.server_address[1])
        self.address = f"http://{shown}:{self.port}/"
        self.url = self.address + (f"?token={token}" if token else "")

    def run(self) -> None:
        """Answer requests until `stop`; comes back when all connections and their threads have
        ended."""
        self._server.serve_forever(poll_interval=0.1)
        self._server.server_close()

    def stop(self) -> None:
        """Make `run` end, from another thread; it must have been called, or will be."""
        self._server.stop_feeds()
        self._server.shutdown()


def is_own(host: str) -> bool:
    """Whether only programs on this computer reach a server bound to that address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_for(host: str, given: str | None) -> str | None:
    """The token that viewers must show: the given one, a new one for a host that others reach, else
    none.

    Raises `InputError` for one that is too short or would need quoting in a URL.
    """
    if given is None:
        return None if is_own(host) else secrets.token_urlsafe(16)
    if len(given) < SHORTEST_TOKEN or not all(
        letter.isascii() and (letter.isalnum() or letter in "-_.~") for letter in given
    ):
        raise InputError(
            f"--token or SKEDGE_TOKEN: expected at least {SHORTEST_TOKEN} letters, digits or any of"
            " - _ . ~ and got something else; leave it out and one is made"
        )
    return given


class _Server(HTTPServer):
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(self, feeds: Feeds, host: str, port: int, token: str | None) -> None:
        self.feeds = feeds
        self.token = token
        self.streams = threading.BoundedSemaphore(STREAMS)
        self.closing = threading.Event()
        self.listeners = 0  # of events
        self.left = threading.Condition()
        self.run = secrets.token_hex(4)
        self.session = secrets.token_urlsafe(24)
        self.guesses = Guesses(lambda text: feeds.log.add("note", {"note": text}))
        self.crowd = Crowd()
        # Threads that stay: starting one for every connection would keep the next ones waiting.
        self._workers = ThreadPoolExecutor(CONNECTIONS, "page")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, TypeError, OverflowError) as error:  # as bind refuses names and ports
            # At boot the network may come later, and another program may go: worth another try.
            may_change = getattr(error, "errno", 0) in (errno.EADDRNOTAVAIL, errno.EADDRINUSE)
            raise (LiveError if may_change else InputError)(
                f"--host {host} --port {port}: expected an address of this computer and a free"
                f" port, got: {reason(error)}; name others, or --port 0 for any free one"
            ) from None

    def server_bind(self) -> None:
        # Not HTTPServer's: that looks up the host's name in the network.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = (
            str(self.server_address[0]),
            int(self.server_address[1]),
        )

    @property
    def cookie(self) -> str:
        """Name of the cookie. Browsers keep one set of cookies for all ports of a host."""
        return f"skedge_{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        if not _gone(request) and self.crowd.enter(request, network(str(client_address[0]))):
            self._workers.submit(self._answer, request, client_address)
        else:
            self.shutdown_request(request)

    def _answer(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        self.crowd.leave(request)
        super().shutdown_request(request)

    def stop_feeds(self) -> None:
        self.closing.set()
        for feed in (self.feeds.pictures, self.feeds.states):
            if feed is not None:
                feed.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that went away is no error worth a word; anything else is shown, and ends
        nothing."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.feeds.log.add("note", {"note": f"page: {type(error).__name__}: {error}"})

    def listens(self, by: int) -> None:
        """Count a reader of the events in (1) or out (-1)."""
        with self.left:
            self.listeners += by
            self.left.notify_all()

    def server_close(self) -> None:
        with self.left:
            self.left.wait_for(lambda: not self.listeners, LAST_WORDS)
        self.crowd.close()
        super().server_close()
        self._workers.shutdown()


def _gone(connection: socket.socket) -> bool:
    """Whether a client has left while it waited, so that thousands of such do not hold up the
    others."""
    timeout = connection.gettimeout()
    try:
        # With a timeout of its own a socket waits, whatever the flags say.
        connection.setblocking(False)
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(timeout)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE
    server_version = "skedge"
    sys_version = ""
    pages: ClassVar[dict[str, bytes]] = {}
    _grant = False
    _wait = 0
    _allow = ""
    _due = 0.0

    def handle_one_request(self) -> None:
        self._due = time.monotonic() + HEAD_SECONDS
        self.close_connection = True
        try:
            head = self._read_head()
        except OSError:
            return
        # What the library reads from the connection has neither a size nor an end.
        self.rfile.close()
        self.rfile = io.BytesIO(head)
        super().handle_one_request()

    def do_GET(self) -> None:
        try:
            url = urlsplit(self.path)
            shown = parse_qs(url.query).get("token", [""])[0]
        except ValueError:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing of that name here")
            return
        answers: dict[str, Callable[[], None]] = {
            "/state": self._state,
            "/metrics": self._metrics,
            "/stream": self._stream,
            "/events": self._events,
        }
        try:
            if not self._named():
                return
            if url.path in FILES:
                self._file(url.path)
            elif url.path == "/healthz":
                self._health()
            elif not self._allowed(shown or self._bearer()):
                return
            elif self.command == "HEAD" and url.path in ENDLESS:
                self._allow = "GET"
                self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "this has no end, so no head alone")
            elif url.path in answers:
                self.server.crowd.admit(self.connection)
                answers[url.path]()
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "there is nothing of that name here")
        except OSError:
            self.close_connection = True  # the viewer has gone, or took nothing for ten seconds

    def do_HEAD(self) -> None:
        """The answer of GET without its content, which is all that many monitors ask for."""
        self.do_GET()

    def do_POST(self) -> None:
        """`/token` takes the token as a form's field and gives the cookie for it; `/view` takes
        changes of the view and of settings as JSON (`Control`)."""
        try:
            if self.path not in ("/token", "/view"):
                self._refuse(HTTPStatus.NOT_FOUND, "there is nothing of that name here")
            elif self._named() and self._of_this_page():
                body = self._read_body()
                if body is None:
                    self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "that is too long")
                elif self.path == "/view":
                    self._change(body)
                elif self._allowed(parse_qs(body.decode(errors="replace")).get("token", [""])[0]):
                    self._start("text/plain", 0, HTTPStatus.NO_CONTENT)
        except (OSError, ValueError):
            self.close_connection = True

    def _change(self, body: bytes) -> None:
        if not self._allowed(self._bearer()):
            return
        try:
            if self.server.feeds.change is None:
                raise InputError("there is no view to change")
            self.server.feeds.change(parse_json(body))
        except ValueError as error:
            reason = str(error) if isinstance(error, InputError) else "expected JSON"
            self._refuse(HTTPStatus.BAD_REQUEST, reason)
        else:
            self._start("text/plain", 0, HTTPStatus.NO_CONTENT)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses has the same headers as other refusals."""
        status = HTTPStatus(code)
        self._refuse(status, message or status.phrase)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: the address may hold the token."""

    def _read_head(self) -> bytes:
        """A request's head, and what came with it; raises OSError where it is too long or slow."""
        got = b""
        while b"\r\n\r\n" not in got and b"\n\n" not in got:
            if len(got) > HEAD_BYTES:
                self.connection.sendall(
                    b"HTTP/1.0 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n"
                )
                raise OSError("the head is too long")
            got += self._receive()
        self.connection.settimeout(PATIENCE)
        return got

    def _read_body(self) -> bytes | None:
        """A request's body, None where it is too long."""
        length = self.headers.get("Content-Length", "")
        size = int(length) if length.isascii() and length.isdecimal() else BODY_BYTES + 1
        if size > BODY_BYTES:
            return None
        body = self.rfile.read(size)
        while len(body) < size:
            body += self._receive()
        self.connection.settimeout(PATIENCE)
        return body[:size]

    def _receive(self) -> bytes:
        left = self._due - time.monotonic()
        if left <= 0:
            raise OSError("the request is too slow")
        self.connection.settimeout(left)
        piece = self.connection.recv(4096)
        if not piece:
            raise OSError("the request is not whole")
        return piece

    def _named(self) -> bool:
        """Whether the server was asked by a name of its own; refuses where it was not.

        Another web page can make a browser ask this server, under a name of its own that leads
        here. It has no cookie of ours, but where there is no token it needs none.
        """
        if self.server.token is not None:
            return True
        name = (self.headers.get("Host") or "").rpartition(":")
        host = name[0] if name[2].isdigit() else "".join(name)
        if is_own(host.strip("[]").lower()):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "this page answers only to localhost and 127.0.0.1")
        return False

    def _of_this_page(self) -> bool:
        """Whether a form was sent from this page, not from another one in the same browser."""
        origin = self.headers.get("Origin")
        if origin is None or urlsplit(origin).netloc == self.headers.get("Host"):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "another page has sent this")
        return False

    def _allowed(self, shown: str) -> bool:
        """Whether the viewer has a cookie of this run or shows the token; refuses where not."""
        token = self.server.token
        if token is None or self._has_cookie():
            return True
        right = hmac.compare_digest(shown.encode(), token.encode())
        address = str(self.client_address[0])
        wait = self.server.guesses.tried(address, right) if shown else 0.0
        if wait:
            self._wait = math.ceil(wait)
            self._refuse(
                HTTPStatus.TOO_MANY_REQUESTS, f"too many wrong tokens, wait {self._wait} s"
            )
            return False
        self._grant = right
        if self._grant:
            return True
        self._refuse(
            HTTPStatus.UNAUTHORIZED,
            "this page needs the address that skedge printed when it started, with its token",
        )
        return False

    def _bearer(self) -> str:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    def _has_cookie(self) -> bool:
        """Whether the viewer's browser has shown the token in this run.

        A browser sends the cookies of all programs on this host, and some of them hold what the
        library takes for the end of all of them.
        """
        for cookie in self.headers.get("Cookie", "").split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == self.server.cookie and hmac.compare_digest(
                value.encode(), self.server.session.encode()
            ):
                return True
        return False

    def _start(
        self, kind: str, length: int | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if self._wait:
            self.send_header("Retry-After", str(self._wait))
        if self._allow:
            self.send_header("Allow", self._allow)
        if self._grant:
            self.send_header(
                "Set-Cookie",
                f"{self.server.cookie}={self.server.session}; HttpOnly; SameSite=Strict; Path=/",
            )
        self.end_headers()

    def _whole(self, kind: str, content: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._start(kind, len(content), status)
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._whole("text/plain; charset=utf-8", f"{status.value}: {reason}\n".encode(), status)

    def _file(self, path: str) -> None:
        name, kind = FILES[path]
        if name not in self.pages:
            self.pages[name] = (
                resources.files("skedge.edge_runtime.live.page") / name
            ).read_bytes()
        self._whole(kind, self.pages[name])

    def _health(self) -> None:
        """For monitors: 200 while all is well, 503 where not. What is wrong is for those with the
        token."""
        good = not self.server.feeds.problems()
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        self._whole("text/plain; charset=utf-8", b"ok\n" if good else b"not well\n", status)

    def _metrics(self) -> None:
        metrics = self.server.feeds.metrics
        try:
            text = None if metrics is None else metrics()
        except ModuleNotFoundError:
            text = None
        if text is None:
            self._refuse(HTTPStatus.NOT_IMPLEMENTED, "metrics need the extra `home` of skedge")
        else:
            self._whole("text/plain; version=0.0.4; charset=utf-8", text)

    def _state(self) -> None:
        self._whole("application/json", self.server.feeds.states.newest or b"{}")

    def _stream(self) -> None:
        pictures = self.server.feeds.pictures
        if pictures is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there are no pictures")
            return
        with _Seat(self, pictures) as free:
            if not free:
                return
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self._start(f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}")
            self.wfile.write(b"--" + BOUNDARY + b"\r\n")
            number = 0
            shown: bytes | None = None
            while not self.server.closing.is_set():
                number, picture = pictures.next(number, KEEPALIVE)
                shown = picture or shown
                if number < 0:
                    return
                if shown is not None:  # an old one again shows whether the viewer is still there
                    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(shown)
                    # The next boundary goes out with the picture: browsers show it only then.
                    self.wfile.write(head + shown + b"\r\n--" + BOUNDARY + b"\r\n")
                elif _gone(self.connection):
                    return

    def _events(self) -> None:
        with _Seat(self) as free:
            if not free:
                return
            self._start("text/event-stream")
            server = json.dumps({"run": self.server.run, "version": __version__})
            self.wfile.write(f"retry: 1000\nevent: server\ndata: {server}\n\n".encode())
            self.server.listens(1)
            try:
                self._tell(self._last_event())
            finally:
                self.server.listens(-1)

    def _tell(self, told: int) -> None:
        """Send every state, and events after number `told`: the last ones of a run, too."""
        feeds = self.server.feeds
        number = 0
        while number >= 0:
            number, state = feeds.states.next(number, KEEPALIVE)
            if number < 0 and feeds.followed is not None:
                feeds.followed.wait(LAST_WORDS / 2)
            news = b""
            for told, kind, document in feeds.log.since(told):  # noqa: B020 - goes on from there
                news += (
                    f"event: {kind}\nid: {self.server.run}-{told}\ndata:"
                    f" {json.dumps(document)}\n\n".encode()
                )
            news += b"event: state\ndata: " + state + b"\n\n" if state else b": still here\n\n"
            self.wfile.write(news)

    def _last_event(self) -> int:
        """The number of the last event that a viewer who comes back has seen, if it was of this
        run."""
        run, _, number = self.headers.get("Last-Event-ID", "").partition("-")
        # No run has more events than eighteen digits count, and Python reads no more than 4,300.
        counted = number.isascii() and number.isdecimal() and len(number) <= 18
        return int(number) if run == self.server.run and counted else 0


class _Seat:
    """One of the places for streams, as long as its block lasts; refuses where all are taken."""

    def __init__(self, handler: _Handler, watched: Newest[bytes] | None = None) -> None:
        self._handler = handler
        self._watched = watched
        self._taken = False

    def __enter__(self) -> bool:
        self._taken = self._handler.server.streams.acquire(blocking=False)
        if self._taken and self._watched:
            self._watched.watch(1)
        if not self._taken:
            self._handler._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many viewers")
        return self._taken

    def __exit__(self, *_: object) -> None:
        if self._taken:
            if self._watched:
                self._watched.watch(-1)
            self._handler.server.streams.release()
