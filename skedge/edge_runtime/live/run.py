"""`skedge live` and `skedge record`: the one place that puts source, pose, recognizer and viewers
together."""

import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

import psutil
from rich.console import Console

from skedge.datasets.store.lock import only_one
from skedge.datasets.store.rewrite import append, check
from skedge.edge_runtime.interfaces import PoseEstimator, Source
from skedge.edge_runtime.live.actions import Actions
from skedge.edge_runtime.live.control import MOST_PEOPLE, Control
from skedge.edge_runtime.live.lessons import Lessons
from skedge.edge_runtime.live.machine import share_heaps
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.metrics import Metrics
from skedge.edge_runtime.live.model_watch import ModelFile, watch
from skedge.edge_runtime.live.outlets import Document, Taker, load_hook
from skedge.edge_runtime.live.pipeline import Consumer, Live, closed_on_error
from skedge.edge_runtime.live.pose_file import PoseFile
from skedge.edge_runtime.live.server import Feeds, Page, is_own, token_for
from skedge.edge_runtime.live.signals import as_ctrl_c, unbroken
from skedge.edge_runtime.live.stdout import lines_alone
from skedge.edge_runtime.live.systemd import Manager
from skedge.edge_runtime.live.takes import RATE, Takes
from skedge.edge_runtime.live.telling import Telling, deliver_all, say_given_up, tell
from skedge.edge_runtime.live.terminal import Terminal
from skedge.edge_runtime.live.view import View
from skedge.edge_runtime.pose.models import NETWORKS
from skedge.edge_runtime.pose.own import OwnPose
from skedge.edge_runtime.recognizer import Recognizer
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.text import counted

ADDRESSES = 3
# Seconds for which clips that are done wait for another program that writes to their store.
WAITS = 30.0


@dataclass(frozen=True)
class Viewing:
    """How the live view is shown: a page at `host` and `port` (None: no page), opened in the
    browser where there is one.

    `token` is what viewers on other computers must know (None: made, where it is needed); `view` is
    how the picture is turned and drawn at first.
    """

    host: str = "127.0.0.1"
    port: int | None = 8080
    token: str | None = None
    browser: bool = True
    view: View = field(default_factory=View)


@dataclass(frozen=True, eq=False)
class Camera:
    """Where pictures come from, and who finds people in them (None: the source brings its people).

    `layout` is theirs, `notes` what was assumed about the source.
    """

    name: str
    source: Source
    pose: PoseEstimator | None
    layout: Layout
    notes: tuple[str, ...] = ()


def open_camera(
    text: str,
    people: int = 1,
    fast: bool = False,
    estimator: str | None = None,
    threads: int | None = None,
    **recorded: Any,
) -> Camera:
    """The source that `text` names, and what finds up to `people` bodies where it brings none.

    That is BlazePose with its landmark network "lite" or "full", as the `estimator` says, by
    default the one that suits this computer, on `threads` cores, by default those that nothing else
    needs. Or the estimator is what `module:function` makes, as for `load_hook`, called with the
    number of people. With `fast` a film or clip plays as fast as it is taken. `recorded` are the
    `rate` and `layout` of skeletons in a file, as `open_source` takes them.

    Raises `InputError` where source or estimator is not to be had, for fewer people than one, and
    for more than BlazePose may look for (`MOST_PEOPLE`).
    """
    named = estimator is None or estimator in NETWORKS
    if people < 1 or (named and people > MOST_PEOPLE):
        most = f" to {MOST_PEOPLE}" if named else ""
        raise InputError(f"--people: expected a number from 1{most}, got {people}")
    form = "lite, full or module:function, such as mine:Mine"
    make = None if named else load_hook(str(estimator), "--pose", form=form)
    from skedge.edge_runtime.sources import open_source
    from skedge.edge_runtime.sources.cameras import without_password

    source = open_source(text, fast, **recorded)
    name = without_password(text)
    layout = getattr(source, "layout", None)
    if layout is not None:
        return Camera(name, source, pose=None, layout=layout, notes=getattr(source, "notes", ()))
    with closed_on_error(source, name):
        if make is not None:
            pose: PoseEstimator = OwnPose.made_by(make, people, f"--pose {estimator}")
        else:
            pose = _blazepose(people, estimator, threads)
    return Camera(name, source, pose, layout=pose.layout)


def _blazepose(people: int, network: str | None, threads: int | None) -> PoseEstimator:
    from skedge.edge_runtime.pose.blazepose import BlazePose
    from skedge.edge_runtime.pose.choice import free_threads, suitable_network

    threads = free_threads() if threads is None else threads
    return BlazePose(people, threads, network or suitable_network(max(threads, 1)))


