"""The command line of skedge. Every command imports what it needs when it runs, so the edge never loads the training stack."""

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser, Namespace

from edge_runtime.models import find
from skeleton.errors import InputError

EXTRAS = {
    **dict.fromkeys(
        ("matplotlib", "scipy", "sklearn", "torch", "lightning", "torchmetrics", "safetensors", "onnx", "onnxscript"), "train"
    ),
    **dict.fromkeys(("litert_torch", "ai_edge_quantizer"), "convert"),
    **dict.fromkeys(("cv2", "ai_edge_litert"), "live"),
    "submitit": "slurm",
}
RECIPES = Path(__file__).parent / "recipes"
PROTOCOLS = ["linear", "finetune", "semi", "transfer", "knn", "partial-body", "supervised", "ridge"]

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Threads of torch that wait by spinning make a training step many times slower where another process shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """The whole path: pretrain, evaluate, distil, export, recognise, benchmark, report.

    Example: skedge run --data stores/utd --recipe utd_mhad
    """
    _add_recipe(parser)
    parser.add_argument("--data", type=str, help="the store; without it the synthetic set is made in the runs folder")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the folder of this run goes")
    parser.add_argument("--again", action="store_true", help="train anew what stands there already")

    def main(args: Any) -> None:
        import pipeline

        pipeline.run(_recipe(parser, args), _store(args.data, args.runs), args.runs, args.again)

    return main


def pretrain_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Pretrain a teacher's encoder on unlabelled clips.

    Example: skedge pretrain --data stores/utd --recipe utd_mhad --out runs/pstl --pretrain.optim.epochs 50
    """
    _add_training(parser)

    def main(args: Any) -> None:
        import pipeline
        from skeleton.datasets.store import Store

        _show(pipeline.pretrain(_recipe(parser, args), Store(args.data), args.out, args.resume))

    return main


def evaluate_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Evaluate by a protocol: linear, finetune, semi, transfer, knn, partial-body; supervised and ridge are baselines.

    Example: skedge evaluate linear --pretrained runs/pstl --data stores/utd --recipe utd_mhad --out runs/linear
    """
    parser.add_argument("protocol", choices=PROTOCOLS, help="what to train and test")
    _add_training(parser)
    parser.add_argument(
        "--pretrained", type=Path, help="the folder that `skedge pretrain` wrote; partial-body: that of a linear probe"
    )
    parser.add_argument("--seeds", type=list[int], default=[], help="several: mean and deviation over '[0, 1, 2]'")

    def main(args: Any) -> None:
        import pipeline
        from skeleton.datasets.store import Store

        recipe = _recipe(parser, args)
        store = Store(args.data)
        _show(pipeline.evaluate(args.protocol, recipe, store, args.out, args.pretrained, args.resume, args.seeds))

    return main


def evaluate_online_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Score an exported model's events on whole recordings by their overlap with the labelled intervals; needs no torch.

    Example: skedge evaluate online --model student.onnx --data stores/pku --protocol xsub
    """
    parser.add_argument("--model", type=find, required=True, help="an exported model; what was taught to it is found beside it")
    parser.add_argument("--data", type=Path, required=True, help="a store of recordings: `skedge data import --continuous`")
    parser.add_argument("--protocol", default="xsub", help="the store's split")
    parser.add_argument("--part", choices=["train", "val", "test"], default="test", help="of the split")
    parser.add_argument("--overlap", type=float, default=0.5, help="an event is right from this intersection over union on")
    parser.add_argument("--synonyms", type=dict[str, str], help="the model's names of the store's classes: '{boxing: punch}'")
    _add_events(parser)
    parser.add_argument("--out", type=Path, help="a .json file for the figures, also per class, and for every event")

    def main(args: Any) -> None:
        _evaluate_online(args)

    return main


def distill_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Distil a teacher, or several, into the student; without a teacher, train the student on labels alone.

    Example: skedge distill --teacher runs/finetune --data stores/utd --recipe utd_mhad --out runs/student
    """
    _add_training(parser)
    known = "the folder of a linear-probed or finetuned teacher; of several their mean teaches"
    parser.add_argument("--teacher", type=Path, nargs="+", default=[], help=known)
    more = "further stores whose clips the teacher answers for; their labels are not looked at"
    parser.add_argument("--unlabelled", type=Path, nargs="+", default=[], help=more)

    def main(args: Any) -> None:
        import pipeline
        from skeleton.datasets.store import Store

        others = [Store(path) for path in args.unlabelled]
        _show(pipeline.distill(_recipe(parser, args), Store(args.data), args.teacher, args.out, args.resume, others))

    return main


