"""What the tests of the command line type."""

import signal
import subprocess
import sys
from typing import Any

# Networks and trainings of a second: what is looked at is the way from one command to the next.
TINY = [
    "--encoder.widths=[4,8]", "--encoder.strides=[1,2]", "--student.widths=[4,8]", "--student.strides=[1,1]",
    "--pretrain.projector=16", "--pretrain.optim.epochs=1", "--pretrain.optim.batch_size=7", "--linear.optim.epochs=2",
    "--finetune.optim.epochs=1", "--distill.optim.epochs=1", "--compute.precision=32-true", "--compute.accelerator=cpu",
]  # fmt: skip


def skedge(*arguments: object, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "skedge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **kwargs)


def ctrl_c_works() -> None:
    """In a new process: what a shell runs in the background, such as a test suite, starts with
    SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
