"""The settings of recipes, a module for each kind; free of torch, so that a command line can be
built without it."""

from skedge.recipes.settings.augmentation import AugmentSettings
from skedge.recipes.settings.compute import ComputeSettings
from skedge.recipes.settings.contrast import (
    ContrastSettings,
    CrossclrSettings,
    CsclrSettings,
    TransformSettings,
)
from skedge.recipes.settings.encoder_plan import (
    EncoderSettings,
    SttformerSettings,
    TransformerSettings,
)
from skedge.recipes.settings.evaluation import (
    FinetuneSettings,
    KnnSettings,
    LinearSettings,
    PartialSettings,
    SemiSettings,
)
from skedge.recipes.settings.input import InputSettings
from skedge.recipes.settings.masked_methods import (
    MampSettings,
    Skeleton2vecSettings,
    SkeletonMaeSettings,
    TokenMaskSettings,
)
from skedge.recipes.settings.masking import AsmaSettings, MaskSettings, ViewMasks, pstl_mask
from skedge.recipes.settings.optimisation import OptimSettings
from skedge.recipes.settings.pretraining import PretrainSettings

__all__ = [
    "AsmaSettings",
    "AugmentSettings",
    "ComputeSettings",
    "ContrastSettings",
    "CrossclrSettings",
    "CsclrSettings",
    "EncoderSettings",
    "FinetuneSettings",
    "InputSettings",
    "KnnSettings",
    "LinearSettings",
    "MampSettings",
    "MaskSettings",
    "OptimSettings",
    "PartialSettings",
    "PretrainSettings",
    "SemiSettings",
    "Skeleton2vecSettings",
    "SkeletonMaeSettings",
    "SttformerSettings",
    "TokenMaskSettings",
    "TransformSettings",
    "TransformerSettings",
    "ViewMasks",
    "pstl_mask",
]