def live(
    camera: Callable[[], Camera],
    recognizer: Recognizer,
    viewing: Viewing,
    telling: Telling,
    every_frame: bool = False,
    model: ModelFile | None = None,
) -> None:
    """Show and tell what people do until the source ends or it is asked to stop (`as_ctrl_c`).

    Events go to stdout as JSON lines (`docs/events.md`), unless that is a terminal with the view in
    it, and wherever `telling` says: one when an action begins and one when it has ended. Nothing
    else goes to stdout meanwhile (`lines_alone`). Where the `model` is that of the recognizer, it
    is taken over when it changes, and taught from the page.

    Raises what broke in a thread (`LiveError`), and `InputError` for wrong input.
    """
    poses = None if telling.record_poses is None else PoseFile(telling.record_poses)
    actions = Actions(recognizer, telling.name)
    telling = replace(telling, labels=lambda: actions.recognizer.labels)
    lessons: list[Lessons] = []

    def consumer(layout: Layout, note: Callable[[str], None]) -> Consumer:
        first: Consumer = actions
        if model is not None:
            lessons.append(Lessons(actions, model, layout, note=note))
            first = lessons[0]
        return first if poses is None else poses.before(first, layout)

    def prepare(running: Live, opened: Camera, studio: Any) -> None:
        running.model = lambda: actions.recognizer.identity
        running.control = Control(
            running.view,
            actions,
            pose=opened.pose,
            studio=studio,
            lessons=lessons[0] if lessons else None,
        )
        if model is not None:
            stopping = running.crew.stopping
            running.crew.start(
                "model", lambda: watch(model, actions.use, note=running.note, stopping=stopping)
            )
            running.crew.start("lessons", lessons[0].run, lessons[0].close)

    with as_ctrl_c(), lines_alone() as lines:
        try:
            _look(
                camera,
                consumer,
                lines,
                viewing=viewing,
                telling=telling,
                every_frame=every_frame,
                prepare=prepare,
            )
        except KeyboardInterrupt:
            pass  # asked to stop before it had begun
        finally:
            if poses is not None:
                written = f"{poses.path} is being written; wait for its end"
                with unbroken(lambda: telling.say({"note": written})):
                    path = poses.write()
                    if path != poses.path:
                        moved = (
                            f"the bodies are in {path}: something else is at {poses.path} by now"
                        )
                        telling.say({"note": moved})


def record(
    camera: Callable[[], Camera],
    store: Path,
    takes: Takes,
    viewing: Viewing,
    every_frame: bool = False,
) -> tuple[list[str], int]:
    """Add the clips that `takes` gathers to a store, or make one. The names of those that were
    added, and how many there are.

    Those that were done before the recording broke off, by whatever, are added too. Raises
    `InputError` where the store is of another layout or rate or cannot be written, before anything
    is recorded, and for an end before all clips were there.
    """
    layouts: list[Layout] = []

    def consumer(layout: Layout, note: Callable[[str], None]) -> Consumer:
        with only_one(store):
            check(store, layout, rate=RATE, label=takes.label)
        layouts.append(layout)
        return takes

    telling = Telling()
    names: list[str] = []
    with as_ctrl_c(), lines_alone() as lines:
        try:
            _look(
                camera, consumer, lines, viewing=viewing, telling=telling, every_frame=every_frame
            )
        finally:
            if takes.clips:
                waits = f"{store} is being written; wait for its end"
                with unbroken(lambda: telling.say({"note": waits})):
                    stored = append(store, takes.clips, layouts[0], rate=RATE, patience=WAITS)
                    names = [str(name) for name in stored.index["name"]]
            missing = takes.count - len(takes.clips)
            if takes.clips and missing:
                kept = f"{counted(len(takes.clips), 'clip was', 'clips were')} added to {store}"
                telling.say({"note": f"{kept}; --clips {missing} records the others"})
    if missing:
        raise InputError(
            f"the recording ended after {len(takes.clips)} of {counted(takes.count, 'clip')}"
        )
    return names[-len(takes.clips) :], len(names)


