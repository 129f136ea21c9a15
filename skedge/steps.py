"""One function per command: the steps that a recipe runs. Training rooms are imported when a step
needs them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any

from skedge.datasets.progress import track
from skedge.datasets.store import Store
from skedge.recipes.recipe import Precision, Protocol, Recipe
from skedge.skeleton import InputError
from skedge.skeleton.files import check_folder, locked, read_json, write_json, write_text
from skedge.tables import formats
from skedge.teacher.runs.asked import begun, question

# What names of files begin with, of whole clips and of the streaming form.
_FORMS = ("", "stream-")


def pretrain(store: Store, folder: Path, recipe: Recipe, *, resume: bool = False) -> dict[str, Any]:
    """The metrics of a pretrained encoder; for three streams those of one each, trained one by one
    or, where the method does so, together."""
    from skedge.teacher.methods.registry import method_named
    from skedge.teacher.pretrain import pretrain
    from skedge.teacher.runs.folder import CHECKPOINT, Run, read_metrics
    from skedge.teacher.streams import each_stream, gather, write_streams
    from skedge.teacher.training import check_machine

    check_machine(recipe.compute)

    def step(run: Run, _: Any) -> dict[str, Any]:
        return pretrain(store, run.folder, run.recipe, resume=run.resume)

    run = Run(folder, recipe, resume)
    with begun(folder, question("pretrain", [store], recipe), resume=resume):
        if not method_named(recipe.pretrain.method).together:
            return each_stream(run, step) or gather(folder, recipe)
        if not (resume and all(read_metrics(folder / stream) for stream in recipe.input.fusion)):
            step(run, None)
        write_streams(folder, recipe)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        return gather(folder, recipe)


def evaluate(
    store: Store,
    folder: Path,
    recipe: Recipe,
    *,
    protocol: Protocol,
    pretrained: Path | None = None,
    untrained: bool = False,
    resume: bool = False,
) -> dict[str, Any]:
    """The metrics of one protocol. With `untrained` the same encoder is measured before any
    training too."""
    from skedge.teacher.protocols.protocol import evaluate
    from skedge.teacher.runs.folder import Run
    from skedge.teacher.training import check_machine

    check_machine(recipe.compute)
    run = Run(folder, recipe, resume)
    return evaluate(protocol, store, run, pretrained=pretrained, untrained=untrained)


def check_asked(
    pretrained: Path, recipe: Recipe, names: Collection[str], protocol: Protocol | None = None
) -> None:
    """Raise `InputError` where a setting that was asked for by name, among `names` (input.stream),
    is another than the one that the network in `pretrained` was trained with and keeps, under a
    protocol of evaluation or in further training."""
    from skedge.teacher.protocols.evaluate import fixed, plain
    from skedge.teacher.runs.load import read_card

    card = read_card(pretrained, recipe.input.stream)
    held = {f"input.{name}": value for name, value in fixed(card, recipe.input).items()}
    for full, value in (held | _other_plan(card, recipe, protocol)).items():
        if _is_among(full, names):
            raise InputError(
                f"{pretrained}: expected {full} {value}, with which it was trained, got"
                f" {plain(attrgetter(full)(recipe))}; leave the setting out, or train a network"
                " with it"
            )


def tell_plan(
    trained: Path, recipe: Recipe, names: Collection[str], protocol: Protocol = "finetune"
) -> None:
    """Say which settings of the encoder, among `names`, which a recipe's file gives, are not those
    of the network in `trained`, a pretrained one under a protocol or a teacher; they are not
    used."""
    from skedge.teacher.clips import tell
    from skedge.teacher.protocols.evaluate import differing
    from skedge.teacher.runs.load import read_card

    card = read_card(trained, recipe.input.stream)
    held = [
        f"{full} {value}"
        for full, value in _other_plan(card, recipe, protocol).items()
        if _is_among(full, names)
    ]
    if held and differing(card.encoder, recipe.student):  # else a student, of the recipe's plan
        tell(f"{trained}: its encoder stays as it was trained: {', '.join(held)}")


def _other_plan(card: Any, recipe: Recipe, protocol: Protocol | None) -> dict[str, Any]:
    """The encoder's settings that a trained network keeps under a protocol and the recipe has
    otherwise, with the network's values."""
    from skedge.teacher.protocols.evaluate import differing
    from skedge.teacher.protocols.protocol import PROTOCOLS

    takes = PROTOCOLS[protocol].takes if protocol else ()
    plan = replace(card.encoder, **{name: getattr(recipe.encoder, name) for name in takes})
    found = differing(plan, recipe.encoder)
    return {f"encoder.{name}": value for name, value in found.items()}


