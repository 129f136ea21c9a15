"""SkeletonMAE (Wu et al. 2023): frames and joints go, and STTFormer reconstructs the clip from what
is left."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.masked_settings import SkeletonMaeSettings
from skedge.recipes.settings import AugmentSettings, InputSettings, PretrainSettings
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_whole
from skedge.skeleton.layout import Layout
from skedge.teacher.augment import Augment
from skedge.teacher.masks.tokens import masked_count, present
from skedge.teacher.networks.base import check_multiple, keep, people, sinusoid
from skedge.teacher.networks.classifier import View, freeze
from skedge.teacher.networks.sttformer import STTFormer, TupleBlock, TupleMap, tuples
from skedge.teacher.runs.folder import DECODER, Card, load_state
from skedge.teacher.runs.load import load_encoder
from skedge.teacher.training import Trained

# Output channels of the decoder's blocks at width 256 by its depth, which counts the output layer
# (tables 6 and 9 to 11).
DECODERS = {
    5: (128, 128, 64, 64),
    7: (256, 256, 128, 128, 64, 64),
    9: (256, 256, 256, 128, 128, 64, 64, 64),
    11: (256, 256, 256, 256, 128, 128, 128, 64, 64, 64),
}
# The one plan at width 512 in the paper, of depth 9 (table 7), which is not twice that of 256.
WIDE = (512, 512, 256, 256, 128, 128, 64, 64)


class TupleDecoder(nn.Module):
    """Features where something was seen to coordinates everywhere, (R, out, T, V).

    A learned token stands at every masked joint, and a sine-cosine embedding is added, half of its
    channels of the frame and half of the joint, as MAE's of rows and columns; the paper names
    neither the token nor where features go back. Tuples are the encoder's.
    """

    positions: Tensor

    def __init__(self, encoder: STTFormer, depth: int, frames: int, out: int) -> None:
        super().__init__()
        plan, self.tuple_frames = decoder_plan(encoder.features, depth), encoder.frames
        self.frames, self.joints = frames, encoder.joints
        self.token = nn.Parameter(nn.init.trunc_normal_(torch.empty(encoder.features), std=0.02))
        half = encoder.features // 2
        rows = sinusoid(frames, half)[:, :, None].expand(-1, -1, encoder.joints)
        columns = sinusoid(encoder.joints, half)[:, None].expand(-1, frames, -1)
        self.register_buffer("positions", torch.cat([rows, columns]), persistent=False)
        self.blocks = nn.Sequential(
            *(TupleBlock(*block, encoder.frames * encoder.joints) for block in plan)
        )
        self.map, self.outward = TupleMap(encoder.frames), nn.Conv2d(plan[-1][1], out, 1)

    def forward(self, features: Tensor, frames: Tensor, joints: Tensor) -> Tensor:
        """Features (R, D, L, K) of joints (R, L, K) in frames (R, L)."""
        at = (
            (frames[:, :, None] * self.joints + joints)
            .flatten(1)[:, None]
            .expand(-1, features.shape[1], -1)
        )
        full = self.token.to(features.dtype)[:, None].expand(
            len(features), -1, self.frames * self.joints
        )
        full = (
            full.scatter(2, at, features.flatten(2)).unflatten(2, (self.frames, self.joints))
            + self.positions
        )
        reconstructed: Tensor = self.outward(self.map(self.blocks(tuples(full, self.tuple_frames))))
        return reconstructed


class SkeletonMAE(Trained):
    """The mean squared error of the whole reconstructed clip (eq. 1).

    Persons are folded into the batch; absent ones are no rows of it.
    """

    def __init__(
        self, encoder: nn.Module, layout: Layout, data: InputSettings, settings: PretrainSettings
    ) -> None:
        super().__init__(settings.optim)
        assert isinstance(encoder, STTFormer), "skedge.teacher.pretrain sees to it"
        s = self.settings = settings.skeletonmae
        self.view, self.augment = View(layout, data), Augment(settings.augment, layout)
        check_mask(s, data.frames, len(layout), encoder.frames)
        self.encoder = encoder
        channels = encoder.input[0].in_channels
        self.decoder = TupleDecoder(encoder, s.decoder_depth, data.frames, channels)  # type: ignore[arg-type]

    def bodies(self, joints: Tensor) -> Tensor:
        """Joints (N, M, T, V, 3) as the encoder sees them, one row a person who is there: (R, C, T,
        V)."""
        return people(self.view(joints, self.augment))[present(joints)].permute(0, 3, 1, 2)

    def reconstruct(self, x: Tensor, frames: Tensor, joints: Tensor) -> Tensor:
        """Bodies (R, C, T, V) from their joints (R, L, K) in frames (R, L) alone."""
        assert isinstance(self.encoder, STTFormer)
        return self.decoder(self.encoder.encode(visible(x, frames, joints), joints), frames, joints)

    def loss(self, joints: Tensor) -> Tensor:
        x = self.bodies(joints)
        return functional.mse_loss(self.reconstruct(x, *draw(self.settings, x)).float(), x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        loss = self.loss(batch[0])
        self.log("loss", loss)
        return loss


def write_decoder(folder: Path, module: SkeletonMAE) -> None:
    """Keep the decoder beside the run folder's weights."""
    weights = {name: tensor.contiguous() for name, tensor in module.decoder.state_dict().items()}
    write_whole(folder / DECODER, lambda path: save_file(weights, path))


