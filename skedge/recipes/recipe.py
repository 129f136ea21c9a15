"""The recipe: every setting of one experiment, the one parameter that each step takes."""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from skedge.recipes.distill_settings import DistillSettings, student_plan
from skedge.recipes.methods import READ_BY
from skedge.recipes.needs import without_effect
from skedge.recipes.ranges import check
from skedge.recipes.settings import (
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
from skedge.skeleton.errors import InputError

Protocol = Literal[
    "linear", "finetune", "semi", "transfer", "knn", "partial-body", "supervised", "ridge"
]
Source = Literal["linear", "finetune", "labels", "shipped", "own"]
Precision = Literal["fp32", "fp16", "dynamic", "int8"]


@dataclass
class Recipe:
    """One experiment. Raises `InputError` for a number that no setting of its kind can be.

    Args:
        name: name of the run's folder.
        students: one student per source: the linear-probed teacher, the finetuned one, labels
            alone, the shipped model with a head of its own (shipped), or (own) that for a few films
            and labels alone otherwise; the first student is exported.
        input: what the networks see of a clip.
        encoder: plan of the teacher.
        pretrain: self-supervised pretraining.
        linear: linear probe.
        finetune: finetuning and supervised training; semi and transfer use it too.
        semi: semi-supervised evaluation.
        knn: nearest neighbours.
        partial: partial-body evaluation.
        student: plan of the student.
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

    def __post_init__(self) -> None:
        check(self)
        if self.input.stream == "three" and not self.input.fusion:
            raise InputError(
                "input.fusion: expected the weights of one to three streams for input.stream three,"
                " got none"
            )

    def sections(self, *names: str) -> dict[str, Any]:
        """The named sections as plain JSON types."""
        document = json.loads(json.dumps(asdict(self)))
        return {name: document[name] for name in names or document}


# The sections that a step reads, by the words of its command. Path and sweeps keep a step's result
# while these are the same; a command's help shows these alone.
READS: dict[str, tuple[str, ...]] = {
    "pretrain": ("input", "encoder", "pretrain", "compute"),
    "evaluate linear": ("input", "encoder", "linear", "compute"),
    "evaluate finetune": ("input", "encoder", "finetune", "compute"),
    "evaluate semi": ("input", "encoder", "finetune", "semi", "compute"),
    "evaluate transfer": ("input", "encoder", "finetune", "compute"),
    "evaluate knn": ("input", "knn", "compute"),
    "evaluate partial-body": ("input", "partial", "compute"),
    "evaluate supervised": ("input", "encoder", "finetune", "compute"),
    "evaluate ridge": ("input",),
    "distill": ("input", "student", "distill", "compute"),
    "finetune": ("input", "finetune", "compute"),
    "draw": ("input", "pretrain", "compute"),
    "run": tuple(each.name for each in fields(Recipe)),
}
# Settings in these sections that a step does not read all the same.
PASSED_OVER: dict[str, tuple[str, ...]] = {
    "pretrain": ("input.part", "input.test_clips", "encoder.fusion", "encoder.head"),
    "evaluate supervised": ("encoder.fusion",),
    "evaluate ridge": ("input.stream", "input.fusion"),
    "finetune": ("finetune.fuse",),
}


def sections_read(command: str) -> tuple[str, ...]:
    """The sections that a command reads, in the recipe's order: of `evaluate` those of all its
    protocols, of `distill labels` those of `distill`."""
    read = {section for step in _steps(command) for section in READS[step]}
    return tuple(each.name for each in fields(Recipe) if each.name in read)


def _steps(command: str) -> list[str]:
    return [
        step
        for step in READS
        if f"{step} ".startswith(f"{command} ") or f"{command} ".startswith(f"{step} ")
    ]


def _reads(step: str, name: str) -> bool:
    over = PASSED_OVER.get(step, ())
    return name.partition(".")[0] in READS[step] and not any(
        f"{name}.".startswith(f"{one}.") for one in over
    )


# Settings of what a student learns from a teacher's answers, and from all of a teacher.
OF_ANSWERS = ("distill.temperature", "distill.direction", "distill.scale_by_temperature")
OF_A_TEACHER = tuple(f"distill.{name}_weight" for name in ("logit", "feature", "label"))
# Students that learn without a teacher.
ALONE = {"labels", "shipped"}


def unread(commands: Iterable[str], names: Iterable[str]) -> list[str]:
    """Those of the settings, by their dotted names, that none of these commands reads."""
    steps = [step for command in commands for step in _steps(command)]
    known = {each.name for each in fields(Recipe)}
    return sorted(
        name
        for name in names
        if name.partition(".")[0] in known and not any(_reads(step, name) for step in steps)
    )


def idle(recipe: Recipe, names: Collection[str]) -> dict[str, list[str]]:
    """Those of the settings, by their dotted names, that have no effect as the recipe is, by the
    setting that does not read them (`pretrain.method asma`, `input.time stretched`)."""
    method, backbone = recipe.pretrain.method, recipe.encoder.backbone
    known = {method for methods in READ_BY.values() for method in methods}
    parts = [part for part, methods in READ_BY.items() if method in known - {*methods}]
    plans = {"transformer", "sttformer"}
    others = plans - {backbone} | ({"widths", "strides"} if backbone in plans else set())
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        section, _, rest = name.partition(".")
        part = rest.partition(".")[0]
        if section == "pretrain" and part in parts:
            found.setdefault(f"pretrain.method {method}", []).append(name)
        if section == "encoder" and part in others:
            found.setdefault(f"encoder.backbone {backbone}", []).append(name)
    said = {name for unread in found.values() for name in unread}
    for reader, alone in without_effect(recipe, {*names} - said).items():
        found.setdefault(reader, []).extend(alone)
    return found


def effective(recipe: Recipe, names: Collection[str]) -> list[str]:
    """Those of the settings, by their dotted names, that have an effect in this recipe."""
    without = {name for unread in idle(recipe, names).values() for name in unread}
    return [name for name in names if name not in without]


def idle_in_distilling(
    recipe: Recipe, names: Collection[str], taught: Collection[bool]
) -> dict[str, list[str]]:
    """Those of the settings, by their dotted names, that have no effect on students, of which
    `taught` says whether each has a teacher, by what does not read them."""
    weights = recipe.distill
    of_a_teacher = (*OF_A_TEACHER, *OF_ANSWERS, "student.fusion")
    readers = (
        ("distill without --teacher", True not in taught, of_a_teacher),
        ("distill.logit_weight 0", True in taught and not weights.logit_weight, OF_ANSWERS),
        (
            "distill.label_weight 0",
            False not in taught and not weights.label_weight,
            ("distill.label_smoothing",),
        ),
    )
    found = {reader: sorted({*names} & {*unread}) for reader, so, unread in readers if so}
    return {reader: given for reader, given in found.items() if given}


def idle_on_clips(names: Iterable[str]) -> dict[str, list[str]]:
    """Those of the settings, by their dotted names, that have an effect on recordings alone, by
    what does not read them."""
    given = sorted(name for name in names if f"{name}.".startswith("distill.online."))
    return {"training on clips": given} if given else {}


def idle_in_path(recipe: Recipe, names: Collection[str]) -> dict[str, list[str]]:
    """Those of the settings, by their dotted names, that have no effect on the whole path, which
    takes clips, by what does not read them."""
    taught = [source not in {*ALONE, "own"} for source in recipe.students]
    teachers = ["pretrain", "evaluate linear", "evaluate finetune"] if any(taught) else []
    left_out = [
        name
        for name in unread(["evaluate ridge", "distill", *teachers], names)
        if name not in ("name", "students")
    ]
    found = {f"run with students {', '.join(recipe.students)}": left_out} if left_out else {}
    return found | idle_in_distilling(recipe, names, taught) | idle_on_clips(names)
