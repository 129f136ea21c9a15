"""Commands on exported models: export, predict, evaluate online and everyday, bench, compare."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.options import (
    MODEL,
    PARTS,
    add_data,
    add_events,
    add_model,
    add_split,
    add_synonyms,
    check_unused,
    event_settings,
    show,
)
from skedge.edge_runtime.models import find
from skedge.edge_runtime.pose.models import NETWORKS
from skedge.skeleton.errors import InputError
from skedge.skeleton.text import counted, say


def export_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Export a student or teacher as one file. The file's answers are checked against torch's on
    the store's held-out clips before it is written.

    Example: skedge export runs/student student.tflite --data stores/utd --precision int8
    """
    parser.add_argument("run", type=Path, help="run folder of a student or teacher")
    parser.add_argument("out", type=Path, help=".onnx or .tflite file to write")
    add_data(parser, "store that the model was trained on")
    parser.add_argument(
        "--precision",
        choices=["fp32", "fp16", "dynamic", "int8"],
        help="fp32 (the default); fp16: weights in half precision; dynamic: weights in int8; int8:"
        " all in int8 but what that would harm",
    )
    parser.add_argument(
        "--streaming",
        action="store_true",
        help="one frame in, one answer out, with the past as explicit state",
    )
    parser.add_argument("--note", help="sentence about the model to keep in its file")
    parser.add_argument(
        "--all",
        action="store_true",
        help="write every format and precision, and a table, into the folder OUT",
    )

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store

        if args.all:
            check_unused(args, ("precision",), "expected one file to write, got --all")
            store = Store(args.data)
            steps.export_all(args.run, args.out, store, streaming=args.streaming, note=args.note)
            print((args.out / "formats.md").read_text("utf-8"))
        else:
            show(
                steps.export(
                    args.run,
                    args.out,
                    Store(args.data),
                    precision=args.precision or "fp32",
                    streaming=args.streaming,
                    note=args.note,
                )
            )

    return main


def update_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Replace a model file in its place, whole or not at all. The new one is tried first. The old
    one is kept, and used where the new one does not load later. A live view that runs takes the new
    one over.

    Example: skedge model update new.onnx student.onnx
    """
    parser.add_argument("new", type=find, help=MODEL)
    parser.add_argument("place", type=Path, help="file that `skedge live --model` names")

    def main(args: Any) -> None:
        from skedge.edge_runtime.update import update

        show(update(args.new, args.place))

    return main


def info_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Show what a model file holds. These are its actions and when they are events, what was taught
    to it, how good it was and how it was made.

    Example: skedge model info student.onnx
    """
    parser.add_argument("model", type=find, help=MODEL)

    def main(args: Any) -> None:
        from skedge.edge_runtime.model_info import model_info

        show(model_info(args.model))

    return main


def predict_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Recognise clips with an exported model. The clips are those of a store, or one clip in a .npy
    or .npz file.

    Example: skedge predict student.onnx stores/utd --protocol xsub
    """
    parser.add_argument("model", type=find, help=MODEL)
    parser.add_argument(
        "data",
        type=Path,
        help="store, or a .npy or .npz file with joints (T, V, 3) or (T, M, V, 3) in metres",
    )
    add_split(parser)
    parser.add_argument("--label", help="use the clips of this class only")
    add_synonyms(parser)
    parser.add_argument(
        "--rate", type=float, help="frames per second of a clip in a file (default: 30)"
    )
    parser.add_argument(
        "--layout", help="layout of the joints of a clip in a file, a name or a JSON file"
    )
    parser.add_argument(
        "--frame-by-frame",
        action="store_true",
        help="give the model one frame at a time, as a camera would",
    )
    return _predict


def evaluate_online_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Score the events of an exported model on whole recordings. An event is right where it
    overlaps a labelled interval. Needs no torch.

    Example: skedge evaluate online --model student.onnx --data stores/pku --protocol xsub
    """
    parser.add_argument("--model", type=find, required=True, metavar="MODEL", help=MODEL)
    add_data(parser, "store of recordings, from `skedge data import --continuous`")
    add_split(parser)
    parser.add_argument(
        "--overlap",
        type=float,
        default=0.5,
        help="least intersection over union of a right event",
    )
    add_synonyms(parser)
    add_events(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=".json file for the figures, also per class, and for every event",
    )
    return _evaluate_online


