"""The settings of training, as recipes spell them; free of torch so that a command line can be built without it."""

from dataclasses import dataclass, field
from typing import Literal

from skeleton.graph import Distances
from skeleton.normalize import Normalization
from skeleton.streams import Stream


@dataclass
class InputSettings:
    """What a model sees of a store.

    Args:
        protocol: the store's named split, for example xsub.
        part: where accuracy is measured: test, or val while settings are being chosen.
        frames: the number of frames that every clip is stretched to.
        persons: the number of persons a clip holds; further ones are left out, missing ones are zeros.
        normalization: per-frame (PSTL, AimCLR), first-frame (CTR-GCN) or first-frame-aligned (PYSKL).
        stream: joint, bone or motion.
    """

    protocol: str = "xsub"
    part: Literal["val", "test"] = "test"
    frames: int = 50
    persons: int = 1
    normalization: Normalization = "first-frame"
    stream: Stream = "joint"


@dataclass
class AugmentSettings:
    """Random changes of every clip, drawn per sample; all off by default.

    Args:
        temporal_padding: a clip of T frames gets T * this reflected frames at both ends, then a random cut of T frames.
        temporal_crop: the shortest share of a clip that is cut out at random and stretched back; 1 is off.
        shear: the amplitude of the off-diagonal shear factors.
        rotation: degrees: a random axis by up to this, the two others by up to one degree.
        yaw: degrees: about the vertical axis by up to this, either way.
        scale: the body's size times 1 - this to 1 + this.
        flip: the probability of exchanging left and right joints where they are (PSTL, AimCLR).
        mirror: the probability of a true mirror image: left and right exchanged and x negated.
        noise: metres: every clip gets white noise of a standard deviation drawn from 0 to this.
        offset: metres: every joint is displaced for the whole clip, by a standard deviation drawn from 0 to this.
    """

    temporal_padding: float = 0.0
    temporal_crop: float = 1.0
    shear: float = 0.0
    rotation: float = 0.0
    yaw: float = 0.0
    scale: float = 0.0
    flip: float = 0.0
    mirror: float = 0.0
    noise: float = 0.0
    offset: float = 0.0


@dataclass
class OptimSettings:
    """How a network is optimised: warm-up, then a cosine to 0.

    Args:
        epochs: passes over the training clips.
        batch_size: clips a step, over all devices.
        learning_rate: after the warm-up.
        weight_decay: as the optimizer defines it.
        warmup_epochs: the learning rate rises linearly; the first step already learns.
        optimizer: adam, adamw or sgd (momentum 0.9).
    """

    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    warmup_epochs: float = 0.0
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"


@dataclass
class EncoderSettings:
    """The plan of an encoder.

    Args:
        widths: output channels of every block.
        strides: temporal stride of every block.
        dropout: in every block but the first.
        distances: of st-gcn: one-hop (the partition behind the published numbers) or true hops along the bones.
        backbone: how joints are mixed: st-gcn (along the bones), gin (along them, summed) or dgcnn (near in feature space).
    """

    widths: tuple[int, ...] = (16, 16, 16, 16, 32, 32, 32, 64, 64, 256)
    strides: tuple[int, ...] = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
    dropout: float = 0.5
    distances: Distances = "one-hop"
    backbone: Literal["st-gcn", "gin", "dgcnn"] = "st-gcn"


def _pstl_augment() -> AugmentSettings:
    return AugmentSettings(temporal_padding=1 / 6, shear=1.0, rotation=30.0, flip=0.5)


@dataclass
class PretrainSettings:
    """Self-supervised pretraining.

    Args:
        method: pstl (three streams, CSM and MATM) or skeleton-bt (two unmasked views).
        projector: width of the three layers of the projector.
        redundancy: lambda, the weight of the off-diagonal terms of the Barlow loss.
        masked_joints: joints that central spatial masking drops.
        masked_frames: frames of largest motion that are dropped.
        random_frames: further frames dropped at random.
        mask_per: sample (a mask a clip) or batch (one for all, as the reference program).
        augment: the views' augmentation.
        optim: optimisation.
    """

    method: Literal["pstl", "skeleton-bt"] = "pstl"
    projector: int = 6144
    redundancy: float = 2e-4
    masked_joints: int = 9
    masked_frames: int = 10
    random_frames: int = 10
    mask_per: Literal["sample", "batch"] = "sample"
    augment: AugmentSettings = field(default_factory=_pstl_augment)
    optim: OptimSettings = field(default_factory=lambda: OptimSettings(epochs=150, weight_decay=1e-5, warmup_epochs=10))


@dataclass
class LinearSettings:
    """The linear probe: a frozen encoder and one linear layer.

    Args:
        optim: optimisation of that layer.
    """

    optim: OptimSettings = field(default_factory=lambda: OptimSettings(epochs=100, learning_rate=1e-2))


@dataclass
class FinetuneSettings:
    """Training an encoder and its head on labels, from pretrained or (supervised) fresh weights.

    Args:
        label_smoothing: the share of the target spread over all classes.
        augment: the training clips' augmentation.
        optim: optimisation.
    """

    label_smoothing: float = 0.0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)


@dataclass
class ComputeSettings:
    """Where and how exactly training runs.

    Args:
        seed: of weights, order, augmentation and masks.
        accelerator: auto, cpu, gpu.
        devices: how many.
        precision: 32-true, bf16-mixed, 16-mixed, or auto: mixed where the device multiplies bfloat16, else 32-true.
    """

    seed: int = 0
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "auto"
