"""Commands in front of a camera: live, record, teach, pose fetch."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.options import add_events, event_settings, show
from skedge.edge_runtime.models import find
from skedge.skeleton.errors import InputError


def live_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Show what people in front of a camera do: in the terminal, on a page, as JSON lines, to a
    function of your own.

    Example: skedge live --source 0 --model student.onnx
    """
    _add_camera(parser)
    known = (
        "an exported model, by default the one that comes with skedge; what was taught to it is"
        " found beside it"
    )
    parser.add_argument("--model", type=find, default=find("default"), help=known)
    parser.add_argument("--taught", type=Path, help="another file that `skedge teach` wrote")
    add_events(parser)
    parser.add_argument(
        "--record",
        type=Path,
        help="store the pictures in this film (.mp4, .avi, .mkv); else none are stored",
    )
    parser.add_argument(
        "--hook", help="module:function, called with every event; the module is a Python file"
    )

    def main(args: Any) -> None:
        from skedge.edge_runtime.live.run import live, open_camera
        from skedge.edge_runtime.recognizer import Recognizer

        recognizer = Recognizer.load(args.model, **event_settings(args), taught=args.taught or True)
        camera = partial(
            open_camera,
            args.source,
            args.people or recognizer.metadata.persons,
            args.fast,
            args.pose,
        )
        how = {name: args[name] for name in ("record", "hook")}
        live(camera, recognizer, _viewing(args), **how, every_frame=args.every_frame or args.fast)

    return main


def record_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Record clips of an action of your own with a camera, into a store that `skedge teach` or
    training takes.

    Example: skedge record "ring the bell" --store stores/mine --model student.onnx
    """
    parser.add_argument("label", help="of the action")
    parser.add_argument(
        "--store", type=Path, required=True, help="the store to make, or to add the clips to"
    )
    _add_camera(parser)
    parser.add_argument("--clips", type=int, default=5, help="how many")
    known = "an exported model, or default: clips are as long as what it sees at a time"
    parser.add_argument("--model", type=find, help=known)
    parser.add_argument(
        "--seconds", type=float, help="the length of a clip; by default the model's, or 2.5"
    )
    parser.add_argument("--countdown", type=float, default=3.0, help="seconds before each clip")
    parser.add_argument(
        "--subject", type=int, default=1, help="a number for whoever is in the clips"
    )

    def main(args: Any) -> None:
        from skedge.edge_runtime.live.run import open_camera, record
        from skedge.edge_runtime.live.takes import Takes

        seconds = args.seconds
        if seconds is None and args.model is not None:
            from skedge.edge_runtime.recognizer import Recognizer

            seconds = Recognizer.load(args.model, taught=False).metadata.seconds
        takes = Takes(args.label, args.clips, seconds or 2.5, args.countdown, args.subject)
        camera = partial(open_camera, args.source, args.people or 1, args.fast, args.pose)
        added, there = record(
            camera, args.store, takes, _viewing(args), args.every_frame or args.fast
        )
        print(f"{added} clips of {args.label!r} added; {args.store} holds {there}")

    return main


def pose_fetch_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Get the pose estimator's networks (9 MB) into the user's cache, once; nothing else is ever
    fetched.

    Example: skedge pose fetch
    """
    from skedge.edge_runtime.pose.models import offline_command

    parser.add_argument(
        "--wheel",
        type=Path,
        help=(
            "take them out of this file instead of the network; any computer with pip gets it by:"
            f" {offline_command()}"
        ),
    )

    def main(args: Any) -> None:
        from skedge.edge_runtime.pose.models import fetch

        for path in fetch(args.wheel):
            print(path)

    return main


def teach_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Teach a model the actions of a store that it does not know, from a few clips and without
    training.

    Example: skedge teach student.onnx stores/mine
    """
    parser.add_argument(
        "model", type=find, help="an exported model, or default: the one that comes with skedge"
    )
    parser.add_argument(
        "store", type=Path, help="clips of the new actions, such as `skedge record` makes"
    )
    parser.add_argument(
        "--known",
        type=Path,
        help="a store with clips of actions that the model knows: the one it was trained on",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="the file to write; by default it goes beside the model, where it is found",
    )

    def main(args: Any) -> None:
        from rich.console import Console
        from rich.progress import track

        from skedge.edge_runtime.teach import teach

        bar = partial(
            track, description="Looking at clips", console=Console(stderr=True), transient=True
        )
        show(teach(args.model, args.store, args.known, args.out, bar))

    return main


def _add_camera(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        default="0",
        help="a camera's number or device, picamera, a film, a stream's address, ...",
    )
    parser.add_argument(
        "--people",
        type=int,
        help="how many are looked for; by default as many as the model sees together",
    )
    parser.add_argument(
        "--every_frame",
        action="store_true",
        help="leave out no frame of a film, however long it takes",
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="every frame of a film, as fast as they can be worked through",
    )
    parser.add_argument(
        "--pose",
        help="module:function, called with a number of people: a pose estimator of your own",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="who may see the page: 0.0.0.0 lets in others, with a token",
    )
    parser.add_argument("--port", type=int, default=8080, help="of the page; 0 takes any free one")
    parser.add_argument(
        "--token",
        help="that others must know; made if left out; also from the environment's SKEDGE_TOKEN",
    )
    parser.add_argument(
        "--no_page", action="store_true", help="no page: nothing listens on the network"
    )
    parser.add_argument("--no_browser", action="store_true", help="do not open the page")


def _viewing(args: Any) -> Any:
    from skedge.edge_runtime.live.run import Viewing

    if not 0 <= args.port < 65536:
        raise InputError(f"--port: expected a number from 0 to 65535, got {args.port}")
    token = args.token or os.environ.get("SKEDGE_TOKEN")
    return Viewing(args.host, None if args.no_page else args.port, token, not args.no_browser)
