"""The whole path: the one file that composes the rooms. Training rooms are imported when a step needs them."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import yaml
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

from skeleton.datasets.store import Store
from student.settings import DistillSettings, student_plan
from teacher.settings import (
    ComputeSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
    LinearSettings,
    PretrainSettings,
)

Protocol = Literal["linear", "finetune", "supervised", "ridge"]
Source = Literal["linear", "finetune", "labels"]
Precision = Literal["fp32", "fp16", "dynamic", "int8"]


@dataclass
class Recipe:
    """One experiment.

    Args:
        name: of the run's folder.
        students: one for each source: the linear-probed teacher, the finetuned one, or labels alone; the first is exported.
        input: what the networks see of a clip.
        encoder: the teacher's plan.
        pretrain: self-supervised pretraining.
        linear: the linear probe.
        finetune: finetuning and supervised training.
        student: the student's plan.
        distill: distillation.
        compute: seed, device, precision.
    """

    name: str = "run"
    students: tuple[Source, ...] = ("finetune",)
    input: InputSettings = field(default_factory=InputSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    pretrain: PretrainSettings = field(default_factory=PretrainSettings)
    linear: LinearSettings = field(default_factory=LinearSettings)
    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    student: EncoderSettings = field(default_factory=student_plan)
    distill: DistillSettings = field(default_factory=DistillSettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)

    def sections(self, *names: str) -> dict[str, Any]:
        """The named sections as plain JSON types."""
        document = json.loads(json.dumps(asdict(self)))
        return {name: document[name] for name in names or document}


def pretrain(recipe: Recipe, store: Store, out: Path, resume: bool = False) -> dict[str, Any]:
    from teacher.pretrain import pretrain

    return pretrain(store, out, recipe.input, recipe.encoder, recipe.pretrain, recipe.compute, recipe.sections(), resume)


def evaluate(
    protocol: Protocol, recipe: Recipe, store: Store, out: Path, encoder: Path | None = None, resume: bool = False
) -> dict[str, Any]:
    from skeleton import InputError
    from teacher import evaluate

    if protocol == "ridge":
        return evaluate.ridge(store, out, recipe.input)
    if encoder is None and protocol != "supervised":
        raise InputError(
            f"evaluate {protocol}: expected --pretrained, the folder of a pretrained encoder; make one with `skedge pretrain`"
        )
    if protocol == "linear":
        assert encoder is not None
        return evaluate.linear(store, out, encoder, recipe.input, recipe.linear, recipe.compute, recipe.sections())
    source = encoder if protocol == "finetune" else None
    return evaluate.finetune(
        store, out, source, recipe.input, recipe.encoder, recipe.finetune, recipe.compute, recipe.sections(), resume
    )


def distill(recipe: Recipe, store: Store, teacher: Path | None, out: Path, resume: bool = False) -> dict[str, Any]:
    from student.distill import distill

    return distill(store, out, teacher, recipe.input, recipe.student, recipe.distill, recipe.compute, recipe.sections(), resume)


def export(run: Path, file: Path, store: Store, precision: Precision = "fp32") -> dict[str, Any]:
    from export.exporter import Exporter

    return Exporter(run, store).write(file, precision)


def export_all(run: Path, folder: Path, store: Store) -> dict[str, Any]:
    """Export a run in every format and precision into `folder` and measure all files; formats.md there is the table.

    A file that the check refuses is not written, and its row says why.
    """
    from bench.run import benchmark
    from export.exporter import FORMATS, PRECISIONS, Exporter
    from export.verify import ExportError
    from teacher.folder import write_whole

    exporter = Exporter(run, store)
    exported: dict[str, dict[str, Any]] = {}
    names = [f"{precision}{suffix}" for suffix in FORMATS for precision in PRECISIONS]
    for name in track(names, "Exporting", console=Console(stderr=True), transient=True):
        try:
            exported[name] = exporter.write(folder / name, Path(name).stem)  # type: ignore[arg-type]
        except ExportError as error:
            exported[name] = {"refused": str(error)}
    files = [folder / name for name, found in exported.items() if "refused" not in found]
    report = {"exported": exported, "bench": benchmark(files, folder / "bench")}
    write_whole(folder / "formats.json", lambda path: path.write_text(json.dumps(report, indent=2) + "\n"))
    write_whole(folder / "formats.md", lambda path: path.write_text(_formats(report)))
    return report


class Steps:
    """The steps of one path; those whose result stands already (same settings and data, nothing newer before) are left out."""

    def __init__(self, recipe: Recipe, store: Store, folder: Path, again: bool, console: Console) -> None:
        self.recipe, self.store, self.folder, self.again, self.console = recipe, store, folder, again, console

    def train(
        self, name: str, sections: tuple[str, ...], train: Callable[[Path, bool], dict[str, Any]], *after: str
    ) -> dict[str, Any]:
        """The metrics of the step `name`, trained if the recipe's `sections`, the store or a step in `after` changed.

        An interrupted step goes on from its checkpoint if its settings are still the same.
        """
        folder = self.folder / name
        asked = {"store": self.store.fingerprint, **self.recipe.sections("input", "compute", *sections)}
        same = not self.again and _read_json(folder / "asked.json") == asked
        done = _read_json(folder / "metrics.json")
        if same and done is not None and all(_time(self.folder / step) <= _time(folder) for step in after):
            self.console.print(f"[dim]{name}: stands in {folder}[/dim]")
            return done
        resume = same and (folder / "last.ckpt").is_file()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").unlink(missing_ok=True)
        (folder / "asked.json").write_text(json.dumps(asked))
        return train(folder, resume)


def run(recipe: Recipe, store: Store, runs: Path, again: bool = False) -> dict[str, Any]:
    """Pretrain, probe, finetune, distil, export, recognise, benchmark; the report comes back and stands in the run's folder.

    What stands in `runs` under the recipe's name from an earlier run with the same settings and data is not trained again
    unless `again`.
    """
    from bench.run import benchmark
    from edge_runtime.predict import predict_store

    console, folder = Console(), runs / recipe.name
    steps = Steps(recipe, store, folder, again, console)
    accuracy: dict[str, dict[str, Any]] = {}
    encoder = folder / "pretrain"
    pretraining = ("encoder", "pretrain")
    steps.train("pretrain", pretraining, lambda out, resume: pretrain(recipe, store, out, resume))
    with console.status("Ridge classifier on coordinates"):
        accuracy["ridge on coordinates"] = steps.train("ridge", (), lambda out, _: evaluate("ridge", recipe, store, out))
    accuracy["teacher, linear probe"] = steps.train(
        "linear", (*pretraining, "linear"), lambda out, _: evaluate("linear", recipe, store, out, encoder), "pretrain"
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
            partial(distill, recipe, store, teacher),
            *((source,) if teacher else ()),
        )

    student_file, teacher_file = folder / "student.onnx", folder / "teacher.onnx"
    exported = {}
    for file, step in ((student_file, f"student-{recipe.students[0]}"), (teacher_file, "finetune")):
        with console.status(f"Exporting and verifying {file.name}"):
            exported[file.stem] = export(folder / step, file, store)
    edge = {}
    for name, frame_by_frame in (("whole clips", False), ("frame by frame", True)):
        bar = partial(track, description=f"Recognising {name}", console=console)
        found = predict_store(student_file, store, recipe.input.protocol, "test", frame_by_frame, track=bar)
        edge[name] = {"top1": round(100 * found.accuracy, 2), "clips": len(found.predictions), "notes": list(found.notes)}
    report = {
        "recipe": recipe.sections(),
        "store": {"name": store.name, "fingerprint": store.fingerprint, "clips": len(store)},
        "accuracy": {name: {key: row[key] for key in ("top1", "top5", "clips")} for name, row in accuracy.items()},
        "export": exported,
        "recognizer": edge,
        "bench": benchmark([student_file, teacher_file], folder / "bench"),
    }
    write_report(report, folder, console)
    console.print(f"Model for the edge: {student_file}", soft_wrap=True)
    return report


def write_report(report: dict[str, Any], folder: Path, console: Console) -> None:
    """Print the report's one table and write it to `folder` as report.json and report.md."""
    from teacher.folder import write_whole

    columns, rows = _table(report)
    table = Table(
        box=SIMPLE, pad_edge=False, collapse_padding=True, title=f"{report['recipe']['name']} on {report['store']['name']}"
    )
    for column in columns:
        table.add_column(column, no_wrap=True, justify="right" if column else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    lines = [f"# {table.title}", "", _markdown_row(columns), _markdown_row(["---"] * len(columns)), *map(_markdown_row, rows)]
    for name, edge in report["recognizer"].items():
        lines += [
            "",
            f"The student through the edge runtime's `Recognizer`, {name}: {edge['top1']} % of {edge['clips']} clips.",
        ]
        lines += [f"- {note}" for note in edge["notes"]]
    lines += [
        "",
        "Latency and memory are measured in onnxruntime on this machine's CPU, see bench/bench.md.",
        "",
        "## Recipe",
        "",
    ]
    lines += ["```yaml", yaml.safe_dump(report["recipe"], sort_keys=False).rstrip(), "```", ""]
    write_whole(folder / "report.json", lambda path: path.write_text(json.dumps(report, indent=2) + "\n"))
    write_whole(folder / "report.md", lambda path: path.write_text("\n".join(lines)))
    console.print(f"Report: {folder / 'report.md'}", soft_wrap=True)


def _table(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """One row a network: accuracy, and for the two exported ones what they cost."""
    columns = ["", "top-1", "top-5", "ms", "MB", "KB", "params", "MMAC"]
    rows = [[name, f"{row['top1']:.1f}", f"{row['top5']:.1f}", *[""] * 5] for name, row in report["accuracy"].items()]
    rows += [
        [
            f"{model['name']}.onnx, 1 thread",
            f"{model['accuracy']['top1']:.1f}",
            f"{model['accuracy']['top5']:.1f}",
            f"{model['latency']['p50_ms']:.2f}",
            f"{model['process']['rss_above_imported_bytes'] / 1e6:.1f}",
            f"{model['file']['bytes'] / 1e3:.0f}",
            f"{model['model']['parameters'] / 1e3:.0f} k",
            f"{model['model']['macs'] / 1e6:.0f}",
        ]
        for model in report["bench"]["models"]
    ]
    rows += [[f"Recognizer, {name}", f"{edge['top1']:.1f}", *[""] * 6] for name, edge in report["recognizer"].items()]
    return columns, rows


def _formats(report: dict[str, Any]) -> str:
    """One row a file: what it costs, and how its answers differ from torch's."""
    columns = ["", "KB", "p50 ms", "fastest ms", "peak RSS MB", "largest difference", "agreement %", "points lost", "in float"]
    measured = {model["file"]["name"]: model for model in report["bench"]["models"]}
    rows = []
    for name, found in report["exported"].items():
        if "refused" in found:
            rows.append([name, found["refused"], *[""] * (len(columns) - 2)])
            continue
        model = measured[name]
        rows.append(
            [
                name,
                f"{found['bytes'] / 1e3:.0f}",
                f"{model['latency']['p50_ms']:.2f}",
                f"{model['latency']['min_ms']:.2f}",
                f"{model['process']['peak_rss_bytes'] / 1e6:.1f}",
                f"{found['largest_difference']:.2g}",
                f"{100 * found['agreement']:.2f}",
                f"{found['accuracy_lost']:.2f}",
                str(len(found["left_in_float"])) if "left_in_float" in found else "",
            ]
        )
    clips = max((found.get("clips", 0) for found in report["exported"].values()), default=0)
    lines = [_markdown_row(columns), _markdown_row(["---"] * len(columns)), *map(_markdown_row, rows), ""]
    lines += [
        f"Answers are compared with torch's on {clips} held-out clips; the last column counts the parts of the network that "
        "were left in float where others are int8. How latency and memory are measured: bench/bench.md.",
        "",
    ]
    return "\n".join(lines)


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _time(folder: Path) -> float:
    """When a step was finished."""
    return (folder / "metrics.json").stat().st_mtime
