"""What `--help` prints: short, in columns that fit, in words that can be typed."""

import os
import re
import subprocess
import sys

import pytest

from skedge.cli.main import COMMANDS, GROUPS, main
from skedge.datasets.readers import FORMATS
from skedge.recipes import RECIPES, recipe_names
from skedge.recipes.recipe import READS

TRAINING = ["pretrain", "distill", "finetune", "draw", *(name for name in READS if " " in name)]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(list(arguments))
    return capsys.readouterr().out


def flags(text: str) -> list[str]:
    """The flags that the text explains, each at the begin of its line."""
    return re.findall(r"^  (--[\w.*-]+)", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_fits_and_names_no_object(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for asked in ("--help", "--help-all"):
        text = shown(capsys, *name.split(), asked)
        assert f"usage: skedge {name}" in text
        assert f"Example: skedge {name}" in " ".join(text.split())
        assert not [line for line in text.splitlines() if len(line) > 80]
        for object_ in ("<class", "<function", "0x", "typing.", "null", "Literal"):
            assert object_ not in text
        assert not [flag for flag in flags(text) if "_" in flag]


def test_the_overview_is_grouped_and_fits(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys)
    assert text == shown(capsys, "--help")
    assert not [line for line in text.splitlines() if len(line) > 80]
    for title, commands in GROUPS.items():
        assert f"\n{title}\n" in text
        for name in commands:
            (sentence,) = re.findall(rf"^  {name}  +(.*)$", text, re.MULTILINE)
            assert re.fullmatch(r"[A-Z][^.;:]*\.", sentence), sentence


@pytest.mark.parametrize("group", ["data", "pose"])
def test_a_group_lists_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, group, "--help")
    assert text == shown(capsys, group)
    for name in COMMANDS:
        assert (f"  {name} " in text) == name.startswith(f"{group} ")


@pytest.mark.parametrize(("command", "other"), [("evaluate", "online"), ("bench", "compare")])
def test_a_command_that_is_a_group_too_names_the_others(
    command: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"`skedge {command} {other}`" in shown(capsys, command, "--help")


@pytest.mark.parametrize("step", TRAINING)
def test_a_step_shows_the_settings_that_it_reads(
    step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, *step.split(), "--help")
    assert len(text.splitlines()) <= 150
    sections = {flag.removeprefix("--").split(".")[0] for flag in flags(text) if "." in flag}
    assert sections == set(READS[step])
    assert "(default: " in text


def test_all_settings_are_shown_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "pretrain", "--help-all")
    assert "--finetune.layer-decay NUMBER" in text
    assert "--pretrain.contrast.masks.key.masked-joints INT" in text
    part = shown(capsys, "pretrain", "--help-all", "pretrain.contrast")
    assert "--pretrain.contrast.temperature NUMBER" in part
    assert "--input.frames" not in part


def test_an_import_lists_what_each_format_reads(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "data", "import", "--help")
    listed = text[text.index("formats:") :]
    for format in FORMATS:
        assert re.search(rf"^  {format} +\S", listed, re.MULTILINE)
    assert "(--missing, --bodies" in " ".join(listed.split())


def test_every_recipe_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "evaluate", "--help")
    for name in recipe_names():
        assert re.search(rf"^  {name} +[A-Z]\w*", text, re.MULTILINE), name
    sweeps = shown(capsys, "sweep", "--help")
    for file in (RECIPES / "sweeps").glob("*.yaml"):
        assert re.search(rf"^  {file.stem} +[A-Z]\w*", sweeps, re.MULTILINE), file.stem


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    import skedge

    assert shown(capsys, "--version") == f"{skedge.__version__}\n"


@pytest.mark.parametrize("columns", ["3", "40"])
@pytest.mark.parametrize("arguments", [[], ["data"], ["live", "--help"], ["pretrain", "--help"]])
def test_a_narrow_terminal_gets_the_help_in_columns(
    arguments: list[str],
    columns: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The list of commands ran over the edge, and in less than 8 columns there was a traceback."""
    monkeypatch.setenv("COLUMNS", columns)
    text = shown(capsys, *arguments)
    assert not [line for line in text.splitlines() if len(line) > 40 and line[0] == " "]


@pytest.mark.parametrize("arguments", [["--help"], ["live", "--help"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough_and_a_full_disk(
    arguments: list[str], unbuffered: str
) -> None:
    """`skedge --help | head -3` and `skedge --help > FILE` on a full disk ended in lines of
    Python's own."""
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "skedge", *arguments]
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as nobody, open("/dev/full", "w") as full:
        ended, failed = (
            subprocess.run(command, stdout=to, stderr=subprocess.PIPE, text=True, env=environment)
            for to in (nobody, full)
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert failed.returncode == 2
    assert re.fullmatch(r"skedge: \w+: No space left on device\n", failed.stderr)


@pytest.mark.parametrize(
    "arguments",
    [[], ["data"], ["live", "--help"], ["pretrain", "--help"], ["data", "import", "-h"]],
)
def test_help_without_docstrings_says_why_it_is_short(arguments: list[str]) -> None:
    """With `python -OO`, or PYTHONOPTIMIZE=2 in a service, a command's help was a traceback, and
    the list of commands a column of full stops."""
    command = [sys.executable, "-OO", "-m", "skedge", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Python's -OO leaves out what commands and settings do" in done.stdout
    assert not re.search(r"  \.$|\(protocol:|None", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("command", "people"), [("live", "as many as the model"), ("record", "1)")]
)
def test_how_many_people_are_looked_for(
    command: str, people: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`record` said that it looks for as many as the model sees; it looks for one."""
    assert f"people to look for (default: {people}" in " ".join(
        shown(capsys, command, "--help").split()
    )
