"""Export of a run folder as one file that describes itself, in every format and precision; it is
checked before it is written."""

import hashlib
import tempfile
from dataclasses import asdict, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np

from skedge.datasets.store import PARTS, Store
from skedge.datasets.store.clip_keys import digest
from skedge.edge_runtime.backends.backend import load_backend
from skedge.edge_runtime.backends.seal import OPEN, seal
from skedge.export.clip_form import ClipForm
from skedge.export.clip_graph import macs
from skedge.export.formats.registry import FORMATS
from skedge.export.frame_form import StreamingForm
from skedge.export.graph import Answers, Clips, Form
from skedge.export.quantize import ENOUGH, WEIGHTS_ENOUGH, Quantizer, leave_worst
from skedge.export.verify import FEWEST_CLIPS, MOST_CLIPS, ExportError, choose, moved, verify
from skedge.recipes.recipe import Precision
from skedge.skeleton import InputError
from skedge.skeleton.files import check_file, named, write_whole
from skedge.skeleton.metadata import ModelMetadata
from skedge.skeleton.text import one_line, typed
from skedge.teacher.networks.classifier import Network
from skedge.teacher.runs.folder import Card, read_metrics
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.runs.store_check import SEEN, check_joints, check_labels, tell_rate

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

# Of the training clips: half of them give activations their ranges, the other half measures what
# quantising does.
CALIBRATION_CLIPS, QUICK_CLIPS = 256, 24


