"""Commands that train: run, pretrain, evaluate, distill, finetune, sweep, table, draw."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.options import (
    add_data,
    add_recipe,
    add_seeds,
    add_training,
    note_unread,
    recipe_of,
    recipe_to_train,
    seeds_of,
    settings_of_file,
    show,
    stop,
    tell_unread,
    training_into,
)
from skedge.recipes import RECIPES
from skedge.recipes.ranges import Count
from skedge.skeleton.errors import InputError

PROTOCOLS = ["linear", "finetune", "semi", "transfer", "knn", "partial-body", "supervised", "ridge"]


def run_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Run the whole path, from pretraining to a report. It pretrains, evaluates, distils, exports,
    recognises and benchmarks; what an earlier run left there is not made again.

    Example: skedge run --data stores/utd --recipe utd_mhad
    """
    add_recipe(parser)
    add_data(parser, "store to train on; without it the synthetic set is made", required=False)
    parser.add_argument(
        "--films",
        type=Path,
        metavar="FOLDER",
        help="films to train on, in a folder for each class (default recipe: own)",
    )
    parser.add_argument(
        "--pose",
        metavar="MODULE:FUNCTION",
        help="pose estimator of your own that looks at the films",
    )
    parser.add_argument(
        "--out",
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="folder in which the run gets a folder of its own (default: runs)",
    )
    parser.add_argument("--again", action="store_true", help="train again what is there already")

    def main(args: Any) -> None:
        from skedge import path
        from skedge.recipes.recipe import idle_in_path

        if args.data is not None and args.films is not None:
            raise InputError("run: expected --data or --films, got both")
        recipe = recipe_to_train("run", parser, args)
        for reader, names in idle_in_path(recipe, args.typed).items():
            note_unread(reader, names)
        if args.films is not None:
            path.run_films(recipe, args.films, args.out, again=args.again, pose=args.pose)
            return
        if args.pose is not None:
            raise InputError("run: expected --films with --pose, got none")
        store = path.store_of(args.data, args.out)
        path.run(recipe, store, args.out, again=args.again)

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

        recipe = recipe_to_train("pretrain", parser, args)
        with training_into(args) as out:
            show(steps.pretrain(Store(args.data), out, recipe, resume=args.resume))

    return main


def evaluate_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Train and test a classifier by one of the protocols.

    Example: skedge evaluate linear --pretrained runs/pstl --data stores/utd --recipe utd_mhad --out
    runs/linear
    """
    parser.add_argument(
        "protocol",
        choices=PROTOCOLS,
        help="how a classifier is trained and tested (supervised and ridge are baselines)",
    )
    add_training(parser)
    parser.add_argument(
        "--pretrained",
        type=Path,
        metavar="RUN",
        help="run folder of `skedge pretrain`; for partial-body of a linear probe",
    )
    parser.add_argument(
        "--untrained",
        action="store_true",
        help="measure the same encoder untrained too: as initialised, and with the batch-norm"
        " statistics of one pass over the training clips",
    )
    add_seeds(parser, "several seeds such as 0 1 2, for their mean and deviation")

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store
        from skedge.recipes.recipe import Recipe

        recipe = recipe_to_train(f"evaluate {args.protocol}", parser, args)
        seeds = seeds_of(args)
        if seeds and args.protocol == "partial-body":
            raise InputError(
                "evaluate partial-body: expected no --seeds, it draws what is hidden several times:"
                " set partial.draws"
            )
        if seeds and "compute.seed" in args.typed:
            raise InputError("evaluate: expected --seeds or --compute.seed, got both")
        if seeds and args.protocol == "ridge":
            note_unread("evaluate ridge", ["compute.seed"])
        store = Store(args.data)
        if args.pretrained is not None:
            steps.check_asked(args.pretrained, recipe, args.typed, protocol=args.protocol)
            steps.tell_plan(args.pretrained, recipe, settings_of_file(args), protocol=args.protocol)

        def measured(folder: Path, recipe: Recipe, resume: bool) -> dict[str, Any]:
            return steps.evaluate(
                store,
                folder,
                recipe,
                protocol=args.protocol,
                pretrained=args.pretrained,
                untrained=args.untrained,
                resume=resume,
            )

        with training_into(args) as out:
            show(
                steps.over_seeds(out, recipe, seeds, step=measured, resume=args.resume)
                if seeds
                else measured(out, recipe, args.resume)
            )

    return main


def distill_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Distil one or more teachers into the student. Without a teacher the student is trained on
    labels alone.

    Example: skedge distill --teacher runs/finetune --data stores/utd --recipe utd_mhad --out
    runs/student
    """
    add_training(parser)
    parser.add_argument(
        "--teacher",
        type=Path,
        nargs="+",
        default=[],
        metavar="RUN",
        help="run folder of a linear-probed or finetuned teacher; of several their mean teaches",
    )
    parser.add_argument(
        "--unlabelled",
        type=Path,
        nargs="+",
        default=[],
        metavar="STORE",
        help="more stores to distil on, without their labels; of one that has the recipe's split"
        " the training clips",
    )
    parser.add_argument(
        "--pretrained",
        type=Path,
        metavar="RUN",
        help="run folder to begin as: a pretrained encoder, or a student, of the same plan",
    )

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store
        from skedge.recipes.recipe import idle_in_distilling, idle_on_clips

        recipe = recipe_to_train("distill", parser, args)
        idle = idle_in_distilling(recipe, args.typed, taught=[bool(args.teacher)])
        for reader, names in idle.items():
            note_unread(reader, names)
        for teacher in args.teacher:
            steps.tell_plan(teacher, recipe, settings_of_file(args))
        store = Store(args.data)
        for reader, names in () if len(store.intervals) else idle_on_clips(args.typed).items():
            note_unread(reader, names)
        others = [Store(path) for path in args.unlabelled]
        with training_into(args) as out:
            show(
                steps.distill(
                    store,
                    out,
                    recipe,
                    teachers=args.teacher,
                    resume=args.resume,
                    unlabelled=others,
                    pretrained=args.pretrained,
                )
            )

    return main


