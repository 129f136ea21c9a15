"""The page in a real browser: the video moves, bars change, events appear, nobody complains.
Screenshots stay in tmp."""

import time
from pathlib import Path

import numpy as np
import pytest

from tests.edge_runtime.chromium import Chromium, Tab
from tests.edge_runtime.live_fakes import Pictures, Pose, quick_recognizer

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

import cv2

from skedge.edge_runtime.live import Live, server
from skedge.edge_runtime.live.actions import Actions, Answer, Observation
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.picture import Studio
from skedge.edge_runtime.live.server import Feeds, Page

TOKEN = "let-me-in-please"
BARS = "Array.from(document.querySelectorAll('.answer')).map(row => row.textContent).join()"
MOVED = """(() => {
  const canvas = document.createElement("canvas"), video = document.getElementById("video");
  canvas.width = 64; canvas.height = 48;
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.drawImage(video, 0, 0, 64, 48);
  return Array.from(pen.getImageData(0, 0, 64, 48).data).join();
})()"""


class CountingStudio(Studio):
    painted = 0

    def paint(self, observation: Observation, answers: tuple[Answer, ...]) -> None:
        self.painted += 1
        super().paint(observation, answers)


class View:
    """A whole live view in front of a made-up camera."""

    def __init__(
        self,
        folder: Path,
        people: int = 1,
        whole: bool = True,
        token: str | None = None,
        port: int = 0,
        rate: float = 15,
    ) -> None:
        self.pose, self.source = Pose(people, takes=0.005, whole=whole), Pictures(rate=rate)
        pictures: Newest[bytes] = Newest()
        self.studio = CountingStudio(pictures)
        recognizer = quick_recognizer(folder / "m.onnx", threshold=0.3)
        self.live = Live(
            self.source,
            self.pose,
            self.pose.layout,
            Actions(recognizer),
            name="camera 0",
            painter=self.studio,
        )
        self.studio._view = self.live.view
        feeds = Feeds(pictures, self.live.states, self.live.log, change=self.live.view.change)
        self.page = Page(feeds, port=port, token=token)
        self.live.crew.start("page", self.page.run, self.page.stop)
        self.live.start()

    def close(self) -> None:
        self.live.close()


def changes(tab: Tab, expression: str, times: int = 3) -> None:
    """The expression's value becomes another one so many times."""
    before = tab.value(expression)
    deadline = time.monotonic() + 30
    while times:
        assert time.monotonic() < deadline, f"it stays as it is: {expression}"
        now = tab.value(expression)
        times -= now != before
        before = now
        time.sleep(0.05)


def shows_something(picture: Path) -> None:
    image = cv2.imread(str(picture))
    assert image is not None
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50


def test_a_viewer_sees_all_of_it_and_a_second_one_costs_nothing(
    browser: Chromium, tmp_path: Path
) -> None:
    view = View(tmp_path, people=2)
    try:
        tab = browser.open(view.page.url)
        tab.wait("document.getElementById('events').children.length > 2")
        tab.wait("document.getElementById('video').width == 640")
        changes(tab, MOVED)
        changes(tab, BARS)
        assert tab.value("document.querySelectorAll('.person').length") == 2
        assert tab.value("document.querySelectorAll('.person:first-child .answer').length") == 5
        assert tab.value("document.getElementById('status').textContent.trim()") == "camera 0"
        events = "document.getElementById('events').children.length"
        more = tab.value(events) + 2
        tab.wait(f"{events} >= {more}")
        figures = tab.value("document.querySelector('.figures').innerText")
        for word in ("camera", "pose", "action", "p50", "p95", "memory", "CPU"):
            assert word in figures
        shows_something(tab.screenshot(tmp_path / "desktop.png"))

        phone = browser.open(view.page.url, 390, 844, phone=True)
        phone.wait("document.getElementById('events').children.length > 2")
        phone.wait("document.getElementById('video').width == 640")
        changes(phone, MOVED)
        shows_something(phone.screenshot(tmp_path / "phone.png"))
        assert phone.value("document.documentElement.scrollWidth") <= 390, (
            "a phone would have to scroll sideways"
        )
        assert tab.complaints() == []
        assert phone.complaints() == []
        for request in tab.requests():
            assert request.startswith(view.page.url), "the page asks another server"

        # Both look on: still every frame was looked at once, and drawn once.
        assert view.pose.calls <= view.source.given
        assert view.studio.painted <= view.pose.calls
        tab.close()
        phone.close()
        deadline = time.monotonic() + 30
        while view.studio.wanted:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        drawn = view.studio.painted
        looked_at = view.pose.calls
        while view.pose.calls < looked_at + 5:
            time.sleep(0.02)
        assert view.studio.painted <= drawn + 1, "pictures are drawn that nobody sees"
    finally:
        view.close()