def finetune_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Train a classifier on with the actions of another store: your own, merged (`skedge data merge`) with those it knows.

    Example: skedge finetune runs/student --data stores/all --recipe default --out runs/mine
    """
    parser.add_argument("run", type=Path, help="the folder of a student or teacher")
    _add_training(parser)

    def main(args: Any) -> None:
        import pipeline
        from skeleton.datasets.store import Store

        _show(pipeline.finetune(_recipe(parser, args), Store(args.data), args.run, args.out, args.resume))

    return main


def sweep_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Run a grid of settings and seeds, each point a chain of steps; goes on where it stopped; ends in a table and a plot.

    Example: skedge sweep temperature --teacher runs/finetune --data stores/utd --out runs/temperature
    """
    known = ", ".join(sorted(file.stem for file in (RECIPES / "sweeps").glob("*.yaml")))
    parser.add_argument("sweep", help=f"a YAML file as in docs/sweeps.md, or one of {known}")
    parser.add_argument("--data", type=Path, required=True, help="the store")
    parser.add_argument("--out", type=Path, required=True, help="the folder of all points, the table and the plot")
    parser.add_argument("--pretrained", type=Path, help="the encoder that evaluations start from")
    parser.add_argument("--teacher", type=Path, help="the teacher to distil")
    parser.add_argument("--base", help="another recipe than the file's, a name or a file")
    parser.add_argument("--set", type=dict[str, Any], help="further settings of all points: '{distill.optim.epochs: 20}'")
    parser.add_argument("--seeds", type=list[int], help="other seeds than the file's: '[0, 1, 2]'")
    parser.add_argument("--jobs", type=int, help="points at the same time; by default one a GPU, or one; SLURM: no limit")
    parser.add_argument("--slurm", help="run as SLURM jobs: partition=gpu,gpus_per_node=1,timeout_min=240")

    def main(args: Any) -> None:
        from skeleton.datasets.store import Store
        from sweep.grid import read_sweep
        from sweep.jobs import slurm_settings
        from sweep.run import run

        slurm = None if args.slurm is None else slurm_settings(args.slurm)
        sweep, name = read_sweep(args.sweep, RECIPES, args.base, args.set, args.seeds)
        report = run(name, sweep, Store(args.data), args.out, args.pretrained, args.teacher, args.jobs, slurm)
        if report.failed:
            named = "; ".join(report.failed[:3]) + ("; the others are in sweep.md" if len(report.failed) > 3 else "")
            _stop(1, f"{len(report.failed)} of {len(report.outcomes)} points failed, the same command runs them again: {named}")

    return main


