"""How far a student's softened answers lie from a teacher's."""

from torch import Tensor
from torch.nn import functional

from skedge.recipes.distill_settings import DistillSettings


def softened_divergence(student: Tensor, teacher: Tensor, settings: DistillSettings) -> Tensor:
    """KL divergence of the answers softened by tau, for logits (N, classes), the mean over the
    batch (ASMa eq. 13 and 14)."""
    tau = settings.temperature
    p, q = (
        functional.log_softmax(teacher / tau, dim=1),
        functional.log_softmax(student / tau, dim=1),
    )
    if settings.direction == "reverse":
        p, q = q, p
    loss = functional.kl_div(q, p, reduction="batchmean", log_target=True)
    return loss * tau**2 if settings.scale_by_temperature else loss