class Exporter:
    """Exports the classifier of one run folder; what files have in common is made once.

    `store` is the one it was trained on: its training clips calibrate, its held-out clips check
    every file. With `streaming` the files take a frame and their own state, and are checked on
    every frame; raises `InputError` for what cannot stream. `note` is a sentence that their
    metadata keeps.
    """

    def __init__(
        self, run: Path, store: Store, *, streaming: bool = False, note: str | None = None
    ) -> None:
        classifier, self._card = load_classifier(run)
        check_joints(store, self._card, run)
        check_labels(store, self._card, run)
        tell_rate(store)
        self._store = store
        self._form = _form(classifier, self._card, source=run, streaming=streaming)
        graph = self._form.graph
        metadata = _metadata(
            classifier,
            self._card,
            work=macs(graph.module, *graph.inputs.values()),
            metrics=read_metrics(run) or {},
        )
        provenance = metadata.provenance | _trained_on(store, self._card)
        provenance |= {"note": note} if note else {}
        self._metadata = replace(metadata, streaming=self._form.streaming, provenance=provenance)
        self._converted: dict[str, bytes] = {}
        self._dynamic: dict[str, tuple[bytes, list[str]]] = {}

    def write(self, file: Path, precision: Precision = "fp32") -> dict[str, Any]:
        """Write the classifier to `file`, .onnx or .tflite, and return what the check found
        (`skedge.export.verify`).

        fp16 stores weights in half precision, dynamic in int8, and both compute in float; int8
        computes in int8 too, but for the parts that `skedge.export.quantize` finds to need float,
        which are returned as `left_in_float`.

        Raises `InputError` for another suffix, and `ExportError` instead of writing a file that
        answers otherwise than torch, or of a network whose answers are no numbers.
        """
        suffix = file.suffix.lower()
        if suffix not in FORMATS:
            raise InputError(_no_format(file))
        check_file(file)
        document = replace(self._metadata, precision=precision, file_sha256=OPEN).to_json()
        clips, truth, expected = self._held_out
        with named(Path(tempfile.gettempdir())):  # where graphs are converted
            model, left = self._model(suffix, precision)
        found: dict[str, Any] = {}

        def write(draft: Path) -> None:
            draft.write_bytes(seal(FORMATS[suffix].describe(model, document)))
            found.update(
                verify(
                    expected,
                    self._answers(draft, clips),
                    truth,
                    precision=precision,
                    clips=len(clips),
                )
            )
            if left is not None:
                found["left_in_float"] = left

        write_whole(file, write)
        sizes = {
            "bytes": file.stat().st_size,
            "parameters": self._metadata.parameters,
            "macs": self._metadata.macs,
        }
        return {"precision": precision, **found, **sizes}

    @cached_property
    def _held_out(self) -> tuple[Clips, np.ndarray, Answers]:
        most = FEWEST_CLIPS if len(self._store.intervals) else MOST_CLIPS
        held_out = self._store.split(self._card.input.protocol, "test")
        clips, truth = self._form.read(self._store, choose(held_out, most))
        answers = self._form.expected(clips)
        if not np.isfinite(answers.probabilities).all():
            raise ExportError(
                "expected a network that answers with numbers, got some that are none (NaN or"
                " infinite) in torch already; train it again"
            )
        return clips, truth, answers

    @cached_property
    def _calibration(self) -> tuple[Clips, Clips]:
        """Training clips that give values their ranges, and others that measure the harm."""
        chosen = choose(self._store.split(self._card.input.protocol, "train"), CALIBRATION_CLIPS)
        clips, _ = self._form.read(self._store, chosen)
        return clips[::2], clips[1::2] if len(clips) > 1 else clips

    def _model(self, suffix: str, precision: Precision) -> tuple[bytes, list[str] | None]:
        """The model, and which of its parts stayed float where others did not."""
        if suffix not in self._converted:
            try:
                self._converted[suffix] = FORMATS[suffix].convert(self._form.graph)
            except (ValueError, RuntimeError) as error:
                # torch puts advice to its developers before what happened, which it has as a cause.
                cause: BaseException = error
                while cause.__cause__ is not None:
                    cause = cause.__cause__
                reason = one_line(str(cause) or type(cause).__name__)[:300]
                raise ExportError(
                    f"the network cannot be converted to {suffix}: {reason}"
                ) from None
        model = self._converted[suffix]
        form = FORMATS[suffix]
        if precision == "fp32":
            return model, None
        if precision == "fp16":
            return form.halve(model), None
        if suffix not in self._dynamic:
            self._dynamic[suffix] = self._search(suffix, form.dynamic(model), WEIGHTS_ENOUGH)
        weights, left = self._dynamic[suffix]
        if precision == "dynamic":
            return weights, left
        feeds = self._form.feeds(self._calibration[0])
        return self._search(suffix, form.static(model, feeds, left), ENOUGH)

    def _search(self, suffix: str, quantizer: Quantizer, enough: float) -> tuple[bytes, list[str]]:
        """The quantised model, and the parts that were left in float so that it moves training
        clips no further."""
        tried = self._calibration[1]
        expected = cache(lambda step: self._form.expected(tried[::step]))
        with tempfile.TemporaryDirectory() as room:
            draft = Path(room) / f"draft{suffix}"

            def harm(model: bytes, step: int = 1) -> float:
                document = replace(self._metadata, file_sha256=OPEN).to_json()
                draft.write_bytes(seal(FORMATS[suffix].describe(model, document)))
                try:
                    got = self._answers(draft, tried[::step])
                except (
                    ValueError,
                    RuntimeError,
                ):  # a combination that the quantiser makes and no runtime takes
                    return float("inf")
                return max(
                    moved(one, other) for one, other in zip(expected(step), got, strict=True)
                )

            best, left = leave_worst(
                quantizer,
                harm,
                quick_error=lambda model: harm(model, -(-len(tried) // QUICK_CLIPS)),
                enough=enough,
            )
        # By the file, not by the names of parts: those without weights are in no list of harm.
        if best == quantizer.quantize({*left, *quantizer.products}):
            raise ExportError(
                "no part of the network can be quantised without moving its answers too far (parts"
                " without weights do not count); take a larger precision"
            )
        return best, left

    def _answers(self, draft: Path, clips: Clips) -> Answers:
        try:
            backend = load_backend(draft)
        except InputError as error:
            raise ExportError(
                f"the exported file cannot be opened, and was not written: {error}"
            ) from None
        return self._form.answers(backend, clips)


def _no_format(file: Path) -> str:
    """What is wrong with the name of a file that no format has, and what to type."""
    if file.is_dir():
        got, instead = "a folder", file / "model.onnx"
    elif file.suffix:
        got, instead = file.suffix, file.with_suffix(".onnx")
    else:
        got, instead = "none", file.with_name(f"{file.name}.onnx")
    return (
        f"{file}: expected a file that ends in {' or '.join(FORMATS)}, got {got};"
        f" {typed('name it', instead)}, or add --all to write every format into a folder"
    )


def _form(classifier: Network, card: Card, *, source: Path, streaming: bool) -> Form:
    if card.input.time == "uniform":
        raise InputError(
            f"{source}: trained on uniformly sampled clips, and a file for the edge sees them"
            f" stretched to {card.input.frames} frames; train with --input.time stretched to export"
        )
    if not streaming:
        return ClipForm(classifier, card.input, card.layout)
    try:
        return StreamingForm(classifier)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _trained_on(store: Store, card: Card) -> dict[str, Any]:
    """Which clips trained the network, for the provenance: the name of the split, and a checksum of
    its training clips, not their list, which would be as large as the weights of a small model.

    Nothing where that is not known for sure.
    """
    split = card.input.protocol
    clips = np.flatnonzero(store.codes(split) == PARTS["train"])
    if not len(clips) or card.seen.among(store, clips)[0] < len(clips):
        return {}
    return {"trained_on": {"split": split, "sha256": digest(store, clips)}}


def weights_sha256(classifier: Network) -> str:
    """SHA-256 of all floating-point weights in state-dict order as little-endian float32."""
    digest = hashlib.sha256()
    for tensor in classifier.state_dict().values():
        if tensor.is_floating_point():
            digest.update(np.ascontiguousarray(tensor.numpy(), dtype="<f4").tobytes())
    return digest.hexdigest()


def _metadata(
    classifier: Network, card: Card, *, work: int, metrics: dict[str, Any]
) -> ModelMetadata:
    live = card.input.time == "rate"
    figures = ("top1", "top5", "clips", "recall", "false_events_per_hour", "hours")
    accuracy = {key: metrics[key] for key in figures if key in metrics}
    if accuracy:
        accuracy["protocol"] = metrics.get("split", card.input.protocol)
        accuracy |= {key: metrics[key] for key in ("store", "part", *SEEN) if key in metrics}
    return ModelMetadata(
        labels=card.labels,
        layout=card.layout,
        persons=card.input.persons,
        frames=card.input.frames,
        seconds=card.input.frames / card.input.hz if live else card.seconds,
        time=card.input.time,
        hz=card.input.hz if live else None,
        warm_up=card.input.warm_up if live else 1,
        normalization=card.input.normalization,
        streams=tuple(card.input.fusion) if card.input.stream == "three" else (card.input.stream,),
        parameters=sum(parameter.numel() for parameter in classifier.parameters()),
        macs=work,
        weights_sha256=weights_sha256(classifier),
        thresholds=metrics.get("thresholds", {}),
        patience=metrics.get("patience", {}),
        lasting=metrics.get("lasting", {}),
        lags=metrics.get("lags", {}),
        upper_body=tuple(metrics.get("upper_body", ())),
        accuracy=accuracy,
        provenance=card.provenance | {"encoder": asdict(card.encoder)},
    )
