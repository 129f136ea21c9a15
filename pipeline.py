"""The whole path: the one file that composes the rooms. Training rooms are imported when a step needs them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from rich.console import Console
from rich.progress import track

from report import formats, write_report
from skeleton import InputError
from skeleton.datasets.store import Store
from skeleton.normalize import BY_FRAME
from student.settings import DistillSettings, student_plan
from teacher.settings import (
    ComputeSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
    KnnSettings,
    LinearSettings,
    PartialSettings,
    PretrainSettings,
    SemiSettings,
)

Protocol = Literal["linear", "finetune", "semi", "transfer", "knn", "partial-body", "supervised", "ridge"]
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
        finetune: finetuning and supervised training; semi and transfer use it too.
        semi: semi-supervised evaluation.
        knn: nearest neighbours.
        partial: partial-body evaluation.
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
    semi: SemiSettings = field(default_factory=SemiSettings)
    knn: KnnSettings = field(default_factory=KnnSettings)
    partial: PartialSettings = field(default_factory=PartialSettings)
    student: EncoderSettings = field(default_factory=student_plan)
    distill: DistillSettings = field(default_factory=DistillSettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)

    def sections(self, *names: str) -> dict[str, Any]:
        """The named sections as plain JSON types."""
        document = json.loads(json.dumps(asdict(self)))
        return {name: document[name] for name in names or document}


def each_stream(
    recipe: Recipe, out: Path, resume: bool, step: Callable[[Recipe, Path, Callable[[Path], Path]], dict[str, Any]]
) -> dict[str, Any] | None:
    """Run a step for the recipe's stream, or in a folder of its own for each of three; None of three.

    The step is given the recipe, the folder, and what finds the stream's part of another run folder.
    """
    from teacher.folder import STREAMS, forget_parts, read_metrics

    three = recipe.input.stream == "three"

    def part(stream: str, folder: Path) -> Path:
        held = (folder / STREAMS).is_file()
        if three and not held:
            raise InputError(
                f"{folder}: expected a folder of three streams, got one; set input.stream to that one, or train three"
            )
        return folder / stream if held else folder

    if not resume:
        forget_parts(out)
    if not three:
        return step(recipe, out, partial(part, recipe.input.stream))
    for stream in recipe.input.fusion:
        if not (resume and read_metrics(out / stream)):
            step(replace(recipe, input=replace(recipe.input, stream=stream)), out / stream, partial(part, stream))
    _write_streams(recipe, out)
    return None


def _write_streams(recipe: Recipe, out: Path) -> None:
    from teacher.folder import STREAMS, WEIGHTS, write_whole

    (out / WEIGHTS).unlink(missing_ok=True)
    write_whole(out / STREAMS, lambda path: path.write_text(json.dumps(recipe.input.fusion) + "\n"))


def pretrain(recipe: Recipe, store: Store, out: Path, resume: bool = False) -> dict[str, Any]:
    """An encoder; for three streams one of each, trained one by one or, where the method does so, together."""
    from teacher.folder import CHECKPOINT, forget_parts, read_metrics
    from teacher.pretrain import pretrain, trains_streams_together

    def step(one: Recipe, folder: Path, _: Any = None) -> dict[str, Any]:
        return pretrain(store, folder, one.input, one.encoder, one.pretrain, one.compute, one.sections(), resume)

    if not trains_streams_together(recipe.pretrain):
        return each_stream(recipe, out, resume, step) or _gather(recipe, out)
    if not resume:
        forget_parts(out)
    if not (resume and all(read_metrics(out / stream) for stream in recipe.input.fusion)):
        step(recipe, out)
    _write_streams(recipe, out)
    (out / CHECKPOINT).unlink(missing_ok=True)
    return _gather(recipe, out)


def _gather(recipe: Recipe, out: Path) -> dict[str, Any]:
    """The metrics of three streams' encoders, which have no common answer."""
    from teacher.folder import read_metrics, write_metrics

    metrics: dict[str, Any] = {stream: read_metrics(out / stream) for stream in recipe.input.fusion}
    write_metrics(out, metrics)
    return metrics


