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
        frames: how many of them the network is given.
        persons: the number of persons a clip holds; further ones are left out, missing ones are zeros.
        normalization: per-frame (PSTL, AimCLR), first-frame (CTR-GCN) or first-frame-aligned (PYSKL).
        stream: joint, bone, motion, or three: all of them, trained alone and fused.
        fusion: what the streams' logits are multiplied by before they are added, where there are three.
        time: stretched (every clip to these frames, as the papers do) or rate (windows as a camera brings them: training cuts
            them at random, tests see the clip's end, and before a clip its first pose stands still; motion looks back).
        hz: frames a second, with time rate.
        warm_up: with time rate, the frames of a clip that every window shows at least, and a live model waits for.
    """

    protocol: str = "xsub"
    part: Literal["val", "test"] = "test"
    frames: int = 50
    persons: int = 1
    normalization: Normalization = "first-frame"
    stream: Stream | Literal["three"] = "joint"
    fusion: dict[Stream, float] = field(default_factory=lambda: {"joint": 0.6, "bone": 0.6, "motion": 0.4})
    time: Literal["stretched", "rate"] = "stretched"
    hz: float = 30.0
    warm_up: int = 15


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
        fusion: one encoder; or of ASMa's two theta or phi alone, the mean of both, or both aligned by cross attention.
        causal: temporal kernels look back only, so that a live model answers without delay; else they are centred.
        padding: clips are continued by zeros, as the papers do it; without it only frames count that the kernels see all
            around, 8 a block fewer: a clip is then worth what a live model makes of it.
    """

    widths: tuple[int, ...] = (16, 16, 16, 16, 32, 32, 32, 64, 64, 256)
    strides: tuple[int, ...] = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
    dropout: float = 0.5
    distances: Distances = "one-hop"
    backbone: Literal["st-gcn", "gin", "dgcnn"] = "st-gcn"
    fusion: Literal["one", "theta", "phi", "mean", "alignment"] = "one"
    causal: bool = False
    padding: bool = True


def _pstl_augment() -> AugmentSettings:
    return AugmentSettings(temporal_padding=1 / 6, shear=1.0, rotation=30.0, flip=0.5)


@dataclass
class MaskSettings:
    """The two masks of an encoder's views: one leaves joints out, the other frames.

    Args:
        joints: high-degree, low-degree (nearly uniform, as ASMa defines it), inverse-degree, random, or none.
        frames: high-motion, low-motion, random, or none.
        masked_joints: how many joints go.
        masked_frames: how many frames go by this choice.
        random_frames: further frames that go at random.
        motion: a frame's motion is the mean of squared (PSTL) or absolute (ASMa) differences.
        per: sample (a mask a clip) or batch (one for all, as the reference programs).
    """

    joints: Literal["high-degree", "low-degree", "inverse-degree", "random", "none"] = "high-degree"
    frames: Literal["high-motion", "low-motion", "random", "none"] = "low-motion"
    masked_joints: int = 9
    masked_frames: int = 10
    random_frames: int = 0
    motion: Literal["squared", "absolute"] = "absolute"
    per: Literal["sample", "batch"] = "sample"


def pstl_mask() -> MaskSettings:
    """PSTL's central spatial and motion attention temporal masking."""
    return MaskSettings("high-degree", "high-motion", random_frames=10, motion="squared")


@dataclass
class AsmaSettings:
    """ASMa: two encoders with opposite masks.

    Args:
        encoders: both, or one of them alone.
        theta: the masks of encoder theta: high-degree joints, low-motion frames.
        phi: the masks of encoder phi: low-degree joints, high-motion frames.
    """

    encoders: tuple[Literal["theta", "phi"], ...] = ("theta", "phi")
    theta: MaskSettings = field(default_factory=MaskSettings)
    phi: MaskSettings = field(default_factory=lambda: MaskSettings("low-degree", "high-motion"))


@dataclass
class PretrainSettings:
    """Self-supervised pretraining.

    Args:
        method: skeleton-bt (two unmasked views), pstl (an anchor and two masked views) or asma (the same with two encoders).
        projector: width of the three layers of the projector.
        redundancy: lambda, the weight of the off-diagonal terms of the Barlow loss.
        pstl: the masks of method pstl.
        asma: the masks of method asma.
        augment: the views' augmentation.
        optim: optimisation.
    """

    method: Literal["skeleton-bt", "pstl", "asma"] = "pstl"
    projector: int = 6144
    redundancy: float = 2e-4
    pstl: MaskSettings = field(default_factory=pstl_mask)
    asma: AsmaSettings = field(default_factory=AsmaSettings)
    augment: AugmentSettings = field(default_factory=_pstl_augment)
    optim: OptimSettings = field(default_factory=lambda: OptimSettings(epochs=150, weight_decay=1e-5, warmup_epochs=10))


@dataclass
class LinearSettings:
    """The linear probe: a frozen encoder and one linear layer, behind the alignment where two encoders are aligned.

    Args:
        optim: optimisation of what is learned.
    """

    optim: OptimSettings = field(default_factory=lambda: OptimSettings(epochs=100, learning_rate=1e-2))


@dataclass
class FinetuneSettings:
    """Training an encoder and its head on labels, from pretrained or (supervised) fresh weights.

    Args:
        label_smoothing: the share of the target spread over all classes.
        augment: the training clips' augmentation.
        optim: optimisation.
        fuse: of what joins two finetuned encoders (ASMa's second stage), which are then frozen.
    """

    label_smoothing: float = 0.0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    fuse: OptimSettings = field(default_factory=lambda: OptimSettings(epochs=50, learning_rate=1e-4))


@dataclass
class SemiSettings:
    """Semi-supervised evaluation: finetuning on a part of the labels.

    Args:
        share: of every class's training clips, at least one; 0.01, 0.05 and 0.1 in the papers.
    """

    share: float = 0.1


@dataclass
class KnnSettings:
    """Nearest neighbours on frozen features.

    Args:
        neighbors: how many vote, weighted by their similarity.
    """

    neighbors: int = 1


@dataclass
class PartialSettings:
    """Partial-body evaluation.

    Args:
        joints: how many random joints are hidden, one row of the table each.
        parts: how many random body parts are hidden.
        draws: of what is hidden, over which mean and deviation are taken.
    """

    joints: tuple[int, ...] = (0, 2, 4, 6, 8, 10)
    parts: tuple[int, ...] = (0, 1, 2, 3, 4)
    draws: int = 5


@dataclass
class ComputeSettings:
    """Where and how exactly training runs.

    Args:
        seed: of weights, order, augmentation and masks.
        accelerator: auto, cpu, gpu.
        devices: how many on every node.
        nodes: how many machines, started by torchrun or SLURM.
        strategy: Lightning's, for example ddp; auto is right for one device and for several.
        precision: 32-true, bf16-mixed, 16-mixed, or auto: mixed where the device multiplies bfloat16, else 32-true.
    """

    seed: int = 0
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"

    @property
    def processes(self) -> int:
        """How many share a batch."""
        return self.devices * self.nodes

    precision: str = "auto"
