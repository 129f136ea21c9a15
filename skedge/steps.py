"""One function per command: the steps that a recipe runs. Training rooms are imported when a step
needs them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from rich.console import Console
from rich.progress import track

from skedge.datasets.store import Store
from skedge.recipes.recipe import Precision, Protocol, Recipe
from skedge.skeleton import InputError
from skedge.skeleton.files import write_json, write_text
from skedge.tables import formats


def each_stream(
    recipe: Recipe,
    out: Path,
    resume: bool,
    step: Callable[[Recipe, Path, Callable[[Path], Path]], dict[str, Any]],
) -> dict[str, Any] | None:
    """Run a step for the recipe's stream, or in a folder of its own for each of three; None of
    three.

    The step is given the recipe, the folder, and what finds the stream's part of another run
    folder.
    """
    from skedge.teacher.runs.folder import STREAMS, forget_parts, read_metrics

    three = recipe.input.stream == "three"

    def part(stream: str, folder: Path) -> Path:
        held = (folder / STREAMS).is_file()
        if three and not held:
            raise InputError(
                f"{folder}: expected a folder of three streams, got one; set input.stream to that"
                " one, or train three"
            )
        return folder / stream if held else folder

    if not resume:
        forget_parts(out)
    if not three:
        return step(recipe, out, partial(part, recipe.input.stream))
    for stream in recipe.input.fusion:
        if not (resume and read_metrics(out / stream)):
            step(
                replace(recipe, input=replace(recipe.input, stream=stream)),
                out / stream,
                partial(part, stream),
            )
    _write_streams(recipe, out)
    return None


def _write_streams(recipe: Recipe, out: Path) -> None:
    from skedge.teacher.runs.folder import STREAMS, WEIGHTS

    (out / WEIGHTS).unlink(missing_ok=True)
    write_json(out / STREAMS, recipe.input.fusion, indent=None)


def pretrain(recipe: Recipe, store: Store, out: Path, resume: bool = False) -> dict[str, Any]:
    """An encoder; for three streams one of each, trained one by one or, where the method does so,
    together."""
    from skedge.teacher.pretrain import pretrain, trains_streams_together
    from skedge.teacher.runs.folder import CHECKPOINT, forget_parts, read_metrics

    def step(one: Recipe, folder: Path, _: Any = None) -> dict[str, Any]:
        return pretrain(
            store, folder, one.input, one.encoder, one.pretrain, one.compute, one.sections(), resume
        )

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
    from skedge.teacher.runs.folder import read_metrics, write_metrics

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
    """One protocol; with several seeds each in a folder of its own, and mean and standard deviation
    over them in `out`."""
    from skedge.teacher.runs.folder import forget_parts, read_metrics, write_metrics

    if protocol not in ("supervised", "ridge") and pretrained is None:
        raise InputError(
            f"evaluate {protocol}: expected --pretrained, "
            + (
                "the folder of a trained classifier"
                if protocol == "partial-body"
                else "the folder of a pretrained encoder"
            )
            + "; make one with `skedge"
            f" {'evaluate linear' if protocol == 'partial-body' else 'pretrain'}`"
        )
    if seeds and protocol == "partial-body":
        raise InputError(
            "evaluate partial-body: expected no --seeds, it draws what is hidden several times: set"
            " partial.draws"
        )
    if not seeds:
        return _evaluate(protocol, recipe, store, out, pretrained, resume)
    if not resume:
        forget_parts(out)
    found = []
    for seed in seeds:
        one, folder = (
            replace(recipe, compute=replace(recipe.compute, seed=seed)),
            out / f"seed-{seed}",
        )
        done = read_metrics(folder) if resume else None
        found.append(done or _evaluate(protocol, one, store, folder, pretrained, resume))
    metrics = over_seeds(found)
    write_metrics(out, metrics)
    return metrics


def over_seeds(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The metrics of runs that differ by their seed, as one: means, and standard deviations under
    names with `_std`."""
    metrics = {
        name: value
        for name, value in found[0].items()
        if all(one.get(name) == value for one in found)
    }
    metrics["seeds"] = [one["seed"] for one in found]
    for name in ("top1", "top5"):
        if name in found[0]:
            values = [one[name] for one in found]
            metrics |= {
                name: round(fmean(values), 2),
                f"{name}_std": round(stdev(values) if len(values) > 1 else 0.0, 2),
            }
    if "per_class" in found[0]:
        metrics["per_class"] = [
            round(fmean(shares), 2)
            for shares in zip(*(one["per_class"] for one in found), strict=True)
        ]
    return metrics