def load_mae(folder: Path) -> tuple[SkeletonMAE, Card]:
    """Encoder and decoder of a pretrained run folder, frozen; raises `InputError` if it holds
    none."""
    encoder, card = load_encoder(folder)
    if not (folder / DECODER).is_file():
        raise InputError(
            f"{folder}: expected {DECODER}, found none; name a folder that --pretrain.method"
            " skeletonmae wrote"
        )
    try:
        settings = SkeletonMaeSettings(**card.provenance["settings"]["skeletonmae"])
        weights = load_file(folder / DECODER)
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: expected a decoder written by skedge, it is damaged ({error}); pretrain"
            " again"
        ) from None
    module = SkeletonMAE(
        encoder,
        card.layout,
        card.input,
        PretrainSettings(skeletonmae=settings, augment=AugmentSettings()),
    )
    load_state(module.decoder, weights, folder / DECODER)
    return freeze(module), card


def draw(settings: SkeletonMaeSettings, x: Tensor) -> tuple[Tensor, Tensor]:
    """Which frames (R, L) stay of bodies (R, C, T, V), and which joints of each of them, (R, L, K);
    both ascending."""
    rows, _, length, size = x.shape
    frames = _draw((rows, length), settings.frame_ratio, x.device)
    each = frames.shape[1] if settings.joints == "fresh" else 1
    joints = _draw((rows, each, size), settings.joint_ratio, x.device)
    return frames, joints.expand(-1, frames.shape[1], -1)


def visible(x: Tensor, frames: Tensor, joints: Tensor) -> Tensor:
    """Of bodies (R, C, T, V) the joints (R, L, K) of the frames (R, L) that stay, (R, C, L, K)."""
    return keep(x, frames, 2).gather(3, joints[:, None].expand(-1, x.shape[1], -1, -1))


def check_mask(settings: SkeletonMaeSettings, frames: int, joints: int, step: int) -> None:
    """Raise `InputError` for ratios that leave nothing or hide nothing, or frames that make no
    whole tuples."""
    for name, ratio in (
        ("frame_ratio", settings.frame_ratio),
        ("joint_ratio", settings.joint_ratio),
    ):
        if not 0 < ratio < 1:
            raise InputError(
                f"pretrain.skeletonmae.{name}: expected a share between 0 and 1, got {ratio:g}"
            )
    masked_count(joints, settings.joint_ratio)
    stay = frames - masked_count(frames, settings.frame_ratio)
    check_multiple(
        stay,
        step,
        "encoder.sttformer.frames, of the frames that pretrain.skeletonmae.frame_ratio leaves of"
        f" {frames}",
    )


def decoder_plan(width: int, depth: int) -> list[tuple[int, int, int]]:
    """Channels in, out and of a head's queries of every block (SkeletonMAE, tables 6 to 11; other
    widths scale that of 256)."""
    if depth not in DECODERS:
        raise InputError(
            f"pretrain.skeletonmae.decoder_depth: expected one of {', '.join(map(str, DECODERS))}"
            f" (blocks and the output layer), got {depth}"
        )
    if width == 512 and depth == 9:
        return [(inside, out, out // 4) for inside, out in zip((width, *WIDE), WIDE, strict=False)]
    outs = tuple(out * width // 256 for out in DECODERS[depth])
    return [(inside, out, inside // 4) for inside, out in zip((width, *outs), outs, strict=False)]


def _draw(shape: tuple[int, ...], ratio: float, device: torch.device) -> Tensor:
    stay = shape[-1] - masked_count(shape[-1], ratio)
    return torch.rand(shape, device=device).argsort(-1)[..., :stay].sort(-1).values