def export_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Export a student or teacher as one file, checked against torch on the store's held-out clips.

    Example: skedge export runs/student student.tflite --data stores/utd --precision int8
    """
    parser.add_argument("run", type=Path, help="the folder of a student or teacher")
    parser.add_argument("file", type=Path, help="the file to write, in the format that .onnx or .tflite names")
    parser.add_argument(
        "--data", type=Path, required=True, help="the store it was trained on: it is checked on its held-out clips"
    )
    parser.add_argument(
        "--precision",
        choices=["fp32", "fp16", "dynamic", "int8"],
        default="fp32",
        help="weights in half precision (fp16) or in int8 (dynamic), or int8 arithmetic too (int8)",
    )
    parser.add_argument("--streaming", action="store_true", help="a frame in, an answer out, with the past as explicit state")
    parser.add_argument("--note", help="a sentence about the model that its file keeps: how it was made, how good it is")
    parser.add_argument("--all", action="store_true", help="FILE is a folder: every format, every precision, a table")

    def main(args: Any) -> None:
        import pipeline
        from skeleton.datasets.store import Store

        if args.all:
            pipeline.export_all(args.run, args.file, Store(args.data), args.streaming, args.note)
            print((args.file / "formats.md").read_text())
        else:
            _show(pipeline.export(args.run, args.file, Store(args.data), args.precision, args.streaming, args.note))

    return main


def predict_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Recognise the clips of a store, or one clip in a .npy or .npz file, with an exported model.

    Example: skedge predict student.onnx stores/utd --protocol xsub
    """
    parser.add_argument("model", type=find, help="an exported model, or default: the one that comes with skedge")
    parser.add_argument(
        "clips", type=Path, help="a store, or a .npy or .npz file with joints (T, V, 3) or (T, M, V, 3) in metres"
    )
    parser.add_argument("--protocol", default="xsub", help="the store's split")
    parser.add_argument("--part", choices=["train", "val", "test"], default="test", help="of the split")
    parser.add_argument("--label", help="only the clips of this class")
    parser.add_argument("--synonyms", type=dict[str, str], help="the model's names of the store's classes: '{boxing: punch}'")
    parser.add_argument("--rate", type=float, default=30.0, help="frames per second of a clip in a file")
    parser.add_argument("--frame_by_frame", action="store_true", help="as a camera would bring them")

    def main(args: Any) -> None:
        _predict(args)

    return main


def bench_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Measure exported models side by side: latency, memory, load time, size.

    Example: skedge bench student.onnx teacher.onnx --out runs/bench
    """
    known = "exported models; ratios are to the first; default and default.tflite are those that come with skedge"
    parser.add_argument("files", type=find, nargs="+", help=known)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="the folder for bench.json, bench.md, bench.html")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of the runtime; each of several is measured")
    parser.add_argument("--blocks", type=int, default=20, help="of calls, in random order between the models")
    parser.add_argument("--calls", type=int, default=25, help="in every block at most")
    parser.add_argument("--sustain", type=float, default=0.0, help="seconds that each model then runs without a pause")
    parser.add_argument("--data", type=Path, help="a store: accuracy is measured on its test clips")
    parser.add_argument("--protocol", default="xsub", help="of the store")

    def main(args: Any) -> None:
        from bench.run import benchmark

        benchmark(
            args.files, args.out, args.threads, args.blocks, args.calls,
            sustain=args.sustain, data=args.data, protocol=args.protocol,
        )  # fmt: skip
        print((args.out / "bench.md").read_text())

    return main


def compare_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """What has become faster or slower between two benchmarks.

    Example: skedge bench compare before/bench.json after/bench.json
    """
    parser.add_argument("first", type=Path, help="a bench.json")
    parser.add_argument("second", type=Path, help="another one, whose figures are divided by the first's")
    parser.add_argument("--across", action="store_true", help="compare different machines too")

    def main(args: Any) -> None:
        from bench.compare import compare

        print(compare(args.first, args.second, args.across), end="")

    return main


def live_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Show what people in front of a camera do: in the terminal, on a page, as JSON lines, to a function of your own.

    Example: skedge live --source 0 --model student.onnx
    """
    _add_camera(parser)
    known = "an exported model, by default the one that comes with skedge; what was taught to it is found beside it"
    parser.add_argument("--model", type=find, default=find("default"), help=known)
    parser.add_argument("--taught", type=Path, help="another file that `skedge teach` wrote")
    _add_events(parser)
    parser.add_argument("--record", type=Path, help="store the pictures in this film (.mp4, .avi, .mkv); else none are stored")
    parser.add_argument("--hook", help="module:function, called with every event; the module is a Python file")

    def main(args: Any) -> None:
        from edge_runtime.live.run import live, open_camera
        from edge_runtime.recognizer import Recognizer

        recognizer = Recognizer.load(args.model, **_event_settings(args), taught=args.taught or True)
        camera = partial(open_camera, args.source, args.people or recognizer.metadata.persons, args.fast, args.pose)
        how = {name: args[name] for name in ("record", "hook")}
        live(camera, recognizer, _viewing(args), **how, every_frame=args.every_frame or args.fast)

    return main


