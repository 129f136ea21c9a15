"""PYSKL's pickles (Duan et al., 2022): 2D and 3D skeletons of NTU RGB+D, FineGYM, Kinetics, UCF101,
HMDB51 and others."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import check_joints, damaged
from skedge.datasets.parsing.labels import read_labels
from skedge.datasets.parsing.safe_pickle import load_pickle
from skedge.datasets.store import PARTS
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, load_layout

DEFAULT_LAYOUTS = {17: "coco17", 25: "ntu25"}
# What the seen height of an upright person, without the arms, stands for: eyes to ankles of a
# person of 1.70 m.
PERSON_HEIGHT = 1.55
_FORM = "a dict with `annotations`, a list of dicts with frame_dir, label and keypoint, and `split`"
_NTU_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
_SPLIT_NAME = re.compile(r"(?:(?P<before>.+)_)?(?P<part>train|val|test)(?P<after>\d*)")


def open_pyskl(
    source: Path,
    *,
    layout: str | None = None,
    labels: Path | str | None = None,
    rate: float | None = None,
) -> Dataset:
    """The annotations of a PYSKL pickle.

    3D coordinates are taken as metres. 2D pixels become metres: y up, x as a Kinect gives it (a
    person who faces the camera has the right hand at larger x), z 0, one scale a clip, by the
    tallest person's height. Joints at zero, joints with score 0 and persons of such joints become
    NaN.

    `layout` is a layout's name or JSON file, by default the one with as many joints (25: ntu25, 17:
    coco17). `labels` is a text file with one class a line; otherwise the numbers are the names.
    `rate` in frames per second defaults to 30 for NTU RGB+D (known by the clips' names), and to
    unknown. Splits become protocols: `xsub_train` and `xsub_val` are train and test of `xsub`,
    `train1` and `test1` those of `split1`, `train` and `val` those of `official`.

    Raises `InputError` for a pickle that holds anything but arrays and plain containers.
    """
    split, annotations = _content(source)
    chosen = _layout(layout, annotations, source)
    numbers = [label for annotation in annotations if (label := _label(annotation)) is not None]
    names = read_labels(labels, max(numbers, default=0))
    ntu = all(_NTU_NAME.fullmatch(str(annotation.get("frame_dir"))) for annotation in annotations)
    if rate is None and ntu:
        rate = 30.0
    return Dataset(
        name=source.stem,
        layout=chosen,
        labels=names,
        rate=rate,
        sources=range(len(annotations)),
        read=lambda number: [
            _clip(annotations[number], chosen, f"{source}: {_name(annotations[number], number)}")
        ],
        root=source,
        protocols={
            protocol: lambda index, parts=parts: _codes(index, parts)  # type: ignore[misc]
            for protocol, parts in _protocols(split, source).items()
        },
        persons_chosen=ntu,
        parallel=False,
        unit="clips",
    )


def _name(annotation: dict[str, Any], number: int) -> str:
    return str(annotation.get("frame_dir", f"annotation {number}"))


def _clip(annotation: dict[str, Any], layout: Layout, file: str) -> Clip:
    missing = {"frame_dir", "label", "keypoint"} - annotation.keys()
    if missing:
        damaged(file, f"expected {_FORM}; missing: {', '.join(sorted(missing))}")
    label = _label(annotation)
    if label is None:
        damaged(file, f"expected a class number from 0, got {annotation['label']!r:.40}")
    name = str(annotation["frame_dir"])
    setup, camera, subject = _whose(name)
    return Clip(
        name, _joints(annotation, layout, file), label, subject=subject, camera=camera, setup=setup
    )


def _content(source: Path) -> tuple[dict[str, list[str]], list[dict[str, Any]]]:
    content = load_pickle(source)
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise InputError(
            f"{source}: expected PYSKL's pickle ({_FORM}), got {type(content).__name__}"
        )
    split, annotations = content.get("split", {}), content["annotations"]
    annotations = [annotation if isinstance(annotation, dict) else {} for annotation in annotations]
    if (
        not annotations
        or not isinstance(split, dict)
        or not all(isinstance(names, list) for names in split.values())
    ):
        raise InputError(
            f"{source}: expected PYSKL's pickle ({_FORM}), got no annotations or no lists in split"
        )
    return split, annotations


def _layout(name: str | None, annotations: list[dict[str, Any]], source: Path) -> Layout:
    if name is not None:
        return load_layout(name)
    keypoints = [annotation.get("keypoint") for annotation in annotations]
    counts = [
        keypoint.shape[2]
        for keypoint in keypoints
        if isinstance(keypoint, np.ndarray) and keypoint.ndim == 4
    ]
    joints = max(set(counts), key=counts.count) if counts else -1
    if joints not in DEFAULT_LAYOUTS:
        raise InputError(
            f"{source}: expected keypoint (M, T, V, C) of 17 (coco17) or 25 (ntu25) joints, got"
            f" {joints}; name a layout"
        )
    return load_layout(DEFAULT_LAYOUTS[joints])


def _label(annotation: dict[str, Any]) -> int | None:
    label = annotation.get("label")
    if not isinstance(label, int) or isinstance(label, bool) or not 0 <= label < 100_000:
        return None
    return label


def _joints(annotation: dict[str, Any], layout: Layout, source: str) -> np.ndarray:
    keypoint, score = annotation["keypoint"], annotation.get("keypoint_score")
    if not _numbers(keypoint) or keypoint.ndim != 4 or keypoint.shape[-1] not in (2, 3):
        shape = getattr(keypoint, "shape", type(keypoint).__name__)
        damaged(
            source,
            f"expected keypoint as numbers of shape (persons, frames, joints, 2 or 3), got {shape}",
        )
    check_joints(keypoint.shape[2], layout, source)
    joints = keypoint.astype(np.float32)
    absent = ~np.isfinite(joints).all(axis=-1) | (joints == 0).all(axis=-1)
    if score is not None:
        if not _numbers(score) or score.shape != keypoint.shape[:-1]:
            damaged(source, f"expected keypoint_score as numbers of shape {keypoint.shape[:-1]}")
        absent |= ~(score > 0)
    joints[absent] = np.nan
    if absent.all():
        damaged(source, f"expected coordinates, got no joint in {joints.shape[1]} frames")
    return (
        joints
        if joints.shape[-1] == 3
        else _pixels_to_metres(joints, layout, annotation.get("img_shape"), source)
    )


def _numbers(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiu"


def _pixels_to_metres(pixels: np.ndarray, layout: Layout, image: Any, source: str) -> np.ndarray:
    """Pixels (M, T, V, 2), NaN where absent, as (M, T, V, 3) around the middle of the image."""
    if not (
        isinstance(image, tuple | list)
        and len(image) == 2
        and all(isinstance(size, int) and size > 0 for size in image)
    ):
        damaged(source, f"expected img_shape as (height, width) beside 2D keypoints, got {image!r}")
    arms = ("elbow", "wrist", "hand")
    y = pixels[
        :,
        :,
        [j for j, joint in enumerate(layout.joints) if not any(part in joint for part in arms)],
        1,
    ]
    extent = np.where(np.isnan(y), -np.inf, y).max(axis=-1) - np.where(np.isnan(y), np.inf, y).min(
        axis=-1
    )
    heights = [
        np.percentile(person[np.isfinite(person)], 90)
        for person in extent
        if np.isfinite(person).any()
    ]
    height = max(heights, default=0.0)
    if not height > 1:
        damaged(
            source,
            f"expected a person of more than one pixel's height, got {height:.1f}; are these"
            " pixels?",
        )
    metres = np.zeros((*pixels.shape[:-1], 3), np.float32)
    metres[..., :2] = (np.array([image[1], image[0]]) / 2 - pixels) * (PERSON_HEIGHT / height)
    metres[np.isnan(pixels).any(axis=-1)] = np.nan
    return metres


def _whose(name: str) -> tuple[int, int, int]:
    match = _NTU_NAME.fullmatch(name)
    return (int(match[1]), int(match[2]), int(match[3])) if match else (-1, -1, -1)


def _protocols(split: dict[str, list[str]], source: Path) -> dict[str, dict[str, list[str]]]:
    protocols: dict[str, dict[str, list[str]]] = {}
    for name, clips in split.items():
        match = _SPLIT_NAME.fullmatch(str(name))
        if match is None:
            raise InputError(
                f"{source}: expected splits called like xsub_train, xsub_val or test1, got {name!r}"
            )
        words = [match["before"], f"split{match['after']}" if match["after"] else None]
        protocol = "_".join(word for word in words if word) or "official"
        protocols.setdefault(protocol, {})[match["part"]] = clips
    for parts in protocols.values():
        if (
            "val" in parts and "test" not in parts
        ):  # PYSKL calls "val" what the papers report as test
            parts["test"] = parts.pop("val")
    return protocols


def _codes(index: np.ndarray, parts: dict[str, list[str]]) -> np.ndarray:
    codes = np.zeros(len(index), np.int8)
    for part, clips in parts.items():
        codes[np.isin(index["name"], np.array(clips, dtype=str))] = PARTS[part]
    return codes
