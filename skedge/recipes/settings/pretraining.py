"""Self-supervised pretraining."""

from dataclasses import dataclass, field

from skedge.recipes.methods import METHODS
from skedge.recipes.ranges import Count, NotNegative
from skedge.recipes.settings.augmentation import AugmentSettings
from skedge.recipes.settings.contrast import ContrastSettings, CrossclrSettings, CsclrSettings
from skedge.recipes.settings.masked_methods import (
    MampSettings,
    Skeleton2vecSettings,
    SkeletonMaeSettings,
)
from skedge.recipes.settings.masking import AsmaSettings, MaskSettings, pstl_mask
from skedge.recipes.settings.optimisation import OptimSettings
from skedge.skeleton.errors import InputError


def _pstl_augment() -> AugmentSettings:
    return AugmentSettings(temporal_padding=1 / 6, shear=1.0, rotation=30.0, flip=0.5)


@dataclass
class PretrainSettings:
    """Self-supervised pretraining.

    Args:
        method: skeleton-bt (two unmasked views), pstl (an anchor and two masked views), asma (the
            same with two encoders), skeletonclr (momentum contrast), aimclr (with extreme views),
            csclr or crossclr (streams trained together), skeleton2vec, mamp (both of a transformer)
            or skeletonmae (of an sttformer).
        projector: width of the three layers of the projector of skeleton-bt, pstl and asma.
        redundancy: weight of the off-diagonal terms of their Barlow loss, lambda.
        pstl: masks of method pstl.
        asma: masks of method asma.
        augment: augmentation of the clips, or of each view; `contrast` has its own.
        contrast: settings of skeletonclr, aimclr, csclr and crossclr.
        csclr: further settings of csclr.
        crossclr: further settings of crossclr.
        skeleton2vec: settings of that method.
        mamp: settings of that method.
        skeletonmae: settings of that method.
        optim: optimisation.
    """

    method: str = "pstl"
    projector: Count = 6144
    redundancy: NotNegative = 2e-4
    pstl: MaskSettings = field(default_factory=pstl_mask)
    asma: AsmaSettings = field(default_factory=AsmaSettings)
    skeleton2vec: Skeleton2vecSettings = field(default_factory=Skeleton2vecSettings)
    mamp: MampSettings = field(default_factory=MampSettings)
    skeletonmae: SkeletonMaeSettings = field(default_factory=SkeletonMaeSettings)
    augment: AugmentSettings = field(default_factory=_pstl_augment)
    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    csclr: CsclrSettings = field(default_factory=CsclrSettings)
    crossclr: CrossclrSettings = field(default_factory=CrossclrSettings)
    optim: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=150, weight_decay=1e-5, warmup_epochs=10)
    )

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(
                f"pretrain.method: expected one of {', '.join(METHODS)}, got {self.method}"
            )