def record_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Record clips of an action of your own with a camera, into a store that `skedge teach` or training takes.

    Example: skedge record "ring the bell" --store stores/mine --model student.onnx
    """
    parser.add_argument("label", help="of the action")
    parser.add_argument("--store", type=Path, required=True, help="the store to make, or to add the clips to")
    _add_camera(parser)
    parser.add_argument("--clips", type=int, default=5, help="how many")
    known = "an exported model, or default: clips are as long as what it sees at a time"
    parser.add_argument("--model", type=find, help=known)
    parser.add_argument("--seconds", type=float, help="the length of a clip; by default the model's, or 2.5")
    parser.add_argument("--countdown", type=float, default=3.0, help="seconds before each clip")
    parser.add_argument("--subject", type=int, default=1, help="a number for whoever is in the clips")

    def main(args: Any) -> None:
        from edge_runtime.live.run import open_camera, record
        from edge_runtime.live.takes import Takes

        seconds = args.seconds
        if seconds is None and args.model is not None:
            from edge_runtime.recognizer import Recognizer

            seconds = Recognizer.load(args.model, taught=False).metadata.seconds
        takes = Takes(args.label, args.clips, seconds or 2.5, args.countdown, args.subject)
        camera = partial(open_camera, args.source, args.people or 1, args.fast, args.pose)
        added, there = record(camera, args.store, takes, _viewing(args), args.every_frame or args.fast)
        print(f"{added} clips of {args.label!r} added; {args.store} holds {there}")

    return main


def pose_fetch_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Get the pose estimator's networks (12 MB) into the user's cache, once; nothing else is ever fetched.

    Example: skedge pose fetch
    """
    from edge_runtime.pose.archives import tarball_command, wheel_command

    instead = "take {} out of this file, and download nothing; any computer with {} gets it by: {}"
    parser.add_argument("--wheel", type=Path, help=instead.format("detector and full network", "pip", wheel_command()))
    parser.add_argument("--tarball", type=Path, help=instead.format("the lite network", "npm", tarball_command()))

    def main(args: Any) -> None:
        from edge_runtime.pose.fetch import fetch

        for path in fetch(args.wheel, args.tarball):
            print(path)

    return main


def teach_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Teach a model the actions of a store that it does not know, from a few clips and without training.

    Example: skedge teach student.onnx stores/mine
    """
    parser.add_argument("model", type=find, help="an exported model, or default: the one that comes with skedge")
    parser.add_argument("store", type=Path, help="clips of the new actions, such as `skedge record` makes")
    parser.add_argument(
        "--known", type=Path, help="a store with clips of actions that the model knows: the one it was trained on"
    )
    parser.add_argument("--out", type=Path, help="the file to write; by default it goes beside the model, where it is found")

    def main(args: Any) -> None:
        from rich.console import Console
        from rich.progress import track

        from edge_runtime.teach import teach

        bar = partial(track, description="Looking at clips", console=Console(stderr=True), transient=True)
        _show(teach(args.model, args.store, args.known, args.out, bar))

    return main


def import_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Import a dataset into a store: raw NTU RGB+D, PKU-MMD and others, or a folder of your own clips.

    Example: skedge data import ntu60 downloads/nturgbd_skeletons_s001_to_s017.zip stores/ntu60 --missing missing.txt
    """
    parser.add_argument("format", help="of the source; docs/own-data.md tells which there are and what they read")
    parser.add_argument("source", type=Path, help="folder or file")
    parser.add_argument("store", type=Path, help="the folder to write")
    parser.add_argument("--layout", help="the source's joints, a name or a JSON file, where the format leaves it open")
    parser.add_argument("--labels", type=Path, help="a text file with one class name a line, where the format has none")
    parser.add_argument("--rate", type=float, help="frames per second, where the format leaves it open")
    parser.add_argument("--missing", type=Path, help="ntu60, ntu120: the list of samples without skeletons, to leave out")
    parser.add_argument("--bodies", help="ntu60, ntu120: how persons are chosen, denoise (the default) or first-two")
    parser.add_argument("--continuous", action="store_true", help="pku-mmd: whole recordings and their labelled intervals")
    parser.add_argument("--strict", action="store_true", help="end at the first damaged file instead of listing it")
    parser.add_argument("--processes", type=int, help="that read at the same time; by default one a CPU core")
    parser.add_argument("--overwrite", action="store_true", help="replace a store that stands there")

    def main(args: Any) -> None:
        from skeleton.datasets.readers import import_dataset

        options = {name: args[name] for name in ("layout", "labels", "rate", "missing", "bodies")}
        options["continuous"] = args.continuous or None
        how = {name: args[name] for name in ("overwrite", "strict", "processes")}
        report = import_dataset(args.format, args.source, args.store, **how, **options)
        _info(args.store)
        if report["damaged"]:
            where = args.store / "import-report.json"
            print(f"note: {len(report['damaged'])} of {report['sources']} damaged and left out, see {where}", file=sys.stderr)
        for reason, count in report["left_out"].items():
            if count:
                print(f"note: left out {reason}: {count}", file=sys.stderr)
        for mismatch in report["mismatches"]:
            print(f"note: not the published count: {mismatch}", file=sys.stderr)

    return main


