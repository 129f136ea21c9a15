"""Commands that train, evaluate and draw: run, pretrain, evaluate, distill, finetune, sweep, draw,
table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.options import add_recipe, add_training, recipe_of, show, stop
from skedge.recipes import RECIPES

PROTOCOLS = ["linear", "finetune", "semi", "transfer", "knn", "partial-body", "supervised", "ridge"]


def run_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """The whole path: pretrain, evaluate, distil, export, recognise, benchmark, report.

    Example: skedge run --data stores/utd --recipe utd_mhad
    """
    add_recipe(parser)
    parser.add_argument(
        "--data",
        type=str,
        help="the store; without it the synthetic set is made in the runs folder",
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="where the folder of this run goes"
    )
    parser.add_argument("--again", action="store_true", help="train anew what stands there already")

    def main(args: Any) -> None:
        from skedge import path

        store = _store(args.data, args.runs)
        path.run(recipe_of(parser, args), store, args.runs, again=args.again)

    return main


def pretrain_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Pretrain a teacher's encoder on unlabelled clips.

    Example: skedge pretrain --data stores/utd --recipe utd_mhad --out runs/pstl
    --pretrain.optim.epochs 50
    """
    add_training(parser)

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store

        recipe = recipe_of(parser, args)
        show(steps.pretrain(Store(args.data), args.out, recipe, resume=args.resume))

    return main


def evaluate_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Evaluate by a protocol: linear, finetune, semi, transfer, knn, partial-body; supervised and
    ridge are baselines.

    Example: skedge evaluate linear --pretrained runs/pstl --data stores/utd --recipe utd_mhad --out
    runs/linear
    """
    parser.add_argument("protocol", choices=PROTOCOLS, help="what to train and test")
    add_training(parser)
    parser.add_argument(
        "--pretrained",
        type=Path,
        help="the folder that `skedge pretrain` wrote; partial-body: that of a linear probe",
    )
    parser.add_argument(
        "--seeds", type=list[int], default=[], help="several: mean and deviation over '[0, 1, 2]'"
    )

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store

        recipe = recipe_of(parser, args)
        store = Store(args.data)
        show(
            steps.evaluate(
                store,
                args.out,
                recipe,
                protocol=args.protocol,
                pretrained=args.pretrained,
                resume=args.resume,
                seeds=args.seeds,
            )
        )

    return main


def distill_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Distil a teacher, or several, into the student; without a teacher, train the student on
    labels alone.

    Example: skedge distill --teacher runs/finetune --data stores/utd --recipe utd_mhad --out
    runs/student
    """
    add_training(parser)
    known = "the folder of a linear-probed or finetuned teacher; of several their mean teaches"
    parser.add_argument("--teacher", type=Path, nargs="+", default=[], help=known)
    more = "further stores whose clips the teacher answers for; their labels are not looked at"
    parser.add_argument("--unlabelled", type=Path, nargs="+", default=[], help=more)

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store

        others = [Store(path) for path in args.unlabelled]
        show(
            steps.distill(
                Store(args.data),
                args.out,
                recipe_of(parser, args),
                teachers=args.teacher,
                resume=args.resume,
                unlabelled=others,
            )
        )

    return main


