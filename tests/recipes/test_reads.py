"""The table of the sections that a step reads."""

from dataclasses import fields
from typing import get_args

import pytest

from skedge.recipes.recipe import READS, Protocol, Recipe, sections_read


def test_every_section_is_read_by_a_step_and_no_other_is_named() -> None:
    steps = {section for step, read in READS.items() if step != "run" for section in read}
    assert steps == {each.name for each in fields(Recipe)} - {"name", "students"}
    assert set(READS) >= {f"evaluate {protocol}" for protocol in get_args(Protocol)}


@pytest.mark.parametrize(
    ("command", "read"),
    [
        ("distill labels", ("input", "student", "distill", "compute")),
        ("evaluate semi", ("input", "encoder", "finetune", "semi", "compute")),
        ("finetune", ("input", "finetune", "compute")),
        (
            "evaluate",
            ("input", "encoder", "linear", "finetune", "semi", "knn", "partial", "compute"),
        ),
        ("export", ()),
    ],
)
def test_what_a_command_reads(command: str, read: tuple[str, ...]) -> None:
    assert sections_read(command) == read
