"""Settings of the picture, the same for all viewers; they may be changed while it runs."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from skedge.skeleton.errors import InputError

TURNS = (0, 90, 180, 270)
# What a viewer may change, and of which type that is.
CHANGES = {"rotation": int, "mirrored": bool, "bodies_only": bool}


@dataclass
class View:
    """`rotation` turns the camera's picture clockwise, in degrees, before anybody is looked for in
    it; `mirrored` shows it as a mirror does; with `bodies_only` nothing of it is drawn.

    A `private` view never draws it.
    """

    rotation: int = 0
    mirrored: bool = False
    bodies_only: bool = False
    private: bool = False

    def __post_init__(self) -> None:
        if self.rotation not in TURNS:
            raise InputError(f"--rotate: expected one of {TURNS}, got {self.rotation}")
        self.bodies_only |= self.private

    def change(self, wanted: Any) -> None:
        """Take what a viewer asks for, fields by name; raises `InputError` for anything else, and
        for the picture of a private view."""
        if not isinstance(wanted, dict) or not all(
            type(value) is CHANGES.get(name) for name, value in wanted.items()
        ):
            raise InputError(f"expected some of {', '.join(CHANGES)}, got something else")
        if wanted.get("rotation", 0) not in TURNS:
            raise InputError(f"rotation: expected one of {TURNS}")
        if self.private and not wanted.get("bodies_only", True):
            raise InputError("pictures are switched off where skedge was started")
        for name, value in wanted.items():
            setattr(self, name, value)

    def turned(self, image: np.ndarray) -> np.ndarray:
        """A camera's picture (H, W, 3) as it is to be looked at."""
        if not self.rotation:
            return image
        return np.ascontiguousarray(np.rot90(image, -self.rotation // 90))

    def document(self) -> dict[str, Any]:
        return asdict(self)
