"""A body that can be posed: builds, channels of motion over time, and the joints that follow from
them.

The room's frame: metres, x to the person's right, y up from the floor, z behind the person (who
thus faces a camera at negative z). A motion is a table of channels over time, (T, channels): angles
in degrees, pelvis and feet in leg lengths. Trunk and arms follow by forward kinematics; the legs by
the two-bone solution between the pelvis and the planted feet.
"""

from dataclasses import dataclass

import numpy as np

from skedge.skeleton.layout import load_layout

SIDES = {"left": -1.0, "right": 1.0}
TRUNK = ("lean", "curl", "side", "twist", "face", "nod", "look", "down", "back", "shift", "air")
ROOM = ("room_x", "room_z")
ARM = ("forward", "outward", "turn", "elbow", "bend", "wag")
FOOT = ("foot_out", "foot_up", "foot_front")
CHANNELS = TRUNK + ROOM + tuple(f"{side}_{part}" for side in SIDES for part in ARM + FOOT)
"""What moves. Trunk: `lean` at the hips, `curl` along the spine, `side`, `twist` of the shoulders,
`face` (the whole body's yaw, to the right), `nod` and `look` of the head; pelvis `down`, `back`,
`shift` (to the right); `air` lifts pelvis and feet together. `room_x`, `room_z`: where in the room
the body stands (m). Arms: `forward` and `outward` swing the upper arm from hanging, `turn` rolls it
outwards, `elbow` bends, `bend` and `wag` are the wrist's. Feet: moved from where they stand."""

LAYOUT = load_layout("ntu25")


@dataclass(frozen=True)
class Build:
    """Lengths in metres of one person as one kind of camera sees joints; constant within a clip."""

    thigh: float
    shank: float
    ankle: float
    foot: float
    hip: float
    hip_drop: float
    trunk: float
    spine: float
    shoulder: float
    shoulder_drop: float
    neck: float
    head: float
    upper_arm: float
    forearm: float
    hand: float
    tip: float
    thumb: float
    stance: float
    toes_out: float

    @property
    def leg(self) -> float:
        return self.thigh + self.shank

    @property
    def arm(self) -> float:
        return self.upper_arm + self.forearm + self.hand


