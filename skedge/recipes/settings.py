"""The settings of training, as recipes spell them; free of torch so that a command line can be
built without it."""

from dataclasses import dataclass, field
from typing import Literal

from skedge.recipes.masked_settings import (
    MampSettings,
    Skeleton2vecSettings,
    SkeletonMaeSettings,
    SttformerSettings,
    TransformerSettings,
)
from skedge.recipes.methods import METHODS
from skedge.skeleton.errors import InputError
from skedge.skeleton.graph import Distances
from skedge.skeleton.normalize import Normalization
from skedge.skeleton.streams import Stream


@dataclass
class InputSettings:
    """What a model sees of a store.

    Args:
        protocol: the store's named split, for example xsub.
        part: where accuracy is measured: test, or val while settings are being chosen.
        frames: how many of them the network is given.
        persons: the number of persons a clip holds; further ones are left out, missing ones are
            zeros.
        normalization: per-frame (PSTL, AimCLR), root-relative, first-frame (CTR-GCN) or
            first-frame-aligned (PYSKL).
        stream: joint, bone, motion, or three: all of them, trained alone and fused.
        fusion: what the streams' logits are multiplied by before they are added, where there are
            three.
        time: stretched (every clip to these frames, as the papers do), rate (windows as a camera
            brings them: training cuts them at random, tests see the clip's end, and before a clip
            its first pose stands still; motion looks back), or uniform (DG-STGCN, Skeleton2vec: a
            random frame of each of as many equal parts, anew in every epoch, shorter clips round
            and round; no file for the edge can be made of it).
        hz: frames a second, with time rate.
        warm_up: with time rate, the frames of a clip that every window shows at least, and a live
            model waits for.
        test_clips: with time uniform, how many samplings of a held-out clip are averaged (10 in
            Skeleton2vec); a probe learns from the frozen features of as many of every training
            clip.
    """

    protocol: str = "xsub"
    part: Literal["val", "test"] = "test"
    frames: int = 50
    persons: int = 1
    normalization: Normalization = "first-frame"
    stream: Stream | Literal["three"] = "joint"
    fusion: dict[Stream, float] = field(
        default_factory=lambda: {"joint": 0.6, "bone": 0.6, "motion": 0.4}
    )
    time: Literal["stretched", "rate", "uniform"] = "stretched"
    hz: float = 30.0
    warm_up: int = 15
    test_clips: int = 1


@dataclass
class AugmentSettings:
    """Random changes of every clip, drawn per sample; all off by default.

    Args:
        temporal_padding: a clip of T frames gets T * this reflected frames at both ends, then a
            random cut of T frames.
        temporal_crop: the shortest share of a clip that is cut out at random and stretched back; 1
            is off.
        shear: the amplitude of the off-diagonal shear factors.
        rotation: degrees: a random axis by up to this, the two others by up to one degree.
        yaw: degrees: about the vertical axis by up to this, either way.
        tilt: degrees: about each of the three axes by up to this, either way (MAMP, Skeleton2vec:
            0.3 radians in the program).
        scale: the body's size times 1 - this to 1 + this.
        flip: the probability of exchanging left and right joints where they are (PSTL, AimCLR).
        mirror: the probability of a true mirror image: left and right exchanged and x negated.
        noise: metres: every clip gets white noise of a standard deviation drawn from 0 to this.
        offset: metres: every joint is displaced for the whole clip, by a standard deviation drawn
            from 0 to this.
        reverse: the probability of playing a clip backwards (in AimCLR's paper, off in its
            program).
        gaussian_noise: the probability of white noise of a centimetre's deviation (AimCLR).
        gaussian_blur: the probability of a blur over time: 15 taps that sum to 1, sigma from 0.1 to
            2 frames (AimCLR).
        axis_mask: the probability that one of x, y and z is 0 throughout (AimCLR).
    """

    temporal_padding: float = 0.0
    temporal_crop: float = 1.0
    shear: float = 0.0
    rotation: float = 0.0
    yaw: float = 0.0
    tilt: float = 0.0
    scale: float = 0.0
    flip: float = 0.0
    mirror: float = 0.0
    noise: float = 0.0
    offset: float = 0.0
    reverse: float = 0.0
    gaussian_noise: float = 0.0
    gaussian_blur: float = 0.0
    axis_mask: float = 0.0


@dataclass
class OptimSettings:
    """How a network is optimised: warm-up, then a cosine, or steps down.

    Args:
        epochs: passes over the training clips.
        batch_size: clips a step, over all devices.
        learning_rate: after the warm-up.
        weight_decay: as the optimizer defines it.
        warmup_epochs: the learning rate rises linearly; the first step already learns.
        optimizer: adam, adamw or sgd (momentum 0.9).
        betas: of adam and adamw.
        final_rate: where the cosine ends.
        milestones: epochs at which the rate is divided by ten, in place of the cosine.
    """

    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    warmup_epochs: float = 0.0
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    final_rate: float = 0.0
    milestones: tuple[float, ...] = ()