def evaluate(
    protocol: Protocol,
    recipe: Recipe,
    store: Store,
    out: Path,
    pretrained: Path | None = None,
    resume: bool = False,
    seeds: Sequence[int] = (),
) -> dict[str, Any]:
    """One protocol; with several seeds each in a folder of its own, and mean and standard deviation over them in `out`."""
    from teacher.folder import forget_parts, read_metrics, write_metrics

    if protocol not in ("supervised", "ridge") and pretrained is None:
        raise InputError(
            f"evaluate {protocol}: expected --pretrained, "
            + ("the folder of a trained classifier" if protocol == "partial-body" else "the folder of a pretrained encoder")
            + f"; make one with `skedge {'evaluate linear' if protocol == 'partial-body' else 'pretrain'}`"
        )
    if seeds and protocol == "partial-body":
        raise InputError("evaluate partial-body: expected no --seeds, it draws what is hidden several times: set partial.draws")
    if not seeds:
        return _evaluate(protocol, recipe, store, out, pretrained, resume)
    if not resume:
        forget_parts(out)
    found = []
    for seed in seeds:
        one, folder = replace(recipe, compute=replace(recipe.compute, seed=seed)), out / f"seed-{seed}"
        done = read_metrics(folder) if resume else None
        found.append(done or _evaluate(protocol, one, store, folder, pretrained, resume))
    metrics = over_seeds(found)
    write_metrics(out, metrics)
    return metrics