def _evaluate(
    protocol: Protocol,
    recipe: Recipe,
    store: Store,
    out: Path,
    pretrained: Path | None,
    resume: bool,
) -> dict[str, Any]:
    if protocol == "ridge":
        from skedge.teacher.protocols.ridge import ridge

        return ridge(store, out, recipe.input, recipe.compute)
    if protocol == "partial-body":
        from skedge.teacher.protocols.partial import partial_body

        assert pretrained is not None
        return partial_body(store, out, pretrained, recipe.input, recipe.partial, recipe.compute)
    if protocol == "knn":
        from skedge.teacher.protocols.probe import knn
        from skedge.teacher.runs.folder import STREAMS

        assert pretrained is not None
        three = recipe.input.stream == "three"
        streams: list[Any] = list(recipe.input.fusion) if three else [recipe.input.stream]
        held = (pretrained / STREAMS).is_file()
        encoders = {
            stream: pretrained / stream if three or held else pretrained for stream in streams
        }
        return knn(store, out, encoders, recipe.input, recipe.knn.neighbors, recipe.compute)

    def step(one: Recipe, folder: Path, part: Callable[[Path], Path]) -> dict[str, Any]:
        from skedge.teacher.protocols.finetune import finetune
        from skedge.teacher.protocols.probe import linear

        source = None if protocol == "supervised" or pretrained is None else part(pretrained)
        if protocol == "linear":
            assert source is not None
            return linear(
                store,
                folder,
                source,
                one.input,
                one.encoder,
                one.linear,
                one.compute,
                one.sections(),
                resume,
            )
        share = one.semi.share if protocol == "semi" else 1.0
        return finetune(
            store,
            folder,
            source,
            one.input,
            one.encoder,
            one.finetune,
            one.compute,
            one.sections(),
            resume,
            share,
            protocol == "transfer",
        )

    return each_stream(recipe, out, resume, step) or _fused(recipe, store, out)


def _fused(recipe: Recipe, store: Store, out: Path) -> dict[str, Any]:
    from skedge.teacher.protocols.evaluate import fuse

    return fuse(store, out, recipe.input, recipe.compute)


def distill(
    recipe: Recipe,
    store: Store,
    teachers: Sequence[Path],
    out: Path,
    resume: bool = False,
    unlabelled: Sequence[Store] = (),
) -> dict[str, Any]:
    """A student of one stream learns from whole teachers, each of three streams from the teachers'
    own, or the only one."""
    from skedge.student.distill import distill, trains_head
    from skedge.teacher.runs.folder import STREAMS

    def step(one: Recipe, folder: Path, part: Callable[[Path], Path]) -> dict[str, Any]:
        several = recipe.input.stream == "three"
        own = [
            part(teacher) if several and (teacher / STREAMS).is_file() else teacher
            for teacher in teachers
        ]
        shared = (one.input, one.student, one.distill, one.compute, one.sections())
        return distill(store, folder, own, *shared, resume, unlabelled)

    metrics = each_stream(recipe, out, resume, step)
    if metrics is None:
        metrics = (
            _fused(recipe, store, out)
            if not teachers or trains_head(recipe.distill)
            else _gather(recipe, out)
        )
    return metrics


def finetune(
    recipe: Recipe, store: Store, trained: Path, out: Path, resume: bool = False
) -> dict[str, Any]:
    """Train a classifier on with the actions of a store; every stream of one that has three."""
    from skedge.teacher.protocols.finetune import go_on
    from skedge.teacher.runs.load import load_classifier

    held = load_classifier(trained)[1].input
    recipe = replace(recipe, input=replace(recipe.input, stream=held.stream, fusion=held.fusion))

    def step(one: Recipe, folder: Path, part: Callable[[Path], Path]) -> dict[str, Any]:
        return go_on(
            store,
            folder,
            part(trained),
            one.input,
            one.finetune,
            one.compute,
            one.sections(),
            resume,
        )

    return each_stream(recipe, out, resume, step) or _fused(recipe, store, out)


def export(
    run: Path,
    file: Path,
    store: Store,
    precision: Precision = "fp32",
    streaming: bool = False,
    note: str | None = None,
) -> dict[str, Any]:
    from skedge.export.exporter import Exporter

    return Exporter(run, store, streaming, note).write(file, precision)


def export_all(
    run: Path, folder: Path, store: Store, streaming: bool = False, note: str | None = None
) -> dict[str, Any]:
    """Export a run in every format and precision into `folder` and measure all files; formats.md
    there is the table.

    With `streaming` its streaming form too. A file that the check refuses is not written, and its
    row says why.
    """
    from skedge.bench.benchmark import benchmark
    from skedge.export.exporter import FORMATS, PRECISIONS, Exporter
    from skedge.export.verify import ExportError

    exporters = {
        form: Exporter(run, store, bool(form), note) for form in ("", "stream-")[: 1 + streaming]
    }
    exported: dict[str, dict[str, Any]] = {}
    wanted = [
        (form, precision, suffix)
        for form in exporters
        for suffix in FORMATS
        for precision in PRECISIONS
    ]
    for form, precision, suffix in track(
        wanted, "Exporting", console=Console(stderr=True), transient=True
    ):
        name = f"{form}{precision}{suffix}"
        try:
            exported[name] = exporters[form].write(folder / name, precision)
        except ExportError as error:
            exported[name] = {"refused": str(error)}
    files = [folder / name for name, found in exported.items() if "refused" not in found]
    report = {"exported": exported, "bench": benchmark(files, folder / "bench")}
    write_json(folder / "formats.json", report)
    write_text(folder / "formats.md", formats(report))
    return report


def draw(
    kind: str,
    runs: Sequence[Path],
    recipe: Recipe,
    data: Path | None,
    clip: str | None,
    classes: int,
    out: Path,
) -> None:
    """The picture `kind` of runs, or of the recipe's masks, as the file `out`."""
    from skedge.teacher import drawing as inspect

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
        raise InputError(
            f"draw {kind}: expected {count} folders of trained models, got {len(runs)}"
        )
    if kind == "difference":
        return inspect.draw_difference(runs[0], runs[1], out)
    many = kind in ("features", "attention", "motion")
    if data is None or (clip is None and not many):
        raise InputError(
            f"draw {kind}: expected --data{'' if many else ' and --clip'}; see `skedge draw --help`"
        )
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
