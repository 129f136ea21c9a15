"""The whole path: pretrain, evaluate, distil, export, recognise, benchmark, report; and what of it
need not run again."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.skeleton.files import read_json, write_json
from skedge.skeleton.normalize import STREAMABLE
from skedge.steps import distill, evaluate, export, pretrain
from skedge.tables import write_report


class Steps:
    """The steps of one path; those whose result stands already (same settings and data, nothing
    newer before) are left out."""

    def __init__(
        self, recipe: Recipe, store: Store, folder: Path, again: bool, console: Console
    ) -> None:
        self.recipe, self.store, self.folder, self.again, self.console = (
            recipe,
            store,
            folder,
            again,
            console,
        )

    def train(
        self,
        name: str,
        sections: tuple[str, ...],
        train: Callable[[Path, bool], dict[str, Any]],
        *after: str,
    ) -> dict[str, Any]:
        """The metrics of the step `name`, trained if the recipe's `sections`, the store or a step
        in `after` changed.

        An interrupted step goes on from its checkpoint if all of these are still the same.
        """
        folder = self.folder / name
        asked = {
            "store": self.store.fingerprint,
            **self.recipe.sections("input", "compute", *sections),
        }
        asked["after"] = {
            step: sha256((self.folder / step / "metrics.json").read_bytes()).hexdigest()
            for step in after
        }
        same = not self.again and read_json(folder / "asked.json") == asked
        done = read_json(folder / "metrics.json")
        if same and done is not None:
            self.console.print(f"[dim]{name}: stands in {folder}[/dim]")
            return done
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").unlink(missing_ok=True)
        write_json(folder / "asked.json", asked)
        return train(folder, same)


def run(recipe: Recipe, store: Store, runs: Path, again: bool = False) -> dict[str, Any]:
    """Pretrain, probe, finetune, distil, export, recognise, benchmark; the report comes back and
    stands in the run's folder.

    Where all students learn from labels alone, there is no teacher to train.
    What stands in `runs` under the recipe's name from an earlier run with the same settings and
    data is not trained again unless `again`.
    """
    from skedge.bench.benchmark import benchmark
    from skedge.edge_runtime.scoring.predict import predict_store

    _check_ends(recipe)
    console, folder = Console(), runs / recipe.name
    steps = Steps(recipe, store, folder, again, console)
    accuracy: dict[str, dict[str, Any]] = {}
    pretraining = ("encoder", "pretrain")
    with console.status("Ridge classifier on coordinates"):
        accuracy["ridge on coordinates"] = steps.train(
            "ridge", (), lambda out, _: evaluate("ridge", recipe, store, out)
        )
    if taught := set(recipe.students) != {"labels"}:
        encoder = folder / "pretrain"
        steps.train(
            "pretrain", pretraining, lambda out, resume: pretrain(recipe, store, out, resume)
        )
        accuracy["teacher, linear probe"] = steps.train(
            "linear",
            (*pretraining, "linear"),
            lambda out, resume: evaluate("linear", recipe, store, out, encoder, resume),
            "pretrain",
        )
        accuracy["teacher, finetuned"] = steps.train(
            "finetune",
            (*pretraining, "finetune"),
            lambda out, resume: evaluate("finetune", recipe, store, out, encoder, resume),
            "pretrain",
        )
    described = {
        "linear": "student of linear probe",
        "finetune": "student of finetuned",
        "labels": "student on labels",
    }
    for source in recipe.students:
        teacher = None if source == "labels" else folder / source
        accuracy[described[source]] = steps.train(
            f"student-{source}",
            ("student", "distill", *((*pretraining, source) if teacher else ())),
            partial(distill, recipe, store, [teacher] if teacher else []),
            *((source,) if teacher else ()),
        )

    student_file, teacher_file = folder / "student.onnx", folder / "teacher.onnx"
    exported, files = {}, {student_file: f"student-{recipe.students[0]}", teacher_file: "finetune"}
    if not taught or recipe.encoder.backbone in ("gin", "dgcnn"):
        del files[teacher_file]
    for file, step in files.items():
        live = file == student_file and _is_live(recipe)
        with console.status(f"Exporting and verifying {file.name}"):
            exported[file.stem] = export(folder / step, file, store, streaming=live)
    edge = {}
    for name, frame_by_frame in (("whole clips", False), ("frame by frame", True)):
        bar = partial(track, description=f"Recognising {name}", console=console)
        found = predict_store(
            student_file, store, recipe.input.protocol, recipe.input.part, frame_by_frame, track=bar
        )
        edge[name] = {
            "top1": round(100 * found.accuracy, 2),
            "clips": len(found.predictions),
            "notes": list(found.notes),
        }
        if found.mean_accuracy is not None:
            edge[f"{name}, mean of all answers"] = edge[name] | {
                "top1": round(100 * found.mean_accuracy, 2)
            }
    report = {
        "recipe": recipe.sections(),
        "store": {"name": store.name, "fingerprint": store.fingerprint, "clips": len(store)},
        "accuracy": {
            name: {key: row[key] for key in ("top1", "top5", "clips")}
            for name, row in accuracy.items()
        },
        "export": exported,
        "recognizer": edge,
        "bench": benchmark([*files], folder / "bench"),
    }
    write_report(report, folder, console)
    console.print(f"Model for the edge: {student_file}", soft_wrap=True)
    return report


def store_of(data: Path | None, runs: Path) -> Store:
    """The store at `data`; without it the synthetic set in `runs`, made where it is not there."""
    if data is not None:
        return Store(data)
    from skedge.datasets.synthetic.synthesize import synthesize

    path = runs / "stores" / "synthetic"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        synthesize(path)
    return Store(path)


def _is_live(recipe: Recipe) -> bool:
    """Whether the student is exported frame by frame."""
    return recipe.input.time == "rate" and recipe.input.normalization in STREAMABLE


def _check_ends(recipe: Recipe) -> None:
    """Raise `InputError` for what the last steps of the whole path would refuse, before the first
    one takes hours."""
    from skedge.student.distill import trains_head

    student = recipe.student
    if not recipe.students:
        raise InputError("students: expected one or more of finetune, linear and labels, got none")
    if student.backbone not in ("st-gcn", "tcn"):
        raise InputError(
            "student.backbone: expected st-gcn or tcn, which can be exported, got"
            f" {student.backbone}"
        )
    if not trains_head(recipe.distill):
        raise InputError(
            "distill: expected a logit_weight or a label_weight for a student that is exported; "
            "features alone are for `skedge distill`, and a probe behind it"
        )
    if recipe.input.time == "uniform":
        raise InputError(
            "input.time: expected stretched or rate, which can be exported, got uniform"
        )
    if _is_live(recipe) and set(student.strides) != {1}:
        raise InputError(
            "student.strides: expected 1 everywhere for a student of single frames, got"
            f" {list(student.strides)}"
        )