def over_seeds(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The metrics of runs that differ by their seed, as one: means, and standard deviations under names with `_std`."""
    metrics = {name: value for name, value in found[0].items() if all(one.get(name) == value for one in found)}
    metrics["seeds"] = [one["seed"] for one in found]
    for name in ("top1", "top5"):
        if name in found[0]:
            values = [one[name] for one in found]
            metrics |= {name: round(fmean(values), 2), f"{name}_std": round(stdev(values) if len(values) > 1 else 0.0, 2)}
    if "per_class" in found[0]:
        metrics["per_class"] = [round(fmean(shares), 2) for shares in zip(*(one["per_class"] for one in found), strict=True)]
    return metrics


def _evaluate(
    protocol: Protocol, recipe: Recipe, store: Store, out: Path, pretrained: Path | None, resume: bool
) -> dict[str, Any]:
    if protocol == "ridge":
        from teacher.baseline import ridge

        return ridge(store, out, recipe.input, recipe.compute)
    if protocol == "partial-body":
        from teacher.partial import partial_body

        assert pretrained is not None
        return partial_body(store, out, pretrained, recipe.input, recipe.partial, recipe.compute)
    if protocol == "knn":
        from teacher.folder import STREAMS
        from teacher.probe import knn

        assert pretrained is not None
        three = recipe.input.stream == "three"
        streams: list[Any] = list(recipe.input.fusion) if three else [recipe.input.stream]
        held = (pretrained / STREAMS).is_file()
        encoders = {stream: pretrained / stream if three or held else pretrained for stream in streams}
        return knn(store, out, encoders, recipe.input, recipe.knn.neighbors, recipe.compute)

    def step(one: Recipe, folder: Path, part: Callable[[Path], Path]) -> dict[str, Any]:
        from teacher.finetune import finetune
        from teacher.probe import linear

        source = None if protocol == "supervised" or pretrained is None else part(pretrained)
        if protocol == "linear":
            assert source is not None
            return linear(store, folder, source, one.input, one.encoder, one.linear, one.compute, one.sections(), resume)
        share = one.semi.share if protocol == "semi" else 1.0
        return finetune(
            store, folder, source, one.input, one.encoder, one.finetune, one.compute, one.sections(), resume, share,
            protocol == "transfer",
        )  # fmt: skip

    return each_stream(recipe, out, resume, step) or _fused(recipe, store, out)


def _fused(recipe: Recipe, store: Store, out: Path) -> dict[str, Any]:
    from teacher.evaluate import fuse

    return fuse(store, out, recipe.input, recipe.compute)


def distill(
    recipe: Recipe, store: Store, teachers: Sequence[Path], out: Path, resume: bool = False, unlabelled: Sequence[Store] = ()
) -> dict[str, Any]:
    """A student of one stream learns from whole teachers, each of three streams from the teachers' own, or the only one."""
    from student.distill import distill, trains_head
    from teacher.folder import STREAMS

    def step(one: Recipe, folder: Path, part: Callable[[Path], Path]) -> dict[str, Any]:
        several = recipe.input.stream == "three"
        own = [part(teacher) if several and (teacher / STREAMS).is_file() else teacher for teacher in teachers]
        shared = (one.input, one.student, one.distill, one.compute, one.sections())
        return distill(store, folder, own, *shared, resume, unlabelled)

    metrics = each_stream(recipe, out, resume, step)
    if metrics is None:
        metrics = _fused(recipe, store, out) if not teachers or trains_head(recipe.distill) else _gather(recipe, out)
    return metrics


def finetune(recipe: Recipe, store: Store, trained: Path, out: Path, resume: bool = False) -> dict[str, Any]:
    """Train a classifier on with the actions of a store; every stream of one that has three."""
    from teacher.finetune import go_on
    from teacher.load import load_classifier

    held = load_classifier(trained)[1].input
    recipe = replace(recipe, input=replace(recipe.input, stream=held.stream, fusion=held.fusion))

    def step(one: Recipe, folder: Path, part: Callable[[Path], Path]) -> dict[str, Any]:
        return go_on(store, folder, part(trained), one.input, one.finetune, one.compute, one.sections(), resume)

    return each_stream(recipe, out, resume, step) or _fused(recipe, store, out)


def export(
    run: Path, file: Path, store: Store, precision: Precision = "fp32", streaming: bool = False, note: str | None = None
) -> dict[str, Any]:
    from export.exporter import Exporter

    return Exporter(run, store, streaming, note).write(file, precision)


def export_all(run: Path, folder: Path, store: Store, streaming: bool = False, note: str | None = None) -> dict[str, Any]:
    """Export a run in every format and precision into `folder` and measure all files; formats.md there is the table.

    With `streaming` its streaming form too. A file that the check refuses is not written, and its row says why.
    """
    from bench.run import benchmark
    from export.exporter import FORMATS, PRECISIONS, Exporter
    from export.verify import ExportError
    from teacher.folder import write_whole

    exporters = {form: Exporter(run, store, bool(form), note) for form in ("", "stream-")[: 1 + streaming]}
    exported: dict[str, dict[str, Any]] = {}
    wanted = [(form, precision, suffix) for form in exporters for suffix in FORMATS for precision in PRECISIONS]
    for form, precision, suffix in track(wanted, "Exporting", console=Console(stderr=True), transient=True):
        name = f"{form}{precision}{suffix}"
        try:
            exported[name] = exporters[form].write(folder / name, precision)
        except ExportError as error:
            exported[name] = {"refused": str(error)}
    files = [folder / name for name, found in exported.items() if "refused" not in found]
    report = {"exported": exported, "bench": benchmark(files, folder / "bench")}
    write_whole(folder / "formats.json", lambda path: path.write_text(json.dumps(report, indent=2) + "\n"))
    write_whole(folder / "formats.md", lambda path: path.write_text(formats(report)))
    return report


def draw(kind: str, runs: Sequence[Path], recipe: Recipe, data: Path | None, clip: str | None, classes: int, out: Path) -> None:
    """The picture `kind` of runs, or of the recipe's masks, as the file `out`."""
    from teacher import inspect

    least, most = {
        "features": (1, 9),
        "difference": (2, 2),
        "activation": (1, 1),
        "attention": (1, 9),
        "masks": (0, 0),
        "motion": (0, 0),
        "reconstruction": (1, 1),
    }[kind]
    if not least <= len(runs) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise InputError(f"draw {kind}: expected {count} folders of trained models, got {len(runs)}")
    if kind == "difference":
        return inspect.draw_difference(runs[0], runs[1], out)
    many = kind in ("features", "attention", "motion")
    if data is None or (clip is None and not many):
        raise InputError(f"draw {kind}: expected --data{'' if many else ' and --clip'}; see `skedge draw --help`")
    store = Store(data)
    if kind == "features":
        return inspect.draw_features(list(runs), store, recipe.input, classes, recipe.compute, out)
    if kind == "attention":
        return inspect.draw_attention(list(runs), store, recipe.input, recipe.compute, out)
    if kind == "motion":
        return inspect.draw_motion(store, recipe.input, classes, recipe.compute, out)
    assert clip is not None
    if kind == "activation":
        return inspect.draw_activation(runs[0], store, clip, out)
    if kind == "reconstruction":
        return inspect.draw_reconstruction(runs[0], store, clip, recipe.compute, out)
    pretrain = recipe.pretrain
    masks = {"pstl": pretrain.pstl, "theta": pretrain.asma.theta, "phi": pretrain.asma.phi}
    return inspect.draw_masks(store, clip, masks, recipe.input, recipe.compute, out)


class Steps:
    """The steps of one path; those whose result stands already (same settings and data, nothing newer before) are left out."""

    def __init__(self, recipe: Recipe, store: Store, folder: Path, again: bool, console: Console) -> None:
        self.recipe, self.store, self.folder, self.again, self.console = recipe, store, folder, again, console

    def train(
        self, name: str, sections: tuple[str, ...], train: Callable[[Path, bool], dict[str, Any]], *after: str
    ) -> dict[str, Any]:
        """The metrics of the step `name`, trained if the recipe's `sections`, the store or a step in `after` changed.

        An interrupted step goes on from its checkpoint if all of these are still the same.
        """
        folder = self.folder / name
        asked = {"store": self.store.fingerprint, **self.recipe.sections("input", "compute", *sections)}
        asked["after"] = {step: sha256((self.folder / step / "metrics.json").read_bytes()).hexdigest() for step in after}
        same = not self.again and _read_json(folder / "asked.json") == asked
        done = _read_json(folder / "metrics.json")
        if same and done is not None:
            self.console.print(f"[dim]{name}: stands in {folder}[/dim]")
            return done
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").unlink(missing_ok=True)
        (folder / "asked.json").write_text(json.dumps(asked))
        return train(folder, same)


def run(recipe: Recipe, store: Store, runs: Path, again: bool = False) -> dict[str, Any]:
    """Pretrain, probe, finetune, distil, export, recognise, benchmark; the report comes back and stands in the run's folder.

    Where all students learn from labels alone, there is no teacher to train.
    What stands in `runs` under the recipe's name from an earlier run with the same settings and data is not trained again
    unless `again`.
    """
    from bench.run import benchmark
    from edge_runtime.predict import predict_store

    _check_ends(recipe)
    console, folder = Console(), runs / recipe.name
    steps = Steps(recipe, store, folder, again, console)
    accuracy: dict[str, dict[str, Any]] = {}
    pretraining = ("encoder", "pretrain")
    with console.status("Ridge classifier on coordinates"):
        accuracy["ridge on coordinates"] = steps.train("ridge", (), lambda out, _: evaluate("ridge", recipe, store, out))
    if taught := set(recipe.students) != {"labels"}:
        encoder = folder / "pretrain"
        steps.train("pretrain", pretraining, lambda out, resume: pretrain(recipe, store, out, resume))
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
        found = predict_store(student_file, store, recipe.input.protocol, recipe.input.part, frame_by_frame, track=bar)
        edge[name] = {"top1": round(100 * found.accuracy, 2), "clips": len(found.predictions), "notes": list(found.notes)}
        if found.mean_accuracy is not None:
            edge[f"{name}, mean of all answers"] = edge[name] | {"top1": round(100 * found.mean_accuracy, 2)}
    report = {
        "recipe": recipe.sections(),
        "store": {"name": store.name, "fingerprint": store.fingerprint, "clips": len(store)},
        "accuracy": {name: {key: row[key] for key in ("top1", "top5", "clips")} for name, row in accuracy.items()},
        "export": exported,
        "recognizer": edge,
        "bench": benchmark([*files], folder / "bench"),
    }
    write_report(report, folder, console)
    console.print(f"Model for the edge: {student_file}", soft_wrap=True)
    return report


def _is_live(recipe: Recipe) -> bool:
    """Whether the student is exported frame by frame."""
    return recipe.input.time == "rate" and recipe.input.normalization in BY_FRAME


def _check_ends(recipe: Recipe) -> None:
    """Raise `InputError` for what the last steps of the whole path would refuse, before the first one takes hours."""
    from student.distill import trains_head

    student = recipe.student
    if not recipe.students:
        raise InputError("students: expected one or more of finetune, linear and labels, got none")
    if student.backbone != "st-gcn":
        raise InputError(f"student.backbone: expected st-gcn, the one that can be exported, got {student.backbone}")
    if not trains_head(recipe.distill):
        raise InputError(
            "distill: expected a logit_weight or a label_weight for a student that is exported; "
            "features alone are for `skedge distill`, and a probe behind it"
        )
    if recipe.input.time == "uniform":
        raise InputError("input.time: expected stretched or rate, which can be exported, got uniform")
    if _is_live(recipe) and set(student.strides) != {1}:
        raise InputError(f"student.strides: expected 1 everywhere for a student of single frames, got {list(student.strides)}")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
