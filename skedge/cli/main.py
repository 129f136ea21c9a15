"""The command line of skedge.

Every command imports what it needs when it runs, so the edge never loads the training stack.
"""

import os
import sys
import tempfile
from io import TextIOWrapper
from traceback import clear_frames
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser, get_loader, set_loader

from skedge import __version__
from skedge.cli import camera, data, help, models, training
from skedge.cli.arguments import as_registered, file_of, hyphened, nearest, settings_named
from skedge.cli.config import with_config
from skedge.cli.options import stop
from skedge.cli.wrong import explain
from skedge.recipes.ranges import check_value
from skedge.recipes.yaml_text import check_yaml
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import FULL
from skedge.skeleton.install import EXTRAS, install_hint

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Threads of torch that wait by spinning make a training step many times slower where another
# process shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_read = get_loader("yaml")


def _finite(text: str) -> Any:
    """What YAML says; jsonargparse does not come to the end of a value that contains itself."""
    check_yaml(text)
    return _read(text)


set_loader("yaml", _finite, (yaml.YAMLError,))

GROUPS: dict[str, dict[str, help.Build]] = {
    "The whole path": {
        "run": training.run_command,
    },
    "In front of a camera": {
        "live": camera.live_command,
        "record": camera.record_command,
        "teach": camera.teach_command,
        "pose fetch": camera.pose_fetch_command,
    },
    "Exported models": {
        "predict": models.predict_command,
        "model info": models.info_command,
        "model update": models.update_command,
        "evaluate online": models.evaluate_online_command,
        "evaluate everyday": models.evaluate_everyday_command,
        "bench": models.bench_command,
        "bench live": models.bench_live_command,
        "bench compare": models.compare_command,
    },
    "Datasets": {
        "data import": data.import_command,
        "data synth": data.synth_command,
        "data info": data.info_command,
        "data check": data.check_command,
        "data show": data.show_command,
        "data split": data.split_command,
        "data merge": data.merge_command,
        "data remove": data.remove_command,
    },
    "Training": {
        "pretrain": training.pretrain_command,
        "evaluate": training.evaluate_command,
        "distill": training.distill_command,
        "finetune": training.finetune_command,
        "export": models.export_command,
        "sweep": training.sweep_command,
        "table": training.table_command,
        "draw": training.draw_command,
    },
}
COMMANDS: dict[str, help.Build] = {
    name: build for commands in GROUPS.values() for name, build in commands.items()
}
_GOES_ON = {
    "run": "; the same command, without --again, goes on where it stopped",
    **dict.fromkeys(("data import", "sweep"), "; the same command goes on where it stopped"),
}


def main(argv: list[str] | None = None) -> None:
    """Run the command line.

    Exits with 2 and one line for wrong input, 3 for a refused export, 1 where a thread of the live
    view or code of the user's own broke, 130 on Ctrl-C.
    """
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what its encoding lacks is written with a "?"
            stream.reconfigure(errors="replace")
    failed = None
    try:
        try:
            _answer(sys.argv[1:] if argv is None else argv)
        except OSError as error:
            failed = error
        finally:
            failed = _lost() or failed
    except KeyboardInterrupt:  # no command is at work, such as where one has just ended
        stop(130, "interrupted")
    # A pipe breaks where its reader, such as `head`, has seen enough.
    if failed and not isinstance(failed, BrokenPipeError):
        stop(2, f"stdout: {reason(failed)}")


def _answer(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help.overview(GROUPS))
    elif arguments[0] == "--version":
        print(__version__)
    elif _is_group(arguments):
        print(help.group_help(arguments[0], COMMANDS))
    else:
        _run_command(arguments)


def _lost() -> OSError | None:
    """Why the rest of the output could not be written. It then goes nowhere: else Python tries once
    more at its end, and complains in lines of its own."""
    if not isinstance(sys.stdout, TextIOWrapper):  # what a program has put in its place
        return None
    try:
        sys.stdout.flush()
    except (OSError, KeyboardInterrupt) as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, KeyboardInterrupt):
            raise
        return error
    return None