def finetune_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Train a classifier on with the actions of another store: your own, merged
    (`skedge data merge`) with those it knows.

    Example: skedge finetune runs/student --data stores/all --recipe default --out runs/mine
    """
    parser.add_argument("run", type=Path, help="the folder of a student or teacher")
    add_training(parser)

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store

        recipe = recipe_of(parser, args)
        store = Store(args.data)
        show(steps.finetune(store, args.out, recipe, trained=args.run, resume=args.resume))

    return main


def sweep_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Run a grid of settings and seeds, each point a chain of steps; goes on where it stopped; ends
    in a table and a plot.

    Example: skedge sweep temperature --teacher runs/finetune --data stores/utd --out
    runs/temperature
    """
    known = ", ".join(sorted(file.stem for file in (RECIPES / "sweeps").glob("*.yaml")))
    parser.add_argument("sweep", help=f"a YAML file as in docs/sweeps.md, or one of {known}")
    parser.add_argument("--data", type=Path, required=True, help="the store")
    parser.add_argument(
        "--out", type=Path, required=True, help="the folder of all points, the table and the plot"
    )
    parser.add_argument("--pretrained", type=Path, help="the encoder that evaluations start from")
    parser.add_argument("--teacher", type=Path, help="the teacher to distil")
    parser.add_argument("--base", help="another recipe than the file's, a name or a file")
    parser.add_argument(
        "--set",
        type=dict[str, Any],
        help="further settings of all points: '{distill.optim.epochs: 20}'",
    )
    parser.add_argument("--seeds", type=list[int], help="other seeds than the file's: '[0, 1, 2]'")
    parser.add_argument(
        "--jobs",
        type=int,
        help="points at the same time; by default one a GPU, or one; SLURM: no limit",
    )
    parser.add_argument(
        "--slurm", help="run as SLURM jobs: partition=gpu,gpus_per_node=1,timeout_min=240"
    )

    def main(args: Any) -> None:
        from skedge.datasets.store import Store
        from skedge.sweep.grid import Given, read_sweep
        from skedge.sweep.jobs import slurm_settings
        from skedge.sweep.run import run

        slurm = None if args.slurm is None else slurm_settings(args.slurm)
        sweep, name = read_sweep(
            args.sweep, RECIPES, base=args.base, settings=args.set, seeds=args.seeds
        )
        given = Given(args.pretrained, args.teacher)
        store = Store(args.data)
        report = run(name, sweep, store, out=args.out, given=given, jobs=args.jobs, slurm=slurm)
        if report.failed:
            named = "; ".join(report.failed[:3]) + (
                "; the others are in sweep.md" if len(report.failed) > 3 else ""
            )
            stop(
                1,
                f"{len(report.failed)} of {len(report.outcomes)} points failed, the same command"
                f" runs them again: {named}",
            )

    return main


def draw_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Draw what trained models know: features, difference, activation, attention, masks, motion,
    reconstruction.

    Example: skedge draw features runs/finetune runs/student --data stores/utd --out tsne.png
    """
    kinds = [
        "features",
        "difference",
        "activation",
        "attention",
        "masks",
        "motion",
        "reconstruction",
    ]
    told = (
        "t-SNE; accuracy per class of two runs; what spoke for an answer; what a transformer's"
        " tokens look at; masks; how far joints move; a pretrained SkeletonMAE's reconstruction"
    )
    parser.add_argument("kind", choices=kinds, help=told)
    parser.add_argument("runs", type=Path, nargs="*", help="the folders of trained models")
    add_recipe(parser)
    parser.add_argument("--data", type=Path, help="the store; difference needs none")
    parser.add_argument("--clip", help="activation, masks and reconstruction: the clip's name")
    parser.add_argument(
        "--classes",
        type=int,
        default=9,
        help="features and motion: of how many classes, drawn by the seed",
    )
    parser.add_argument("--out", type=Path, required=True, help="the .png, .svg or .pdf to write")

    def main(args: Any) -> None:
        from skedge import steps

        steps.draw(
            args.kind,
            args.runs,
            args.out,
            recipe=recipe_of(parser, args),
            data=args.data,
            clip=args.clip,
            classes=args.classes,
        )
        print(args.out)

    return main


def table_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """A Markdown table of all evaluations under some folders.

    Example: skedge table runs
    """
    parser.add_argument(
        "folders", type=Path, nargs="+", help="run folders, or folders that hold some"
    )

    def main(args: Any) -> None:
        from skedge.tables import evaluations

        print(evaluations(args.folders), end="")

    return main


def _store(data: str | None, runs: Path) -> Any:
    from skedge.datasets.store import Store

    if data is not None:
        return Store(data)
    from skedge.datasets.synthetic.synthesize import synthesize

    path = runs / "stores" / "synthetic"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        synthesize(path)
    return Store(path)
