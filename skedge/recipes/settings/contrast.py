"""Methods of momentum contrast."""

from dataclasses import dataclass, field
from typing import Literal

from skedge.recipes.ranges import Count, NotNegative, Positive, Share
from skedge.recipes.settings.augmentation import AugmentSettings
from skedge.recipes.settings.masking import ViewMasks
from skedge.skeleton.streams import Stream


def _normal_augment() -> AugmentSettings:
    return AugmentSettings(temporal_padding=1 / 6, shear=0.5)


def _extreme_augment() -> AugmentSettings:
    return AugmentSettings(
        temporal_padding=1 / 6,
        shear=0.5,
        rotation=30.0,
        flip=0.5,
        gaussian_noise=0.5,
        gaussian_blur=0.5,
        axis_mask=0.5,
    )


@dataclass
class ContrastSettings:
    """Contrast of a query with its own key and with a queue of other clips' keys: MoCo and what was
    built on it.

    Args:
        features: length of the embeddings that are compared.
        temperature: divisor of the similarities.
        momentum: share of its weights that the key encoder keeps at every step.
        queue: number of keys of earlier steps that are kept.
        small_set: keep whole batches of keys, of at most half of the training clips, with a
            momentum of at most 0.99 where that makes fewer of them; and never count a clip's own
            earlier key among its negatives.
        stages: lengths, in proportion, of basic training, training with mined neighbours (AimCLR,
            CSCLR) or streams that teach each other (CrosSCLR), and training with transformed
            positives (CSCLR). A method has the first of them.
        neighbors: number of keys that are mined from the queue for a query.
        keep: attention from which on AimCLR's attention drop leaves features out.
        views: random changes of a clip, or ASMa's masks in their place.
        masks: ASMa's masks.
        normal: random changes of query and key.
        extreme: random changes of the extreme query of AimCLR and CSCLR.
    """

    features: Count = 128
    temperature: Positive = 0.07
    momentum: Share = 0.999
    queue: Count = 32768
    small_set: bool = True
    stages: tuple[NotNegative, NotNegative, NotNegative] = (150.0, 150.0, 200.0)
    neighbors: Count = 1
    keep: Share = 0.7
    views: Literal["augment", "masks"] = "augment"
    masks: ViewMasks = field(default_factory=ViewMasks)
    normal: AugmentSettings = field(default_factory=_normal_augment)
    extreme: AugmentSettings = field(default_factory=_extreme_augment)


@dataclass
class TransformSettings:
    """CSCLR's positive feature transformation: the amount is 1 + mu * Beta(alpha, alpha).

    Args:
        alpha: parameter of the Beta distribution.
        mu: scale of the Beta distribution.
        per: one amount per pair or one per batch; the paper says neither.
        negatives: whether the negatives meet the query itself, as figure 2 suggests, or the
            transformed one; not in the text.
        key_gradient: whether the transformed key, which holds a part of the query, passes a
            gradient; not in the paper.
        queued: whether transformed keys (made unit length again) enter the queue; not in the paper.
        inter: whether pairs of two streams are transformed too; the paper's equation names pairs of
            one stream.
    """

    alpha: Positive = 2.0
    mu: NotNegative = 1.0
    per: Literal["pair", "batch"] = "pair"
    negatives: Literal["query", "transformed"] = "query"
    key_gradient: bool = False
    queued: bool = False
    inter: bool = False


@dataclass
class CsclrSettings:
    """CSCLR: streams that are contrasted with each other.

    Args:
        inter: streams among which all ordered pairs are made (table 8); fewer than two make none.
        extreme: use of the extreme augmentation, which the paper has and does not place: ddm adds
            AimCLR's terms to every stream's own (the paper's base has AimCLR's figures, tables 6
            and 7), query makes the query of it, none is without.
        transform: positive feature transformation.
    """

    inter: tuple[Stream, ...] = ("joint", "bone", "motion")
    extreme: Literal["ddm", "query", "none"] = "ddm"
    transform: TransformSettings = field(default_factory=TransformSettings)


@dataclass
class CrossclrSettings:
    """CrosSCLR: streams that name each other's neighbours.

    Args:
        context: whether the product of both streams' similarities is used beside the stream's own,
            as in its program.
    """

    context: bool = True
