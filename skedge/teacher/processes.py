"""Training in several processes: the first runs the program, the others only train along.

Reading, deciding and writing are the first one's. Whenever it comes to a training it gives the
others what to train, and all of them train it; in between they wait.
"""

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import cloudpickle
from lightning.fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from torch import cuda, distributed

from skedge.recipes.settings import ComputeSettings
from skedge.skeleton import InputError

Trained = TypeVar("Trained")
Train = Callable[[], Trained]

WORKER = [sys.executable, "-P", "-m", "skedge.teacher.processes"]
# How long the others wait for the next training: the first one may evaluate for hours.
PATIENCE = timedelta(days=365)
_group: "_Group | None" = None


def train_in_all(train: Train[Trained], compute: ComputeSettings) -> Trained:
    """What `train` gives in this process, the first one, while all others of the settings run it
    too; they are started where nobody did."""
    if compute.processes == 1:
        return train()
    return _joined(compute).train(train)


def environment_of(compute: ComputeSettings) -> ClusterEnvironment | None:
    """What Lightning learns from who started the processes; None for a single process."""
    if compute.processes == 1:
        return None
    return _cluster() or LightningEnvironment()


def trained_along(compute: ComputeSettings) -> bool:
    """Whether torchrun or SLURM started this process behind the first one; then it has trained
    along until the first one ended.

    Raises `InputError` where they started another number of processes than the settings have.
    """
    if _cluster() is None and compute.nodes == 1:
        return False
    group = _joined(compute)
    if group.rank:
        group.follow()
    return group.rank > 0


def _cluster() -> ClusterEnvironment | None:
    """torchrun or SLURM, where one of them started several processes."""
    if TorchElasticEnvironment.detect() and int(os.environ["WORLD_SIZE"]) > 1:
        return TorchElasticEnvironment()
    if int(os.environ.get("SLURM_NTASKS", 1)) > 1 and SLURMEnvironment.detect():
        if "SLURM_NTASKS_PER_NODE" not in os.environ:
            raise InputError(
                "SLURM: expected --ntasks-per-node, as many as --compute.devices, got --ntasks"
            )
        return SLURMEnvironment()
    return None


def _joined(compute: ComputeSettings) -> "_Group":
    """The processes of a training, which are connected once."""
    global _group
    if _group is not None:
        return _group
    cluster = _cluster()
    if cluster is not None and cluster.world_size() != compute.processes:
        raise InputError(
            f"compute.devices, compute.nodes: expected {cluster.world_size()} processes, which"
            f" torchrun or SLURM started, got {compute.devices} x {compute.nodes}"
        )
    if cluster is None and compute.nodes > 1:
        raise InputError(
            f"compute.nodes: expected torchrun or srun to start the processes of {compute.nodes}"
            " machines, got one process; see docs/reproduce.md"
        )
    on_gpu = compute.accelerator != "cpu" and cuda.is_available()
    if cluster is not None:
        _group = _Group(cluster.global_rank(), compute.processes, cluster, on_gpu=on_gpu)
    else:
        children = _start(compute.devices, on_gpu=on_gpu)
        _group = _Group(
            0, compute.devices, LightningEnvironment(), children=children, on_gpu=on_gpu
        )
    atexit.register(_end)
    return _group


def _end() -> None:
    global _group
    if _group is not None:
        _group.end()
    _group = None


def _start(count: int, *, on_gpu: bool) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the processes behind this one, on this machine, one after the other."""
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(find_free_network_port()),
        "LOCAL_RANK": "0",
    }
    # What this process can import, of a method of one's own, too.
    path = {"PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    words = [str(count), "gpu" if on_gpu else "cpu"]
    for rank in range(1, count):
        # In a session of its own: the terminal's Ctrl-C comes to the first process alone.
        yield subprocess.Popen(
            [*WORKER, *words],
            stdin=subprocess.PIPE,
            env=os.environ | path | {"LOCAL_RANK": str(rank)},
            start_new_session=True,
        )


class _Group:
    """Connected processes, seen from the one with this rank."""

    def __init__(
        self,
        rank: int,
        world: int,
        cluster: ClusterEnvironment,
        *,
        on_gpu: bool,
        children: "Iterable[subprocess.Popen[bytes]]" = (),
    ) -> None:
        self.rank = rank
        self.children: list[subprocess.Popen[bytes]] = []
        self.training = self.ending = False
        try:
            for child in children:
                self.children.append(child)
                threading.Thread(target=self._watch, args=(child,), daemon=True).start()
            os.environ["MASTER_ADDR"] = cluster.main_address
            os.environ["MASTER_PORT"] = str(cluster.main_port)
            distributed.init_process_group(
                "cpu:gloo,cuda:nccl" if on_gpu else "gloo", rank=rank, world_size=world
            )
            self.waiting = distributed.new_group(backend="gloo", timeout=PATIENCE)
        except BaseException:
            # Such as Ctrl-C. The others would report the lost connection at length.
            self._kill()
            raise

    def train(self, train: Train[Trained]) -> Trained:
        """What `train` gives here; it runs in all processes."""
        self._give(cloudpickle.dumps(train))
        self.training = True
        try:
            trained = train()
        except (InputError, KeyboardInterrupt):  # so it ended in the others
            self.training = False
            raise
        self.training = False
        return trained

    def follow(self) -> None:
        """Train what the first process trains, until it ends."""
        while (given := self._give(None)) is not None:
            # The first process says what is wrong.
            with suppress(InputError, KeyboardInterrupt):
                cloudpickle.loads(given)()

    def end(self) -> None:
        """Let the others go; those in the midst of a training that failed here are killed, or left
        to who started them."""
        if self.training:
            self._kill()
            return
        self.ending = True
        if self.rank == 0:
            self._give(None)
        for child in self.children:
            child.wait()
        distributed.destroy_process_group()

    def _kill(self) -> None:
        self.ending = True
        for child in self.children:
            child.kill()
            child.wait()

    def _give(self, given: bytes | None) -> bytes | None:
        """What the first process gives, in all of them."""
        box = [given]
        distributed.broadcast_object_list(box, src=0, group=self.waiting)
        return box[0]

    def _watch(self, child: "subprocess.Popen[bytes]") -> None:
        """End with a process that has failed: what it was to add, all others would wait for."""
        if child.wait() and not self.ending:
            print(
                f"skedge: a process of this training ended with exit code {child.returncode}; the"
                " same command with --resume goes on from the last checkpoint",
                file=sys.stderr,
                flush=True,
            )
            os._exit(1)


def _work(words: list[str]) -> None:
    """Train along in a process that `_start` started."""

    # Gloo notices by itself; NCCL would wait for half an hour.
    def end_with_the_first() -> None:
        os.read(sys.stdin.fileno(), 1)
        os._exit(1)

    threading.Thread(target=end_with_the_first, daemon=True).start()
    rank = int(os.environ["LOCAL_RANK"])
    group = _Group(rank, int(words[0]), LightningEnvironment(), on_gpu=words[1] == "gpu")
    group.follow()
    group.end()


if __name__ == "__main__":
    # By its name, so that both sides of a training mean the same module.
    from skedge.teacher.processes import _work as work

    work(sys.argv[1:])
