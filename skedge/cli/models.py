"""Commands on exported models: export, predict, evaluate online, bench, bench compare."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.options import add_events, event_settings, show
from skedge.edge_runtime.models import find


def export_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Export a student or teacher as one file, checked against torch on the store's held-out clips.

    Example: skedge export runs/student student.tflite --data stores/utd --precision int8
    """
    parser.add_argument("run", type=Path, help="the folder of a student or teacher")
    parser.add_argument(
        "file", type=Path, help="the file to write, in the format that .onnx or .tflite names"
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="the store it was trained on: it is checked on its held-out clips",
    )
    parser.add_argument(
        "--precision",
        choices=["fp32", "fp16", "dynamic", "int8"],
        default="fp32",
        help="weights in half precision (fp16) or in int8 (dynamic), or int8 arithmetic too (int8)",
    )
    parser.add_argument(
        "--streaming",
        action="store_true",
        help="a frame in, an answer out, with the past as explicit state",
    )
    parser.add_argument(
        "--note",
        help="a sentence about the model that its file keeps: how it was made, how good it is",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="FILE is a folder: every format, every precision, a table",
    )

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store

        if args.all:
            store = Store(args.data)
            steps.export_all(args.run, args.file, store, streaming=args.streaming, note=args.note)
            print((args.file / "formats.md").read_text())
        else:
            show(
                steps.export(
                    args.run,
                    args.file,
                    Store(args.data),
                    precision=args.precision,
                    streaming=args.streaming,
                    note=args.note,
                )
            )

    return main


def predict_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Recognise the clips of a store, or one clip in a .npy or .npz file, with an exported model.

    Example: skedge predict student.onnx stores/utd --protocol xsub
    """
    parser.add_argument(
        "model", type=find, help="an exported model, or default: the one that comes with skedge"
    )
    parser.add_argument(
        "clips",
        type=Path,
        help="a store, or a .npy or .npz file with joints (T, V, 3) or (T, M, V, 3) in metres",
    )
    parser.add_argument("--protocol", default="xsub", help="the store's split")
    parser.add_argument(
        "--part", choices=["train", "val", "test"], default="test", help="of the split"
    )
    parser.add_argument("--label", help="only the clips of this class")
    parser.add_argument(
        "--synonyms",
        type=dict[str, str],
        help="the model's names of the store's classes: '{boxing: punch}'",
    )
    parser.add_argument(
        "--rate", type=float, default=30.0, help="frames per second of a clip in a file"
    )
    parser.add_argument(
        "--frame_by_frame", action="store_true", help="as a camera would bring them"
    )

    def main(args: Any) -> None:
        _predict(args)

    return main


def evaluate_online_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Score an exported model's events on whole recordings by their overlap with the labelled
    intervals; needs no torch.

    Example: skedge evaluate online --model student.onnx --data stores/pku --protocol xsub
    """
    parser.add_argument(
        "--model",
        type=find,
        required=True,
        help="an exported model; what was taught to it is found beside it",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="a store of recordings: `skedge data import --continuous`",
    )
    parser.add_argument("--protocol", default="xsub", help="the store's split")
    parser.add_argument(
        "--part", choices=["train", "val", "test"], default="test", help="of the split"
    )
    parser.add_argument(
        "--overlap",
        type=float,
        default=0.5,
        help="an event is right from this intersection over union on",
    )
    parser.add_argument(
        "--synonyms",
        type=dict[str, str],
        help="the model's names of the store's classes: '{boxing: punch}'",
    )
    add_events(parser)
    parser.add_argument(
        "--out", type=Path, help="a .json file for the figures, also per class, and for every event"
    )

    def main(args: Any) -> None:
        _evaluate_online(args)

    return main


def bench_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Measure exported models side by side: latency, memory, load time, size.

    Example: skedge bench student.onnx teacher.onnx --out runs/bench
    """
    known = (
        "exported models; ratios are to the first; default and default.tflite are those that come"
        " with skedge"
    )
    parser.add_argument("files", type=find, nargs="+", help=known)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/bench"),
        help="the folder for bench.json, bench.md, bench.html",
    )
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=[1],
        help="of the runtime; each of several is measured",
    )
    parser.add_argument(
        "--blocks", type=int, default=20, help="of calls, in random order between the models"
    )
    parser.add_argument("--calls", type=int, default=25, help="in every block at most")
    parser.add_argument(
        "--sustain",
        type=float,
        default=0.0,
        help="seconds that each model then runs without a pause",
    )
    parser.add_argument("--data", type=Path, help="a store: accuracy is measured on its test clips")
    parser.add_argument("--protocol", default="xsub", help="of the store")

    def main(args: Any) -> None:
        from skedge.bench.benchmark import benchmark

        benchmark(
            args.files,
            args.out,
            args.threads,
            args.blocks,
            args.calls,
            sustain=args.sustain,
            data=args.data,
            protocol=args.protocol,
        )
        print((args.out / "bench.md").read_text())

    return main


def compare_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """What has become faster or slower between two benchmarks.

    Example: skedge bench compare before/bench.json after/bench.json
    """
    parser.add_argument("first", type=Path, help="a bench.json")
    parser.add_argument(
        "second", type=Path, help="another one, whose figures are divided by the first's"
    )
    parser.add_argument("--across", action="store_true", help="compare different machines too")

    def main(args: Any) -> None:
        from skedge.bench.compare import compare

        print(compare(args.first, args.second, args.across), end="")

    return main


def _predict(args: Any) -> None:
    from rich.console import Console
    from rich.progress import track

    from skedge.edge_runtime.scoring.predict import predict_file, predict_store

    if args.clips.is_dir() or not args.clips.exists():
        bar = partial(
            track, description="Recognising", console=Console(stderr=True), transient=True
        )
        report = predict_store(
            args.model,
            args.clips,
            args.protocol,
            args.part,
            args.frame_by_frame,
            bar,
            args.label,
            args.synonyms,
        )
        for one in report.predictions:
            print(f"{one.name}\t{one.truth}\t{one.label or '-'}\t{one.confidence:.3f}")
        for note in report.notes:
            print(f"note: {note}", file=sys.stderr)
        mean = report.mean_accuracy
        scored = (
            ""
            if mean is None
            else f" by the last answer, {100 * mean:.2f} % by the mean of all answers"
        )
        print(f"top-1 {100 * report.accuracy:.2f} % of {len(report.predictions)} clips{scored}")
        return
    one = predict_file(args.model, args.clips, args.rate, args.frame_by_frame)
    print(f"{one.label or 'no answer: the clip ended before the first one'}\t{one.confidence:.3f}")


def _evaluate_online(args: Any) -> None:

    from rich.console import Console
    from rich.progress import track

    from skedge.datasets.store import Store
    from skedge.edge_runtime.recognizer import Recognizer
    from skedge.edge_runtime.scoring.online import evaluate_online
    from skedge.skeleton.files import write_json

    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    recognizer = Recognizer.load(args.model, **event_settings(args))
    bar = partial(track, description="Watching", console=Console(stderr=True), transient=True)
    report = evaluate_online(
        recognizer, Store(args.data), args.protocol, args.part, args.overlap, args.synonyms, bar
    )
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    figures = report.figures | {
        "model": str(args.model),
        "data": str(args.data),
        "protocol": args.protocol,
        "part": args.part,
    }
    show(figures)
    if args.out is not None:
        document = {**figures, "notes": report.notes, "found": report.events}
        write_json(args.out, document, indent=1)
