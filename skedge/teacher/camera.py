"""Views of moving bodies by cameras, with the errors of depth cameras and of pose estimators that
see one picture.

Sizes are learnt from the skeletons that BlazePose found in films, and from four sets that Kinects
recorded: limbs vary by 4 to 10 % in one track, heads come out nearer and feet farther than they
are, depth is guessed, left and right are confused for some frames, limbs stay behind, hips of some
trackers are twice as wide as those of others.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skedge.recipes.camera_settings import CameraSettings
from skedge.skeleton.layout import Layout
from skedge.skeleton.normalize import hip_joints, root
from skedge.teacher.augment import rotation_matrix
from skedge.teacher.wander import wander

# How much farther from its place than the trunk a joint is found, by the word its name ends with.
LOOSE = {
    "hip": 0.6, "center": 0.65, "spine": 0.65, "shoulder": 0.8, "elbow": 1.2, "wrist": 1.7,
    "knee": 1.2, "ankle": 1.5, "foot": 1.6, "hand": 1.8, "tip": 2.0, "thumb": 2.0,
}  # fmt: skip
# How far behind the hips legs are found, as a share of what an ankle is.
BEHIND = {"knee": 0.6, "ankle": 1.0, "foot": 1.0}
ARMS = ("elbow", "wrist", "hand")
LEGS = ("knee", "ankle", "foot")
HANDS = ("wrist", "hand", "tip", "thumb")


class Camera(nn.Module):
    """Films bodies in a room, joints (N, M, T, V, 3) in metres, y up: every clip by another camera.

    A clip's people keep their places: the room turns about the first person's first hip. What is
    drawn at random is drawn on the device of the joints.
    """

    loose: Tensor
    parents: Tensor
    mirror: Tensor
    arms: Tensor
    hands: Tensor
    hips: Tensor
    legs: Tensor
    behind: Tensor
    other_legs: Tensor
    above: Tensor
    below_shoulders: Tensor
    trunk: Tensor
    wandering: Tensor
    flipped: Tensor

    def __init__(self, settings: CameraSettings, layout: Layout) -> None:
        super().__init__()
        self.settings = settings
        self.layout = layout
        kinds = layout.kinds
        mirror = torch.from_numpy(layout.mirror)
        hips = _among(kinds, ("hip",))
        legs = _among(kinds, LEGS)
        above = torch.from_numpy(layout.ways)
        way = above[list(hip_joints(layout))].amax(0)[:, None] > 0
        for name, values in (
            ("loose", torch.tensor([LOOSE.get(kind, 1.0) for kind in kinds])[:, None]),
            ("parents", torch.from_numpy(layout.parents)),
            ("mirror", mirror),
            ("arms", _among(kinds, ARMS)),
            ("hands", _among(kinds, HANDS)),
            ("hips", hips),
            ("legs", legs),
            ("behind", torch.tensor([BEHIND.get(kind, 0.0) for kind in kinds])),
            ("other_legs", torch.where(legs[:, 0], mirror, torch.arange(len(layout)))),
            ("above", above),
            (
                "below_shoulders",
                above[:, list(layout.shoulders)].sum(1, keepdim=True).clamp(max=1),
            ),
            ("trunk", way & ~hips),
            ("wandering", torch.tensor([0.06, 0.03, 0.1])),
            ("flipped", torch.tensor([-1.0, 1.0, 1.0])),
        ):
            self.register_buffer(name, values, persistent=False)

    def forward(self, joints: Tensor) -> Tensor:
        with joints.device:
            return self._filmed(joints)

    def _filmed(self, joints: Tensor) -> Tensor:
        s = self.settings
        n = len(joints)
        frames = joints.shape[2]
        way = root(joints, self.layout)
        body = self._proportioned(self._legless(joints))
        body = body - root(body, self.layout)
        view = self._views(n)
        size = _each(_uniform(n, 1 - s.size, 1 + s.size))
        body, way = (body @ view) * size, ((way - way[:, :1, :1]) @ view) * size
        body[..., 2] += self.behind * _each(s.legs_behind + s.legs_behind * torch.randn(n))[..., 0]
        one_eyed = _each(torch.rand(n) < s.one_eyed)
        body = torch.where(one_eyed, self._guessed_depth(body), body)
        body = torch.where(one_eyed, self._confused(body), body)
        body = self._snapped(body + self._noise(body))
        way = way + s.drift * self._drift(n, frames)
        depth = torch.where(one_eyed, _each(_uniform(n, 0.2, 1.2)), torch.ones(()))
        found = body + way * torch.cat([torch.ones_like(depth).expand(n, 1, 1, 1, 2), depth], -1)
        mirrored = found[..., self.mirror, :] * self.flipped
        return torch.where(_each(torch.rand(n) < s.mirror), mirrored, found)

    def _legless(self, joints: Tensor) -> Tensor:
        """Legs out of view, for which a sensor finds anything."""
        n, persons, frames, size, axes = joints.shape
        lost = _each(torch.rand(n) < self.settings.lost_legs) * self.legs
        place = 0.22 * torch.randn(n, persons, 1, size, axes)
        place = place + 0.05 * wander(n, frames, (persons, size, axes), pace=15)
        return joints + lost * place

    def _proportioned(self, joints: Tensor) -> Tensor:
        """Bodies of other proportions, alike on both sides; the chest stays."""
        n = len(joints)
        s = self.settings
        scale = (1 + s.limbs * torch.randn(n, 1, 1, len(self.layout), 1)).clamp(0.7, 1.3)
        scale = (scale + scale[..., self.mirror, :]) / 2
        wide = torch.where(torch.rand(n) < s.wide_hips, _uniform(n, 1.0, 2.3), torch.ones(n))
        for part, factor in (
            (self.hips, wide),
            (self.arms, _uniform(n, *s.arms)),
            (self.trunk, _uniform(n, *s.trunk)),
            (self.legs, _uniform(n, *s.legs)),
        ):
            scale = torch.where(part, scale * _each(factor), scale)
        bones = (joints - joints[..., self.parents, :]) * scale
        middle = slice(self.layout.center, self.layout.center + 1)
        body = joints[..., middle, :] + self.above @ bones
        down = root(body, self.layout) - body[..., middle, :]
        return body + self.below_shoulders * down * _each(_uniform(n, 0.0, s.shoulder_drop))

    def _views(self, n: int) -> Tensor:
        """Rotations (N, 1, 1, 3, 3) for `joints @ R`: from any side, often the front; tilted."""
        s = self.settings
        frontal = torch.rand(n) < s.frontal
        yaw = torch.where(frontal, 18 * torch.randn(n), _uniform(n, -180, 180))
        pitch = -s.pitch + s.pitch_spread * torch.randn(n).clamp(-2.5, 2.5)
        roll = 3 * torch.randn(n)
        none = torch.zeros(n)
        turns = ((none, yaw, none), (pitch, none, none), (none, none, roll))
        y, x, z = (rotation_matrix(torch.stack(angles, 1)) for angles in turns)
        return (y @ x @ z)[:, None, None]

    def _guessed_depth(self, body: Tensor) -> Tensor:
        """Depth that is foreshortened or missing, and wanders; bodies that grow and shrink."""
        s, (n, persons, frames, joints, _) = self.settings, body.shape
        share = torch.where(torch.rand(n) < s.flat, torch.zeros(n), _uniform(n, s.depth, 1.15))
        wandering = wander(n, frames, (persons, joints, 1), pace=12)
        wandering = wandering + torch.randn(n, persons, 1, joints, 1)
        z = body[..., 2:] * _each(share) + s.depth_error * wandering * self.loose
        grown = 1 + 0.03 * wander(n, frames, (persons, 1, 1), pace=20)
        return torch.cat([body[..., :2], z], -1) * grown

    def _confused(self, body: Tensor) -> Tensor:
        """Left taken for right for a while: the legs, or everything."""
        n = len(body)
        frames = body.shape[2]
        other = torch.where(
            _each(torch.rand(n) < 0.6), body[..., self.other_legs, :], body[..., self.mirror, :]
        )
        return torch.where(
            _while(n, frames, self.settings.swaps, power=1.0, longest=22), other, body
        )

    def _noise(self, body: Tensor) -> Tensor:
        n, persons, frames, joints, axes = body.shape
        white = 0.004 * torch.randn_like(body)
        slow = 0.009 * wander(n, frames, (persons, joints, axes), pace=5)
        still = 0.012 * torch.randn(n, persons, 1, joints, axes)
        size = self.settings.noise * _each(_uniform(n, 0.1, 1.6))
        return size * self.loose * (white + slow + still) + self._meeting(body)

    def _meeting(self, body: Tensor) -> Tensor:
        """Hands that hide each other are found now here, now there."""
        n, persons, frames, joints, axes = body.shape
        apart = (body - body[..., self.mirror, :]).norm(dim=-1, keepdim=True)
        near = self.hands * torch.exp(-((apart / 0.18) ** 2))
        wandering = wander(n, frames, (persons, joints, axes), pace=3)
        size = self.settings.meeting * _each(_uniform(n, 0, 2))
        return size * near * (wandering + 0.4 * torch.randn_like(body))

    def _snapped(self, body: Tensor) -> Tensor:
        """Limbs found elsewhere for a while."""
        n = len(body)
        frames = body.shape[2]
        for _ in range(2):
            joint = torch.randint(len(self.layout), (n,))
            limb = self.above.T[joint][:, None, None, :, None]
            away = 0.07 * torch.randn(n, 1, 1, 1, 3)
            body = (
                body + _while(n, frames, self.settings.snaps, power=3.0, longest=62) * limb * away
            )
        return body

    def _drift(self, n: int, frames: int) -> Tensor:
        """How a place that is not measured well wanders, and a camera in somebody's hand."""
        slow = wander(n, frames, (1, 1, 3), pace=22) * self.wandering
        moving = _each((torch.rand(n) < 0.5) * _uniform(n, 0, 1.5))
        return slow * moving + 0.004 * _each(_uniform(n, 0, 2)) * torch.randn(n, 1, frames, 1, 3)


def _among(kinds: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """(V, 1) bool: which joints are of the wanted kinds."""
    return torch.tensor([kind in wanted for kind in kinds])[:, None]


def _each(values: Tensor) -> Tensor:
    """A value a clip (N,), for joints (N, M, T, V, 3)."""
    return values[:, None, None, None, None]


def _uniform(n: int, low: float, high: float) -> Tensor:
    return torch.rand(n) * (high - low) + low


def _while(n: int, frames: int, share: float, power: float, longest: int) -> Tensor:
    """In a share of the clips some frames in a row, bool (N, 1, T, 1, 1)."""
    start = torch.rand(n, 1) * frames
    length = 2 + torch.rand(n, 1) ** power * (longest - 2)
    time = torch.arange(frames)
    chosen = (torch.rand(n, 1) < share) & (time >= start) & (time < start + length)
    return chosen[:, None, :, None, None]