def rotation(vector: np.ndarray) -> np.ndarray:
    """Rotation vectors (..., 3) in degrees as matrices (..., 3, 3) for column vectors
    (Rodrigues)."""
    radians = np.deg2rad(vector)
    angle = np.linalg.norm(radians, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(radians, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    # sinc keeps both factors finite at no rotation.
    return (
        np.eye(3)
        + np.sinc(angle / np.pi) * cross
        + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (cross @ cross)
    )


def _about(axis: int, degrees: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) about one axis."""
    radians = np.deg2rad(degrees)
    made = np.zeros((*np.shape(radians), 3, 3))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    made[..., axis, axis] = 1
    made[..., one, one] = made[..., two, two] = np.cos(radians)
    made[..., two, one] = np.sin(radians)
    made[..., one, two] = -made[..., two, one]
    return made


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def two_bones(
    reach: np.ndarray, first: float, second: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The middle joint and the end, each (..., 3) from the root, of two bones that reach for
    `reach` (..., 3).

    The middle joint lies as far towards `pole` (..., 3) as it can; what is out of reach is
    approached on a straight line.
    """
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    axis = reach / np.maximum(distance, 1e-9)
    distance = np.clip(distance, abs(first - second) * 1.02 + 1e-4, (first + second) * 0.998)
    along = (first**2 - second**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(first**2 - along**2, 0))
    middle = along * axis + aside * _unit(pole - (pole * axis).sum(-1, keepdims=True) * axis)
    return middle, distance * axis


def arm_angles(hand: np.ndarray, swivel: np.ndarray, build: Build) -> np.ndarray:
    """`forward`, `outward`, `turn` and `elbow` (..., 4) in degrees that bring hands to their
    places.

    `hand` (..., 3) is (outward, up, front) seen from its shoulder in arm lengths; `swivel` (...)
    lifts the elbow: 0 hangs down, 90 points outwards.
    """
    out, up, front = np.moveaxis(np.asarray(hand, dtype=float), -1, 0)
    # Places are meant from the true shoulder, whatever the camera takes for it; a hanging arm just
    # hangs.
    up = up + build.shoulder_drop / build.arm * np.minimum(1, 1 + up)
    lift = np.deg2rad(swivel)
    pole = np.stack([np.sin(lift), -np.cos(lift), np.full(np.shape(lift), 0.35)], -1)
    reach = np.stack([out, up, -front], -1) * build.arm
    elbow, end = two_bones(
        reach, first=build.upper_arm, second=build.forearm + build.hand, pole=pole
    )
    upper, fore = _unit(elbow), _unit(end - elbow)
    raised = np.degrees(np.arccos(np.clip(-upper[..., 1], -1, 1)))
    heading = np.arctan2(upper[..., 0], -upper[..., 2])
    swing = np.stack([raised * np.cos(heading), 0 * raised, raised * np.sin(heading)], -1)
    local = np.einsum("...ji,...j->...i", rotation(swing), fore)
    turn = np.degrees(np.arctan2(local[..., 0], -local[..., 2]))
    bent = np.degrees(np.arccos(np.clip((upper * fore).sum(-1), -1, 1)))
    return np.stack([swing[..., 0], swing[..., 2], turn, bent], -1)


def joints(motion: np.ndarray, build: Build) -> np.ndarray:
    """Joints (T, 25, 3) in the room's frame, NTU-25 order, metres, of a motion (T, channels in the
    order of `CHANNELS`)."""
    channel = dict(zip(CHANNELS, motion.T, strict=True))
    placed: dict[str, np.ndarray] = {}
    face = _about(1, -channel["face"])
    pelvis = face @ rotation(
        np.stack([-channel["lean"], 0 * channel["lean"], -channel["side"]], -1)
    )
    middle = pelvis @ _about(0, -0.5 * channel["curl"]) @ _about(1, -0.5 * channel["twist"])
    chest = middle @ _about(0, -0.5 * channel["curl"]) @ _about(1, -0.5 * channel["twist"])
    head = chest @ _about(1, -channel["look"]) @ _about(0, -channel["nod"])
    # The pelvis itself tips less than the trunk does.
    basin = face @ rotation(
        np.stack([-0.6 * channel["lean"], 0 * channel["lean"], -0.5 * channel["side"]], -1)
    )

    height = build.ankle + build.hip_drop + build.leg * (0.996 - channel["down"] + channel["air"])
    offset = np.stack([channel["shift"], 0 * height, channel["back"]], -1) * build.leg
    stands = np.stack([channel["room_x"], 0 * height, channel["room_z"]], -1)
    placed["hip_center"] = stands + (face @ offset[..., None])[..., 0]
    placed["hip_center"][:, 1] = height
    placed["spine"] = placed["hip_center"] + pelvis @ np.array([0, build.spine, 0])
    placed["shoulder_center"] = placed["spine"] + middle @ np.array(
        [0, build.trunk - build.spine, 0]
    )
    placed["neck"] = placed["shoulder_center"] + chest @ np.array([0, build.neck, 0])
    placed["head"] = placed["neck"] + head @ np.array([0, build.head, 0.0])
    hips = _Pelvis(placed["hip_center"], basin, face=face, stands=stands)
    for side in SIDES:
        placed |= _leg(channel, build, side, pelvis=hips)
        placed |= _arm(channel, build, side, center=placed["shoulder_center"], chest=chest)
    return np.stack([placed[name] for name in LAYOUT.joints], axis=1)


@dataclass(frozen=True)
class _Pelvis:
    """Over time (T, ...): the hips' center and how they are tipped, which way the body faces, where
    it stands in the room."""

    center: np.ndarray
    basin: np.ndarray
    face: np.ndarray
    stands: np.ndarray


def _leg(
    channel: dict[str, np.ndarray], build: Build, side: str, pelvis: _Pelvis
) -> dict[str, np.ndarray]:
    sign, face = SIDES[side], pelvis.face
    hip = pelvis.center + pelvis.basin @ np.array([sign * build.hip, -build.hip_drop, 0])
    out, up, front = (channel[f"{side}_foot_{way}"] for way in ("out", "up", "front"))
    standing = np.stack([sign * (build.stance + out * build.leg), 0 * out, -front * build.leg], -1)
    target = pelvis.stands + (face @ standing[..., None])[..., 0]
    target[:, 1] = build.ankle + (np.maximum(up, 0) + channel["air"]) * build.leg
    turned = face @ _about(1, np.array(-sign * build.toes_out))
    knee, ankle = two_bones(
        target - hip, first=build.thigh, second=build.shank, pole=turned @ np.array([0, 0, -1.0])
    )
    knee, ankle = hip + knee, hip + ankle
    # On the floor the foot lies flat; lifted, it hangs at about a right angle to the shank.
    flat = turned @ np.array([0, -0.35, -1.0])
    shank = _unit(ankle - knee)
    ahead = (turned @ np.array([0, 0, -1.0])) + 0 * shank
    hanging = _unit(ahead - (ahead * shank).sum(-1, keepdims=True) * shank) + 0.5 * shank
    share = np.clip((ankle[:, 1:2] - build.ankle) / 0.2, 0, 1)
    foot = ankle + build.foot * _unit(_unit(flat) * (1 - share) + _unit(hanging) * share)
    return {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle, f"{side}_foot": foot}


def _arm(
    channel: dict[str, np.ndarray],
    build: Build,
    side: str,
    center: np.ndarray,
    chest: np.ndarray,
) -> dict[str, np.ndarray]:
    sign = SIDES[side]
    forward, outward, turn, elbow, bend, wag = (channel[f"{side}_{part}"] for part in ARM)
    zero = np.zeros_like(forward)
    # The shoulder girdle helps the arm up.
    shrug = 0.22 * np.maximum(np.hypot(forward, outward) - 55, 0)
    shoulder = center + (chest @ _about(2, sign * shrug)) @ np.array(
        [sign * build.shoulder, -build.shoulder_drop, 0]
    )
    upper = (
        chest @ rotation(np.stack([forward, zero, sign * outward], -1)) @ _about(1, -sign * turn)
    )
    lower = upper @ _about(0, elbow)
    palm = lower @ rotation(np.stack([bend, zero, sign * wag], -1))
    elbow_at = shoulder + upper @ np.array([0, -build.upper_arm, 0])
    wrist = elbow_at + lower @ np.array([0, -build.forearm, 0])
    hand = wrist + palm @ np.array([0, -build.hand, 0])
    return {
        f"{side}_shoulder": shoulder,
        f"{side}_elbow": elbow_at,
        f"{side}_wrist": wrist,
        f"{side}_hand": hand,
        f"{side}_hand_tip": hand + palm @ np.array([0, -build.tip, 0]),
        f"{side}_thumb": hand
        + palm @ np.array([-sign * 0.7 * build.thumb, -0.5 * build.thumb, -0.5 * build.thumb]),
    }
