"""The student's settings, as recipes spell them; free of torch."""

from dataclasses import dataclass, field
from typing import Literal

from skedge.recipes.online_settings import OnlineSettings
from skedge.recipes.ranges import NotNegative, Positive, ShareBelowOne
from skedge.recipes.settings import AugmentSettings, EncoderSettings, OptimSettings


def student_plan() -> EncoderSettings:
    """16-16-16-16-128 without temporal stride: the only plan that gives the 0.54 M of ASMa's
    three-stream student."""
    return EncoderSettings(widths=(16, 16, 16, 16, 128), strides=(1, 1, 1, 1, 1), dropout=0.0)


@dataclass
class DistillSettings:
    """Knowledge distillation: the sum of up to three losses, each with its weight.

    With features alone no head is trained: what is written is a pretrained encoder, for
    `skedge evaluate --pretrained`.

    Args:
        logit_weight: weight of the divergence of the softened answers.
        feature_weight: weight of the features' cosine distance (ASMa, appendix C).
        label_weight: weight of the cross entropy with the clips' labels; of clips that have one.
        temperature: divisor of both logits, tau.
        direction: direction of the divergence: forward is KL(teacher || student); reverse is
            KL(student || teacher), as ASMa writes it.
        scale_by_temperature: multiply the divergence by tau^2; the gradient's size then does not
            depend on tau.
        label_smoothing: smoothing of the labels.
        augment: augmentation of the clips; teacher and student see the same clip.
        optim: optimisation.
        online: of a student that learns from the labels of whole recordings.
    """

    logit_weight: NotNegative = 1.0
    feature_weight: NotNegative = 0.0
    label_weight: NotNegative = 0.0
    temperature: Positive = 4.0
    direction: Literal["forward", "reverse"] = "forward"
    scale_by_temperature: bool = True
    label_smoothing: ShareBelowOne = 0.1
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optim: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=150, learning_rate=1e-2)
    )
    online: OnlineSettings = field(default_factory=OnlineSettings)
