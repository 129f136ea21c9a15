"""How spread out an encoder's features are: what a self-supervised loss does not show.

A loss can fall while the features of all clips come to lie along a few directions (dimensional
collapse, Jing et al. 2022); a probe on them is then worse than one on an untrained encoder.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.settings import InputSettings
from skedge.skeleton.errors import reason
from skedge.skeleton.figures import rounded
from skedge.skeleton.layout import Layout
from skedge.teacher import pictures
from skedge.teacher.clips import Clips, tell
from skedge.teacher.methods.method import Method
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.statistics import with_statistics

# Clips that are looked at, and looks behind the first one.
CLIPS, LOOKS = 128, 5
# Features that span a smaller share of the untrained encoder's directions have collapsed. That
# encoder's batch norms make small differences as large as any, so that a useful one spans fewer.
KEPT = 0.25


def effective_rank(features: Tensor) -> float:
    """The number of directions that features (N, D) fill: the exponential of the entropy of their
    singular values' shares, about their mean (Roy and Vetterli 2007; RankMe, Garrido et al.
    2023).

    1 where all lie on a line, at most min(N - 1, D); 0 where all are the same.
    """
    values = torch.linalg.svdvals((features - features.mean(0)).double())
    total = values.sum()
    if not total > 0:
        return 0.0
    return float(torch.special.entr(values / total).sum().exp())


def alignment(features: Tensor, others: Tensor) -> float:
    """The mean squared distance of the directions of features (N, D) from those of other views of
    the same clips: 0 to 4, less is better (Wang and Isola 2020, eq. 1)."""
    first, second = functional.normalize(features, dim=1), functional.normalize(others, dim=1)
    return float((first - second).square().sum(1).mean())


def uniformity(features: Tensor) -> float:
    """The logarithm of the mean of exp(-2 d^2) over pairs of clips, d the distance of the
    directions of features (N, D): 0 where all are the same, towards -4 where they are spread
    evenly (Wang and Isola 2020, eq. 2)."""
    distances = torch.pdist(functional.normalize(features, dim=1))
    return float(distances.square().mul(-2).exp().mean().log())


@dataclass(frozen=True)
class Look:
    """The features of one stream's encoder after this many steps."""

    step: int
    effective_rank: float
    alignment: float
    uniformity: float


class Spread(Callback):
    """Looks at the features of some clips before the first step, then five times in a training,
    and logs what it sees.

    The training is the same with and without it: it draws its views apart, and leaves batch norms
    as they are.
    """

    def __init__(self, clips: Clips, layout: Layout, data: InputSettings) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            places = range(0, len(clips), max(1, len(clips) // CLIPS))
            self.joints = clips.__getitems__(list(places)[:CLIPS])[0]
        self.layout = layout
        self.data = data
        self.looks: dict[str, list[Look]] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not self.looks:  # else this training goes on from a checkpoint
            self._look(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        return {stream: [vars(look) for look in looks] for stream, looks in self.looks.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.looks = {
            stream: [Look(**look) for look in looks] for stream, looks in state_dict.items()
        }

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        steps = max(1, int(trainer.estimated_stepping_batches))
        done = trainer.global_step
        if done * LOOKS // steps > (done - 1) * LOOKS // steps:
            self._look(trainer, pl_module)

    def _look(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, Method)
        for stream, look in self._seen(module, trainer.global_step).items():
            self.looks.setdefault(stream, []).append(look)
            prefix = "" if len(module.encoders) == 1 else f"{stream}_"
            named = {f"{prefix}{name}": value for name, value in figures(look).items()}
            for logger in trainer.loggers:
                logger.log_metrics(named, step=trainer.global_step)

    @torch.inference_mode()
    def _seen(self, module: Method, step: int) -> dict[str, Look]:
        joints = self.joints.to(module.device)
        found = {}
        with torch.random.fork_rng(), _evaluated(module):
            torch.manual_seed(step)
            views = module.seen(joints)
            for stream, encoder in module.encoders.items():
                plain = View(self.layout, replace(self.data, stream=stream))
                if not step:  # batch norms that saw no clip yet make all features alike
                    encoder = with_statistics(encoder, plain, joints)
                features = encoder(plain(joints)).float()
                others = encoder(*views[stream]).float()
                found[str(stream)] = Look(
                    step,
                    effective_rank(features),
                    alignment(features, others),
                    uniformity=uniformity(features),
                )
        return found

    def metrics(self, stream: str) -> dict[str, Any]:
        """The last look's figures, and the rank before the first step; none where nobody looked."""
        looks = self.looks.get(stream, [])
        if not looks:
            return {}
        found = {name: rounded(value, 3) for name, value in figures(looks[-1]).items()}
        return found | {"effective_rank_untrained": round(looks[0].effective_rank, 3)}

    @rank_zero_only
    def finish(self, folder: Path, stream: str) -> None:
        """Draw a stream's looks into its run folder, and warn of features that have collapsed."""
        looks = self.looks.get(stream, [])
        if not looks:
            return
        warning = collapsed(looks[0].effective_rank, looks[-1].effective_rank)
        if warning:
            print(f"warning: {warning}", file=sys.stderr)
        try:
            steps = [look.step for look in looks]
            lines = {name: [figures(look)[name] for look in looks] for name in figures(looks[0])}
            pictures.spread(steps, lines, folder / "spread.png")
        except (MemoryError, ValueError, OSError) as error:
            tell(f"no picture of the features: {reason(error)}")


def figures(look: Look) -> dict[str, float]:
    """What a look saw, without its step."""
    return {name: value for name, value in vars(look).items() if name != "step"}


def collapsed(untrained: float, trained: float) -> str | None:
    """A sentence for a user whose encoder's features span less than a quarter of the directions
    that the untrained encoder's do; None where they span more."""
    if trained >= KEPT * untrained:
        return None
    return (
        f"the features have collapsed: they span {trained:.1f} directions, those of the untrained"
        f" encoder {untrained:.1f}, and a probe may do worse on them; train for more steps"
        " (pretrain.optim.epochs), or with weaker changes of the clips (pretrain.augment), and"
        " compare with `skedge evaluate linear --untrained`"
    )


@contextmanager
def _evaluated(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode; behind it every part is in the mode it was in."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