def info_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """What a store holds: classes, subjects, splits, lengths, missing joints.

    Example: skedge data info stores/utd
    """
    parser.add_argument("store", type=Path, help="the store")
    return lambda args: _info(args.store)


def split_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Add a split to a store: a share of another's training clips, folds, or what a file says.

    Example: skedge data split stores/ntu60 xsub-5 --of xsub --share 0.05
    """
    parser.add_argument("store", type=Path, help="the store")
    parser.add_argument("name", help="of the new split; folds get -1, -2 and so on behind it")
    parser.add_argument("--of", default="xsub", help="the split whose training clips a share is taken of")
    parser.add_argument("--share", type=float, help="from 0 to 1: the semi-supervised subset")
    parser.add_argument("--random", action="store_true", help="the share of all clips together, not of every class")
    parser.add_argument("--folds", type=int, help="how many folds")
    parser.add_argument("--by", default="clip", help="what folds keep together: clip, subject, camera or setup")
    parser.add_argument("--file", type=Path, help="lines like a1_s1_t1,train")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same clips")

    def main(args: Any) -> None:
        from skeleton.datasets import splits

        if sum(way is not None for way in (args.share, args.folds, args.file)) != 1:
            raise InputError("skedge data split: expected one of --share, --folds and --file; see `skedge data split --help`")
        if args.share is not None:
            splits.add_subset(args.store, args.name, args.of, args.share, seed=args.seed, balanced=not args.random)
        elif args.folds is not None:
            splits.add_folds(args.store, args.name, args.folds, by=args.by, seed=args.seed)
        else:
            splits.add_split(args.store, args.name, args.file)
        _info(args.store)

    return main


def check_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Read a whole store again and compare every clip with its checksum.

    Example: skedge data check stores/utd
    """
    parser.add_argument("store", type=Path, help="the store")

    def main(args: Any) -> None:
        from skeleton.datasets.check import check
        from skeleton.datasets.store import Store

        store = Store(args.store)
        damaged = check(store)
        if damaged:
            raise InputError(f"{args.store}: damaged clips: {', '.join(damaged[:10])}; {len(damaged)} in all; import it again")
        print(f"{len(store)} clips are as they were written")

    return main


