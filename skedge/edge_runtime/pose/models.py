"""BlazePose's networks: which files they are, and where they lie."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import user_folder

# Outputs of the landmark networks that somebody reads. Nobody reads the mask of the body. The full
# network's landmarks are refined with their heat, of which a 40th is read: its last convolution is
# left to `landmarks`. Heat does not make the lite one's better.
LANDMARKS = ((1, 195), (1, 1), (1, 117))
HEAT = (1, 64, 64, 39)
# The networks for landmarks that one may choose from, the quicker one first.
NETWORKS = ("lite", "full")


@dataclass(frozen=True)
class Model:
    """A network called `name` in the cache, and where it comes from: the `member` of the archive of
    a `package`.

    `published` is the SHA-256 of that member, `sha256` that of the file in the cache: the same
    network, cut down to the outputs of the shapes in `wanted` and what those in `opened` are made
    of, where shapes are given.
    """

    name: str
    package: str
    member: str
    published: str
    sha256: str
    wanted: tuple[tuple[int, ...], ...] = ()
    opened: tuple[tuple[int, ...], ...] = ()


MODELS = {
    "detector": Model(
        "pose_detection.tflite",
        "wheel",
        member="mediapipe/modules/pose_detection/pose_detection.tflite",
        published="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    "full": Model(
        "pose_landmark_full.tflite",
        package="wheel",
        member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        published="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        sha256="6df382100a999af31a3089e78c5e4d59a3f1a0dcf3d180d09b308dfb85cb83ac",
        wanted=LANDMARKS,
        opened=(HEAT,),
    ),
    "lite": Model(
        "pose_landmark_lite.tflite",
        package="tarball",
        member="package/pose_landmark_lite.tflite",
        published="f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        sha256="485eb3d1a47a7351d5dcd8946823fbd2b1ebca17b8cf57f2211f2d28e3b49144",
        wanted=LANDMARKS,
    ),
}


def default_folder() -> Path:
    """The user's cache: `$XDG_CACHE_HOME/skedge/pose`, by default `~/.cache/skedge/pose`."""
    return user_folder("XDG_CACHE_HOME") / "pose"


def has_model(model: str, folder: Path | None = None) -> bool:
    """Whether a file of that network's name is in the cache, whatever it holds."""
    return ((folder or default_folder()) / MODELS[model].name).is_file()


def model_path(model: str, folder: Path | None = None) -> Path:
    """The path of the network "detector", "full" or "lite", whose content is compared with its
    checksum.

    Raises `InputError` where it is not there or is another file.
    """
    known = MODELS[model]
    path = (folder or default_folder()) / known.name
    if not has_model(model, folder):
        raise InputError(
            f"{path}: expected BlazePose's network there, got nothing; run `skedge pose fetch` "
            f"once, or on a machine without "
            "network `skedge pose fetch --wheel FILE --tarball FILE` (its --help says where those "
            "come from)"
        )
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: expected a file that can be read, got: {reason(error)}"
        ) from None
    if digest != known.sha256:
        raise InputError(
            f"{path}: expected BlazePose's network as `skedge pose fetch` stores it, got a file "
            f"with another checksum; "
            "run `skedge pose fetch` again"
        )
    return path
