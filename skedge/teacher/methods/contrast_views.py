"""The views that methods of momentum contrast compare."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, NamedTuple

from torch import Tensor

from skedge.recipes.recipe import Recipe
from skedge.skeleton.layout import Layout
from skedge.skeleton.streams import Stream
from skedge.teacher.augment import Augment
from skedge.teacher.masks.joints import Mask
from skedge.teacher.networks.classifier import View

Role = Literal["query", "key", "extreme"]
ROLES: tuple[Role, ...] = ("query", "key", "extreme")


class Seen(NamedTuple):
    """A view of a batch in one stream (N, C, T, V, M), with the joints and frames that stay, None
    where all do."""

    clip: Tensor
    joints: Tensor | None = None
    frames: Tensor | None = None


class Views:
    """The views of a batch: random changes of the clips, or ASMa's masks in their place."""

    def __init__(self, streams: Iterable[Stream], layout: Layout, recipe: Recipe) -> None:
        data = recipe.input
        contrast = recipe.pretrain.contrast
        self.streams = {name: View(layout, replace(data, stream=name)) for name in streams}
        self._augments: dict[Role, Augment] = {}
        self.masks: dict[Role, Mask] = {}
        for role in ROLES:
            if contrast.views == "masks":
                self.masks[role] = Mask(getattr(contrast.masks, role), layout, data)
            else:
                change = contrast.extreme if role == "extreme" else contrast.normal
                self._augments[role] = Augment(change, layout)

    def see(self, joints: Tensor, role: Role) -> dict[str, Seen]:
        """A view of the clips (N, M, T, V, 3) in every stream. The streams share what is random in
        it."""
        placed = next(iter(self.streams.values())).place(joints, self._augments.get(role))
        clips = {name: view.clip(placed) for name, view in self.streams.items()}
        mask = self.masks.get(role)
        if mask is None:
            return {name: Seen(clip) for name, clip in clips.items()}
        return {
            name: Seen(clip, mask.joints(clip), mask.frames(clip)) for name, clip in clips.items()
        }
