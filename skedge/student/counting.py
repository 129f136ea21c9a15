"""The network that counts repetitions (`skedge.edge_runtime.density`), and its training.

`python -m skedge.student.counting --out FILE` makes recordings of invented people, for whom it is
known when each repetition began and ended, and trains on them. Everything is drawn from the seed.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.progress import progress
from skedge.datasets.synthetic.actions import ACTIONS
from skedge.datasets.synthetic.synthesize import recording
from skedge.edge_runtime.curves import MARGIN, RATE
from skedge.edge_runtime.density import CURVES, LEGS, body_curves, mirrored, turned
from skedge.edge_runtime.events import QUIET
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import check_folder, write_whole
from skedge.skeleton.layout import load_layout
from skedge.student.repeated import Stretch, noise, to_and_fro

WIDTH = 48
DILATIONS = (1, 2, 4, 8, 16, 32, 1, 2, 4, 8, 16)
KERNEL = 5
PEOPLE, SEED, STEPS, BATCH = 4000, 1001, 8000, 128
# A step updates the weights this often, each time on stretches of similar length: less padding.
PARTS = 4
# How often what is done next is an action, in recordings to learn from.
ACTIONS_SHARE = 0.8
# Sets of at least `MANY` repetitions are drawn `OFTEN` times as often as smaller ones.
MANY, OFTEN = 5, 8.0
RATE_OF_LEARNING = 3e-3
# Seconds by which an event's bounds may be wrong: outwards, inwards.
OUT, IN = 0.8, 0.6
# The logarithms of how much quicker and slower than the invented people somebody is: who squats
# slowly takes four seconds.
PACE = (-0.3, 0.7)
# This share of what is learned from is no action but a way to and fro between two poses: people
# repeat more than what is invented here. (Dwibedi et al., CVPR 2020, section 3.4, repeat pieces of
# films for the same reason.)
TO_AND_FRO = 0.3
# A count may run ahead of what was done, or behind, by this much without loss.
SLACK = 0.3
_LAYOUT = load_layout("ntu25")
_REACH = round((MARGIN + OUT) * RATE)


class Block(nn.Module):
    """A residual step over time: each channel by itself, then all of a frame, gated.

    The taps are added up one by one: on a processor that is twice as fast as a convolution.
    """

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.time = nn.Parameter(torch.empty(KERNEL, width).uniform_(-1, 1) / KERNEL**0.5)
        self.across = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        reach = KERNEL // 2 * self.dilation
        padded = functional.pad(x * inside, (0, 0, reach, reach))
        places = range(0, 2 * reach + 1, self.dilation)
        taps = [padded[:, place : place + x.shape[1]] for place in places]
        y = sum(tap * weight for tap, weight in zip(taps, self.time, strict=True))
        return x + functional.glu(self.across(y), 2)


class CountingNetwork(nn.Module):
    """Curves (N, T, CURVES), of which the frames `inside` (N, T, 1) are no padding, to repetitions
    a frame (N, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(CURVES, WIDTH, KERNEL, padding=KERNEL // 2)
        self.blocks = nn.ModuleList(Block(WIDTH, dilation) for dilation in DILATIONS)
        self.last = nn.Linear(WIDTH, 1)
        # Hardly anything is a repetition at first.
        nn.init.constant_(self.last.bias, -3.5)

    def forward(self, curve: Tensor, inside: Tensor) -> Tensor:
        x = self.first(curve.transpose(1, 2)).transpose(1, 2).contiguous()
        for block in self.blocks:
            x = block(x, inside)
        return (functional.softplus(self.last(x)) * inside)[..., 0]

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights as `skedge.edge_runtime.density.density` takes them, in 16 bits."""
        assert self.first.bias is not None, "as it was made above"
        found = {
            "in": self.first.weight.permute(2, 1, 0),
            "in_bias": self.first.bias,
            "out": self.last.weight[0],
            "out_bias": self.last.bias,
        }
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block), "as they were made above"
            found |= {
                f"time{number}": block.time,
                f"across{number}": block.across.weight.T,
                f"bias{number}": block.across.bias,
            }
        half = {name: value.detach().numpy().astype(np.float16) for name, value in found.items()}
        dilations = [block.dilation for block in self.blocks if isinstance(block, Block)]
        return half | {"dilations": np.array(dilations, np.int8)}


def stretches(people: int, seed: int) -> list[Stretch]:
    """The actions of invented people, in one recording of each."""
    found: list[Stretch] = []
    for subject in progress(range(people), "recordings", unit="people"):
        made, intervals = recording(subject, seed=seed, actions=ACTIONS_SHARE)
        for one in intervals:
            if ACTIONS[one.action] in QUIET:
                continue
            low = max(0, one.start - _REACH)
            joints = made.joints[low : one.end + _REACH]
            motion = body_curves(joints, np.arange(len(joints)) / RATE, _LAYOUT)
            if motion is not None:
                marks = np.array(one.marks) - low
                bounds = one.start - low, one.end - low
                found.append(Stretch(motion.astype(np.float16), marks, *bounds))
    return found


def train(found: Sequence[Stretch], steps: int, compiled: bool = False) -> CountingNetwork:
    """A network, trained on those stretches for `steps` steps; `compiled` takes two thirds of the
    time, and a C++ compiler."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = CountingNetwork()
    run = torch.compile(network, dynamic=True) if compiled else network
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE_OF_LEARNING, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE_OF_LEARNING, total_steps=steps + 1, pct_start=0.03
    )
    often = np.array([OFTEN if len(one.marks) > MANY else 1.0 for one in found])
    losses: list[float] = []

    def shown(number: int) -> Stretch:
        if rng.random() >= TO_AND_FRO:
            return found[number]
        return to_and_fro(found[number], found[int(rng.integers(len(found)))], rng, margin=_REACH)

    for step in range(1, steps + 1):
        picked = rng.choice(len(found), BATCH, p=often / often.sum())
        drawn = sorted((_varied(shown(i), rng) for i in picked), key=lambda one: len(one[0]))
        for part in range(0, BATCH, BATCH // PARTS):
            loss = _loss(run, drawn[part : part + BATCH // PARTS])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            losses.append(float(loss.detach()))
        schedule.step()
        if step % 250 == 0:
            print(f"step {step}: loss {np.mean(losses[-250 * PARTS :]):.3f}", flush=True)
    return network.eval()


def _loss(
    network: Callable[[Tensor, Tensor], Tensor], pairs: Sequence[tuple[np.ndarray, np.ndarray]]
) -> Tensor:
    """The count's error, the error of what is counted up to each frame, and that of every frame."""
    longest = max(len(motion) for motion, _ in pairs)
    curve = np.zeros((len(pairs), longest, CURVES), np.float32)
    inside = np.zeros((len(pairs), longest, 1), np.float32)
    done = np.zeros((len(pairs), longest), np.float32)
    for number, (motion, marks) in enumerate(pairs):
        curve[number, : len(motion)] = motion
        inside[number, : len(motion)] = 1
        done[number] = np.interp(np.arange(longest) + 1, marks, np.arange(len(marks)))
    true = torch.from_numpy(done)
    rate = network(torch.from_numpy(curve), torch.from_numpy(inside))
    counted = rate.cumsum(1)
    ahead = functional.relu((counted - true).abs() - SLACK) * torch.from_numpy(inside[..., 0])
    each = (rate - true.diff(dim=1, prepend=true[:, :1])).abs().sum(1)
    return (
        functional.smooth_l1_loss(counted[:, -1], true[:, -1], beta=0.5)
        + (ahead.sum(1) / torch.from_numpy(inside.sum((1, 2)))).mean()
        + (each / true[:, -1].clamp(min=1)).mean()
    )


def _varied(one: Stretch, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Motion and marks as another person may do it before another camera, in the bounds of an event
    that are not exact."""
    margin, out, inwards = (round(RATE * seconds) for seconds in (MARGIN, OUT, IN))
    low = max(0, one.start - margin + int(rng.integers(-out, inwards)))
    high = one.end + margin + int(rng.integers(-inwards, out))
    motion, marks = one.motion[low:high].astype(np.float32), one.marks - low
    if rng.random() < 0.5:
        wanted = max(8, round(len(motion) * float(np.exp(rng.uniform(*PACE)))))
        motion, marks = _sampled(motion, wanted), marks * (wanted / len(motion))
    if rng.random() < 0.3:
        # A camera of 10 to 20 frames a second.
        few = max(8, round(len(motion) * rng.uniform(0.33, 0.67)))
        motion = _sampled(_sampled(motion, few), len(motion))
    motion = turned(motion, rng.uniform(-np.pi, np.pi))
    if rng.random() < 0.5:
        motion = mirrored(motion)
    if rng.random() < 0.5:
        motion += noise(len(motion), rng)
    if rng.random() < 0.15:
        motion[:, LEGS] = 0  # a camera on a desk
    if rng.random() < 0.1:
        motion[:, 2::3] = 0  # an estimator without depth
    if rng.random() < 0.1:
        lost = int(rng.integers(CURVES // 3))
        motion[:, 3 * lost : 3 * lost + 3] = 0
    return motion - np.median(motion, axis=0), marks


def _sampled(motion: np.ndarray, frames: int) -> np.ndarray:
    """Motion (T, C) at `frames` frames, evenly from the first to the last."""
    place = np.linspace(0, len(motion) - 1, frames)
    before = np.minimum(place.astype(int), max(len(motion) - 2, 0))
    share = (place - before).astype(np.float32)[:, None]
    after = np.minimum(before + 1, len(motion) - 1)
    return motion[before] * (1 - share) + motion[after] * share


def main() -> None:
    """Make the recordings, train, and write the network."""
    parser = argparse.ArgumentParser(prog="python -m skedge.student.counting", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file to write, an .npz")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the people")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--compile", action="store_true", help="quicker, needs a C++ compiler")
    args = parser.parse_args()
    if min(args.people, args.steps) < 1 or args.seed < 0:
        parser.error("expected at least one person and one step, and no negative seed")
    if args.out.is_dir() or not args.out.parent.is_dir():
        parser.error(f"--out: expected a file in a folder that is there, got {args.out}")
    try:
        check_folder(args.out.parent)
    except InputError as error:
        parser.error(f"--out: {error}")
    network = train(stretches(args.people, args.seed), args.steps, compiled=args.compile)
    write_whole(args.out, lambda draft: _write(network, draft))


def _write(network: CountingNetwork, draft: Path) -> None:
    with draft.open("wb") as file:  # by its name, numpy would add .npz to it
        np.savez(file, allow_pickle=False, **network.arrays())


if __name__ == "__main__":
    main()
