"""Pretraining by reconstruction: SkeletonMAE (Wu et al. 2023).

The encoder never sees a whole clip in training, and STTFormer adds up what it sees: with the batch
norms of masked clips, features of whole ones are out of place, and a probe falls far below what it
finds with norms of whole clips (docs/results/accuracy.md, "Against an untrained encoder"). So the
encoder that is kept has the latter; the former stay beside the decoder.

That alone leaves a probe no more than it finds in the encoder as initialised: an STTFormer of raw
coordinates learns where joints usually are, and in long tails which clips move far. So the recipes
standardise every clip first (`encoder.sttformer.instance_norm`), and the error is that of
standardised clips, in which a small movement counts as a large one. Without that, other rates,
widths, masks, decoders, poolings, learned tokens in place of what is hidden, and motion as the
target did not help (same page). With it, three things together lift features above the untrained
encoder's: their deviation in place of their mean, a last layer norm, and joints that are hidden in
all frames.
"""

from pathlib import Path

from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import AugmentSettings, PretrainSettings, SkeletonMaeSettings
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_whole
from skedge.skeleton.layout import Layout
from skedge.teacher.masks.bodies import check_mask, draw, visible
from skedge.teacher.masks.tokens import present
from skedge.teacher.methods.method import OneEncoder
from skedge.teacher.methods.tuple_decoder import TupleDecoder
from skedge.teacher.networks.base import people
from skedge.teacher.networks.classifier import freeze
from skedge.teacher.networks.dual import AnyEncoder
from skedge.teacher.networks.statistics import batch_norms, with_statistics
from skedge.teacher.networks.sttformer import STTFormer, spread
from skedge.teacher.runs.folder import DECODER, Card, load_state, reading
from skedge.teacher.runs.load import load_encoder


class SkeletonMAE(OneEncoder):
    """The mean squared error of the whole reconstructed clip (eq. 1).

    Persons are folded into the batch; absent ones are no rows of it.
    """

    backbone = "sttformer"

    def __init__(self, encoder: AnyEncoder, layout: Layout, recipe: Recipe) -> None:
        super().__init__(encoder, layout, recipe)
        assert isinstance(encoder, STTFormer), "the registry sees to it"
        frames = recipe.input.frames
        self.mask = recipe.pretrain.skeletonmae
        check_mask(self.mask, frames, len(layout), step=encoder.frames)
        channels = encoder.input[0].in_channels
        assert isinstance(channels, int)
        self.masked_norms: dict[str, Tensor] = {}
        self.decoder = TupleDecoder(encoder, self.mask.decoder_depth, frames=frames, out=channels)

    def bodies(self, joints: Tensor) -> Tensor:
        """Joints (N, M, T, V, 3) as the encoder sees them, one row a person who is there: (R, C, T,
        V)."""
        return people(self.view(joints, self.augment))[present(joints)].permute(0, 3, 1, 2)

    def predict(self, x: Tensor, frames: Tensor, joints: Tensor) -> Tensor:
        """Standardised bodies (R, C, T, V) from their joints (R, L, K) in frames (R, L) alone."""
        assert isinstance(self.encoder, STTFormer)
        return self.decoder(self.encoder.encode(visible(x, frames, joints), joints), frames, joints)

    def reconstruct(self, x: Tensor, frames: Tensor, joints: Tensor) -> Tensor:
        """Bodies (R, C, T, V) from their joints (R, L, K) in frames (R, L) alone, and from mean and
        deviation of the whole clip where the encoder standardises."""
        assert isinstance(self.encoder, STTFormer)
        made = self.predict(self.encoder.standardise(x), frames, joints)
        if not self.encoder.instance_norm:
            return made
        mean, deviation = spread(x)
        return made * deviation + mean

    def loss(self, joints: Tensor) -> Tensor:
        assert isinstance(self.encoder, STTFormer)
        x = self.encoder.standardise(self.bodies(joints))
        return functional.mse_loss(self.predict(x, *draw(self.mask, x)).float(), x)

    def settle(self, joints: Tensor) -> None:
        self.masked_norms = norms_of(self.encoder)
        self.encoder = with_statistics(self.encoder, self.view, joints.to(self.device))

    def leave(self, folder: Path) -> None:
        """Write the decoder and the encoder's batch norms for masked clips, which pictures of
        reconstructions need."""
        state = self.decoder.state_dict() | self.masked_norms
        weights = {name: tensor.contiguous() for name, tensor in state.items()}
        write_whole(folder / DECODER, lambda path: path.write_bytes(save(weights)))


def norms_of(encoder: nn.Module) -> dict[str, Tensor]:
    """Copies of the statistics of an encoder's batch norms, by their names behind `encoder.`."""
    norms = set(batch_norms(encoder))
    return {
        f"encoder.{name}.{part}": value.clone()
        for name, module in encoder.named_modules()
        if module in norms
        for part, value in module.named_buffers()
    }


def load_mae(folder: Path) -> tuple[SkeletonMAE, Card]:
    """Encoder and decoder of a pretrained run folder, frozen; raises `InputError` if it holds
    none."""
    encoder, card = load_encoder(folder)
    if not (folder / DECODER).is_file():
        raise InputError(
            f"{folder}: expected {DECODER}, found none; name a folder that --pretrain.method"
            " skeletonmae wrote"
        )
    with reading(folder / DECODER, "a decoder", "pretrain"):
        settings = SkeletonMaeSettings(**card.provenance["settings"]["skeletonmae"])
        weights = load_file(folder / DECODER)
    pretrain = PretrainSettings(skeletonmae=settings, augment=AugmentSettings())
    module = SkeletonMAE(encoder, card.layout, Recipe(input=card.input, pretrain=pretrain))
    norms = {name: weights.pop(name) for name in list(weights) if name.startswith("encoder.")}
    load_state(module.decoder, weights, folder / DECODER)
    if norms:  # not in a folder of an older skedge, whose encoder has them itself
        load_state(
            module.encoder,
            module.encoder.state_dict()
            | {n.removeprefix("encoder."): norm for n, norm in norms.items()},
            folder / DECODER,
        )
    return freeze(module), card
