"""Settings of the evaluation of pretrained encoders."""

from dataclasses import dataclass, field
from typing import Annotated

from skedge.recipes.ranges import Count, Range, ShareAboveZero, ShareBelowOne, WholeNumber
from skedge.recipes.settings.augmentation import AugmentSettings
from skedge.recipes.settings.optimisation import OptimSettings


@dataclass
class LinearSettings:
    """The linear probe: a frozen encoder and one linear layer, behind the alignment where two
    encoders are aligned.

    Args:
        optim: optimisation of the layer, and of an alignment.
        batch_norm: whether features are standardised first, without an affine part (MAMP,
            Skeleton2vec); it becomes a part of the layer.
    """

    optim: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=100, learning_rate=1e-2)
    )
    batch_norm: bool = False


@dataclass
class FinetuneSettings:
    """Training an encoder and its head on labels, from pretrained or (supervised) fresh weights.

    Args:
        label_smoothing: share of the target that is spread over all classes.
        augment: augmentation of the training clips.
        optim: optimisation.
        fuse: optimisation of what joins two finetuned encoders, which are then frozen (ASMa's
            second stage).
        layer_decay: factor of the learning rate from block to block, towards the input (MAMP: 0.8).
        drop_path: chance that the last block of a transformer is left out for a clip; less for the
            blocks before it (MAMP: 0.3).
    """

    label_smoothing: ShareBelowOne = 0.0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    fuse: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=50, learning_rate=1e-4)
    )
    layer_decay: ShareAboveZero = 1.0
    drop_path: ShareBelowOne = 0.0


@dataclass
class SemiSettings:
    """Semi-supervised evaluation: finetuning on a part of the labels.

    Args:
        share: share of every class's training clips, at least one; 0.01, 0.05 and 0.1 in the
            papers.
    """

    share: Annotated[float, Range(0, 1, above=True, hint=", such as 0.1 for 10 %")] = 0.1


@dataclass
class KnnSettings:
    """Nearest neighbours on frozen features.

    Args:
        neighbors: number of neighbours that vote, each with one over its cosine distance.
    """

    neighbors: Count = 1


@dataclass
class PartialSettings:
    """Partial-body evaluation.

    Args:
        joints: numbers of random joints that are hidden, one row of the table each.
        parts: numbers of random body parts that are hidden, one row each.
        draws: number of draws of what is hidden, over which mean and deviation are taken.
    """

    joints: tuple[WholeNumber, ...] = (0, 2, 4, 6, 8, 10)
    parts: tuple[WholeNumber, ...] = (0, 1, 2, 3, 4)
    draws: Count = 5
