"""How a pretrained encoder is evaluated."""

from dataclasses import dataclass, field

from skedge.recipes.settings.augmentation import AugmentSettings
from skedge.recipes.settings.optimisation import OptimSettings


@dataclass
class LinearSettings:
    """The linear probe: a frozen encoder and one linear layer, behind the alignment where two
    encoders are aligned.

    Args:
        optim: optimisation of what is learned.
        batch_norm: standardise features first, without an affine part (MAMP, Skeleton2vec); folded
            into the layer behind it.
    """

    optim: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=100, learning_rate=1e-2)
    )
    batch_norm: bool = False


@dataclass
class FinetuneSettings:
    """Training an encoder and its head on labels, from pretrained or (supervised) fresh weights.

    Args:
        label_smoothing: the share of the target spread over all classes.
        augment: the training clips' augmentation.
        optim: optimisation.
        fuse: of what joins two finetuned encoders (ASMa's second stage), which are then frozen.
        layer_decay: what the rate is multiplied by from block to block, towards the input (MAMP:
            0.8).
        drop_path: of a transformer: the chance that its last block is left out for a clip, less
            before it (MAMP: 0.3).
    """

    label_smoothing: float = 0.0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    fuse: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=50, learning_rate=1e-4)
    )
    layer_decay: float = 1.0
    drop_path: float = 0.0


@dataclass
class SemiSettings:
    """Semi-supervised evaluation: finetuning on a part of the labels.

    Args:
        share: of every class's training clips, at least one; 0.01, 0.05 and 0.1 in the papers.
    """

    share: float = 0.1


@dataclass
class KnnSettings:
    """Nearest neighbours on frozen features.

    Args:
        neighbors: how many vote, weighted by their similarity.
    """

    neighbors: int = 1


@dataclass
class PartialSettings:
    """Partial-body evaluation.

    Args:
        joints: how many random joints are hidden, one row of the table each.
        parts: how many random body parts are hidden.
        draws: of what is hidden, over which mean and deviation are taken.
    """

    joints: tuple[int, ...] = (0, 2, 4, 6, 8, 10)
    parts: tuple[int, ...] = (0, 1, 2, 3, 4)
    draws: int = 5
