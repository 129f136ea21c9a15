"""Settings that have an effect only where another setting is so, a row each."""

from collections.abc import Collection
from dataclasses import is_dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from skedge.recipes.camera_settings import CameraSettings
from skedge.recipes.settings import (
    AsmaSettings,
    AugmentSettings,
    ContrastSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
    MaskSettings,
    OptimSettings,
    TokenMaskSettings,
    TransformSettings,
)


class Need(NamedTuple):
    """Settings of one kind that need another one, a sibling or by its whole name, that is none of
    `without`."""

    kind: type
    settings: tuple[str, ...]
    other: str
    without: Collection[Any]


NEEDS = (
    Need(InputSettings, ("hz", "warm_up"), "time", without=("stretched", "uniform")),
    Need(InputSettings, ("fusion",), "stream", without=("joint", "bone", "motion")),
    Need(AugmentSettings, ("mirror_when",), "mirror", without=(0,)),
    Need(OptimSettings, ("betas",), "optimizer", without=("sgd",)),
    Need(MaskSettings, ("masked_joints",), "joints", without=("none",)),
    Need(MaskSettings, ("masked_frames", "random_frames"), "frames", without=("none",)),
    Need(MaskSettings, ("motion",), "frames", without=("none", "random")),
    Need(
        TokenMaskSettings,
        ("tube",),
        "strategy",
        without=("random", "single-tube", "motion-softmax"),
    ),
    Need(TokenMaskSettings, ("beta",), "strategy", without=("motion-softmax",)),
    Need(
        TokenMaskSettings,
        ("temperature",),
        "strategy",
        without=("multi-tube", "random", "single-tube"),
    ),
    Need(AsmaSettings, ("theta",), "encoders", without=(("phi",),)),
    Need(AsmaSettings, ("phi",), "encoders", without=(("theta",),)),
    Need(ContrastSettings, ("masks",), "views", without=("augment",)),
    Need(ContrastSettings, ("normal", "extreme"), "views", without=("masks",)),
    Need(ContrastSettings, ("neighbors",), "pretrain.method", without=("skeletonclr",)),
    Need(
        ContrastSettings,
        ("extreme", "keep"),
        "pretrain.method",
        without=("skeletonclr", "crossclr"),
    ),
    Need(TransformSettings, ("alpha", "per"), "mu", without=(0,)),
    Need(
        EncoderSettings,
        ("distances",),
        "backbone",
        without=("tcn", "gin", "dgcnn", "transformer", "sttformer"),
    ),
    Need(
        EncoderSettings,
        ("causal", "padding", "joints"),
        "backbone",
        without=("transformer", "sttformer"),
    ),
    Need(FinetuneSettings, ("fuse",), "encoder.fusion", without=("one", "theta", "phi")),
    Need(CameraSettings, ("flat", "depth", "depth_error", "swaps"), "one_eyed", without=(0,)),
)


def without_effect(recipe: Any, names: Collection[str]) -> dict[str, list[str]]:
    """Those of the settings, by their dotted names, that have no effect as the recipe is, by the
    setting that says so (`input.time stretched`)."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        for reason in _reasons(recipe, name):
            found.setdefault(reason, []).append(name)
    return found


def _reasons(recipe: Any, name: str) -> list[str]:
    """What leaves a setting, or the one that it is a part of, without an effect."""
    found = []
    owner, at = recipe, ""
    for part in name.split("."):
        for need in NEEDS:
            if type(owner) is need.kind and part in need.settings:
                other = need.other if "." in need.other else f"{at}.{need.other}"
                value = attrgetter(other)(recipe)
                if value in need.without:
                    shown = list(value) if isinstance(value, tuple) else value
                    found.append(f"{other} {shown}")
        owner, at = getattr(owner, part, None), f"{at}.{part}".lstrip(".")
        if not is_dataclass(owner):
            break
    return found[:1]