def evaluate_everyday_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Measure right events and false events per hour.

    Example: skedge evaluate everyday --model default --data stores/utd films --out runs/everyday
    """
    parser.add_argument("--model", type=find, default=find("default"), metavar="MODEL", help=MODEL)
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="SET",
        help="stores of clips or recordings, and files or folders of pose recordings",
    )
    parser.add_argument(
        "--chose",
        nargs="+",
        default=[],
        metavar="NAME",
        help="sets that trained the model or chose something of it; the table says so",
    )
    parser.add_argument("--protocol", help="name of the stores' split, by default xsub")
    parser.add_argument(
        "--part", choices=["all", *PARTS], default="all", help="part of the stores' split"
    )
    add_synonyms(parser)
    add_events(parser)
    parser.add_argument(
        "--most-false",
        type=float,
        default=1.0,
        metavar="NUMBER",
        help="false events an hour of each action that you would bear (default: 1); the report says"
        " which thresholds keep to it",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/everyday"),
        metavar="FOLDER",
        help="folder for everyday.json, .csv, .md and .html (default: runs/everyday)",
    )

    def main(args: Any) -> None:
        from skedge.bench import everyday
        from skedge.datasets.progress import track
        from skedge.edge_runtime.recognizer import Recognizer
        from skedge.skeleton.files import check_folder

        if args.part == "all":
            check_unused(args, ("protocol",), "expected --part beside it, got all clips")
        check_folder(args.out)
        recognizer = Recognizer.load(args.model, **event_settings(args))
        say(*recognizer.notes)
        document = everyday.measure(
            recognizer,
            everyday.sets_of(args.data, args.chose),
            synonyms=args.synonyms,
            part=args.part,
            protocol=args.protocol or "xsub",
            most_false=args.most_false,
            track=track,
        )
        everyday.write(document, args.out, f"In front of a camera: {args.model.name}")
        print((args.out / "everyday.md").read_text("utf-8"), end="")

    return main


def bench_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Measure the latency, memory and size of exported models.

    Example: skedge bench student.onnx teacher.onnx --out runs/bench
    """
    parser.add_argument("model", type=find, nargs="+", help=f"{MODEL}; ratios are to the first one")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/bench"),
        metavar="FOLDER",
        help="folder for bench.json, bench.md and bench.html (default: runs/bench)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=[1],
        help="numbers of threads of the runtime to measure",
    )
    parser.add_argument(
        "--blocks", type=int, default=20, help="blocks of calls, in random order over the models"
    )
    parser.add_argument("--calls", type=int, default=25, help="most calls in a block")
    parser.add_argument(
        "--sustain",
        type=float,
        default=0.0,
        help="seconds that each model then runs without a pause",
    )
    add_data(parser, "store whose test clips accuracy is measured on", required=False)
    parser.add_argument("--protocol", help="name of the store's split (default: the model's own)")

    def main(args: Any) -> None:
        from skedge.bench.benchmark import Plan, benchmark

        if args.data is None:
            check_unused(args, ("protocol",), "expected --data beside it, got none")
        plan = Plan(tuple(args.threads), args.blocks, args.calls, sustain=args.sustain)
        benchmark(args.model, args.out, plan, data=args.data, protocol=args.protocol)
        print((args.out / "bench.md").read_text("utf-8"))

    return main