def merge_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Make one store of several: your own recordings and a dataset, say.

    Example: skedge data merge stores/all stores/synthetic stores/mine
    """
    parser.add_argument("store", type=Path, help="the folder to write")
    parser.add_argument("stores", type=Path, nargs="+", help="what goes in; the first names the layout and the rate")

    def main(args: Any) -> None:
        from skeleton.datasets.rewrite import merge
        from skeleton.datasets.store import Store

        merge([Store(path) for path in args.stores], args.store)
        _info(args.store)

    return main


def synth_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Make the synthetic set: 13 actions by forward kinematics, as a camera would see them.

    Example: skedge data synth stores/synthetic --subjects 20
    """
    parser.add_argument("store", type=Path, help="the folder to write")
    parser.add_argument("--subjects", type=int, default=20, help="people of different build and tempo")
    parser.add_argument("--clips", type=int, default=3, help="per action and subject")
    parser.add_argument(
        "--continuous", type=int, help="so many whole recordings per subject instead, of all actions with pauses"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
    parser.add_argument("--overwrite", action="store_true", help="replace a store that stands there")

    def main(args: Any) -> None:
        from skeleton.datasets.synthetic import synthesize, synthesize_recordings

        how = {name: args[name] for name in ("subjects", "seed", "overwrite")}
        if args.continuous is None:
            synthesize(args.store, clips_per_action_and_subject=args.clips, **how)
        else:
            synthesize_recordings(args.store, recordings_per_subject=args.continuous, **how)
        _info(args.store)

    return main


def show_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Draw a clip of a store as a moving GIF or a PNG strip, a continuous recording with its labels over their frames.

    Example: skedge data show stores/utd a3_s1_t1 wave.gif
    """
    parser.add_argument("store", type=Path, help="the store")
    parser.add_argument("clip", help="its name")
    parser.add_argument("file", type=Path, help="the .gif or .png to write")

    def main(args: Any) -> None:
        from skeleton.datasets.picture import draw
        from skeleton.datasets.store import Store

        store = Store(args.store)
        number = store.find(args.clip)
        own = store.intervals[store.intervals["clip"] == number]
        intervals = [(store.labels[one["label"]], int(one["start"]), int(one["end"])) for one in own]
        title = args.clip if intervals else f"{args.clip}: {store.labels[store.index['label'][number]]}"
        draw(store.clip(number), store.layout, args.file, rate=store.rate, title=title, intervals=intervals)
        print(args.file)

    return main


def draw_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Draw what trained models know: features, difference, activation, attention, masks, motion, reconstruction.

    Example: skedge draw features runs/finetune runs/student --data stores/utd --out tsne.png
    """
    kinds = ["features", "difference", "activation", "attention", "masks", "motion", "reconstruction"]
    told = (
        "t-SNE; accuracy per class of two runs; what spoke for an answer; what a transformer's tokens look at; masks; how far "
        "joints move; a pretrained SkeletonMAE's reconstruction"
    )
    parser.add_argument("kind", choices=kinds, help=told)
    parser.add_argument("runs", type=Path, nargs="*", help="the folders of trained models")
    _add_recipe(parser)
    parser.add_argument("--data", type=Path, help="the store; difference needs none")
    parser.add_argument("--clip", help="activation, masks and reconstruction: the clip's name")
    parser.add_argument("--classes", type=int, default=9, help="features and motion: of how many classes, drawn by the seed")
    parser.add_argument("--out", type=Path, required=True, help="the .png, .svg or .pdf to write")

    def main(args: Any) -> None:
        import pipeline

        pipeline.draw(args.kind, args.runs, _recipe(parser, args), args.data, args.clip, args.classes, args.out)
        print(args.out)

    return main


def table_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """A Markdown table of all evaluations under some folders.

    Example: skedge table runs
    """
    parser.add_argument("folders", type=Path, nargs="+", help="run folders, or folders that hold some")

    def main(args: Any) -> None:
        from report import evaluations

        print(evaluations(args.folders), end="")

    return main


COMMANDS: dict[str, Callable[[ArgumentParser], Callable[[Any], None]]] = {
    "run": run_command,
    "data import": import_command,
    "data info": info_command,
    "data check": check_command,
    "data split": split_command,
    "data merge": merge_command,
    "data show": show_command,
    "data synth": synth_command,
    "pretrain": pretrain_command,
    "evaluate online": evaluate_online_command,
    "evaluate": evaluate_command,
    "distill": distill_command,
    "finetune": finetune_command,
    "draw": draw_command,
    "table": table_command,
    "sweep": sweep_command,
    "export": export_command,
    "predict": predict_command,
    "pose fetch": pose_fetch_command,
    "live": live_command,
    "record": record_command,
    "teach": teach_command,
    "bench compare": compare_command,
    "bench": bench_command,
}


def main(argv: list[str] | None = None) -> None:
    """Run the command line; exits with 2 and one line for wrong input, 3 for a refused export, 1 where a
    thread of the live view broke, 130 on Ctrl-C."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return
    if arguments[0] == "--version":
        print(version("skedge"))
        return
    name = next((name for name in COMMANDS if name.split() == arguments[: len(name.split())]), None)
    if name is None:
        known = ", ".join(COMMANDS)
        _stop(2, f"unknown command {' '.join(arguments[:2])!r}: expected one of {known}; see `skedge --help`")
    try:
        _run(name, arguments[len(name.split()) :])
    except InputError as error:
        _stop(2, str(error))
    except KeyboardInterrupt:
        resumed = "; the same command with --resume goes on from the checkpoint"
        goes_on = dict.fromkeys(("pretrain", "evaluate", "distill", "finetune"), resumed)
        goes_on["run"] = "; the same command, without --again, goes on from the checkpoint"
        goes_on |= dict.fromkeys(("data import", "sweep"), "; the same command goes on where it stopped")
        _stop(130, f"interrupted{goes_on.get(name, '')}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        _stop(2, f"`skedge {name}` needs {package}, which this installation has not: pip install 'skedge[{EXTRAS[package]}]'")
    except OSError as error:
        _stop(2, f"{error.filename or name}: {error.strerror or error}")
    except RuntimeError as error:
        code = {"ExportError": 3, "LiveError": 1}.get(type(error).__name__)
        if code is None:
            raise
        _stop(code, str(error))


def _run(name: str, arguments: list[str]) -> None:
    build = COMMANDS[name]
    description, example = (build.__doc__ or "").split("\n\n")
    parser = ArgumentParser(
        prog=f"skedge {name}", description=description, epilog=example, exit_on_error=False, print_config="--print_config"
    )
    command = build(parser)
    try:
        args = parser.parse_args(_recipe_first(arguments))
    except ArgumentError as error:
        raise InputError(f"skedge {name}: {' '.join(str(error).split())}; see `skedge {name} --help`") from None
    command(args)


def _add_recipe(parser: ArgumentParser) -> None:
    from pipeline import Recipe

    parser.add_argument(
        "--recipe", action=ActionConfigFile, help=f"a YAML file, or one of {', '.join(_recipes())}; flags override it"
    )
    parser.add_class_arguments(Recipe)


def _add_training(parser: ArgumentParser) -> None:
    _add_recipe(parser)
    parser.add_argument("--data", type=Path, required=True, help="the store")
    parser.add_argument("--out", type=Path, required=True, help="the run folder to write")
    parser.add_argument("--resume", action="store_true", help="go on from an interrupted run's checkpoint")


def _add_events(parser: ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=1, help="of the model's runtime")
    parser.add_argument("--hop", type=float, help="seconds between two answers; by default 0.1")
    parser.add_argument("--threshold", type=float, default=0.5, help="an event's least probability")
    parser.add_argument("--patience", type=int, default=3, help="answers in a row that make an event")
    parser.add_argument("--debounce", type=float, default=1.0, help="seconds until the same event can come again")


def _event_settings(args: Any) -> dict[str, Any]:
    return {name: args[name] for name in ("threads", "hop", "threshold", "patience", "debounce")}


def _add_camera(parser: ArgumentParser) -> None:
    parser.add_argument("--source", default="0", help="a camera's number or device, picamera, a film, a stream's address, ...")
    parser.add_argument("--people", type=int, help="how many are looked for; by default as many as the model sees together")
    parser.add_argument("--every_frame", action="store_true", help="leave out no frame of a film, however long it takes")
    parser.add_argument("--fast", action="store_true", help="every frame of a film, as fast as they can be worked through")
    parser.add_argument("--pose", help="module:function, called with a number of people: a pose estimator of your own")
    parser.add_argument("--host", default="127.0.0.1", help="who may see the page: 0.0.0.0 lets in others, with a token")
    parser.add_argument("--port", type=int, default=8080, help="of the page; 0 takes any free one")
    parser.add_argument("--token", help="that others must know; made if left out; also from the environment's SKEDGE_TOKEN")
    parser.add_argument("--no_page", action="store_true", help="no page: nothing listens on the network")
    parser.add_argument("--no_browser", action="store_true", help="do not open the page")


def _viewing(args: Any) -> Any:
    from edge_runtime.live.run import Viewing

    if not 0 <= args.port < 65536:
        raise InputError(f"--port: expected a number from 0 to 65535, got {args.port}")
    token = args.token or os.environ.get("SKEDGE_TOKEN")
    return Viewing(args.host, None if args.no_page else args.port, token, not args.no_browser)


def _recipe(parser: ArgumentParser, args: Namespace) -> Any:
    from dataclasses import fields

    from pipeline import Recipe

    made = parser.instantiate(args)
    return Recipe(**{field.name: made[field.name] for field in fields(Recipe)})


def _recipes() -> list[str]:
    return sorted(file.stem for file in RECIPES.glob("*.yaml"))


def _recipe_first(arguments: list[str]) -> list[str]:
    """The arguments with the recipe before all else, so that flags override it wherever they stand, and its name as a path."""
    arguments = [
        part for argument in arguments for part in (argument.split("=", 1) if argument.startswith("--recipe=") else [argument])
    ]
    if "--recipe" not in arguments[:-1]:
        return arguments
    at = arguments.index("--recipe")
    name = arguments[at + 1]
    path = str(RECIPES / f"{name}.yaml") if name in _recipes() else name
    if not Path(path).is_file():
        raise InputError(f"{name}: expected a recipe's file or one of {', '.join(_recipes())}")
    return ["--recipe", path, *arguments[:at], *arguments[at + 2 :]]


def _overview() -> str:
    lines = [
        "skedge: skeleton action recognition at the edge",
        "",
        "usage: skedge COMMAND ...   (skedge COMMAND --help tells more)",
        "",
    ]
    lines += [f"  {name:<15} {(build.__doc__ or '').splitlines()[0]}" for name, build in COMMANDS.items()]
    return "\n".join(lines)


def _stop(code: int, message: str) -> NoReturn:
    print(f"skedge: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _store(data: str | None, runs: Path) -> Any:
    from skeleton.datasets.store import Store

    if data is not None:
        return Store(data)
    from skeleton.datasets.synthetic import synthesize

    path = runs / "stores" / "synthetic"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        synthesize(path)
    return Store(path)


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console

    Console().print_json(data={name: value for name, value in figures.items() if name not in ("per_class", "confusion")})


def _info(path: Path) -> None:
    from skeleton.datasets.store import Store
    from skeleton.datasets.summary import summarize

    _show(summarize(Store(path)))


def _predict(args: Any) -> None:
    from rich.console import Console
    from rich.progress import track

    from edge_runtime.predict import predict_file, predict_store

    if args.clips.is_dir() or not args.clips.exists():
        bar = partial(track, description="Recognising", console=Console(stderr=True), transient=True)
        report = predict_store(
            args.model, args.clips, args.protocol, args.part, args.frame_by_frame, bar, args.label, args.synonyms
        )
        for one in report.predictions:
            print(f"{one.name}\t{one.truth}\t{one.label or '-'}\t{one.confidence:.3f}")
        for note in report.notes:
            print(f"note: {note}", file=sys.stderr)
        mean = report.mean_accuracy
        scored = "" if mean is None else f" by the last answer, {100 * mean:.2f} % by the mean of all answers"
        print(f"top-1 {100 * report.accuracy:.2f} % of {len(report.predictions)} clips{scored}")
        return
    one = predict_file(args.model, args.clips, args.rate, args.frame_by_frame)
    print(f"{one.label or 'no answer: the clip ended before the first one'}\t{one.confidence:.3f}")


def _evaluate_online(args: Any) -> None:
    import json

    from rich.console import Console
    from rich.progress import track

    from bench.report import write_whole
    from edge_runtime.online import evaluate_online
    from edge_runtime.recognizer import Recognizer
    from skeleton.datasets.store import Store

    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    recognizer = Recognizer.load(args.model, **_event_settings(args))
    bar = partial(track, description="Watching", console=Console(stderr=True), transient=True)
    report = evaluate_online(recognizer, Store(args.data), args.protocol, args.part, args.overlap, args.synonyms, bar)
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    figures = report.figures | {"model": str(args.model), "data": str(args.data), "protocol": args.protocol, "part": args.part}
    _show(figures)
    if args.out is not None:
        write_whole(args.out, json.dumps({**figures, "notes": report.notes, "found": report.events}, indent=1) + "\n")


if __name__ == "__main__":
    main()
