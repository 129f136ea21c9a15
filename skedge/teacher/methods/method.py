"""The base of all methods of pretraining."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

from torch import Tensor, nn

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import EncoderSettings, PretrainSettings
from skedge.skeleton.layout import Layout
from skedge.skeleton.streams import Stream
from skedge.teacher.augment import Augment
from skedge.teacher.methods.contrast_views import Seen
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.dual import AnyEncoder, make_encoder
from skedge.teacher.training import Trained


class Method(Trained):
    """A way to pretrain encoders without labels, on batches of joints (N, M, T, V, 3) and the
    clips' numbers (N,).

    A new one is a subclass in a file of its own, and a row in `skedge.recipes.methods.METHODS`.
    """

    # The backbone that the method is made for; None where it takes any.
    backbone: ClassVar[str | None] = None
    # Whether one training makes the encoders of all streams.
    together: ClassVar[bool] = False

    @classmethod
    def make(cls, layout: Layout, recipe: Recipe) -> Self:
        """The method with untrained encoders, drawn from torch's seed."""
        raise NotImplementedError

    @classmethod
    def plan(cls, plan: EncoderSettings, settings: PretrainSettings) -> EncoderSettings:
        """The plan of what is trained and written, for the recipe's `plan` of one encoder."""
        return replace(plan, fusion="one")

    @classmethod
    def fitted(cls, settings: PretrainSettings, *, clips: int, batch: int) -> PretrainSettings:
        """The settings for a set of so many `clips`, trained on in batches of `batch`."""
        return settings

    @property
    def encoders(self) -> dict[Stream, nn.Module]:
        """The encoders that evaluations take, by stream."""
        raise NotImplementedError

    def seen(self, joints: Tensor) -> dict[str, Seen]:
        """A random view of the clips (N, M, T, V, 3) in every stream, as training sees them."""
        raise NotImplementedError

    def settle(self, joints: Tensor) -> None:
        """Behind training, make the encoders fit for whole clips such as joints (N, M, T, V, 3):
        those that saw some in training are."""

    @property
    def companions(self) -> dict[str, nn.Module]:
        """Further encoders of the same plan that are written beside the one that counts, by the
        name of their folder in its own: none."""
        return {}

    def leave(self, folder: Path) -> None:
        """Write into the run folder what the method leaves there beside the weights: nothing."""


class OneEncoder(Method):
    """A method of one encoder, or of a dual one, that learns from views of a clip."""

    def __init__(self, encoder: AnyEncoder, layout: Layout, recipe: Recipe) -> None:
        super().__init__(recipe.pretrain.optim)
        self.settings = recipe.pretrain
        self.view = View(layout, recipe.input)
        self.augment = Augment(recipe.pretrain.augment, layout)
        self.encoder = encoder

    @classmethod
    def make(cls, layout: Layout, recipe: Recipe) -> Self:
        plan = cls.plan(recipe.encoder, recipe.pretrain)
        return cls(make_encoder(layout, plan, recipe.input.frames), layout, recipe)

    @property
    def encoders(self) -> dict[Stream, nn.Module]:
        stream = self.view.data.stream
        assert stream != "three", "three streams are three trainings"
        return {stream: self.get_submodule("encoder")}

    def seen(self, joints: Tensor) -> dict[str, Seen]:
        return {stream: Seen(self.view(joints, self.augment)) for stream in self.encoders}

    def loss(self, joints: Tensor) -> Tensor:
        """The loss of a batch of joints (N, M, T, V, 3)."""
        raise NotImplementedError

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        loss = self.loss(batch[0])
        self.log("loss", loss)
        return loss
