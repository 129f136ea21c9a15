"""A headless Chromium, driven over two pipes by the DevTools protocol: no port, no further
package."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
]  # fmt: skip
PATIENCE = 60.0
# The browser reads what to do from descriptor 3 and answers on 4.
LAUNCHER = """
import fcntl, os, sys
theirs, mine = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(theirs, 3)
os.dup2(mine, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_chromium() -> str | None:
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


class Chromium:
    """The browser as long as the `with` block lasts; its profile goes to the folder `room`."""

    def __init__(self, program: str, room: Path) -> None:
        self._events: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._rest = b""
        theirs, self._to = os.pipe()
        self._from, mine = os.pipe()
        command = [
            sys.executable,
            "-c",
            LAUNCHER,
            str(theirs),
            str(mine),
            program,
            *FLAGS,
            f"--user-data-dir={room}",
        ]
        with open(room / "chromium.log", "wb") as log:
            self._process = subprocess.Popen(
                command, pass_fds=(theirs, mine), stdout=log, stderr=log
            )
        os.close(theirs)
        os.close(mine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._to)
        os.close(self._from)

    def open(self, url: str, width: int = 1280, height: int = 900, phone: bool = False) -> "Tab":
        target = self.call("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, target, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        tab.call("Page.navigate", url=url)
        return tab

    def call(self, method: str, session: str | None = None, **params: Any) -> Any:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | (
            {"sessionId": session} if session else {}
        )
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read(PATIENCE)
            assert answer is not None, f"Chromium did not answer {method}"
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._events.append(answer)

    def events(self, session: str) -> list[dict[str, Any]]:
        while (more := self._read(0.0)) is not None:
            self._events.append(more)
        return [event for event in self._events if event.get("sessionId") == session]

    def _read(self, seconds: float) -> dict[str, Any] | None:
        end = time.monotonic() + seconds
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            piece = os.read(self._from, 1 << 20)
            if not piece:
                return None
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(message))


class Tab:
    """One page in the browser."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session

    def call(self, method: str, **params: Any) -> Any:
        return self._browser.call(method, self._session, **params)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to, as JSON."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = PATIENCE) -> None:
        """Until the page is there and the expression is true in JavaScript's sense."""
        end = time.monotonic() + seconds
        while not self.value(f"document.readyState === 'complete' && Boolean({expression})"):
            assert time.monotonic() < end, f"{expression} did not become true within {seconds:g} s"
            time.sleep(0.05)

    def screenshot(self, path: Path, whole: bool = False) -> Path:
        """A PNG of what is seen, or of the whole page."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))
        return path

    def complaints(self) -> list[str]:
        """Errors and warnings on the console so far, and exceptions nobody caught."""
        found = []
        for event in self._browser.events(self._session):
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            if event["method"] == "Log.entryAdded" and params["entry"]["level"] in (
                "error",
                "warning",
            ):
                found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            if event["method"] == "Runtime.consoleAPICalled" and params["type"] in (
                "error",
                "warning",
                "assert",
            ):
                found.append(str(params["args"]))
        return found

    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        events = self._browser.events(self._session)
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)
