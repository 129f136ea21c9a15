"""A pretraining method in one file, which learns whether a clip is played forwards or backwards:
python examples/new_method.py --data STORE --out RUN, with the flags of `skedge pretrain`"""

import sys

import torch
from torch import nn

from skedge.cli import main
from skedge.recipes.methods import METHODS
from skedge.recipes.recipe import Recipe
from skedge.skeleton import Layout
from skedge.teacher.methods.method import OneEncoder


class Direction(OneEncoder):
    """Half of the clips are turned round in time; a linear layer on the features says which."""

    def __init__(self, encoder: nn.Module, layout: Layout, recipe: Recipe) -> None:
        super().__init__(encoder, layout, recipe)
        self.direction = nn.Linear(encoder.features, 2)

    def loss(self, joints: torch.Tensor) -> torch.Tensor:
        clips = self.view(joints, self.augment)  # (N, C, T, V, M)
        backwards = torch.arange(len(clips), device=clips.device) % 2
        clips = torch.where(backwards[:, None, None, None, None] == 1, clips.flip(2), clips)
        return nn.functional.cross_entropy(self.direction(self.encoder(clips)), backwards)


METHODS["direction"] = f"{__name__}:Direction"
if __name__ == "__main__":
    main(["pretrain", "--pretrain.method", "direction", *sys.argv[1:]])
