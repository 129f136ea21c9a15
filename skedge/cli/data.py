"""Commands on stores: data import, synth, info, check, show, split, merge, remove."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.options import show_store
from skedge.recipes.ranges import Count, Seed
from skedge.skeleton.errors import InputError
from skedge.skeleton.text import counted, say


def import_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Import a dataset into a store. The source is NTU RGB+D, PKU-MMD or another published set as
    downloaded, or a folder of your own clips.

    Example: skedge data import ntu60 downloads/nturgbd_skeletons_s001_to_s017.zip stores/ntu60
    --missing missing.txt
    """
    from skedge.datasets.readers import add_format, options
    from skedge.edge_runtime.sources.films import open_films

    add_format("films", open_films)

    parser.add_argument("format", help="format of the source, one of those below")
    parser.add_argument("source", type=Path, help="folder or file of the recordings")
    parser.add_argument("out", type=Path, help="store to write")
    for name, option in options().items():
        how: dict[str, Any] = {"type": option.type}
        if option.type is bool:
            how = {"action": "store_true"}
        known = f"{option.about} ({', '.join(option.formats)})"
        parser.add_argument(f"--{name.replace('_', '-')}", help=known, **how)
    parser.add_argument(
        "--unit", help="unit of the coordinates: m (the default), mm, cm, in, ft, or any"
    )
    parser.add_argument("--up", help="axis that points up: y (the default), -y, x, -x, z or -z")
    parser.add_argument(
        "--flip-x", action="store_true", help="negate x, for sources that are mirror images"
    )
    parser.add_argument(
        "--channels",
        help="numbers of a joint: xyz (the default), xys (place in a picture and score) or xy",
    )
    parser.add_argument(
        "--as-is", action="store_true", help="import bodies that look wrong, but are right"
    )
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first damaged file instead of listing it"
    )
    parser.add_argument(
        "--processes", type=Count, help="number of reading processes (default: one per core)"
    )
    _add_overwrite(parser)

    def main(args: Any) -> None:
        from skedge.datasets.importer import Importing
        from skedge.datasets.mending import Mending
        from skedge.datasets.readers import import_dataset

        given: dict[str, Any] = {
            name: None if args[name] is False else args[name] for name in options()
        }
        how = Importing(
            overwrite=args.overwrite,
            strict=args.strict,
            processes=args.processes,
            as_is=args.as_is,
        )
        named = {name: args[name] for name in ("unit", "up", "flip_x", "channels")}
        mending = Mending(**{name: value for name, value in named.items() if value})
        report = import_dataset(
            args.format, args.source, args.out, how=how, mending=mending, **given
        )
        show_store(args.out)
        say(*_notes(report, args.out / "import-report.json"))

    return main


def _notes(report: dict[str, Any], where: Path) -> list[str]:
    """What a user should know of an import."""
    damaged = len(report["damaged"])
    of = f"{report['sources']} {report['unit']}"
    notes = []
    if damaged:
        parts = damaged > report["sources_damaged"]
        many = f"{counted(damaged, 'damaged part')} of {of}" if parts else f"{damaged} of {of}"
        first = report["damaged"][0]
        notes.append(f"{many} left out, see {where}; {first['file']}: {first['reason']}")
    notes += report["warnings"]
    if report["notes"]:
        first = report["notes"][0]
        more = f" (the first of {len(report['notes'])} notes)" if len(report["notes"]) > 1 else ""
        notes.append(f"{first['clip']}: {first['note']}{more}; see {where}")
    notes += [
        f"left out {reason}: {count}" for reason, count in report["left_out"].items() if count
    ]
    return notes + [f"not the published count: {one}" for one in report["mismatches"]]


def synth_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Make the synthetic set. Invented people before an invented camera do 12 actions, and all that
    people do otherwise.

    Example: skedge data synth stores/synthetic --subjects 20
    """
    parser.add_argument("out", type=Path, help="store to write")
    parser.add_argument(
        "--subjects", type=int, default=20, help="number of people, of different build and tempo"
    )
    parser.add_argument(
        "--clips", type=int, default=3, help="number of clips per action and person"
    )
    parser.add_argument(
        "--continuous",
        type=int,
        help="make this many recordings of a minute per person instead, mostly everyday movement",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
    parser.add_argument(
        "--clean", action="store_true", help="bodies in a room, without a camera's view and errors"
    )
    parser.add_argument(
        "--processes",
        type=Count,
        help="number of processes for --continuous (default: one per core)",
    )
    _add_overwrite(parser)

    def main(args: Any) -> None:
        from skedge.datasets.synthetic.synthesize import synthesize, synthesize_recordings

        how = {name: args[name] for name in ("subjects", "seed", "clean", "overwrite")}
        if args.continuous is None:
            synthesize(args.out, clips_per_action_and_subject=args.clips, **how)
        else:
            synthesize_recordings(
                args.out, recordings_per_subject=args.continuous, processes=args.processes, **how
            )
        show_store(args.out)

    return main


def info_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Show what a store holds. These are classes, subjects, splits, lengths and absent joints.

    Example: skedge data info stores/utd
    """
    _add_store(parser)
    return lambda args: show_store(args.data)