def test_a_guarded_page_hides_its_token_and_says_when_nobody_is_whole(
    browser: Chromium, tmp_path: Path
) -> None:
    view = View(tmp_path, whole=False, token=TOKEN)
    try:
        tab = browser.open(view.page.url)
        tab.wait(
            "document.querySelector('.person') &&"
            " document.querySelector('.person').innerText.includes('no whole body in view')"
        )
        tab.wait("document.getElementById('video').width == 640")
        assert tab.value("location.search") == ""
        assert tab.value("document.cookie") == ""  # kept from scripts
        assert TOKEN not in tab.value("document.documentElement.outerHTML")
        assert tab.complaints() == []
        tab.call("Page.reload")
        tab.wait("document.querySelector('.person')")
        assert tab.value("document.querySelectorAll('.answer').length") == 0
        tab.screenshot(tmp_path / "not whole.png")
        tab.close()
    finally:
        view.close()


def test_a_page_whose_camera_has_gone_says_so_and_comes_back(
    browser: Chromium, tmp_path: Path
) -> None:
    view = View(tmp_path)
    port = view.page.port
    try:
        view.source.status = "lost, trying again"
        tab = browser.open(view.page.url)
        tab.wait("document.getElementById('status').className == 'bad'")
        assert "lost, trying again" in tab.value("document.getElementById('status').textContent")
        tab.wait("document.getElementById('events').innerText.includes('camera 0: lost')")
        words = "showPeople([], %s), document.getElementById('nobody').textContent"
        assert tab.value(words % "true") == "nobody in view"
        assert tab.value(words % "false") == "waiting for pictures", "somebody may be there"
        view.source.status = f"{'a long reason, ' * 6}trying again"
        phone = browser.open(view.page.url, 390, 844, phone=True)
        phone.wait("document.getElementById('status').textContent.includes('a long reason')")
        cut = "(({scrollWidth, clientWidth}) => scrollWidth > clientWidth)"
        words = "document.getElementById('status').lastElementChild"
        assert not phone.value(f"{cut}({words})"), "a phone shows all of it"
        assert not phone.value(f"{cut}(document.documentElement)"), "nor is it wider than that"
        phone.close()
    finally:
        view.close()
    tab.wait("document.getElementById('status').textContent.includes('connection lost')")
    tab.wait("document.getElementById('status').textContent.includes('skedge has ended')")
    tab.wait("document.body.classList.contains('lost')")  # the last picture is no news
    again = View(tmp_path, port=port)
    try:
        tab.wait("document.getElementById('status').textContent.trim() == 'camera 0'")
        tab.wait("document.querySelectorAll('#events .action').length > 1")
        assert not tab.value("document.getElementById('events').innerText.includes('lost')"), (
            "events of the run before, as if they were of this one"
        )
        changes(tab, MOVED)
        tab.close()
    finally:
        again.close()


def test_a_page_without_the_token_asks_and_goes_on_with_a_new_one(
    browser: Chromium, tmp_path: Path
) -> None:
    view = View(tmp_path, token=TOKEN)
    port = view.page.port
    entered = "document.getElementById('status').textContent.trim() == 'camera 0'"
    asks = "document.getElementById('entry').open"
    try:
        tab = browser.open(view.page.address)
        tab.wait(asks)
        type_token(tab, "wrong-token")
        tab.wait("document.getElementById('wrong').textContent == 'that is not the token'")
        tab.screenshot(tmp_path / "token.png")
        type_token(tab, TOKEN)
        tab.wait(f"{entered} && !{asks}")
        changes(tab, MOVED)
    finally:
        view.close()
    tab.wait("document.body.classList.contains('lost')")
    view = View(tmp_path, token=TOKEN, port=port)  # the same token: nobody is asked
    try:
        tab.wait(f"{entered} && !document.body.classList.contains('lost') && !{asks}")
    finally:
        view.close()
    view = View(tmp_path, token=f"another-{TOKEN}", port=port)
    try:
        tab.wait(asks)
        type_token(tab, f"another-{TOKEN}")
        tab.wait(f"{entered} && !{asks}")
        changes(tab, MOVED)
        tab.close()
    finally:
        view.close()


