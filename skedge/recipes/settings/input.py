"""Settings of a model's input."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from skedge.recipes.ranges import Count, Positive, Range
from skedge.skeleton.metadata import LARGEST
from skedge.skeleton.normalize import Normalization
from skedge.skeleton.streams import Stream


@dataclass
class InputSettings:
    """The input of a model.

    Args:
        protocol: the store's named split, for example xsub.
        part: where accuracy is measured: test, or val while settings are being chosen.
        frames: frames that the network is given.
        persons: persons in a clip; further ones are left out, missing ones are zeros.
        normalization: per-frame (PSTL, AimCLR), per-frame-program (the same to the digits of
            AimCLR's program), root-relative, root-motion (the hips show how the
            body moves; one person), first-frame (CTR-GCN) or first-frame-aligned (PYSKL).
        stream: joint, bone, motion, or three: all of them, trained alone and fused.
        fusion: weights of the streams where there are three; their logits are added.
        time: stretched (every clip to these frames, as the papers do), rate (windows as a camera
            brings them: training cuts them at random, tests see the clip's end, and the first pose
            is repeated before a clip; motion looks back), or uniform (DG-STGCN, Skeleton2vec: a
            random frame of each of as many equal parts, anew in every epoch, shorter clips round
            and round; no file for the edge can be made of it).
        hz: frames per second, for time rate.
        warm_up: fewest frames of a clip in a window, for time rate; a live model waits for them.
        test_clips: samplings of a held-out clip, for time uniform (10 in Skeleton2vec); they are
            averaged, and a probe (or ridge) learns from as many samplings of every training clip;
            nearest neighbours are those of the samplings' mean features.
    """

    protocol: str = "xsub"
    part: Literal["val", "test"] = "test"
    frames: Annotated[int, Range(1, LARGEST["frames"])] = 50
    persons: Annotated[int, Range(1, LARGEST["persons"])] = 1
    normalization: Normalization = "first-frame"
    stream: Stream | Literal["three"] = "joint"
    fusion: dict[Stream, Positive] = field(
        default_factory=lambda: {"joint": 0.6, "bone": 0.6, "motion": 0.4}
    )
    time: Literal["stretched", "rate", "uniform"] = "stretched"
    hz: Annotated[float, Range(0, LARGEST["hz"], above=True)] = 30.0
    warm_up: Annotated[int, Range(1, LARGEST["warm_up"])] = 15
    test_clips: Count = 1
