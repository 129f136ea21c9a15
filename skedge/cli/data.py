"""Commands on stores: data import, info, check, split, merge, show, synth."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.options import show_store
from skedge.skeleton.errors import InputError


def import_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Import a dataset into a store: raw NTU RGB+D, PKU-MMD and others, or a folder of your own
    clips.

    Example: skedge data import ntu60 downloads/nturgbd_skeletons_s001_to_s017.zip stores/ntu60
    --missing missing.txt
    """
    parser.add_argument(
        "format", help="of the source; docs/own-data.md tells which there are and what they read"
    )
    parser.add_argument("source", type=Path, help="folder or file")
    parser.add_argument("store", type=Path, help="the folder to write")
    parser.add_argument(
        "--layout",
        help="the source's joints, a name or a JSON file, where the format leaves it open",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        help="a text file with one class name a line, where the format has none",
    )
    parser.add_argument(
        "--rate", type=float, help="frames per second, where the format leaves it open"
    )
    parser.add_argument(
        "--missing",
        type=Path,
        help="ntu60, ntu120: the list of samples without skeletons, to leave out",
    )
    parser.add_argument(
        "--bodies", help="ntu60, ntu120: how persons are chosen, denoise (the default) or first-two"
    )
    parser.add_argument(
        "--continuous",
        action="store_true",
        help="pku-mmd: whole recordings and their labelled intervals",
    )
    parser.add_argument(
        "--strict", action="store_true", help="end at the first damaged file instead of listing it"
    )
    parser.add_argument(
        "--processes", type=int, help="that read at the same time; by default one a CPU core"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a store that stands there"
    )

    def main(args: Any) -> None:
        from skedge.datasets.readers import import_dataset

        options = {name: args[name] for name in ("layout", "labels", "rate", "missing", "bodies")}
        options["continuous"] = args.continuous or None
        how = {name: args[name] for name in ("overwrite", "strict", "processes")}
        report = import_dataset(args.format, args.source, args.store, **how, **options)
        show_store(args.store)
        if report["damaged"]:
            where = args.store / "import-report.json"
            print(
                f"note: {len(report['damaged'])} of {report['sources']} damaged and left out, see"
                f" {where}",
                file=sys.stderr,
            )
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
    return lambda args: show_store(args.store)


def check_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Read a whole store again and compare every clip with its checksum.

    Example: skedge data check stores/utd
    """
    parser.add_argument("store", type=Path, help="the store")

    def main(args: Any) -> None:
        from skedge.datasets.store import Store
        from skedge.datasets.store.check import check

        store = Store(args.store)
        damaged = check(store)
        if damaged:
            raise InputError(
                f"{args.store}: damaged clips: {', '.join(damaged[:10])}; {len(damaged)} in all;"
                " import it again"
            )
        print(f"{len(store)} clips are as they were written")

    return main


def split_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Add a split to a store: a share of another's training clips, folds, or what a file says.

    Example: skedge data split stores/ntu60 xsub-5 --of xsub --share 0.05
    """
    parser.add_argument("store", type=Path, help="the store")
    parser.add_argument("name", help="of the new split; folds get -1, -2 and so on behind it")
    parser.add_argument(
        "--of", default="xsub", help="the split whose training clips a share is taken of"
    )
    parser.add_argument("--share", type=float, help="from 0 to 1: the semi-supervised subset")
    parser.add_argument(
        "--random", action="store_true", help="the share of all clips together, not of every class"
    )
    parser.add_argument("--folds", type=int, help="how many folds")
    parser.add_argument(
        "--by", default="clip", help="what folds keep together: clip, subject, camera or setup"
    )
    parser.add_argument("--file", type=Path, help="lines like a1_s1_t1,train")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same clips")

    def main(args: Any) -> None:
        from skedge.datasets.store import splits

        if sum(way is not None for way in (args.share, args.folds, args.file)) != 1:
            raise InputError(
                "skedge data split: expected one of --share, --folds and --file; see `skedge data"
                " split --help`"
            )
        if args.share is not None:
            splits.add_subset(
                args.store, args.name, args.of, args.share, seed=args.seed, balanced=not args.random
            )
        elif args.folds is not None:
            splits.add_folds(args.store, args.name, args.folds, by=args.by, seed=args.seed)
        else:
            splits.add_split(args.store, args.name, args.file)
        show_store(args.store)

    return main


def merge_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Make one store of several: your own recordings and a dataset, say.

    Example: skedge data merge stores/all stores/synthetic stores/mine
    """
    parser.add_argument("store", type=Path, help="the folder to write")
    parser.add_argument(
        "stores", type=Path, nargs="+", help="what goes in; the first names the layout and the rate"
    )

    def main(args: Any) -> None:
        from skedge.datasets.store import Store
        from skedge.datasets.store.rewrite import merge

        merge([Store(path) for path in args.stores], args.store)
        show_store(args.store)

    return main


def synth_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Make the synthetic set: 12 actions, idle and other movement, as a camera would see them.

    Example: skedge data synth stores/synthetic --subjects 20
    """
    parser.add_argument("store", type=Path, help="the folder to write")
    parser.add_argument(
        "--subjects", type=int, default=20, help="people of different build and tempo"
    )
    parser.add_argument("--clips", type=int, default=3, help="per action and subject")
    parser.add_argument(
        "--continuous",
        type=int,
        help="so many recordings of a minute per subject instead, mostly of everyday movement",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
    parser.add_argument(
        "--clean", action="store_true", help="bodies in a room, without a camera's view and errors"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a store that stands there"
    )

    def main(args: Any) -> None:
        from skedge.datasets.synthetic.synthesize import synthesize, synthesize_recordings

        how = {name: args[name] for name in ("subjects", "seed", "clean", "overwrite")}
        if args.continuous is None:
            synthesize(args.store, clips_per_action_and_subject=args.clips, **how)
        else:
            synthesize_recordings(args.store, recordings_per_subject=args.continuous, **how)
        show_store(args.store)

    return main


def show_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Draw a clip of a store as a moving GIF or a PNG strip, a continuous recording with its labels
    over their frames.

    Example: skedge data show stores/utd a3_s1_t1 wave.gif
    """
    parser.add_argument("store", type=Path, help="the store")
    parser.add_argument("clip", help="its name")
    parser.add_argument("file", type=Path, help="the .gif or .png to write")

    def main(args: Any) -> None:
        from skedge.datasets.picture import draw
        from skedge.datasets.store import Store

        store = Store(args.store)
        number = store.find(args.clip)
        own = store.intervals[store.intervals["clip"] == number]
        intervals = [
            (store.labels[one["label"]], int(one["start"]), int(one["end"])) for one in own
        ]
        title = (
            args.clip if intervals else f"{args.clip}: {store.labels[store.index['label'][number]]}"
        )
        draw(
            store.clip(number),
            store.layout,
            args.file,
            rate=store.rate,
            title=title,
            intervals=intervals,
        )
        print(args.file)

    return main
