"""Whether the Recognizer can run for days: skeletons of a store, day after day, as fast as they can
be taken.

`python -m skedge.bench.studies.soak MODEL STORE --frames 2592000` is a day at 30 frames a second.
It ends with code 1 where memory grew by 5 MB or more, or where answers drifted in time.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from skedge.bench.studies.command import one_line, parser_of
from skedge.datasets.store import Store
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.window import first_answer
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.retarget import retarget

RATE = 30.0
# The first looks at bodies and the first counts of repetitions leave the allocator some megabytes
# larger, once; a leak of 60 bytes per frame shows in 100,000 frames.
GROWTH = 5 * 2**20
SAMPLES = 200
CLIPS = 100
STAY = 1800


def soak(recognizer: Recognizer, store: Store, frames: int) -> dict[str, Any]:
    """Feed `frames` frames at 30 a second of made-up time: people come, are partly hidden, and go.

    `growth_bytes` is how much more resident memory there was at its lowest in the last fifth than
    in the second one. A person's first answer is due when the model has seen enough for it
    (`first_late_s` is the longest delay beyond that), and answer number k is due k times `hop`
    later (`drift_s` is how far one ever was from that); `stamps_off_s` is how far an answer's time
    stamp ever was from its frame's.
    """
    memory: list[int] = []
    process = psutil.Process()
    hop = max(recognizer.hop, 1 / RATE)
    enough = first_answer(recognizer.metadata)
    answers, people, drift, off, late = 0, 0, 0.0, 0.0, 0.0
    came, first, counted = 0.0, 0.0, 0
    start, cpu = time.perf_counter(), time.process_time()
    for number, (person, joints) in enumerate(_people(store, recognizer.metadata.layout, frames)):
        moment = number / RATE
        if person == people:
            people += 1
            came = moment
            counted = 0
        result = recognizer.update(joints, moment, person)
        if result.fresh:
            if counted == 0:
                first = moment
                late = max(late, moment - came - enough)
            drift = max(drift, abs(moment - first - counted * hop))
            off = max(off, abs((result.seconds or 0.0) - moment))
            answers, counted = answers + 1, counted + 1
        if number % max(1, frames // SAMPLES) == 0:
            memory.append(process.memory_info().rss)
    fifth = len(memory) // 5
    return {
        "frames": frames,
        "hours": round(frames / RATE / 3600, 2),
        "people": people,
        "answers": answers,
        "growth_bytes": min(memory[-fifth:]) - min(memory[fifth : 2 * fifth]),
        "rss_bytes": memory[-1],
        "first_late_s": round(late, 6),
        "drift_s": round(drift, 6),
        "stamps_off_s": round(off, 6),
        "wall_s": round(time.perf_counter() - start, 1),
        "cpu_ms_a_frame": round(1000 * (time.process_time() - cpu) / frames, 4),
    }


def complaints(found: dict[str, Any]) -> list[str]:
    """One line for each figure of a soak that a program must not show if it is to run for days."""
    limits = {
        "growth_bytes": GROWTH,
        "first_late_s": 1.5 / RATE,
        "drift_s": 1.5 / RATE,
        "stamps_off_s": 1e-9,
    }
    wrong = [
        f"{name} is {found[name]}, expected less than {limit:g}"
        for name, limit in limits.items()
        if found[name] > limit
    ]
    if found["answers"] < found["frames"] / RATE:
        wrong.append(f"{found['answers']} answers in {found['frames'] / RATE:.0f} s")
    return wrong


def _people(store: Store, target: Layout, frames: int) -> Iterator[tuple[int, np.ndarray]]:
    """A person and a skeleton (V, 3) each frame: a minute of clips, a tenth of the joints unseen,
    then somebody else."""
    rng = np.random.default_rng(0)
    # In memory: pages of a mapped file that are read for the first time would count as growth.
    chosen = rng.permutation(len(store))[:CLIPS]
    clips = [np.array(retarget(store.clip(int(i))[0], store.layout, target)) for i in chosen]
    given, person = 0, 0
    while True:
        stays = given + STAY
        while given < stays:
            clip = clips[rng.integers(len(clips))].copy()
            clip[rng.random(clip.shape[:2]) < 0.1] = np.nan
            for joints in clip:
                if given == frames:
                    return
                yield person, joints
                given += 1
        person += 1


def main() -> None:
    """Soak the model that the arguments name and print the figures as JSON."""
    parser = parser_of("soak", __doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument(
        "--hop", type=float, help="seconds between two answers; by default the Recognizer's"
    )
    args = parser.parse_args()
    with one_line(parser):
        if args.frames < 1000:
            raise InputError(f"--frames: expected at least 1000, got {args.frames}")
        found = soak(Recognizer.load(args.model, hop=args.hop), Store(args.store), args.frames)
    print(json.dumps(found, indent=1))
    wrong = complaints(found)
    if wrong:
        parser.exit(1, f"skedge.bench.studies.soak: {'; '.join(wrong)}\n")


if __name__ == "__main__":
    main()
