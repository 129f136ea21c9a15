"""Masks of joints and frames, those of PSTL and ASMa, as objects that any method can put over its
views."""

from collections.abc import Callable

import torch
from torch import Tensor

from skedge.recipes.settings import InputSettings, MaskSettings
from skedge.skeleton import InputError
from skedge.skeleton.layout import Layout
from skedge.teacher.networks.dual import AnyEncoder


class Mask:
    """The joints and frames that stay of clips (N, C, T, V, M), as ascending indices or None where
    all of them do.

    Raises `InputError` if nothing would be left of a clip.
    """

    def __init__(self, settings: MaskSettings, layout: Layout, data: InputSettings) -> None:
        self.settings = settings
        self.length = data.frames
        self.degrees = torch.from_numpy(layout.degrees).float()
        for what, size, names in (
            ("joints", len(layout), ("masked_joints",)),
            ("frames", data.frames, ("masked_frames", "random_frames")),
        ):
            masked = sum(getattr(settings, name) for name in names)
            if getattr(settings, what) != "none" and not 0 <= masked < size:
                asked = " and ".join(f"{name} {getattr(settings, name)}" for name in names)
                raise InputError(
                    f"mask: expected 0 to {size - 1} of {size} {what} to be masked, got {asked};"
                    f" mask fewer{', or set more input.frames' if what == 'frames' else ''}"
                )

    def check(self, encoder: AnyEncoder) -> None:
        """Raise `InputError` for an encoder that cannot do without what is masked."""
        s = self.settings
        gone = 0 if s.frames == "none" else s.masked_frames + s.random_frames
        encoder.check_kept(self.length, all_joints=s.joints == "none")
        encoder.check_kept(self.length - gone)

    def joints(self, clips: Tensor) -> Tensor | None:
        """Joints that stay, (N, V - masked_joints)."""
        s = self.settings
        if s.joints == "none":
            return None
        weights = joint_weights(self.degrees, s.joints).to(clips.device)
        return draw_joints(
            weights, s.masked_joints, samples=len(clips), per_sample=s.per == "sample"
        )

    def frames(self, clips: Tensor) -> Tensor | None:
        """Frames that stay, (N, T - masked_frames - random_frames)."""
        s = self.settings
        if s.frames == "none":
            return None
        return drop_frames(FRAMES[s.frames](clips, s), s.masked_frames, s.random_frames)


# By their names in a recipe: what a joint's chance to be masked is proportional to, (V,), for its
# degree (V,).
JOINTS: dict[str, Callable[[Tensor], Tensor]] = {
    # PSTL's central spatial masking, ASMa eq. 1.
    "high-degree": lambda degrees: degrees,
    # ASMa eq. 2; nearly uniform once normalised.
    "low-degree": lambda degrees: 1 - degrees / degrees.sum(),
    # What the words of ASMa describe.
    "inverse-degree": lambda degrees: 1 / degrees,
    "random": torch.ones_like,
}


def joint_weights(degrees: Tensor, choice: str) -> Tensor:
    """Weights (V,) of the joints' chances to be masked, for their degrees (V,)."""
    return JOINTS[choice](degrees)


def draw_joints(weights: Tensor, masked: int, samples: int, per_sample: bool = True) -> Tensor:
    """Joints that stay, (samples, V - masked).

    `masked` different joints go, drawn without replacement in proportion to weights (V,); one draw
    a sample, or one for the whole batch. (PSTL draws with probability degree / sum; its program
    draws eight tokens from a list in which a joint occurs degree-many times, so that a joint can be
    drawn twice.)
    """
    weights = weights.float().expand(samples if per_sample else 1, -1)
    if not masked:
        return torch.arange(weights.shape[1], device=weights.device).expand(samples, -1)
    gone = torch.multinomial(weights, masked, replacement=False)
    return _kept(gone, weights.shape[1]).expand(samples, -1)


def motion_of_frames(clips: Tensor, motion: str) -> Tensor:
    """The motion of every frame (N, T), the last one 0, for clips (N, C, T, V, M).

    The mean over coordinates, joints and persons of x[t+1] - x[t], squared (PSTL's motion
    attention) or absolute (ASMa eq. 3).
    """
    difference = clips[:, :, 1:] - clips[:, :, :-1]
    size = (difference.square() if motion == "squared" else difference.abs()).mean((1, 3, 4))
    return torch.cat([size, torch.zeros_like(size[:, :1])], dim=1)


def high_motion(clips: Tensor, settings: MaskSettings) -> Tensor:
    """Frames (N, T) by how much they move: those that move most go."""
    return motion_of_frames(clips, settings.motion)


def low_motion(clips: Tensor, settings: MaskSettings) -> Tensor:
    """Frames (N, T) by how little they move: those that move least go."""
    moved = motion_of_frames(clips, settings.motion)
    moved[:, -1] = torch.inf  # the last frame has no motion to be judged by
    return -moved


def any_frames(clips: Tensor, settings: MaskSettings) -> Tensor:
    """Frames (N, T) in a random order."""
    samples = len(clips) if settings.per == "sample" else 1
    drawn = torch.rand(samples, clips.shape[2], device=clips.device)
    return drawn.expand(len(clips), -1)


# By their names in a recipe: an order of the frames (N, T) of clips (N, C, T, V, M); those with the
# largest numbers go.
FRAMES: dict[str, Callable[[Tensor, MaskSettings], Tensor]] = {
    "high-motion": high_motion,
    "low-motion": low_motion,
    "random": any_frames,
}


def drop_frames(order: Tensor, masked: int, random: int) -> Tensor:
    """Frames that stay of order (N, T): the `masked` largest go, then `random` more at positions
    that all samples share."""
    kept = _kept(order.topk(masked, dim=1).indices, order.shape[1])
    stay = torch.randperm(kept.shape[1], device=kept.device)[random:].sort().values
    return kept[:, stay]


def _kept(gone: Tensor, size: int) -> Tensor:
    """The indices below `size` that are not in gone (N, K), ascending, (N, size - K)."""
    stays = torch.ones(len(gone), size, dtype=torch.bool, device=gone.device).scatter(
        1, gone, False
    )
    return stays.nonzero()[:, 1].view(len(gone), -1)
