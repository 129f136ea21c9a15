"""A file's metadata, and the check of its inputs and outputs against them."""

from collections.abc import Mapping
from typing import Any

from skedge.skeleton.errors import InputError
from skedge.skeleton.metadata import ModelMetadata, Streaming

Ports = Mapping[str, tuple[list[int], str]]
"""Shape and type of every input or output, by its name."""


def damaged(source: str, expected: str, error: Exception) -> InputError:
    """The error of a file that a runtime cannot open."""
    reason = " ".join(str(error).split())[:160]
    return InputError(
        f"{source}: expected {expected}, got a damaged, truncated or different file ({reason});"
        " export it again"
    )


def described(document: str | None, checksum: str | None, source: str) -> ModelMetadata:
    """The metadata in a document, whose checksum must be the one that was found in the file."""
    metadata = ModelMetadata.from_json(document, source)
    if metadata.file_sha256 != checksum:
        raise damaged(source, "a file with its checksum", ValueError("it cannot be read"))
    return metadata


def check_ports(inputs: Ports, outputs: Ports, metadata: ModelMetadata, *, source: str) -> None:
    """Raise `InputError` unless inputs and outputs are those that the metadata promises."""
    shape = [metadata.persons, metadata.frames, len(metadata.layout), 3]
    inputs = dict(inputs)
    if metadata.streaming is not None:
        del shape[1]
        _check_states(
            metadata.streaming,
            {name: inputs.pop(name, None) for name in metadata.streaming.states},
            outputs,
            source=source,
        )
    if inputs != {"joints": (shape, "float32")}:
        raise InputError(
            f"{source}: expected one input joints {shape} in float32, got {_describe(inputs)};"
            " export it again"
        )
    if "embedding" not in outputs or outputs.get("probabilities", ([], ""))[0] != [
        len(metadata.labels)
    ]:
        raise InputError(
            f"{source}: expected the outputs probabilities [{len(metadata.labels)}] and embedding,"
            f" got {_describe(outputs)}; export it again"
        )


def _check_states(
    streaming: Streaming, states: Mapping[str, Any], outputs: Ports, *, source: str
) -> None:
    """Raise `InputError` unless every state, (rows, frames * width), comes out as it goes in."""
    for name, port in states.items():
        frames = streaming.states[name]
        after = outputs.get(f"{name}_next")
        if port is None or port != after or len(port[0]) != 2 or port[0][1] % frames:
            raise InputError(
                f"{source}: expected the state {name} of {frames} frames as input and, with _next"
                f" behind its name, as output, got {port} and {after}; export it again"
            )


def _describe(ports: Ports) -> str:
    return ", ".join(f"{name} {shape} {kind}" for name, (shape, kind) in ports.items())