@dataclass
class EncoderSettings:
    """The plan of an encoder.

    Args:
        widths: output channels of every block.
        strides: temporal stride of every block.
        dropout: in every block but the first.
        distances: of st-gcn: one-hop (the partition behind the published numbers) or true hops
            along the bones.
        backbone: how joints are mixed: st-gcn (along the bones), gin (along them, summed), dgcnn
            (near in feature space), transformer (attention over the whole clip) or sttformer
            (within tuples of frames); the last two have plans of their own, and neither widths nor
            strides.
        fusion: one encoder; or of ASMa's two theta or phi alone, the mean of both, or both aligned
            by cross attention.
        causal: temporal kernels look back only, so that a live model answers without delay; else
            they are centred.
        padding: clips are continued by zeros, as the papers do it; without it only frames count
            that the kernels see all around, 8 a block fewer: a clip is then worth what a live model
            makes of it.
        head: of a finetuned classifier: linear, or mlp (Skeleton2vec, which does not say of what
            width).
        joints: of the graph backbones: the only joints that they look at, by name; none is all.
        transformer: the plan of that backbone.
        sttformer: the plan of that backbone.
    """

    widths: tuple[int, ...] = (16, 16, 16, 16, 32, 32, 32, 64, 64, 256)
    strides: tuple[int, ...] = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
    dropout: float = 0.5
    distances: Distances = "one-hop"
    backbone: Literal["st-gcn", "tcn", "gin", "dgcnn", "transformer", "sttformer"] = "st-gcn"
    fusion: Literal["one", "theta", "phi", "mean", "alignment"] = "one"
    causal: bool = False
    padding: bool = True
    head: Literal["linear", "mlp"] = "linear"
    joints: tuple[str, ...] = ()
    transformer: TransformerSettings = field(default_factory=TransformerSettings)
    sttformer: SttformerSettings = field(default_factory=SttformerSettings)


def _pstl_augment() -> AugmentSettings:
    return AugmentSettings(temporal_padding=1 / 6, shear=1.0, rotation=30.0, flip=0.5)


