"""How people carry out the same movement: with arms held otherwise, swung wider or less."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.style_settings import StyleSettings
from skedge.skeleton.layout import Layout
from skedge.skeleton.normalize import hip_joints
from skedge.teacher.wander import wander

# Degrees by which a limb is turned at the joint that its bone begins at (standard deviation), by
# the word that the name of the bone's end ends with.
TURNS = {"elbow": 8.0, "wrist": 10.0, "knee": 4.0, "ankle": 4.0, "head": 5.0}


class Style(nn.Module):
    """Lets bodies (N, M, T, V, 3) in metres, y up, move in another manner: every clip in its own.

    Limbs are turned by angles that stay for the clip and others that wander, and swing about their
    mean direction wider or less. Bones keep their lengths, trunk and chest their places.
    """

    parents: Tensor
    chains: Tensor
    turns: Tensor
    limbs: Tensor
    back: Tensor

    def __init__(self, settings: StyleSettings, layout: Layout) -> None:
        super().__init__()
        self.settings = settings
        self.layout = layout
        turns = torch.tensor([TURNS.get(kind, 0.0) for kind in layout.kinds]).deg2rad()[:, None]
        for name, values in (
            ("parents", torch.from_numpy(layout.parents)),
            ("chains", torch.from_numpy(layout.ways)),
            ("turns", turns),
            ("limbs", turns > 0),
            ("back", torch.tensor([1.0, -1.0])),
        ):
            self.register_buffer(name, values, persistent=False)

    def forward(self, joints: Tensor) -> Tensor:
        with joints.device:
            bones = self._turned(self._swung(joints, joints - joints[..., self.parents, :]))
        middle = slice(self.layout.center, self.layout.center + 1)
        return joints[..., middle, :] + self.chains @ bones

    def _swung(self, joints: Tensor, bones: Tensor) -> Tensor:
        """Limbs that swing about their mean direction by a factor, as seen from the body; as seen
        from the world where both hips are in one place, as those are that nobody saw."""
        hips = hip_joints(self.layout)
        across = (joints[..., hips[0], :] - joints[..., hips[-1], :])[..., ::2]
        known = across.norm(dim=-1, keepdim=True) > 1e-4
        across = torch.where(known, across, across.new_tensor([1.0, 0.0]))
        facing = functional.normalize(across, dim=-1)[..., None, :]
        own = _level(bones, facing * self.back)
        mean = own.mean(2, keepdim=True)
        size = torch.exp(self.settings.swing * torch.randn(len(bones), 1, 1, bones.shape[3], 1))
        wider = mean + size * (own - mean)
        length = own.norm(dim=-1, keepdim=True)
        wider = wider * length / wider.norm(dim=-1, keepdim=True).clamp(min=1e-4)
        return torch.where(self.limbs, _level(wider, facing), bones)

    def _turned(self, bones: Tensor) -> Tensor:
        """Limbs turned at their joints, and what hangs on them as well (Rodrigues' formula)."""
        n, persons, frames, joints, axes = bones.shape
        sway = wander(n, frames, (persons, joints, axes), pace=15)
        angles = self.settings.pose * torch.randn(n, persons, 1, joints, axes)
        angles = (angles + self.settings.sway * sway) * self.turns
        angles = self.chains @ angles
        size = angles.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        axis = angles / size
        along = (axis * bones).sum(-1, keepdim=True) * axis
        across = torch.linalg.cross(axis, bones)
        return along + (bones - along) * size.cos() + across * size.sin()


def _level(bones: Tensor, facing: Tensor) -> Tensor:
    """Bones (..., 3) turned about the vertical by the angle of (cosine, sine) in `facing`."""
    x, y, z = bones.unbind(-1)
    c, s = facing.unbind(-1)
    return torch.stack([c * x - s * z, y, s * x + c * z], -1)
