"""Commands in front of a camera: live, record, teach, pose fetch."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.config import add_config
from skedge.cli.options import MODEL, add_events, add_model, check_unused, event_settings, show
from skedge.skeleton.errors import InputError
from skedge.skeleton.text import counted

# The flags of `skedge live` that say where things go: the fields of `Telling`.
TOLD = (
    *("record", "segment", "record_limit", "record_later", "record_poses"),
    *("hook", "ended_only"),
    *("device", "json_notes", "mqtt", "mqtt_login", "mqtt_ca"),
)


def live_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Show what people in front of a camera do. The events appear in the terminal, on a page, as
    JSON lines, and go to a function of your own.

    Example: skedge live --source 0 --model student.onnx
    """
    add_config(parser)
    _add_camera(parser, "as many as the model sees together")
    add_model(parser, "exported model; what was taught to it is found beside it", "default")
    parser.add_argument("--taught", type=Path, help="another file that `skedge teach` wrote")
    add_events(parser)
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE|FOLDER",
        help="film to store the pictures in (.mp4, .avi, .mkv), or folder for one film a minute;"
        " without it none are stored",
    )
    parser.add_argument(
        "--segment", type=float, default=60.0, help="seconds of each film in a folder"
    )
    parser.add_argument(
        "--record-limit",
        type=float,
        default=10.0,
        metavar="GB",
        help="size of all films in a folder but the newest; the oldest make room",
    )
    parser.add_argument(
        "--record-later",
        action="store_true",
        help="store no picture before somebody presses Record on the page",
    )
    parser.add_argument(
        "--record-poses",
        type=Path,
        metavar="FILE|FOLDER",
        help="file to store the bodies in (.npz), or folder for a file every ten minutes or so,"
        " never a picture; `skedge data import poses` and `skedge evaluate everyday` read both",
    )
    parser.add_argument(
        "--hook",
        metavar="MODULE:FUNCTION",
        help="function in a Python file of your own, called with every event",
    )
    parser.add_argument(
        "--ended-only",
        action="store_true",
        help="one line for each action, when it has ended; else a second one when it begins",
    )
    parser.add_argument("--device", help="name that events carry; by default the computer's")
    parser.add_argument(
        "--json-notes",
        action="store_true",
        help="notes on stderr as JSON lines, like the events on stdout",
    )
    parser.add_argument(
        "--mqtt",
        metavar="URL",
        help="broker to send events to, mqtt://host:1883; Home Assistant finds it",
    )
    parser.add_argument(
        "--mqtt-login",
        type=Path,
        metavar="FILE",
        help="file of two lines, the broker's user and password",
    )
    parser.add_argument(
        "--mqtt-ca",
        type=Path,
        metavar="FILE",
        help="certificates to trust with mqtts:// (default: the system's)",
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="wait for a camera or stream that is not there yet; else that is an error",
    )

    def main(args: Any) -> None:
        from skedge.edge_runtime.live.model_watch import ModelFile
        from skedge.edge_runtime.live.run import live
        from skedge.edge_runtime.live.telling import Telling
        from skedge.edge_runtime.models import find_beside_pose

        _check_effects(parser, args)
        model = ModelFile(find_beside_pose(args.model), args.taught, **event_settings(args))
        recognizer = model.load()
        waits = {"wait": True} if args.wait else {}
        camera = _camera(args, people=recognizer.metadata.persons, **waits)
        telling = Telling(**{name: args[name] for name in TOLD})
        live(
            camera,
            recognizer,
            _viewing(args),
            telling=telling,
            every_frame=args.every_frame or args.fast,
            model=model,
        )

    return main


def record_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Record clips of an action of your own with a camera. They go into a store, which
    `skedge teach` and training read.

    Example: skedge record "ring the bell" --out stores/mine --model default
    """
    parser.add_argument("label", help="name of the action")
    parser.add_argument(
        "--out",
        "--store",
        type=Path,
        required=True,
        metavar="STORE",
        help="store to make, or to add the clips to",
    )
    _add_camera(parser, "1")
    parser.add_argument("--clips", type=int, default=5, help="number of clips to record")
    add_model(parser, "exported model: clips get the length of its window")
    parser.add_argument(
        "--seconds", type=float, help="length of a clip (default: the model's window, or 2.5)"
    )
    parser.add_argument("--countdown", type=float, default=3.0, help="seconds before each clip")
    parser.add_argument("--subject", type=int, default=1, help="number of the person in the clips")

    def main(args: Any) -> None:
        from skedge.edge_runtime.live.run import record
        from skedge.edge_runtime.live.takes import Takes

        _check_effects(parser, args)
        seconds = args.seconds
        if seconds is None and args.model is not None:
            from skedge.edge_runtime.recognizer import Recognizer

            seconds = Recognizer.load(args.model, taught=False).metadata.seconds
        takes = Takes(
            args.label,
            args.clips,
            seconds=2.5 if seconds is None else seconds,
            countdown=args.countdown,
            subject=args.subject,
        )
        names, there = record(
            _camera(args, people=1),
            args.out,
            takes=takes,
            viewing=_viewing(args),
            every_frame=args.every_frame or args.fast,
        )
        named = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        added = counted(len(names), "clip")
        print(f"{added} of {takes.label!r} added ({named}); {args.out} holds {there}")

    return main


def pose_fetch_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Get the pose estimator's networks (12 MB), once. They go into the user's cache; nothing else
    is ever fetched.

    Example: skedge pose fetch
    """
    from skedge.edge_runtime.pose.archives import tarball_command, wheel_command

    instead = "take {} out of this file, and download nothing; any computer with {} gets it by: {}"
    wheel = instead.format("detector and full network", "pip", wheel_command())
    tarball = instead.format("the lite network", "npm", tarball_command())
    parser.add_argument("--wheel", type=Path, help=wheel)
    parser.add_argument("--tarball", type=Path, help=tarball)

    def main(args: Any) -> None:
        from skedge.edge_runtime.pose.fetch import fetch

        for path in fetch(args.wheel, args.tarball):
            print(path)

    return main