def check_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Compare every clip of a store with its checksum.

    Example: skedge data check stores/utd
    """
    _add_store(parser)

    def main(args: Any) -> None:
        from skedge.datasets.store import Store
        from skedge.datasets.store.check import check
        from skedge.datasets.store.look import look
        from skedge.datasets.store.odd import odd_clips

        store = Store(args.data)
        damaged = check(store)
        if damaged:
            raise InputError(
                f"{args.data}: damaged clips: {', '.join(damaged[:10])}; {len(damaged)} in all;"
                " import it again"
            )
        body = look(store.clip, len(store), store.layout, rate=store.rate)
        names, labels = store.index["name"], store.index["label"]
        odd = odd_clips(store.clip, names, store.layout, labels=labels)
        say(*map(str, body.faults), *odd)
        print(f"{counted(len(store), 'clip is as it was', 'clips are as they were')} written")

    return main


def show_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Draw a clip of a store as a moving GIF or a PNG strip. A whole recording is drawn with its
    labels over their frames.

    Example: skedge data show stores/utd a3_s1_t1 wave.gif
    """
    _add_store(parser)
    parser.add_argument("clip", help="name of the clip")
    parser.add_argument("out", type=Path, help=".gif or .png file to write")

    def main(args: Any) -> None:
        from skedge.datasets.picture import draw_clip
        from skedge.datasets.store import Store

        draw_clip(Store(args.data), args.clip, args.out)
        print(args.out)

    return main


# The ways to split, each with the flags that it uses.
_WAYS = {
    "share": {"of", "random"},
    "val": {"of", "by"},
    "folds": {"of", "by", "all"},
    "file": set[str](),
}


def split_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Add a split to a store. It is a share of another split's training clips, a validation part
    inside of them, folds of them, or what a file lists.

    Example: skedge data split stores/ntu60 xsub-5 --of xsub --share 0.05
    """
    _add_store(parser)
    parser.add_argument("name", help="name of the new split; folds get -1, -2 and so on behind it")
    parser.add_argument(
        "--of",
        metavar="SPLIT",
        help="split whose training clips are divided (default: xsub, or the store's only one)",
    )
    parser.add_argument("--share", type=float, help="share of the training clips to keep, 0 to 1")
    parser.add_argument(
        "--random", action="store_true", help="take the share of all clips, not of every class"
    )
    parser.add_argument("--val", type=float, help="share of the training clips for validation")
    parser.add_argument("--folds", type=int, help="number of folds of the training clips")
    parser.add_argument("--all", action="store_true", help="make folds of the test clips, too")
    parser.add_argument(
        "--by",
        choices=["clip", "subject", "camera", "setup"],
        help="what a fold or the validation part keeps together (default: clip)",
    )
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="text file with lines like a1_s1_t1,train"
    )
    parser.add_argument("--seed", type=Seed, default=0, help="the same seed gives the same clips")

    def main(args: Any) -> None:
        from skedge.datasets.store import Store, splits

        ways = [way for way in _WAYS if getattr(args, way) is not None]
        if len(ways) != 1:
            raise InputError(
                "expected one of --share, --val, --folds and --file; see `skedge data split --help`"
            )
        idle = {"of", "random", "all", "by"} - _WAYS[ways[0]]
        for flag in sorted(idle):
            if getattr(args, flag):
                raise InputError(f"expected no --{flag} with --{ways[0]}, which does not use it")
        if args.all and args.of:
            raise InputError("expected --of or --all, got both")
        by = args.by or "clip"
        store = Store(args.data)
        if args.share is not None:
            splits.add_subset(
                args.data,
                args.name,
                _divided(store, args.of),
                share=args.share,
                seed=args.seed,
                balanced=not args.random,
            )
        elif args.folds is not None:
            whole = args.all or not store.protocols
            of = None if whole and not args.of else _divided(store, args.of)
            splits.add_folds(args.data, args.name, args.folds, by=by, seed=args.seed, of=of)
        elif args.val is not None:
            splits.add_validation(
                args.data,
                args.name,
                _divided(store, args.of),
                share=args.val,
                by=by,
                seed=args.seed,
            )
        else:
            splits.add_split(args.data, args.name, args.file)
        show_store(args.data)

    return main


def _divided(store: Any, named: str | None) -> str:
    """The split whose training clips are divided: the one that is named, or else a store's only
    one, `xsub` of several. Raises `InputError` where the store has it not."""
    of = named or (store.protocols[0] if len(store.protocols) == 1 else "xsub")
    if of not in store.protocols:
        known = ", ".join(store.protocols) or "none; --folds makes some"
        raise InputError(f"--of: expected one of the store's splits ({known}), got {of}")
    return str(of)


def merge_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Make one store of several. They may be your own recordings and a dataset.

    Example: skedge data merge stores/all stores/synthetic stores/mine
    """
    parser.add_argument("out", type=Path, help="store to write")
    parser.add_argument(
        "data", type=Path, nargs="+", help="stores to merge; the first sets layout and rate"
    )

    def main(args: Any) -> None:
        from skedge.datasets.store import Store
        from skedge.datasets.store.rewrite import merge

        stores = [Store(path) for path in args.data]
        merged = merge(stores, args.out)
        for split, store in product(merged.protocols, stores):
            if split not in store.protocols:
                say(f"{store.path} has no split {split}: all of its clips train in it")
        show_store(args.out)

    return main


def remove_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Remove clips from a store, such as a take that went wrong. Classes that they leave empty go
    too.

    Example: skedge data remove stores/mine knock-3
    """
    _add_store(parser)
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="name of a clip")

    def main(args: Any) -> None:
        from skedge.datasets.store.rewrite import remove

        remove(args.data, args.clips)
        show_store(args.data)

    return main


def _add_store(parser: ArgumentParser) -> None:
    parser.add_argument("data", type=Path, help="the store")


def _add_overwrite(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a store that is there already"
    )