def finetune_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Train a classifier further on the actions of another store. That may be your own, merged by
    `skedge data merge` with those it knows.

    Example: skedge finetune runs/student --data stores/all --recipe default --out runs/mine
    """
    parser.add_argument("run", type=Path, help="run folder of a student or teacher")
    add_training(parser)

    def main(args: Any) -> None:
        from skedge import steps
        from skedge.datasets.store import Store

        recipe = recipe_to_train("finetune", parser, args)
        store = Store(args.data)
        steps.check_asked(args.run, recipe, args.typed)
        with training_into(args) as out:
            show(steps.finetune(store, out, recipe, trained=args.run, resume=args.resume))

    return main


def sweep_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Run a grid of settings and seeds. Each point is a chain of steps; the results are a table and
    a plot; the same command goes on where it stopped.

    Example: skedge sweep temperature --teacher runs/finetune --data stores/utd --out
    runs/temperature
    """
    parser.add_argument("sweep", help="YAML file as in docs/sweeps.md, or one of those below")
    add_data(parser, "store to train on")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="folder of all points to write"
    )
    parser.add_argument(
        "--pretrained", type=Path, metavar="RUN", help="run folder that evaluations start from"
    )
    parser.add_argument("--teacher", type=Path, metavar="RUN", help="run folder of the teacher")
    parser.add_argument(
        "--recipe", "--base", metavar="RECIPE", help="recipe in place of the sweep's own"
    )
    parser.add_argument(
        "--set",
        type=dict[str, Any],
        help="more settings of all points, such as '{distill.optim.epochs: 20}'",
    )
    add_seeds(parser, "seeds in place of the sweep's own")
    parser.add_argument(
        "--jobs",
        type=int,
        help="points at the same time (default: one per GPU, or one; with SLURM all)",
    )
    parser.add_argument(
        "--slurm",
        metavar="KEY=VALUE,...",
        help="run as SLURM jobs: partition=gpu,gpus_per_node=1,timeout_min=240",
    )

    def main(args: Any) -> None:
        from skedge.datasets.store import Store
        from skedge.sweep.grid import Given, read_sweep
        from skedge.sweep.jobs import slurm_settings
        from skedge.sweep.run import run

        slurm = None if args.slurm is None else slurm_settings(args.slurm)
        sweep, name = read_sweep(
            args.sweep, RECIPES, base=args.recipe, settings=args.set, seeds=seeds_of(args)
        )
        given = Given(args.pretrained, args.teacher)
        store = Store(args.data)
        report = run(name, sweep, store, out=args.out, given=given, jobs=args.jobs, slurm=slurm)
        if report.failed:
            named = "; ".join(report.reasons[:3]) + (
                "; the others are in sweep.md" if len(report.reasons) > 3 else ""
            )
            stop(
                1,
                f"{len(report.failed)} of {len(report.outcomes)} points failed, the same command"
                f" runs them again: {named}",
            )

    return main


def draw_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Draw what trained models know.

    Example: skedge draw features runs/finetune runs/student --data stores/utd --out tsne.png
    """
    kinds = {
        "features": "t-SNE of several models' features",
        "difference": "accuracy per class of two models",
        "activation": "which joints and frames spoke for an answer",
        "attention": "which tokens a transformer looks at",
        "masks": "what the recipe's masks hide of a clip",
        "motion": "how far joints move",
        "reconstruction": "what a pretrained SkeletonMAE makes of a masked clip",
    }
    known = "; ".join(f"{kind}: {what}" for kind, what in kinds.items())
    parser.add_argument("kind", choices=list(kinds), help=known)
    parser.add_argument("run", type=Path, nargs="*", help="run folders of trained models")
    add_recipe(parser)
    add_data(parser, "store; difference needs none", required=False)
    parser.add_argument("--clip", help="name of the clip, for activation, masks and reconstruction")
    parser.add_argument(
        "--classes",
        type=Count,
        default=9,
        help="number of classes, drawn by the seed, for features and motion",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".png, .svg or .pdf file to write"
    )

    def main(args: Any) -> None:
        from skedge import steps

        recipe = recipe_of(parser, args)
        tell_unread("draw", args)
        for run in args.run if args.data is not None else ():  # else it is of figures alone
            steps.check_asked(run, recipe, args.typed)
        steps.draw(
            args.kind,
            args.run,
            args.out,
            recipe=recipe,
            data=args.data,
            clip=args.clip,
            classes=args.classes,
        )
        print(args.out)

    return main


def table_command(parser: ArgumentParser) -> Callable[[Any], None]:
    """Print a Markdown table of all evaluations below a folder.

    Example: skedge table runs
    """
    parser.add_argument("run", type=Path, nargs="+", help="run folders, or folders that hold some")

    def main(args: Any) -> None:
        from skedge.tables import evaluations

        print(evaluations(args.run), end="")

    return main
