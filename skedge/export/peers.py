"""The models that are measured beside each other where nobody has trained any:
`python -m skedge.export.peers FOLDER`.

The student in every form, format and precision, three streaming students in one file, a teacher of
two aligned encoders, and the plain ST-GCN. What a model costs does not hang on its weights: only
the students, since quantising needs the ranges of real activations, learn for some epochs; the
others' weights are drawn from the seed, and their accuracy is not stated.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from skedge.datasets.progress import track
from skedge.datasets.store import Store
from skedge.datasets.synthetic.synthesize import synthesize
from skedge.export.exporter import PRECISIONS, Exporter
from skedge.export.formats.registry import FORMATS
from skedge.export.verify import ExportError
from skedge.recipes.distill_settings import student_plan
from skedge.recipes.recipe import Precision, Recipe
from skedge.recipes.settings import (
    ComputeSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
    OptimSettings,
)
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_json, write_text
from skedge.skeleton.text import say
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.runs.folder import STREAMS, Card, write_run

SUBJECTS, CLIPS, EPOCHS, SEED = 10, 4, 6, 0
CLIP = InputSettings()
LIVE = InputSettings(frames=90, normalization="per-frame", time="rate", hz=15)
LIVE_PLAN = replace(student_plan(), causal=True, padding=False)
# Yan et al., AAAI 2018, section 4.1: ten blocks of 64, 128 and 256 channels; 100 frames instead of
# 300.
STGCN = EncoderSettings(
    widths=(64,) * 4 + (128,) * 3 + (256,) * 3, strides=(1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
)


class Peer(NamedTuple):
    """One network: what it sees, how it is built, whether it streams, learns, and is exported in
    all precisions."""

    data: InputSettings
    plan: EncoderSettings
    streaming: bool = False
    learns: bool = False


PEERS = {
    "student": Peer(CLIP, student_plan(), learns=True),
    "stream": Peer(LIVE, LIVE_PLAN, streaming=True, learns=True),
    "stream-three": Peer(replace(LIVE, stream="three"), LIVE_PLAN, streaming=True),
    "teacher": Peer(CLIP, EncoderSettings(fusion="alignment")),
    "stgcn": Peer(replace(CLIP, frames=100), STGCN),
}


def write(folder: Path) -> list[str]:
    """The files that the exporter refused, a line for each; every peer that is not in `folder`
    already, and was not refused before, is exported there.

    Files are NAME-PRECISION.onnx and .tflite; their run folders, the store that they learn on and
    why files were refused are kept in `made`.
    """
    store = folder / "made" / "store"
    if not store.is_dir():
        store.parent.mkdir(parents=True, exist_ok=True)
        synthesize(store, subjects=SUBJECTS, clips_per_action_and_subject=CLIPS, seed=SEED)
    refused = []
    for name, peer in track(PEERS.items(), "Exporting"):
        precisions: tuple[Precision, ...] = PRECISIONS if peer.learns else ("fp32",)
        files = [
            (folder / f"{name}-{precision}{suffix}", precision)
            for suffix in FORMATS
            for precision in precisions
        ]
        why = {file: folder / "made" / f"{file.name}.refused" for file, _ in files}
        missing = [one for one in files if not (one[0].is_file() or why[one[0]].is_file())]
        if missing:
            run = folder / "made" / name
            _make(run, Store(store), peer)
            exporter = Exporter(run, Store(store), streaming=peer.streaming)
            for file, precision in missing:
                try:
                    exporter.write(file, precision)
                except ExportError as error:
                    write_text(why[file], f"{file.name}: {error}")
        refused += [note.read_text("utf-8") for note in why.values() if note.is_file()]
    return refused


def _make(run: Path, store: Store, peer: Peer, *, seed: int = SEED) -> None:
    if peer.learns:
        settings = FinetuneSettings(
            0.1,
            optim=OptimSettings(epochs=EPOCHS, batch_size=16, learning_rate=5e-3, warmup_epochs=1),
        )
        compute = ComputeSettings(seed=SEED, accelerator="cpu", precision="32-true")
        recipe = Recipe(
            run.name, input=peer.data, encoder=peer.plan, finetune=settings, compute=compute
        )
        finetune(store, run, recipe)
    elif peer.data.stream == "three":
        for number, stream in enumerate(peer.data.fusion):
            one = peer._replace(data=replace(peer.data, stream=stream))
            _make(run / stream, store, one, seed=seed + number)
        write_json(run / STREAMS, peer.data.fusion, indent=None)
    else:
        torch.manual_seed(seed)
        classifier = Classifier(store.layout, peer.data, peer.plan, classes=len(store.labels))
        card = Card(
            kind="classifier",
            layout=store.layout,
            labels=store.labels,
            input=peer.data,
            encoder=peer.plan,
            seconds=2.5,
            provenance={"seed": seed},
        )
        write_run(run, classifier, card, recipe=Recipe(run.name), metrics={})


def main() -> None:
    """Write what is missing, on one thread, so that a seed gives one network. Files that the
    exporter refuses are named."""
    parser = argparse.ArgumentParser(prog="python -m skedge.export.peers", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/peers"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    try:
        refused = write(args.folder)
    except InputError as error:
        parser.exit(2, f"skedge.export.peers: {error}\n")
    for line in refused:
        say(f"left out {line}")


if __name__ == "__main__":
    main()
