"""Where events, notes and pictures of the live view go beside the page and the terminal."""

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from skedge.edge_runtime.live.outlets import (
    HELD,
    Document,
    Outlet,
    Taker,
    json_lines,
    load_hook,
    only_ended,
)
from skedge.edge_runtime.live.pipeline import Live, clock
from skedge.skeleton.errors import InputError, described, reason
from skedge.skeleton.text import counted, one_line

# Seconds for a hook or a reader of stdout at the end before it is said to be slow.
PATIENCE = 3.0
# A disk that takes no more, or not just now.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


@dataclass(frozen=True)
class Telling:
    """What happens with events and pictures.

    `record` is a film to store pictures in, or a folder for films of `segment` seconds that take
    `record_limit` gigabytes at most (see `Segments`), with `record_later` not before a viewer asks
    for it. `record_poses` is a file or folder to store bodies in (see `PoseFile`; None: nothing is
    stored); `hook` names a function of the user's own (see `load_hook`); with `ended_only` an
    action is reported once, when it has ended. `mqtt`, `mqtt_login` and `mqtt_ca` describe a
    `Broker`, and `labels` gives what it may hear of. `device` is the name that events carry, by
    default the computer's. With `json_notes` notes are JSON lines on stderr, too, else plain text.

    Raises `InputError` for a broker that cannot be one.
    """

    record: Path | None = None
    segment: float = 60.0
    record_limit: float = 10.0
    record_later: bool = False
    record_poses: Path | None = None
    hook: str | None = None
    ended_only: bool = False
    device: str | None = None
    json_notes: bool = False
    mqtt: str | None = None
    mqtt_login: Path | None = None
    mqtt_ca: Path | None = None
    labels: Callable[[], tuple[str, ...]] = tuple

    def __post_init__(self) -> None:
        films = self.record is not None and not self.record.suffix
        for wanted, there, names in (
            ("--record", self.record is not None, ("record_later",)),
            ("--record FOLDER", films, ("segment", "record_limit")),
            ("--mqtt", self.mqtt is not None, ("mqtt_login", "mqtt_ca")),
        ):
            given = [name for name in names if getattr(self, name) != getattr(Telling, name)]
            if given and not there:
                flags = " and ".join(f"--{name.replace('_', '-')}" for name in given)
                raise InputError(f"expected {wanted} with {flags}: without it there is no effect")
        if self.device is not None and not self.device.strip():
            raise InputError("--device: expected a name, got an empty one")
        self.broker()

    @property
    def name(self) -> str:
        return os.uname().nodename if self.device is None else self.device

    def recording(self, note: Callable[[str], None]) -> Any:
        """What pictures go to, None where nothing is stored; raises `InputError` for a wrong path.
        Needs OpenCV."""
        if self.record is None:
            return None
        from skedge.edge_runtime.live.film import Film
        from skedge.edge_runtime.live.segments import GIGABYTE, Segments, check_bounds

        bounds = self.segment, self.record_limit * GIGABYTE
        check_bounds(*bounds)
        return Film(self.record, note) if self.record.suffix else Segments(self.record, *bounds)

    def broker(self) -> Any:
        """The `Broker` to tell, None without one; raises `InputError` for an address or a file that
        is none."""
        if self.mqtt is None:
            return None
        from skedge.edge_runtime.live.mqtt import Broker

        return Broker(self.mqtt, self.mqtt_login, self.mqtt_ca)

    def load_hook(self) -> Callable[[Document], object] | None:
        """The function of the user's own; raises `InputError` where there is none of that name."""
        return None if self.hook is None else load_hook(self.hook)

    def say(self, document: Document, mark: str = "note: ") -> None:
        """Print a note on stderr, as plain text with a mark before it."""
        if self.json_notes:
            line = {"schema": "skedge.note/1", "device": self.name, "time": clock(), **document}
            print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)
        else:
            print(f"{mark}{one_line(document['note'])}", file=sys.stderr, flush=True)


def tell(
    running: Live, telling: Telling, hook: Callable[[Document], object] | None, lines: TextIO
) -> list[Taker]:
    """Events to `lines`, which is stdout, to the hook and to the broker, and notes to stderr, where
    no view in the terminal shows them; gives who takes events."""
    takers: list[Taker] = []

    def give_actions(outlet: Outlet) -> None:
        running.tell("action", only_ended(outlet.put) if telling.ended_only else outlet.put)
        outlet.start(running.crew)
        takers.append(outlet)

    def note_lost(name: str) -> Callable[[int], None]:
        running.lost[name] = 0

        def lost(count: int) -> None:
            running.lost[name] = count
            if count == 1:
                running.note(f"{name}: too slow: {HELD} events wait, and the oldest are lost")

        return lost

    if not (sys.stderr.isatty() and lines.isatty()):
        give_actions(
            Outlet(
                "stdout",
                json_lines(lines),
                _Stdout(running),
                after=[running.followed],
                lost=note_lost("stdout"),
            )
        )
    if hook is not None:

        def broken(error: BaseException) -> None:
            running.note(f"hook: {described(error)}")

        give_actions(Outlet("hook", hook, broken, after=[running.followed], lost=note_lost("hook")))
    broker = telling.broker()
    home = None
    if broker is not None:
        from skedge.edge_runtime.live.mqtt import Home

        home = Home(
            broker, telling.name, telling.labels, live=running, ended_only=telling.ended_only
        )
        running.tell("action", home.tell)
        takers.append(home)
    if not sys.stderr.isatty():
        after = [running.followed, *(taker.ended for taker in takers)]
        notes = Outlet("stderr", telling.say, _ignore, after=after)
        running.tell("note", notes.put)
        notes.start(running.crew)
    if home is not None:  # last: a broker that is not there is noted at once, and never again
        running.crew.start("mqtt", home.run)
    return takers


def deliver_all(takers: list[Taker], say: Callable[[Document], None]) -> None:
    """Wait until all events are delivered, however long that takes, and `say` so where it does; a
    broker that is away is not waited for."""
    for taker in takers:
        said = False
        while not taker.ended.wait(PATIENCE):
            # Without any it is a last one that is waited for, which is still to be counted.
            if taker.left and not said:
                waiting = counted(
                    taker.left,
                    "event waits for it; Ctrl-C gives it up",
                    "events wait for it; Ctrl-C gives them up",
                )
                say({"note": f"{taker.name}: {waiting}"})
                said = True


def say_given_up(takers: list[Taker], say: Callable[[Document], None]) -> None:
    """`say` which events nobody will get."""
    for taker in takers:
        if taker.left:
            left = counted(taker.left, "event was", "events were")
            say({"note": f"{taker.name}: {left} not taken before the end"})


class _Stdout:
    """Handles an error in writing to stdout: a full disk is noted once, any other error ends the
    live view, since nobody reads its output any more."""

    def __init__(self, running: Live) -> None:
        self._running = running
        self._said = False

    def __call__(self, error: BaseException) -> None:
        if not isinstance(error, OSError) or error.errno not in FULL:
            self._running.crew.fail("stdout", error)
        elif not self._said:
            self._said = True
            self._running.note(f"stdout: {reason(error)}: events are lost there")


def _ignore(error: BaseException) -> None:
    """A closed stderr is no reason to end."""
