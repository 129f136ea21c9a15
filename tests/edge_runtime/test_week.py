"""A device that is left alone: a week in which the camera is lost again and again, the broker is
killed and started, the clock is stepped and the network goes. Memory stays, and the broker gets
every event. `SKEDGE_WEEK` says how often the camera is lost; the broker restarts a tenth as often.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.edge_runtime.live_fakes import quick_model
from tests.edge_runtime.test_home import Mosquitto
from tests.edge_runtime.week import RESTARTS

ROOT = Path(__file__).parents[2]
LOSSES = int(os.environ.get("SKEDGE_WEEK", "60"))
GROWTH = 1e6


def test_a_week_alone(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    model = quick_model(tmp_path / "m.onnx")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.edge_runtime.week", broker.url, str(model), str(LOSSES)]
    child = subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    chance = random.Random(0)
    for _ in range(LOSSES // RESTARTS):
        time.sleep(chance.uniform(0.1, 0.6))
        broker.stop()
        time.sleep(chance.uniform(0, 0.2))
        broker.start()
        print(file=child.stdin, flush=True)
    found = json.loads(child.communicate()[0])
    broker.stop()
    print(found)
    assert child.returncode == 0
    assert found["losses"] == LOSSES
    assert found["restarts"] == LOSSES // RESTARTS
    assert found["days"] >= 7
    assert found["events"] >= LOSSES // 2
    assert found["unconfirmed"] == 0, "events that the broker could have had"
    if LOSSES >= 1000:  # the first minutes leave every allocator larger
        assert found["growth_bytes"] < GROWTH