@dataclass
class MaskSettings:
    """The two masks of an encoder's views: one leaves joints out, the other frames.

    Args:
        joints: high-degree, low-degree (nearly uniform, as ASMa defines it), inverse-degree,
            random, or none.
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
class ViewMasks:
    """ASMa's masks as the views of a contrastive method (ASMa, table 10).

    The paper does not say which view gets which mask. Here query and key get opposite ones, as
    ASMa's two encoders do, and the extreme query lacks what is richest: high-degree joints and
    high-motion frames.

    Args:
        query: of the query: theta's masks.
        key: of the key: phi's masks.
        extreme: of AimCLR's and CSCLR's extreme query.
    """

    query: MaskSettings = field(default_factory=MaskSettings)
    key: MaskSettings = field(default_factory=lambda: MaskSettings("low-degree", "high-motion"))
    extreme: MaskSettings = field(
        default_factory=lambda: MaskSettings("high-degree", "high-motion")
    )


def _normal_augment() -> AugmentSettings:
    return AugmentSettings(temporal_padding=1 / 6, shear=0.5)


def _extreme_augment() -> AugmentSettings:
    return AugmentSettings(
        temporal_padding=1 / 6,
        shear=0.5,
        rotation=30.0,
        flip=0.5,
        gaussian_noise=0.5,
        gaussian_blur=0.5,
        axis_mask=0.5,
    )


@dataclass
class ContrastSettings:
    """Contrast of a query with its own key and with a queue of other clips' keys: MoCo and what was
    built on it.

    Args:
        features: the length of the embeddings that are compared.
        temperature: the similarities' divisor.
        momentum: how much of itself the key encoder keeps at every step.
        queue: how many keys of earlier steps are kept.
        small_set: keep whole batches of keys, of at most half of the training clips, with a
            momentum of at most 0.99 where that makes fewer of them; and never count a clip's own
            earlier key among its negatives.
        stages: lengths, in proportion, of basic training, training with mined neighbours (AimCLR,
            CSCLR) or streams that teach each other (CrosSCLR), and training with transformed
            positives (CSCLR). A method has the first of them.
        neighbors: how many keys are mined from the queue for a query.
        keep: AimCLR's attention drop loses the features whose attention is at least this.
        views: random changes of a clip, or ASMa's masks in their place.
        masks: ASMa's masks.
        normal: the random changes of query and key.
        extreme: those of the extreme query of AimCLR and CSCLR.
    """

    features: int = 128
    temperature: float = 0.07
    momentum: float = 0.999
    queue: int = 32768
    small_set: bool = True
    stages: tuple[float, float, float] = (150.0, 150.0, 200.0)
    neighbors: int = 1
    keep: float = 0.7
    views: Literal["augment", "masks"] = "augment"
    masks: ViewMasks = field(default_factory=ViewMasks)
    normal: AugmentSettings = field(default_factory=_normal_augment)
    extreme: AugmentSettings = field(default_factory=_extreme_augment)


@dataclass
class TransformSettings:
    """CSCLR's positive feature transformation: the amount is 1 + mu * Beta(alpha, alpha).

    Args:
        alpha: of the Beta distribution.
        mu: its scale.
        per: an amount for every pair or one for the batch; the paper says neither.
        negatives: whether the negatives meet the query itself, as figure 2 suggests, or the
            transformed one; not in the text.
        key_gradient: whether the transformed key, which holds a part of the query, passes a
            gradient; not in the paper.
        queued: whether transformed keys (made unit length again) enter the queue; not in the paper.
        inter: whether pairs of two streams are transformed too; the paper's equation names pairs of
            one stream.
    """

    alpha: float = 2.0
    mu: float = 1.0
    per: Literal["pair", "batch"] = "pair"
    negatives: Literal["query", "transformed"] = "query"
    key_gradient: bool = False
    queued: bool = False
    inter: bool = False


@dataclass
class CsclrSettings:
    """CSCLR: streams that are contrasted with each other.

    Args:
        inter: the streams among which all ordered pairs are made (table 8); fewer than two make
            none.
        extreme: what the extreme augmentation does, which the paper uses and does not place: ddm
            adds AimCLR's terms to every stream's own (the paper's base has AimCLR's figures, tables
            6 and 7), query makes the query of it, none is without.
        transform: the positive feature transformation.
    """

    inter: tuple[Stream, ...] = ("joint", "bone", "motion")
    extreme: Literal["ddm", "query", "none"] = "ddm"
    transform: TransformSettings = field(default_factory=TransformSettings)


@dataclass
class CrossclrSettings:
    """CrosSCLR: streams that name each other's neighbours.

    Args:
        context: whether the product of both streams' similarities stands beside the stream's own,
            as in its program.
    """

    context: bool = True


@dataclass
class PretrainSettings:
    """Self-supervised pretraining.

    Args:
        method: skeleton-bt (two unmasked views), pstl (an anchor and two masked views), asma (the
            same with two encoders), skeletonclr (momentum contrast), aimclr (with extreme views),
            csclr or crossclr (streams trained together), skeleton2vec, mamp (both of a transformer)
            or skeletonmae (of an sttformer).
        projector: width of the three layers of the projector of skeleton-bt, pstl and asma.
        redundancy: lambda, the weight of the off-diagonal terms of their Barlow loss.
        pstl: the masks of method pstl.
        asma: the masks of method asma.
        augment: the augmentation of the clips, or of each view, but where `contrast` has its own.
        contrast: what skeletonclr, aimclr, csclr and crossclr share.
        csclr: what csclr adds.
        crossclr: what crossclr adds.
        skeleton2vec: of that method.
        mamp: of that method.
        skeletonmae: of that method.
        optim: optimisation.
    """

    method: str = "pstl"
    projector: int = 6144
    redundancy: float = 2e-4
    pstl: MaskSettings = field(default_factory=pstl_mask)
    asma: AsmaSettings = field(default_factory=AsmaSettings)
    skeleton2vec: Skeleton2vecSettings = field(default_factory=Skeleton2vecSettings)
    mamp: MampSettings = field(default_factory=MampSettings)
    skeletonmae: SkeletonMaeSettings = field(default_factory=SkeletonMaeSettings)
    augment: AugmentSettings = field(default_factory=_pstl_augment)
    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    csclr: CsclrSettings = field(default_factory=CsclrSettings)
    crossclr: CrossclrSettings = field(default_factory=CrossclrSettings)
    optim: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=150, weight_decay=1e-5, warmup_epochs=10)
    )

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(
                f"pretrain.method: expected one of {', '.join(METHODS)}, got {self.method}"
            )


@dataclass
class LinearSettings:
    """The linear probe: a frozen encoder and one linear layer, behind the alignment where two
    encoders are aligned.

    Args:
        optim: optimisation of what is learned.
        batch_norm: standardise features first, without an affine part (MAMP, Skeleton2vec); folded
            into the layer behind it.
    """

    optim: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=100, learning_rate=1e-2)
    )
    batch_norm: bool = False


@dataclass
class FinetuneSettings:
    """Training an encoder and its head on labels, from pretrained or (supervised) fresh weights.

    Args:
        label_smoothing: the share of the target spread over all classes.
        augment: the training clips' augmentation.
        optim: optimisation.
        fuse: of what joins two finetuned encoders (ASMa's second stage), which are then frozen.
        layer_decay: what the rate is multiplied by from block to block, towards the input (MAMP:
            0.8).
        drop_path: of a transformer: the chance that its last block is left out for a clip, less
            before it (MAMP: 0.3).
    """

    label_smoothing: float = 0.0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    fuse: OptimSettings = field(
        default_factory=lambda: OptimSettings(epochs=50, learning_rate=1e-4)
    )
    layer_decay: float = 1.0
    drop_path: float = 0.0


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
        precision: 32-true, bf16-mixed, 16-mixed, or auto: mixed where the device multiplies
            bfloat16, else 32-true.
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