def bench_live_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Measure the live view from camera to event. Everything runs as in `skedge live`.

    Example: skedge bench live --pose lite full --out runs/live
    """
    add_model(parser, "exported model", "default")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/live"),
        metavar="FOLDER",
        help="folder for live.json, live.md and live.html (default: runs/live)",
    )
    parser.add_argument(
        "--source",
        type=Path,
        metavar="FILM",
        help="film to show it (default: invented people in invented pictures)",
    )
    parser.add_argument(
        "--pose", nargs="+", default=list(NETWORKS), help="landmark networks to measure"
    )
    parser.add_argument("--people", type=int, nargs="+", default=[1], help="numbers of people")
    parser.add_argument(
        "--pose-threads",
        type=int,
        nargs="+",
        default=[1],
        help="numbers of threads of the pose estimator",
    )
    parser.add_argument("--pictures", type=int, default=300, help="pictures in each run")
    parser.add_argument(
        "--rate",
        type=float,
        help="pictures a second, by default 30 or a film's own; 0 for as many as possible",
    )
    parser.add_argument("--width", type=int, help="pixels of an invented picture, by default 640")
    parser.add_argument("--height", type=int, help="pixels of an invented picture, by default 480")
    parser.add_argument("--viewer", action="store_true", help="draw, as for somebody at the page")

    def main(args: Any) -> None:
        from skedge.bench.live_probe import Settings
        from skedge.bench.live_view import benchmark_live

        if unknown := sorted(set(args.pose) - set(NETWORKS)):
            raise InputError(f"--pose: expected {' or '.join(NETWORKS)}, got {', '.join(unknown)}")
        invented = ("rate", "width", "height")
        if args.source is not None:
            own = invented if args.rate else invented[1:]
            check_unused(args, own, f"expected invented people, got {args.source}")
        asked = {name: args[name] for name in invented if args[name] is not None}
        settings = Settings(
            model=str(args.model),
            film=None if args.source is None else str(args.source),
            pictures=args.pictures,
            viewer=args.viewer,
            **asked,
        )
        benchmark_live(
            settings,
            args.out,
            networks=args.pose,
            people=args.people,
            threads=args.pose_threads,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
        print((args.out / "live.md").read_text("utf-8"))

    return main


def compare_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Compare two benchmarks.

    Example: skedge bench compare before/bench.json after/bench.json
    """
    parser.add_argument("first", type=Path, help="bench.json of the first benchmark")
    parser.add_argument(
        "second", type=Path, help="bench.json whose figures are divided by the first's"
    )
    parser.add_argument("--across", action="store_true", help="compare different machines too")

    def main(args: Any) -> None:
        from skedge.bench.compare import compare

        print(compare(args.first, args.second, args.across), end="")

    return main


def _predict(args: Any) -> None:
    from skedge.datasets.progress import track
    from skedge.edge_runtime.scoring.predict import Classes, predict_file, predict_store

    # A missing path without a suffix was meant to be a store, one with a suffix a clip's file.
    if args.data.is_dir() or not (args.data.exists() or args.data.suffix):
        check_unused(
            args,
            ("rate", "layout"),
            f"expected a clip in a .npy or .npz file, got {args.data}, and a store has its own",
        )
        report = predict_store(
            args.model,
            args.data,
            args.protocol,
            part=args.part or "test",
            frame_by_frame=args.frame_by_frame,
            classes=Classes(args.label, args.synonyms or {}),
            track=partial(track, title="Recognising"),
        )
        for one in report.predictions:
            print(f"{one.name}\t{one.truth}\t{one.label or '-'}\t{one.confidence:.3f}")
        say(*report.notes)
        mean = report.mean_accuracy
        scored = (
            ""
            if mean is None
            else f" by the last answer, {100 * mean:.2f} % by the mean of all answers"
        )
        clips = counted(len(report.predictions), "clip")
        print(f"top-1 {100 * report.accuracy:.2f} % of {clips}{scored}")
        return
    check_unused(
        args,
        ("protocol", "part", "label", "synonyms"),
        f"expected a store, got {args.data}, one clip in a file",
    )
    rate = 30.0 if args.rate is None else args.rate
    one = predict_file(
        args.model, args.data, rate, frame_by_frame=args.frame_by_frame, layout=args.layout
    )
    say(*one.notes)
    if args.rate is None:
        say("30 frames a second assumed, see --rate")
    often = f"\t{one.repetitions} times" if (one.repetitions or 0) > 1 else ""
    late = f"no answer: the clip ended before the first one, which takes {one.first_answer:.2g} s"
    print(f"{one.label or late}\t{one.confidence:.3f}{often}")


def _evaluate_online(args: Any) -> None:
    from skedge.datasets.progress import track
    from skedge.datasets.store import Store
    from skedge.edge_runtime.recognizer import Recognizer
    from skedge.edge_runtime.scoring.online import evaluate_online
    from skedge.edge_runtime.scoring.predict import own_protocol
    from skedge.skeleton.files import check_folder, write_json

    if args.out is not None:
        if args.out.is_dir():
            raise InputError(f"{args.out}: expected a .json file to write, got a folder")
        check_folder(args.out.parent)
    recognizer = Recognizer.load(args.model, **event_settings(args))
    store = Store(args.data)
    part: Any = args.part or "test"
    protocol = args.protocol or own_protocol(recognizer, store)
    report = evaluate_online(
        recognizer,
        store,
        protocol,
        part=part,
        least=args.overlap,
        synonyms=args.synonyms,
        track=partial(track, title="Watching"),
    )
    say(*report.notes)
    figures = report.figures | {
        "model": str(args.model),
        "data": str(args.data),
        "protocol": protocol,
        "part": part,
    }
    show(figures)
    if args.out is not None:
        document = {**figures, "notes": report.notes, "found": report.events}
        write_json(args.out, document, indent=1)
