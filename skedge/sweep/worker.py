"""`python -m skedge.sweep.worker FOLDER` takes the steps of one point, whose settings are in the
folder."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from skedge.skeleton.errors import InputError
from skedge.sweep.point import Point


def main(folder: Path) -> int:
    """Stops behind a checkpoint on Ctrl-C, and when the process that started it has gone."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()
    try:
        Point.read(folder).run()
    except KeyboardInterrupt:
        return 130
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