def teach_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Teach a model actions that are new or missed. It needs a few clips of each and a minute of
    anything else; nothing is trained.

    Example: skedge teach default stores/mine
    """
    parser.add_argument("model", type=str, help=MODEL)
    parser.add_argument(
        "data",
        type=Path,
        help="store of clips of the actions and of `other`, as `skedge record` makes it",
    )
    parser.add_argument(
        "--other",
        "--known",
        type=Path,
        metavar="STORE",
        help="store of anything else: its clips of none of the taught actions, four hours at most",
    )
    parser.add_argument(
        "--again",
        nargs="+",
        default=[],
        metavar="ACTION",
        help="actions that the model knows, to be learned once more as they are done in the store",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write (default: where `skedge live` finds it)",
    )

    def main(args: Any) -> None:
        from skedge.datasets.progress import track
        from skedge.edge_runtime.models import find
        from skedge.edge_runtime.teach import teach

        show(
            teach(
                find(args.model),
                args.data,
                other=args.other,
                again=args.again,
                out=args.out,
                track=partial(track, title="Looking at clips"),
            )
        )

    return main


def _add_camera(parser: ArgumentParser, people: str) -> None:
    parser.add_argument(
        "--source",
        default="0",
        help="camera's number or device, picamera, a film, a stream's address, ...",
    )
    parser.add_argument(
        "--rate", type=float, help="frames per second of skeletons in a file (default: 30)"
    )
    parser.add_argument(
        "--layout", help="layout of the joints of skeletons in a file, a name or a JSON file"
    )
    parser.add_argument(
        "--people", type=int, help=f"number from 1 to 8 of people to look for (default: {people})"
    )
    parser.add_argument(
        "--every-frame",
        action="store_true",
        help="use every frame of a film, however long it takes",
    )
    parser.add_argument(
        "--fast", action="store_true", help="use every frame of a film, as fast as possible"
    )
    parser.add_argument(
        "--pose",
        metavar="lite|full|MODULE:FUNCTION",
        help=(
            "landmark network, by default the better one that this computer is fast enough for; or"
            " a pose estimator of your own, which is called with the number of people"
        ),
    )
    parser.add_argument(
        "--pose-threads",
        type=int,
        help="threads of the pose estimator (default: all cores but one)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address the page listens on; 0.0.0.0 lets in other machines, with a token",
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port of the page; 0 takes a free one"
    )
    parser.add_argument(
        "--token",
        help="access token for other machines, also from SKEDGE_TOKEN; generated if omitted",
    )
    parser.add_argument(
        "--rotate",
        type=int,
        choices=[0, 90, 180, 270],
        default=0,
        help="degrees to turn the camera's picture by, clockwise",
    )
    parser.add_argument(
        "--no-pictures",
        action="store_true",
        help="draw bodies alone, on the page and in films: no picture is shown or stored",
    )
    parser.add_argument(
        "--no-page", action="store_true", help="show no page: nothing listens on the network"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="do not open the page in a browser"
    )


def _check_effects(parser: ArgumentParser, args: Any) -> None:
    """Raise `InputError` for flags that have no effect beside the source or the others."""
    from skedge.edge_runtime.sources import EFFECTS, check_effect

    paged = [name for name in ("host", "port", "token", "record_later") if name in vars(args)]
    flags = {*sum(EFFECTS, ()), *paged} & vars(args).keys()
    given = {name: args[name] if args[name] != parser.get_default(name) else None for name in flags}
    check_effect(args.source, [name for name, value in given.items() if value is not None])
    if args.no_page:
        check_unused(given, paged, "expected a page to show, got --no-page")
    if ":" in (args.pose or ""):
        own = "expected the built-in pose estimator, got one of your own"
        check_unused(given, ("pose_threads",), own)


def _camera(args: Any, people: int, **more: Any) -> Callable[[], Any]:
    """What opens the source, to look for as many `people` unless a flag says how many; BlazePose
    for no more than it may."""
    from skedge.edge_runtime.live.control import MOST_PEOPLE
    from skedge.edge_runtime.live.run import open_camera

    own = ":" in (args.pose or "")
    fitting = people if own else min(people, MOST_PEOPLE)

    # What a file of skeletons does not say, as far as it was given.
    recorded = {name: args[name] for name in ("rate", "layout") if args[name] is not None}
    return partial(
        open_camera,
        args.source,
        people=fitting if args.people is None else args.people,
        fast=args.fast,
        estimator=args.pose,
        threads=args.pose_threads,
        **recorded,
        **more,
    )


def _viewing(args: Any) -> Any:
    from skedge.edge_runtime.live.run import Viewing
    from skedge.edge_runtime.live.view import View

    if not 0 <= args.port < 65536:
        raise InputError(f"--port: expected a number from 0 to 65535, got {args.port}")
    token = args.token or os.environ.get("SKEDGE_TOKEN")
    view = View(rotation=args.rotate, private=args.no_pictures)
    port = None if args.no_page else args.port
    return Viewing(args.host, port, token=token, browser=not args.no_browser, view=view)
