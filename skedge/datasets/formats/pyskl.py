"""PYSKL's pickles (Duan et al., 2022): 2D and 3D skeletons of NTU RGB+D, FineGYM, Kinetics, UCF101,
HMDB51 and others."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.mending import scaled
from skedge.datasets.parsing.damage import check_joints, damaged
from skedge.datasets.parsing.labels import read_labels
from skedge.datasets.parsing.safe_pickle import load_pickle
from skedge.datasets.store import PARTS
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, load_layout
from skedge.skeleton.mend import absent_zeros, off_picture
from skedge.skeleton.text import counted

DEFAULT_LAYOUTS = {17: "coco17", 25: "ntu25"}
# A person of fewer pixels has no limbs; coordinates up to this are shares of the picture, of which
# an estimator may place a foot outside.
_LEAST, _SHARE = 10, 3.0
# Frames of a clip; frames times persons.
_MOST, _LARGEST = 100_000, 1_000_000
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
    """The annotations of PYSKL's or MMAction2's pickle, or of a folder with its train and val ones.

    3D coordinates are taken as metres, but x, y and a score where img_shape says that it is a
    picture. Places in a picture (pixels, 0 to 1 or -1 to 1) become metres: y up, x as a Kinect
    gives it (a person who faces the camera has the right hand at larger x), z 0, one scale a clip,
    so that the tallest person's limbs are those of 1.70 m. Joints at zero, joints with score 0 and
    persons of such joints become NaN.

    `layout` is a layout's name or JSON file, by default the one with as many joints (25: ntu25, 17:
    coco17). `labels` is a text file with one class a line; otherwise the numbers are the names, or
    the labels where they are words.
    `rate` in frames per second defaults to 30 for NTU RGB+D (known by the clips' names), and to
    unknown. Splits become protocols: `xsub_train` and `xsub_val` are train and test of `xsub`,
    `train1` and `test1` those of `split1`, `train` and `val` those of `official`.

    Raises `InputError` for a pickle that holds anything but arrays and plain containers.
    """
    split, annotations = _content(source)
    chosen = _layout(layout, annotations, source)
    annotations, words = _numbered(annotations, labels)
    numbers = [label for annotation in annotations if (label := _label(annotation)) is not None]
    names = words or read_labels(labels, max(numbers, default=0))
    ntu = all(_NTU_NAME.fullmatch(str(annotation.get("frame_dir"))) for annotation in annotations)
    if rate is None and ntu:
        rate = 30.0
    clips = {_name(annotation, number) for number, annotation in enumerate(annotations)}
    protocols = _protocols(split, source)
    notes = []
    for part, listed in split.items():
        if not _SPLIT_NAME.fullmatch(str(part)):
            notes.append(f"left out the split {part!r:.60}: expected names like xsub_train")
            continue
        found = [name for name in listed if name in clips]
        if listed and not found:
            raise InputError(
                f"{source}: {part}: expected names of clips, got none in {len(listed)} (such as"
                f" {listed[0]!r:.60}; clips are called like {min(clips)!r:.60})"
            )
        if len(found) < len(listed):
            notes.append(f"{part}: {len(found)} of {len(listed)} names are clips")
    for name, parts in protocols.items():
        both = set(parts.get("train", ())) & set(parts.get("test", ()))
        if both:
            several = counted(
                len(both),
                "clip is in train and in test; it only tests",
                "clips are in train and in test; they only test",
            )
            notes.append(f"{name}: {several}")
    return Dataset(
        name=source.stem,
        layout=chosen,
        labels=names,
        rate=rate,
        notes=notes,
        sources=range(len(annotations)),
        read=lambda number: [
            _clip(
                annotations[number],
                chosen,
                f"{source}: {_name(annotations[number], number)}",
                folder=source.parent,
            )
        ],
        root=source,
        protocols={protocol: partial(_codes, parts=parts) for protocol, parts in protocols.items()},
        persons_chosen=ntu,
        absent_known=True,
        padded=True,
        parallel=False,
        unit="clips",
        files=_pickles(source) if source.is_dir() else [],
    )


def _numbered(
    annotations: list[dict[str, Any]], labels: Path | str | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Annotations with class numbers, and the classes' names where the labels are words, in the
    order of the file of `labels` or their own; numbers that are written as words are numbers."""
    words = [one.get("label") for one in annotations]
    if not words or not all(isinstance(word, str) for word in words):
        return annotations, []
    texts = [str(word).strip() for word in words]
    if all(text.isdecimal() for text in texts):
        return [
            one | {"label": int(text)} for one, text in zip(annotations, texts, strict=True)
        ], []
    names = sorted(set(texts)) if labels is None else read_labels(labels, 0)
    places = {name: place for place, name in enumerate(names)}
    return [
        one | {"label": places.get(text, text)}
        for one, text in zip(annotations, texts, strict=True)
    ], names


def _name(annotation: dict[str, Any], number: int) -> str:
    return str(annotation.get("frame_dir", f"annotation {number}"))


def _clip(annotation: dict[str, Any], layout: Layout, file: str, folder: Path) -> Clip:
    if "raw_file" in annotation and "keypoint" not in annotation:
        annotation = annotation | _raw(annotation["raw_file"], folder, file)
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


def _raw(name: Any, folder: Path, file: str) -> dict[str, Any]:
    """What the file of a clip holds that the annotation only names, as Kinetics' do."""
    path = folder / str(name).replace("\0", "")
    root = os.path.realpath(folder)
    if os.path.commonpath([root, os.path.realpath(path)]) != root or not path.is_file():
        damaged(file, f"expected its keypoints in {str(name)[:80]} beside the pickle, found none")
    content = load_pickle(path)
    return content if isinstance(content, dict) else {"keypoint": content}


def _content(source: Path) -> tuple[dict[str, list[str]], list[dict[str, Any]]]:
    if source.is_dir():
        return _folder(source)
    content = load_pickle(source)
    if isinstance(content, list | tuple) and any(isinstance(one, dict) for one in content):
        content = {"annotations": list(content)}  # MMAction2 0.x: annotations without a split
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise InputError(
            f"{source}: expected PYSKL's pickle ({_FORM}), got {type(content).__name__}"
        )
    split = content.get("split") or {}
    annotations = content["annotations"]
    annotations = [annotation if isinstance(annotation, dict) else {} for annotation in annotations]
    if (
        not annotations
        or not isinstance(split, dict)
        or not all(isinstance(names, list | tuple | np.ndarray) for names in split.values())
    ):
        raise InputError(
            f"{source}: expected PYSKL's pickle ({_FORM}), got no annotations or no lists in split"
        )
    return {part: [str(name) for name in names] for part, names in split.items()}, annotations


def _folder(source: Path) -> tuple[dict[str, list[str]], list[dict[str, Any]]]:
    """The train and the val pickle of MMAction2 0.x, one list each."""
    split: dict[str, list[str]] = {}
    annotations: list[dict[str, Any]] = []
    for path in _pickles(source):
        _, found = _content(path)
        split[path.stem] = [_name(one, number) for number, one in enumerate(found)]
        annotations += found
    if not annotations:
        raise InputError(f"{source}: expected pickles called like train.pkl and val.pkl, got none")
    return split, annotations


def _pickles(source: Path) -> list[Path]:
    found = sorted([*source.glob("*.pkl"), *source.glob("*.pickle")])
    return [path for path in found if _SPLIT_NAME.fullmatch(path.stem)]


def _layout(name: str | None, annotations: list[dict[str, Any]], source: Path) -> Layout:
    if name is not None:
        return load_layout(name)
    shapes = [_shape(annotation.get("keypoint", ())) for annotation in annotations[:100]]
    counts = [shape[-2] for shape in shapes if len(shape) > 1]
    joints = max(set(counts), key=counts.count) if counts else -1
    if not counts and any("raw_file" in annotation for annotation in annotations):
        joints = 17
    if joints not in DEFAULT_LAYOUTS:
        raise InputError(
            f"{source}: expected keypoint (M, T, V, C) of 17 (coco17) or 25 (ntu25) joints, got"
            f" {joints}; name a layout"
        )
    return load_layout(DEFAULT_LAYOUTS[joints])


def _shape(keypoint: Any) -> tuple[int, ...]:
    """The shape of an array, or of the first frame with somebody in a list of them."""
    try:
        if isinstance(keypoint, list | tuple):
            return next((np.shape(frame) for frame in keypoint if np.size(frame)), ())
        return np.shape(keypoint)
    except ValueError:  # lists of several lengths
        return ()


def _label(annotation: dict[str, Any]) -> int | None:
    label = _array(annotation.get("label"))
    if label.size != 1 or label.dtype.kind not in "iuf" or not 0 <= float(label.item()) < 100_000:
        return None
    return int(label.item()) if float(label.item()).is_integer() else None


def _joints(annotation: dict[str, Any], layout: Layout, source: str) -> np.ndarray:
    keypoint, score = _arrays(annotation, source)
    if not _numbers(keypoint) or keypoint.ndim != 4 or keypoint.shape[-1] not in (2, 3):
        shape = getattr(keypoint, "shape", type(keypoint).__name__)
        damaged(
            source,
            f"expected keypoint as numbers of shape (persons, frames, joints, 2 or 3), got {shape}",
        )
    check_joints(keypoint.shape[2], layout, source)
    if keypoint.shape[-1] == 3 and score is None and _image(annotation) is not None:
        keypoint, score = keypoint[..., :2], keypoint[..., 2]
    with np.errstate(over="ignore"):
        joints = keypoint.astype(np.float32)
    joints[~np.isfinite(joints).all(axis=-1)] = np.nan
    if joints.shape[-1] == 3:
        joints = absent_zeros(joints, layout)
    else:
        joints[(joints == 0).all(axis=-1) | off_picture(joints)] = np.nan
    absent = np.isnan(joints).any(axis=-1)
    if score is not None:
        if not _numbers(score) or score.shape != keypoint.shape[:-1]:
            damaged(source, f"expected keypoint_score as numbers of shape {keypoint.shape[:-1]}")
        absent |= ~(score > 0)
    joints[absent] = np.nan
    if absent.all():
        damaged(
            source, f"expected coordinates, got no joint in {counted(joints.shape[1], 'frame')}"
        )
    return (
        joints
        if joints.shape[-1] == 3
        else _pixels_to_metres(joints, layout, _image(annotation), source=source)
    )


def _image(annotation: dict[str, Any]) -> Any:
    shape = annotation.get("img_shape")
    return annotation.get("original_shape") if shape is None else shape


def _arrays(annotation: dict[str, Any], source: str) -> tuple[Any, Any]:
    """keypoint (M, T, V, C) and keypoint_score (M, T, V) or None: also of a list per frame, without
    the axis of persons, and of rows of persons with the frame of each (frame_inds)."""
    keypoint = annotation["keypoint"]
    score = annotation.get("keypoint_score")
    frames = annotation.get("frame_inds")
    if isinstance(keypoint, list | tuple):
        try:
            stacked = _stacked(keypoint, 2)
            keypoint = stacked if stacked.ndim == 4 else keypoint
            score = _stacked(score, 1) if isinstance(score, list | tuple) else score
        except (ValueError, TypeError, IndexError):
            damaged(source, "expected a keypoint array (joints, 2 or 3) for every frame")
    elif _numbers(keypoint) and keypoint.ndim == 3 and _numbers(frames):
        if not len(keypoint):
            damaged(source, "expected bodies, got none")
        if frames.shape != keypoint.shape[:1] or not ((frames >= 0) & (frames < _MOST)).all():
            damaged(source, f"expected a frame for each of {len(keypoint)} bodies in frame_inds")
        if _numbers(score) and score.shape != keypoint.shape[:2]:
            damaged(source, f"expected keypoint_score as numbers of shape {keypoint.shape[:2]}")
        frames = frames.astype(np.int64)
        size = (frames.max() + 1) * np.unique(frames, return_counts=True)[1].max()
        if size > _LARGEST:
            damaged(source, f"expected frames times persons up to {_LARGEST:,}, got {size:,}")
        keypoint = _by_frame(keypoint, frames)
        score = _by_frame(score, frames) if _numbers(score) else None
    elif _numbers(keypoint) and keypoint.ndim == 3 and keypoint.any():
        keypoint = keypoint[None]
        score = score[None] if _numbers(score) and score.ndim == 2 else score
    return keypoint, score


def _stacked(frames: list[Any] | tuple[Any, ...], rank: int) -> np.ndarray:
    """Arrays of every frame, each (V, C) or (M, V, C) for a `rank` of 2, as (M, T, V, C); zeros
    where there are fewer persons."""
    each = [np.asarray(frame, np.float32) for frame in frames]
    each = [frame[None] if frame.ndim == rank else frame for frame in each]
    shape = next((frame.shape[1:] for frame in each if len(frame)), None)
    if shape is None:
        raise ValueError("nobody in any frame")
    found = np.zeros((max(len(frame) for frame in each), len(each), *shape), np.float32)
    for at, frame in enumerate(each):
        if len(frame):
            found[: len(frame), at] = frame
    return found


def _by_frame(rows: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Bodies (N, V, C), each of one of `frames` (N,), as (M, T, V, C) in their order."""
    order = np.argsort(frames, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order)) - np.searchsorted(frames[order], frames[order])
    found = np.zeros((place.max() + 1, frames.max() + 1, *rows.shape[1:]), np.float32)
    found[place, frames] = rows
    return found


def _array(value: Any) -> np.ndarray:
    """What a value is as an array; an empty one for lists of several lengths."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.empty(0)


def _numbers(array: Any) -> TypeGuard[np.ndarray]:
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiu"


def _pixels_to_metres(pixels: np.ndarray, layout: Layout, image: Any, source: str) -> np.ndarray:
    """Pixels (M, T, V, 2), NaN where absent, as (M, T, V, 3) around the middle of the image, or of
    what is seen where its size is not known."""
    if image is None and np.nanmax(np.abs(pixels)) > _SHARE:
        low, high = np.nanmin(pixels, axis=(0, 1, 2)), np.nanmax(pixels, axis=(0, 1, 2))
        image = (low[1] + high[1], low[0] + high[0]) if (low + high > 0).all() else None
    size = _array(image if isinstance(image, list | tuple | np.ndarray) else ())
    if size.shape not in ((2,), (3,)) or size.dtype.kind not in "iuf" or not (size > 0).all():
        damaged(source, f"expected img_shape as (height, width) beside 2D keypoints, got {image!r}")
    across = np.array([size[1], size[0]], np.float32)
    if np.nanmax(np.abs(pixels)) <= _SHARE:  # shares of the picture, from its corner or its middle
        pixels = (pixels + 1) / 2 * across if np.nanmin(pixels) < 0 else pixels * across
    # One body's in one frame: a dot that moves is no person.
    extent = np.nanmax(np.fmax.reduce(pixels, axis=2) - np.fmin.reduce(pixels, axis=2))
    if not extent > _LEAST:
        damaged(
            source,
            f"expected a person of more than one pixel's height, {_LEAST} at least, got"
            f" {extent:.1f}; are these pixels?",
        )
    metres = np.zeros((*pixels.shape[:-1], 3), np.float32)
    metres[..., :2] = across / 2 - pixels
    metres[np.isnan(pixels).any(axis=-1)] = np.nan
    return scaled(metres, layout, source, flat=True)


def _whose(name: str) -> tuple[int, int, int]:
    match = _NTU_NAME.fullmatch(name)
    return (int(match[1]), int(match[2]), int(match[3])) if match else (-1, -1, -1)


def _protocols(split: dict[str, list[str]], source: Path) -> dict[str, dict[str, list[str]]]:
    protocols: dict[str, dict[str, list[str]]] = {}
    named = {name: match for name in split if (match := _SPLIT_NAME.fullmatch(str(name)))}
    if split and not named:
        raise InputError(
            f"{source}: expected splits called like xsub_train, xsub_val or test1, got"
            f" {next(iter(split))!r}"
        )
    for name, match in named.items():
        words = [match["before"], f"split{match['after']}" if match["after"] else None]
        protocol = "_".join(word for word in words if word) or "official"
        protocols.setdefault(protocol, {})[match["part"]] = split[name]
    for parts in protocols.values():
        if (
            "val" in parts and "test" not in parts
        ):  # PYSKL calls "val" what the papers report as test
            parts["test"] = parts.pop("val")
    return protocols


def _codes(index: np.ndarray, parts: dict[str, list[str]]) -> np.ndarray:
    codes = np.zeros(len(index), np.int8)
    for part, code in PARTS.items():  # in this order: a clip of several parts only tests
        codes[np.isin(index["name"], np.array(parts.get(part, ()), dtype=str))] = code
    return codes