def _is_among(setting: str, names: Collection[str]) -> bool:
    return any(name == setting or name.startswith(f"{setting}.") for name in names)


def over_seeds(
    folder: Path,
    recipe: Recipe,
    seeds: Sequence[int],
    step: Callable[..., dict[str, Any]],
    *,
    resume: bool = False,
) -> dict[str, Any]:
    """The metrics of a step under several seeds: each in a folder of its own, mean and standard
    deviation over them in `folder`. `step` takes the folder and the recipe of one seed, and
    `resume`."""
    from skedge.teacher.runs.folder import Run
    from skedge.teacher.seeds import each_seed

    def one(run: Run) -> dict[str, Any]:
        return step(run.folder, run.recipe, resume=run.resume)

    return each_seed(Run(folder, recipe, resume), seeds, one)


def distill(
    store: Store,
    folder: Path,
    recipe: Recipe,
    teachers: Sequence[Path] = (),
    *,
    resume: bool = False,
    unlabelled: Sequence[Store] = (),
    pretrained: Path | None = None,
) -> dict[str, Any]:
    """The metrics of a student: of one stream it learns from whole teachers, each of three streams
    from the teachers' own, or the only one."""
    from skedge.student.distill import distill, trains_head
    from skedge.student.online import check_online
    from skedge.teacher.protocols.fusion import fuse
    from skedge.teacher.runs.folder import STREAMS, Run
    from skedge.teacher.streams import Part, each_stream, gather
    from skedge.teacher.training import check_machine

    check_machine(recipe.compute)
    if len(store.intervals):
        check_online(recipe)
    runs = [*teachers, *([pretrained] if pretrained else [])]
    asked = question("distill", [store, *unlabelled], recipe, runs=runs)
    three = recipe.input.stream == "three"

    def step(run: Run, part: Part) -> dict[str, Any]:
        own = [
            part(teacher) if three and (teacher / STREAMS).is_file() else teacher
            for teacher in teachers
        ]
        return distill(
            store,
            run.folder,
            run.recipe,
            teachers=own,
            resume=run.resume,
            unlabelled=unlabelled,
            pretrained=part(pretrained) if three and pretrained else pretrained,
        )

    with begun(folder, asked, resume=resume, runs=runs):
        metrics = each_stream(Run(folder, recipe, resume), step)
        if metrics is not None:
            return metrics
        answers = not teachers or trains_head(recipe.distill)
        return fuse(store, folder, recipe) if answers else gather(folder, recipe)


