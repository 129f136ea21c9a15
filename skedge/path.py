"""The whole path: pretrain, evaluate, distil, export, recognise, benchmark, report; steps whose
result is there are left out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from rich.console import Console

from skedge.datasets.progress import plain_console, track
from skedge.datasets.store import Store
from skedge.recipes.recipe import ALONE, Protocol, Recipe, Source
from skedge.skeleton import InputError
from skedge.skeleton.files import read_json, write_json
from skedge.skeleton.layout import load_layout
from skedge.skeleton.normalize import STREAMABLE
from skedge.skeleton.text import say, typed
from skedge.steps import distill, evaluate, export, pretrain, teach_head
from skedge.tables import SUMMARY, write_report
from skedge.teacher.runs.asked import ASKED, finished, question

# What the report calls the students, by what they learn from.
STUDENTS = {
    "linear": "student of linear probe",
    "finetune": "student of finetuned",
    "labels": "student on labels",
    "shipped": "shipped model, own head",
}
# Backbones of teachers that can be exported.
EXPORTED = ("st-gcn", "tcn", "transformer", "sttformer")
# The pose estimator's joints, and up to how many clips of them make `own` students shipped ones.
POSE_LAYOUT, FEW = "blazepose33", 1000
# What it calls the untrained encoder under the same probe.
UNTRAINED = {
    "initialised": "untrained, linear probe",
    "statistics": "untrained, norms fitted",
}

Train = Callable[[Path, bool], dict[str, Any]]
"""Trains into a folder, going on from a checkpoint there or not, and gives the metrics back."""


@dataclass(frozen=True)
class Steps:
    """The steps of one path; one whose result is there already (same settings and data, nothing
    newer before) is left out."""

    recipe: Recipe
    store: Store
    folder: Path
    again: bool
    console: Console

    def take(
        self, name: str, command: str, train: Train, *, after: str | None = None
    ) -> dict[str, Any]:
        """The metrics of the step in the folder `name`, trained if what its command reads of the
        recipe, the store, or the step before it changed.

        An interrupted step goes on from its checkpoint if all of these are still the same.
        """
        folder = self.folder / name
        runs = [] if after is None else [self.folder / after]
        asked = question(command, [self.store], self.recipe, runs=runs)
        done = None if self.again else finished(folder, asked)
        if done is not None:
            self.console.print(f"{name}: is in {folder}", style="dim", soft_wrap=True)
            return done
        same = not self.again and read_json(folder / ASKED) == asked
        return train(folder, same)


def run(recipe: Recipe, store: Store, runs: Path, *, again: bool = False) -> dict[str, Any]:
    """The report of the whole path: pretrain, probe, finetune, distil, export, recognise,
    benchmark; it is written to the run's folder too.

    Where all students learn from labels alone, there is no teacher to train. A store whose only
    split is not the recipe's is taken with that one.
    What is in `runs` under the recipe's name from an earlier run with the same settings and data is
    not trained again unless `again`. Raises `InputError` where a finished run on a store of another
    name is there.
    """
    from skedge.teacher.runs.folder import only_training

    console = plain_console()
    if recipe.input.protocol not in store.protocols and len(store.protocols) == 1:
        recipe = replace(recipe, input=replace(recipe.input, protocol=store.protocols[0]))
        console.print(f"split: {recipe.input.protocol}", style="dim")
    recipe = replace(recipe, students=tuple(who_learns(recipe, store)))
    _check_ends(recipe, store)
    folder = runs / recipe.name
    with only_training(folder):
        if not again:
            _check_store(folder, store)
        return _walk(Steps(recipe, store, folder, again=again, console=console))


def _check_store(folder: Path, store: Store) -> None:
    """Raise `InputError` where a finished run on a store of another name is in the folder."""
    match read_json(folder / SUMMARY):
        case {"store": {"name": str(before)}} if before != store.name:
            raise InputError(
                f"{folder}: expected a run on {store.name}, it holds a finished one on {before};"
                " name another with --name, or replace it with --again"
            )


def who_learns(recipe: Recipe, store: Store) -> list[Source]:
    """The students of a recipe on a store, `own` among them replaced.

    It is the shipped model's encoder for `FEW` clips of the pose estimator, of one person and one
    stream, and a network of their own otherwise.
    """
    seen = recipe.input
    few = (
        store.layout.joints == load_layout(POSE_LAYOUT).joints
        and store.rate is not None
        and len(store.split(seen.protocol, "train")) <= FEW
        and (seen.stream, seen.persons) == ("joint", 1)
    )
    fitting: Source = "shipped" if few else "labels"
    return [fitting if source == "own" else source for source in recipe.students]


def exported_files(recipe: Recipe, folder: Path) -> dict[Path, str]:
    """The files that a recipe's whole path exports, the student's first, with the steps that train
    their networks."""
    files = {folder / "student.onnx": f"student-{recipe.students[0]}"}
    taught = not set(recipe.students) <= ALONE
    if taught and recipe.encoder.backbone in EXPORTED:
        files[folder / "teacher.onnx"] = "finetune"
    return files


def _walk(steps: Steps) -> dict[str, Any]:
    """The report of the path; the run's folder is locked by the caller."""
    from skedge.bench.benchmark import benchmark
    from skedge.edge_runtime.events import cannot_say_no
    from skedge.edge_runtime.scoring.predict import predict_store

    recipe = steps.recipe
    store = steps.store
    folder = steps.folder
    console = steps.console
    accuracy = _train(steps)
    exported = {}
    files = exported_files(recipe, folder)
    student_file = next(iter(files))
    for file, step in files.items():
        shipped = step == "student-shipped"
        live = file == student_file and (shipped or _is_live(recipe))
        with console.status(f"Exporting and verifying {file.name}"):
            exported[file.stem] = export(folder / step, file, store, streaming=live)
    edge = {}
    for name, frame_by_frame in (("whole clips", False), ("frame by frame", True)):
        found = predict_store(
            student_file,
            store,
            recipe.input.protocol,
            part=recipe.input.part,
            frame_by_frame=frame_by_frame,
            track=partial(track, title=f"Recognising {name}"),
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
    closed = () if files[student_file] == "student-shipped" else cannot_say_no(store.labels)
    report = {
        "recipe": recipe.sections(),
        "store": {"name": store.name, "fingerprint": store.fingerprint, "clips": len(store)},
        "accuracy": {
            name: {key: row[key] for key in ("top1", "top5", "clips")}
            for name, row in accuracy.items()
        },
        "export": exported,
        "recognizer": edge,
        "events": None if closed or recipe.input.persons > 1 else _events(steps, student_file),
        "bench": benchmark([*files], folder / "bench"),
    }
    write_report(report, folder, console)
    console.print(f"Model for the edge: {student_file}", soft_wrap=True)
    say(*closed)
    return report


def _events(steps: Steps, file: Path) -> dict[str, Any]:
    """The figures of the events that a student's file raises on the clips that test it (those of a
    set, in `skedge.bench.everyday.measure`); the folder `everyday` of the run has all of it."""
    from skedge.bench import everyday
    from skedge.edge_runtime.recognizer import Recognizer

    tested = steps.recipe.input
    document = everyday.measure(
        Recognizer.load(file),
        [everyday.Set(steps.store.name, steps.store.path)],
        synonyms=None,
        part=tested.part,
        protocol=tested.protocol,
        most_false=1.0,
        track=track,
    )
    everyday.write(document, steps.folder / "everyday", f"In front of a camera: {steps.store.name}")
    (found,) = document["sets"]
    return {name: value for name, value in found.items() if name != "curve"}


def _train(steps: Steps) -> dict[str, dict[str, Any]]:
    """The metrics of all networks of the path, by the names that the report gives them."""
    recipe = steps.recipe
    store = steps.store
    folder = steps.folder
    accuracy: dict[str, dict[str, Any]] = {}
    encoder = folder / "pretrain"

    def by(protocol: Protocol, pretrained: Path | None = None) -> Train:
        def train(out: Path, resume: bool) -> dict[str, Any]:
            return evaluate(
                store,
                out,
                recipe,
                protocol=protocol,
                pretrained=pretrained,
                untrained=protocol == "linear",
                resume=resume,
            )

        return train

    with steps.console.status("Ridge classifier on coordinates"):
        accuracy["ridge on coordinates"] = steps.take("ridge", "evaluate ridge", by("ridge"))
    if not set(recipe.students) <= ALONE:
        steps.take(
            "pretrain", "pretrain", lambda out, resume: pretrain(store, out, recipe, resume=resume)
        )
        named: dict[str, Protocol] = {
            "teacher, linear probe": "linear",
            "teacher, finetuned": "finetune",
        }
        for title, protocol in named.items():
            found = steps.take(
                protocol, f"evaluate {protocol}", by(protocol, encoder), after="pretrain"
            )
            for form, figures in found.get("untrained", {}).items():
                accuracy[UNTRAINED[form]] = figures | {"clips": found["clips"]}
            accuracy[title] = found
    for source in recipe.students:
        if source == "shipped":
            accuracy[STUDENTS[source]] = steps.take(
                f"student-{source}",
                f"distill {source}",
                lambda out, _: teach_head(store, out, recipe),
            )
            continue
        after = None if source == "labels" else source
        teachers = [] if after is None else [folder / after]

        def student(out: Path, resume: bool, teachers: Sequence[Path] = teachers) -> dict[str, Any]:
            return distill(store, out, recipe, teachers=teachers, resume=resume)

        accuracy[STUDENTS[source]] = steps.take(
            f"student-{source}", "distill", student, after=after
        )
    return accuracy


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


def run_films(
    recipe: Recipe, films: Path, runs: Path, *, again: bool = False, pose: str | None = None
) -> dict[str, Any]:
    """The report of the whole path on films, which become a store in `runs` by the pose estimator
    (the one of one's own, `pose`, as `open_films` takes it), with everybody in them for a recipe of
    several people."""
    store = store_of_films(films, runs, pose, everyone=recipe.input.persons > 1)
    report = run(recipe, store, runs, again=again)
    file = runs / recipe.name / "student.onnx"
    command = typed("skedge live --model", file, *(["--pose", pose] if pose else []))
    plain_console().print(f"Try it: {command}", soft_wrap=True)
    return report


def store_of_films(
    films: Path, runs: Path, pose: str | None = None, *, everyone: bool = False
) -> Store:
    """The store of films in `runs`, of the person who moves most or of `everyone`: made where it
    is missing, and made again where there are other films than it was made of.

    The bodies of every film are kept beside it, so none goes through the pose estimator twice.
    Films that are left out are listed, each with the reason. Raises `InputError` for films of one
    class.
    """
    from skedge.datasets.importer import REPORT, Importing
    from skedge.datasets.readers import add_format, import_dataset
    from skedge.edge_runtime.sources.films import open_films

    found = open_films(films, pose=pose)
    if len(found.labels) < 2:
        raise InputError(
            f"{films}: expected films of two classes at least, got those of {found.labels[0]!r};"
            " add a folder of other actions, or of anything else, called other"
        )
    name = films.resolve().stem
    path, listed = runs / "stores" / name, runs / "stores" / f"{name}-films.json"
    asked = {
        "films": [repr(source) for source in found.sources],
        "pose": pose,
        **({"everyone": True} if everyone else {}),
    }
    if not path.exists() or read_json(listed) != asked:
        add_format("films", open_films)
        whose = f"-{re.sub(r'[^A-Za-z0-9]+', '-', pose)}" if pose else ""
        kept = runs / "stores" / f"{name}-poses{whose}"
        how = Importing(processes=None, overwrite=True)
        import_dataset(
            "films", films, path, how=how, pose=pose, poses=kept, everyone=everyone or None
        )
        write_json(listed, asked)
    report = read_json(path / REPORT) or {}
    notes = [f"{one['file']}: {one['reason']}" for one in report.get("damaged", ())]
    say(*(f"left out {text}" for text in notes), *report.get("warnings", ()))
    return Store(path)


def _is_live(recipe: Recipe) -> bool:
    """Whether the student is exported frame by frame."""
    return recipe.input.time == "rate" and recipe.input.normalization in STREAMABLE


def _check_ends(recipe: Recipe, store: Store) -> None:
    """Raise `InputError` for what a later step of the whole path would refuse, before the first one
    takes hours."""
    from skedge.student.distill import trains_head
    from skedge.teacher.training import check_machine

    check_machine(recipe.compute)

    student = recipe.student
    if not recipe.students:
        raise InputError(
            f"students: expected one or more of {', '.join(get_args(Source))}, got none"
        )
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
    stream = next(iter(recipe.input.fusion)) if recipe.input.stream == "three" else None
    one = replace(recipe, input=replace(recipe.input, stream=stream)) if stream else recipe
    taught = not set(recipe.students) <= ALONE
    if taught:
        _check_teacher(recipe, one, store)
    if set(recipe.students) != {"shipped"}:
        _check_student(one, store, taught=taught)


def _check_teacher(recipe: Recipe, one: Recipe, store: Store) -> None:
    """Raise `InputError` for a method or an encoder that cannot be pretrained, probed, finetuned
    and exported; `one` is the recipe of one of its streams."""
    import torch

    from skedge.teacher.methods.registry import make_method, method_named
    from skedge.teacher.networks.classifier import Classifier
    from skedge.teacher.networks.transformer import set_drop_path
    from skedge.teacher.runs.load import check_fusion

    method = recipe.pretrain.method
    with torch.device("meta"):  # networks without weights, which take no time
        made = make_method(store.layout, recipe if method_named(method).together else one)
        for encoder in made.encoders.values():
            check_fusion(encoder, recipe.encoder.fusion, f"pretrain.method {method}")
        teacher = Classifier(store.layout, one.input, recipe.encoder, classes=len(store.labels))
        set_drop_path(teacher, recipe.finetune.drop_path)


def _check_student(one: Recipe, store: Store, *, taught: bool) -> None:
    """Raise `InputError` for a student that cannot be made, or not exported; `one` is the recipe of
    one of its streams."""
    import torch

    from skedge.export.clip_form import ClipForm
    from skedge.export.frame_form import StreamingForm
    from skedge.teacher.networks.classifier import Classifier

    plan = one.student if taught else replace(one.student, fusion="one")
    try:
        with torch.random.fork_rng(devices=[]):
            student = Classifier(store.layout, one.input, plan, classes=len(store.labels)).eval()
        if _is_live(one):
            StreamingForm(student)
        else:
            ClipForm(student, one.input, store.layout)
    except InputError as error:
        raise InputError(f"student: {error}") from None