def _look(
    camera: Callable[[], Camera],
    consumer: Callable[[Layout, Callable[[str], None]], Consumer],
    lines: TextIO,
    viewing: Viewing,
    telling: Telling,
    every_frame: bool,
    prepare: Callable[[Live, Camera, Any], None] = lambda running, opened, studio: None,
) -> None:
    """Open the camera, and run what it shows through the consumer, with all who look on. What is
    still to be started, `prepare` starts, given the view, the camera and what draws and records
    (None: nothing does)."""
    share_heaps()
    hook = telling.load_hook()
    token = token_for(viewing.host, viewing.token)
    pictures: Newest[bytes] | None = None if viewing.port is None else Newest()

    def remark(text: str) -> None:
        # At the end nobody shows the log's notes any more.
        if running.crew.stopping.is_set():
            telling.say({"note": text})
        else:
            running.note(text)

    studio = _studio(pictures, viewing, telling, note=remark)
    page: Page | None = None
    notes: list[str] = []
    with ExitStack() as unbegun:
        if studio is not None:
            unbegun.callback(studio.close)
        opened = camera()
        with closed_on_error(opened.source, opened.name):
            for note in opened.notes:
                telling.say({"note": note})
            running = Live(
                opened.source,
                opened.pose,
                opened.layout,
                consumer=consumer(opened.layout, remark),
                name=opened.name,
                painter=studio,
                every_frame=every_frame,
            )
            running.view = viewing.view
            if pictures is not None:
                page, notes = _page(running, pictures, viewing, token=token)
        unbegun.pop_all()  # the view closes both

    def begin() -> None:
        for note in notes:
            telling.say({"note": note}, mark="")
        if sys.stderr.isatty():
            view = Terminal(running, Console(stderr=True), page.address if page else None)
            running.crew.start("terminal", view.run)
        if page is not None:
            running.crew.start("page", page.run, page.stop)
            if viewing.browser and _has_display():
                webbrowser.open(page.url)
        prepare(running, opened, studio)

    _run(running, telling, hook, lines=lines, begin=begin)


def _studio(
    pictures: Newest[bytes] | None, viewing: Viewing, telling: Telling, note: Callable[[str], None]
) -> Any:
    """What draws `pictures` for the page and records; None where neither is wanted."""
    if pictures is None and telling.record is None:
        return None
    from skedge.edge_runtime.live.picture import Studio

    studio = Studio(pictures, telling.recording(note), viewing.view)
    studio.recording &= not telling.record_later
    return studio


def _run(
    running: Live,
    telling: Telling,
    hook: Callable[[Document], object] | None,
    lines: TextIO,
    begin: Callable[[], None],
) -> None:
    """Run the view from `begin` until its source ends or it is asked to stop, and tell all that
    happens in it."""
    takers: list[Taker] = []
    try:
        takers += tell(running, telling, hook, lines=lines)
        begin()
        running.start()
        manager = Manager()
        if manager.listens:
            running.crew.start("service manager", lambda: manager.follow(running))
        running.wait()
        running.crew.raise_error()
        deliver_all(takers, telling.say)
    except KeyboardInterrupt:
        pass
    finally:
        with unbroken(lambda: telling.say({"note": "it is ending; wait a few seconds"})):
            try:
                running.close()
            finally:
                say_given_up(takers, telling.say)


def _page(
    running: Live, pictures: Newest[bytes], viewing: Viewing, *, token: str | None
) -> tuple[Page, list[str]]:
    """The page of a view, which listens already, and notes of the addresses that it has."""
    assert viewing.port is not None
    feeds = Feeds(
        pictures,
        states=running.states,
        log=running.log,
        problems=running.problems,
        metrics=Metrics(running).text,
        change=lambda wanted: (running.control or running.view).change(wanted),
        followed=running.followed,
    )
    page = Page(feeds, viewing.host, viewing.port, token=token)
    # A token that was given is known already, and need not be in a log.
    said = token if viewing.token is None else "..."
    found = addresses(viewing.host, page.port, token and said)
    return page, [f"the page: {url}" for url in found]


def addresses(host: str, port: int, token: str | None) -> list[str]:
    """The addresses that a viewer can type: the given host, or where that means all of this
    computer's, its name and addresses."""
    query = f"?token={token}" if token else ""
    hosts = [host]
    if host in ("0.0.0.0", "::"):
        found = [
            one.address
            for interface in psutil.net_if_addrs().values()
            for one in interface
            if one.family == socket.AF_INET
        ]
        hosts = [
            f"{os.uname().nodename.partition('.')[0]}.local",
            *(address for address in found if not is_own(address)),
        ][:ADDRESSES]
    return [f"http://{f'[{one}]' if ':' in one else one}:{port}/{query}" for one in hosts]


def _has_display() -> bool:
    remote = "SSH_CONNECTION" in os.environ
    return not remote and (
        sys.platform == "darwin"
        or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    )
