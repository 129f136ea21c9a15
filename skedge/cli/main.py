"""The command line of skedge.

Every command imports what it needs when it runs, so the edge never loads the training stack.
"""

import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from skedge.cli import camera, data, models, training
from skedge.cli.options import recipe_first, stop
from skedge.skeleton.errors import InputError

EXTRAS = {
    **dict.fromkeys(
        (
            "matplotlib",
            "scipy",
            "sklearn",
            "torch",
            "lightning",
            "torchmetrics",
            "safetensors",
            "onnx",
            "onnxscript",
        ),
        "train",
    ),
    **dict.fromkeys(("litert_torch", "ai_edge_quantizer"), "convert"),
    **dict.fromkeys(("cv2", "ai_edge_litert"), "live"),
    "submitit": "slurm",
}

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Threads of torch that wait by spinning make a training step many times slower where another
# process shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

COMMANDS: dict[str, Callable[[ArgumentParser], Callable[[Any], None]]] = {
    "run": training.run_command,
    "data import": data.import_command,
    "data info": data.info_command,
    "data check": data.check_command,
    "data split": data.split_command,
    "data merge": data.merge_command,
    "data show": data.show_command,
    "data synth": data.synth_command,
    "pretrain": training.pretrain_command,
    "evaluate online": models.evaluate_online_command,
    "evaluate": training.evaluate_command,
    "distill": training.distill_command,
    "finetune": training.finetune_command,
    "draw": training.draw_command,
    "table": training.table_command,
    "sweep": training.sweep_command,
    "export": models.export_command,
    "predict": models.predict_command,
    "pose fetch": camera.pose_fetch_command,
    "live": camera.live_command,
    "record": camera.record_command,
    "teach": camera.teach_command,
    "bench compare": models.compare_command,
    "bench": models.bench_command,
}


def main(argv: list[str] | None = None) -> None:
    """Run the command line; exits with 2 and one line for wrong input, 3 for a refused export, 1
    where a
    thread of the live view broke, 130 on Ctrl-C."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return
    if arguments[0] == "--version":
        print(version("skedge"))
        return
    name = next((name for name in COMMANDS if name.split() == arguments[: len(name.split())]), None)
    if name is None:
        known = ", ".join(COMMANDS)
        stop(
            2,
            f"unknown command {' '.join(arguments[:2])!r}: expected one of {known}; see `skedge"
            " --help`",
        )
    try:
        _run(name, arguments[len(name.split()) :])
    except InputError as error:
        stop(2, str(error))
    except KeyboardInterrupt:
        resumed = "; the same command with --resume goes on from the checkpoint"
        goes_on = dict.fromkeys(("pretrain", "evaluate", "distill", "finetune"), resumed)
        goes_on["run"] = "; the same command, without --again, goes on from the checkpoint"
        goes_on |= dict.fromkeys(
            ("data import", "sweep"), "; the same command goes on where it stopped"
        )
        stop(130, f"interrupted{goes_on.get(name, '')}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        stop(
            2,
            f"`skedge {name}` needs {package}, which this installation has not: pip install"
            f" 'skedge[{EXTRAS[package]}]'",
        )
    except OSError as error:
        stop(2, f"{error.filename or name}: {error.strerror or error}")
    except RuntimeError as error:
        code = {"ExportError": 3, "LiveError": 1}.get(type(error).__name__)
        if code is None:
            raise
        stop(code, str(error))


def _run(name: str, arguments: list[str]) -> None:
    build = COMMANDS[name]
    description, example = (" ".join(part.split()) for part in (build.__doc__ or "").split("\n\n"))
    parser = ArgumentParser(
        prog=f"skedge {name}",
        description=description,
        epilog=example,
        exit_on_error=False,
        print_config="--print_config",
    )
    command = build(parser)
    try:
        args = parser.parse_args(recipe_first(arguments))
    except ArgumentError as error:
        raise InputError(
            f"skedge {name}: {' '.join(str(error).split())}; see `skedge {name} --help`"
        ) from None
    command(args)


def _first_sentence(build: Callable[..., Any]) -> str:
    return " ".join((build.__doc__ or "").split("\n\n")[0].split())


def _overview() -> str:
    lines = [
        "skedge: skeleton action recognition at the edge",
        "",
        "usage: skedge COMMAND ...   (skedge COMMAND --help tells more)",
        "",
    ]
    lines += [f"  {name:<15} {_first_sentence(build)}" for name, build in COMMANDS.items()]
    return "\n".join(lines)