def test_a_browser_that_keeps_no_cookie_is_told_so_and_asks_again_in_peace(
    browser: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page asked 800 times in three seconds, for good, and said nothing."""
    asked: list[str] = []

    def without_cookie(handler: server._Handler) -> bool:
        asked.append(handler.path)
        return False

    monkeypatch.setattr(server._Handler, "_has_cookie", without_cookie)
    view = View(tmp_path, token=TOKEN)
    try:
        tab = browser.open(f"{view.page.address}?token={TOKEN}")
        tab.wait("document.getElementById('status').textContent.includes('allow cookies')")
        asked.clear()
        time.sleep(2)
        assert len(asked) < 12
        monkeypatch.undo()
        tab.wait("document.getElementById('status').textContent.trim() == 'camera 0'")
        tab.close()
    finally:
        view.close()


def test_the_page_is_one_to_show(browser: Chromium, tmp_path: Path) -> None:
    """Large action, last minute, buttons by mouse and keyboard, and the table of events."""
    view = View(tmp_path)
    try:
        tab = browser.open(view.page.url)
        tab.wait("document.getElementById('events').children.length > 4")
        tab.wait("!document.getElementById('now').hidden")
        large = tab.value("document.getElementById('now').firstElementChild.textContent")
        assert large in ("wave", "clap", "idle", "throw", "jump", "squat")
        inked = (
            "document.getElementById('timeline').getContext('2d')"
            ".getImageData(0, 0, 2000, 40).data.some((one) => one > 0)"
        )
        tab.wait(inked)

        def pressed(name: str) -> str:
            return f"document.getElementById('{name}').getAttribute('aria-pressed') == 'true'"

        tab.value("document.getElementById('mirror').click()")
        tab.wait(pressed("mirror"))
        assert view.live.view.mirrored
        press_key(tab, "b")
        tab.wait(pressed("bodies"))
        assert view.live.view.bodies_only
        press_key(tab, "r")
        tab.wait("document.getElementById('video').width == 480")
        shows_something(tab.screenshot(tmp_path / "demo.png"))
        press_key(tab, "s")
        tab.wait(pressed("sound"))
        lines = tab.value("demo.table()").splitlines()
        assert lines[0].startswith("time,event,phase,id,person,confidence")
        assert len(lines) > 4
        assert (
            tab.value("document.querySelectorAll('.tools button:not([aria-keyshortcuts])').length")
            == 0
        )
        assert tab.complaints() == []
        tab.close()
    finally:
        view.close()


def left_behind(browser: Chromium, tmp_path: Path) -> Tab:
    """A page that has shown somebody and whose live view has ended: no state comes any more."""
    view = View(tmp_path)
    try:
        tab = browser.open(view.page.url)
        tab.wait("!document.getElementById('now').hidden")
    finally:
        view.close()
    tab.wait("document.body.classList.contains('lost')")
    return tab


def test_what_goes_on_is_shown_with_its_own_probability(browser: Chromium, tmp_path: Path) -> None:
    """A taught action, on its way out, was 37 % probable in large letters: that was `other`."""
    tab = left_behind(browser, tmp_path)
    for number in range(3):
        shown = tab.value(f"""(() => {{
          const top = [{{label: "other", probability: 0.37}}, {{label: "wave", probability: 0.12}}];
          const first = {{whole: true, top: [{{label: "idle", probability: 0.9}}], doing: []}};
          const doing = [[], [{{event: "raise"}}], [{{event: "wave"}}]][{number}];
          const people = {number} ? [first, {{whole: true, top, doing}}] : [first];
          demo.state({{people, time: new Date().toISOString(), control: null}});
          return Array.from(document.getElementById("now").children).map((one) => one.textContent);
        }})()""")
        assert shown == [["idle", "90 %"], ["raise", ""], ["wave", "12 %"]][number]
    tab.close()


def test_the_last_minute_shows_nothing_of_what_nobody_saw(
    browser: Chromium, tmp_path: Path
) -> None:
    tab = left_behind(browser, tmp_path)
    tab.value("""(() => {
      const real = Date.now(), top = [{label: "wave", probability: 1}];
      const state = {people: [{whole: true, top, doing: []}], time: new Date().toISOString(), control: null};
      for (const passed of [60000, 90000]) {
        Date.now = () => real + passed;
        demo.state(state);
      }
    })()""")
    inked = """(() => {{
      const canvas = document.getElementById("timeline"), width = canvas.width, row = canvas.height * 0.6;
      const seen = canvas.getContext("2d").getImageData(width * {}, row, width * {}, 1).data;
      return seen.some((one) => one > 0);
    }})()"""
    assert tab.value(inked.format(0.5, 0.02)), "an answer came half a minute before the end"
    assert not tab.value(inked.format(0.6, 0.3)), "none came after it"
    tab.close()


def test_the_last_minute_goes_on_where_the_clock_is_put_back(
    browser: Chromium, tmp_path: Path
) -> None:
    """It was not drawn again before the clock had come back to where it was."""
    view = View(tmp_path)
    try:
        tab = browser.open(view.page.url)
        tab.wait("document.getElementById('now') && !document.getElementById('now').hidden")
        shown = "document.getElementById('timeline').toDataURL()"
        changes(tab, shown)
        tab.value("(() => { const now = Date.now; Date.now = () => now() - 3600000; })()")
        changes(tab, shown)
        tab.close()
    finally:
        view.close()


def press_key(tab: Tab, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=key, text=key)


def type_token(tab: Tab, token: str) -> None:
    tab.value("document.getElementById('token').focus()")
    tab.value("document.getElementById('token').select()")
    tab.call("Input.insertText", text=token)
    for kind in ("keyDown", "keyUp"):
        tab.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Enter",
            code="Enter",
            windowsVirtualKeyCode=13,
            text="\r",
        )


def test_any_number_of_tabs_shares_one_picture_stream(browser: Chromium, tmp_path: Path) -> None:
    view = View(tmp_path, rate=4)
    try:
        tabs = [browser.open(view.page.url) for _ in range(4)]  # a browser has six connections
        for tab in tabs:
            tab.wait("document.querySelector('.person')")
        assert view.studio.viewers is not None
        assert view.studio.viewers.watchers == 1
        seen = [tab for tab in tabs if not tab.value("document.hidden")]
        assert seen
        for tab in seen:
            changes(tab, MOVED, times=1)
        for tab in tabs:
            tab.close()
    finally:
        view.close()