def teach_head(store: Store, folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The metrics of the shipped model with a head of its own for the store's actions."""
    from skedge.student.heading import teach_head

    with begun(folder, question("distill shipped", [store], recipe), resume=False):
        return teach_head(store, folder, recipe)


def finetune(
    store: Store, folder: Path, recipe: Recipe, trained: Path, *, resume: bool = False
) -> dict[str, Any]:
    """The metrics of a classifier trained on with the actions of a store; every stream of one that
    has three."""
    from skedge.teacher.protocols.continued import continue_training
    from skedge.teacher.protocols.fusion import fuse
    from skedge.teacher.runs.folder import Run
    from skedge.teacher.runs.load import load_classifier
    from skedge.teacher.streams import Part, each_stream
    from skedge.teacher.training import check_machine

    check_machine(recipe.compute)
    held = load_classifier(trained)[1].input
    recipe = replace(recipe, input=replace(recipe.input, stream=held.stream, fusion=held.fusion))

    def step(run: Run, part: Part) -> dict[str, Any]:
        return continue_training(
            store, run.folder, run.recipe, trained=part(trained), resume=run.resume
        )

    asked = question("finetune", [store], recipe, runs=[trained])
    with begun(folder, asked, resume=resume, runs=[trained]):
        return each_stream(Run(folder, recipe, resume), step) or fuse(store, folder, recipe)


def export(
    run: Path,
    file: Path,
    store: Store,
    *,
    precision: Precision = "fp32",
    streaming: bool = False,
    note: str | None = None,
) -> dict[str, Any]:
    """The findings of the check of an exported file, which is written where it answers as torch
    does."""
    from skedge.export.exporter import Exporter

    return Exporter(run, store, streaming=streaming, note=note).write(file, precision)


def export_all(
    run: Path, folder: Path, store: Store, *, streaming: bool = False, note: str | None = None
) -> dict[str, Any]:
    """The figures of a run exported in every format and precision into `folder`; formats.md there
    is the table.

    With `streaming` its streaming form too. A file that the check refuses is not written, nor is
    one of that name left from an earlier export, and its row says why. Other files of an earlier
    export are removed, as its formats.json knows them; what else looks like one is only named.

    The figures of an earlier export go before its first file is replaced: an interrupted export has
    none.

    Raises `ExportError` where all files are refused; the table is written all the same. Raises
    `InputError` where another export into the folder is at work.
    """
    check_folder(folder)
    taken = f"{folder}: expected one export at a time into a folder, another one is at work there"
    with locked(folder / ".lock", taken):
        return _export_all(run, folder, store, streaming=streaming, note=note)


def _export_all(
    run: Path, folder: Path, store: Store, *, streaming: bool, note: str | None
) -> dict[str, Any]:
    """`export_all` in a folder that the caller holds."""
    from skedge.bench.benchmark import benchmark
    from skedge.bench.report import remove
    from skedge.export.exporter import PRECISIONS, Exporter
    from skedge.export.formats.registry import FORMATS
    from skedge.export.verify import ExportError

    exporters = {
        form: Exporter(run, store, streaming=bool(form), note=note)
        for form in _FORMS[: 1 + streaming]
    }
    earlier = read_json(folder / "formats.json")
    for name in ("formats.json", "formats.md"):
        (folder / name).unlink(missing_ok=True)
    remove(folder / "bench")
    exported: dict[str, dict[str, Any]] = {}
    wanted = list(product(exporters, FORMATS, PRECISIONS))
    for form, suffix, precision in track(wanted, "Exporting"):
        name = f"{form}{precision}{suffix}"
        try:
            exported[name] = exporters[form].write(folder / name, precision)
        except ExportError as error:
            exported[name] = {"refused": str(error)}
            (folder / name).unlink(missing_ok=True)
    files = [folder / name for name, found in exported.items() if "refused" not in found]
    bench = benchmark(files, folder / "bench") if files else {"models": []}
    report = {"exported": exported, "bench": bench, **_remove_older(folder, earlier, exported)}
    write_json(folder / "formats.json", report)
    write_text(folder / "formats.md", formats(report))
    if not files:
        name, found = next(iter(exported.items()))
        raise ExportError(f"all {len(exported)} files were refused; {name}: {found['refused']}")
    return report


def _remove_older(folder: Path, earlier: Any, exported: Collection[str]) -> dict[str, list[str]]:
    """The names of files of an `earlier` export, by its report, which are `removed`, and of
    `others`, which are there but not, or no longer, what that export says that it wrote."""
    from skedge.export.exporter import PRECISIONS
    from skedge.export.formats.registry import FORMATS

    try:
        sizes = {name: figures.get("bytes") for name, figures in earlier["exported"].items()}
    except (TypeError, KeyError, AttributeError):  # no such report
        sizes = {}
    found: dict[str, list[str]] = {"removed": [], "others": []}
    for form, precision, suffix in product(_FORMS, PRECISIONS, FORMATS):
        name = f"{form}{precision}{suffix}"
        file = folder / name
        if name in exported or not file.is_file():
            continue
        if file.stat().st_size == sizes.get(name):
            file.unlink()
            found["removed"].append(name)
        else:
            found["others"].append(name)
    return found


def draw(
    kind: str,
    runs: Sequence[Path],
    file: Path,
    recipe: Recipe,
    *,
    data: Path | None = None,
    clip: str | None = None,
    classes: int = 9,
) -> None:
    """Write the picture `kind` of runs, or of the recipe's masks, as `file`."""
    from skedge.teacher.drawing import PICTURES, Subject

    picture = PICTURES[kind]
    least, most = picture.runs
    if not least <= len(runs) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise InputError(
            f"draw {kind}: expected {count} folders of trained models, got {len(runs)}"
        )
    if (picture.store and data is None) or (picture.clip and clip is None):
        raise InputError(
            f"draw {kind}: expected --data{' and --clip' if picture.clip else ''}; see `skedge draw"
            " --help`"
        )
    store = None if data is None else Store(data)
    picture.draw(Subject(list(runs), store, clip, classes=classes), recipe, file)