def _open_closed() -> None:
    """Let standard streams that are closed lead nowhere: else stderr's words go to stdout, and a
    file or a camera that is opened next takes their number, and gets what libraries print."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free, this one
        if getattr(sys, name) is None and number:
            setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115 - stays open


def parse(name: str, arguments: list[str]) -> Any:
    """The arguments of the command `name` as it gets them, `typed` the settings of the recipe that
    flags gave; raises `InputError` for wrong ones."""
    parser = _parser(name)
    COMMANDS[name](parser)
    return _parsed(name, parser, arguments)


def _is_group(arguments: list[str]) -> bool:
    """Whether a group is asked for that is no command itself, such as `data --help`."""
    groups = {name.split()[0] for name in COMMANDS} - COMMANDS.keys()
    return arguments[0] in groups and arguments[1:2] in ([], ["-h"], ["--help"])


def _run_command(arguments: list[str]) -> None:
    # The longest name first: `bench compare` is not `bench` with a file called compare.
    names = sorted(COMMANDS, key=lambda name: -len(name.split()))
    name = next((name for name in names if name.split() == arguments[: len(name.split())]), None)
    if name is None:
        stop(2, _unknown(arguments))
    try:
        _run(name, arguments[len(name.split()) :])
    except InputError as error:
        stop(2, str(error))
    except KeyboardInterrupt as error:  # a training's says how to go on
        stop(130, f"interrupted{_GOES_ON.get(name, error)}")
    except BrokenPipeError:  # no error of the command's: `main` ends quietly
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        stop(
            2,
            f"`skedge {name}` needs {package}, which is not installed here:"
            f" {install_hint(EXTRAS[package])}",
        )
    except ImportError as error:  # what a library in C makes of Ctrl-C
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        stop(130, f"interrupted{_GOES_ON.get(name, '')}")
    except OSError as error:
        full = error.filename is not None and error.errno in FULL
        passing = error.filename == tempfile.gettempdir()
        other = ", or name another folder in TMPDIR" if passing else ", or write elsewhere"
        more = f"; make room there{_GOES_ON.get(name, other)}" if full else ""
        stop(2, f"{error.filename or name}: {reason(error)}{more}")
    except RuntimeError as error:
        code = {"ExportError": 3, "LiveError": 1, "OwnCodeError": 1}.get(type(error).__name__)
        if code is None:
            raise
        stop(code, str(error))


def _unknown(arguments: list[str]) -> str:
    first, *rest = arguments
    known = [name for name in COMMANDS if name.split()[0] == first]
    if known:  # a group, of which this is no command
        word = f"{first} {rest[0]}"
        near = nearest(word, known) if nearest(rest[0], [one.split()[1] for one in known]) else ""
    else:
        word = first
        known = list(COMMANDS)
        near = nearest(word, {name.split()[0] for name in known})
    expected = near or f": expected one of {', '.join(known)}"
    return f"unknown command {word!r}{expected}; see `skedge --help`"


def _parser(name: str) -> ArgumentParser:
    return ArgumentParser(
        prog=f"skedge {name}",
        exit_on_error=False,
        allow_abbrev=False,
        print_config="--print-config",
    )


def _parsed(name: str, parser: ArgumentParser, arguments: list[str]) -> Any:
    try:
        words = as_registered(parser, with_config(parser, arguments))
        args = parser.parse_args(words)
    except ArgumentError as error:
        wrong = explain(str(error), parser)
        raise InputError(f"{wrong}; see `skedge {name} --help`") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file_of(words, error.object)}: expected settings in YAML: {reason(error)}"
        ) from None
    for action in parser._actions:
        type_ = getattr(action, "_typehint", None)
        check_value(args.get(action.dest), type_, name=hyphened(f"--{action.dest}"))
    args["typed"] = settings_named(parser, words)
    return args


def _run(name: str, arguments: list[str]) -> None:
    parser = _parser(name)
    command = COMMANDS[name](parser)
    asked = [word for word in ("-h", "--help", "--help-all") if word in arguments]
    if asked:
        print(_help(name, parser, arguments, asked=asked[0]), end="")
        return
    try:
        command(_parsed(name, parser, arguments))
    except BaseException as error:
        # Closes what its loops hold open, such as a bar. Later, while Python itself ends, threads
        # that a bar may wait for are gone.
        clear_frames(error.__traceback__)
        raise


def _help(name: str, parser: ArgumentParser, arguments: list[str], asked: str) -> str:
    from skedge.cli.listed import WITH_RECIPE, listed

    others = [f"`skedge {other}`" for other in COMMANDS if other.startswith(f"{name} ")]
    more = [f"See also: {', '.join(others)}."] if others else []
    sections: list[str] | None = None
    if name in WITH_RECIPE:
        from skedge.recipes.recipe import sections_read

        places = [word for word in arguments if not word.startswith("-")]
        sections = list(sections_read(" ".join([name, *places[:1]]))) or list(sections_read(name))
        if asked == "--help-all":
            named = arguments[arguments.index(asked) + 1 :][:1]
            sections = [part.replace("-", "_") for part in named] or None
        else:
            more.insert(
                0,
                "Settings of a part: --help-all PART, such as --help-all"
                f" {(sections[:-1] or sections)[-1]}; all settings of a recipe: --help-all.",
            )
    return help.command_help(parser, COMMANDS[name], sections, more=more, listed=listed(name))
