"""Masked prediction, the base of Skeleton2vec and MAMP: a transformer predicts what it does not
see.

How much is masked decides what a small set gives. The papers' share of 0.9 leaves 16 of a short
clip's 160 tokens: after 2,160 steps a probe found no more in Skeleton2vec's features than in an
untrained encoder's. With 0.7 both methods are above it by 5 to 20 points in the mean of seeds
(docs/results/accuracy.md, "Against an untrained encoder"); targets, rate and the slow copy's pace
mattered less. After 60 steps the mean over all tokens, which is the papers' feature, shows little
yet. The largest value of every channel (`encoder.pool`) gives more, also for the untrained encoder.
"""

from torch import Tensor
from torch.nn import functional

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import TokenMaskSettings
from skedge.skeleton.layout import Layout
from skedge.teacher.masks.tokens import TokenMask, present, split
from skedge.teacher.methods.method import OneEncoder
from skedge.teacher.methods.token_decoder import TokenDecoder
from skedge.teacher.networks.base import keep, people
from skedge.teacher.networks.dual import AnyEncoder
from skedge.teacher.networks.transformer import Transformer


class MaskedPrediction(OneEncoder):
    """A method of masked prediction: visible tokens through the encoder, all through the decoder,
    the error where tokens were masked.

    Persons are folded into the batch; absent ones are no rows of it.
    """

    backbone = "transformer"

    def __init__(
        self,
        encoder: AnyEncoder,
        layout: Layout,
        recipe: Recipe,
        *,
        mask: TokenMaskSettings,
        depth: int,
        out: int | None = None,
    ) -> None:
        super().__init__(encoder, layout, recipe)
        assert isinstance(encoder, Transformer), "the registry sees to it"
        self.decoder = TokenDecoder(encoder, depth, out or encoder.features)
        self.mask = TokenMask(mask, recipe.input.frames // encoder.segment, len(layout))

    def student(self) -> Transformer:
        """The encoder that learns."""
        assert isinstance(self.encoder, Transformer)
        return self.encoder

    def bodies(self, joints: Tensor) -> Tensor:
        """Joints (N, M, T, V, 3) as the encoder sees them, one row a person who is there: (R, T, V,
        C)."""
        return people(self.view(joints, self.augment))[present(joints)]

    def predict(self, x: Tensor, visible: Tensor) -> Tensor:
        """The predictions for all tokens (R, T' * V, out) of bodies (R, T, V, C) from those at
        `visible` (R, K)."""
        student = self.student()
        tokens = keep(student.embed(x).flatten(1, 2), visible, 1)
        return self.decoder(student.map.norm(student.encode(tokens)[-1]), visible)

    def target(self, x: Tensor) -> Tensor:
        """The targets of all tokens (R, T' * V, out) of bodies (R, T, V, C)."""
        raise NotImplementedError

    def loss(self, joints: Tensor) -> Tensor:
        x = self.bodies(joints)
        visible, masked = split(self.mask(x, self.student().segment))
        predicted = keep(self.predict(x, visible), masked, 1)
        return functional.mse_loss(predicted.float(), keep(self.target(x), masked, 1))
