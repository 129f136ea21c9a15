"""The model that comes with skedge as a network that can be taught other actions."""

from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from skedge.edge_runtime.models import NAME, find
from skedge.recipes.settings import EncoderSettings, InputSettings
from skedge.skeleton import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.metadata import KEY, ModelMetadata
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.networks.encoders import TCN, Block

# What the names of the file's weights begin with, and may end with.
_MEMBER, _HALF = "members.0.", "_half"


class Shipped:
    """The shipped model's own description, and its encoder in a classifier of other actions.

    `layout` is its joints', `input` what it sees of a clip, `plan` its encoder's. Raises
    `InputError` where the file is of another kind than this reads: one stream of temporal
    convolutions over the whole body, at a fixed rate.
    """

    def __init__(self) -> None:
        file = find(NAME)
        model = onnx.load(file)
        described = {entry.key: entry.value for entry in model.metadata_props}
        self.metadata = ModelMetadata.from_json(described.get(KEY), str(file))
        self._weights = {
            one.name.removeprefix(_MEMBER).removesuffix(_HALF): torch.from_numpy(
                numpy_helper.to_array(one).copy()
            ).float()
            for one in model.graph.initializer
        }
        plan = self.metadata.provenance["encoder"]
        if (plan["backbone"], self.metadata.streams, self.metadata.hz is None) != (
            "tcn",
            ("joint",),
            False,
        ):
            raise InputError(
                f"{file}: expected a tcn of the joint stream at a fixed rate, got a"
                f" {plan['backbone']}; train with --students [labels]"
            )
        self.plan = EncoderSettings(
            backbone="tcn",
            widths=tuple(plan["widths"]),
            strides=tuple(plan["strides"]),
            dropout=0.0,
            causal=plan["causal"],
            padding=plan["padding"],
            joints=tuple(plan["joints"]),
            all_blocks=plan["all_blocks"],
            pool=plan["pool"],
        )

    @property
    def layout(self) -> Layout:
        return self.metadata.layout

    @property
    def input(self) -> InputSettings:
        held = self.metadata
        assert held.hz is not None, "a model of fixed rate"
        normalization: Any = held.normalization
        return InputSettings(
            frames=held.frames,
            persons=held.persons,
            normalization=normalization,
            time="rate",
            hz=held.hz,
            warm_up=held.warm_up,
        )

    @torch.no_grad()
    def classifier(self, classes: int, plan: EncoderSettings | None = None) -> Classifier:
        """A frozen encoder with the shipped weights, and an untrained head for `classes`; `plan`
        may pool otherwise than the file."""
        network = Classifier(self.layout, self.input, plan or self.plan, classes=classes)
        encoder = network.encoder
        assert isinstance(encoder, TCN), "the plan says tcn"
        for norm in encoder.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                _as_it_is(norm)
        encoder.input_norm.weight.copy_(self._weights["scale"].flatten())
        for number, block in enumerate(encoder.blocks):
            assert isinstance(block, Block), "the blocks of a tcn"
            encoder.importance[number].copy_(self._weights[f"blocks.{number}.graph"][None])
            self._fill(block, f"blocks.{number}.")
        return network.requires_grad_(False).eval()

    def _fill(self, block: Block, name: str) -> None:
        """Copy a block's weights, with which the file has folded the norms that follow."""
        weights = {
            one.removeprefix(name): value
            for one, value in self._weights.items()
            if one.startswith(name)
        }
        graph = block.graph.get_submodule("conv")
        # The bias goes through the graph as well, which the file has behind it.
        _copy(graph, weights["kernel"], weights["bias"] / weights["graph"])
        taps = block.time.kernel_size[0]
        over_time = weights["time"].unflatten(0, (taps, -1)).permute(2, 1, 0)
        _copy(block.time, over_time[..., None], weights["time_bias"])
        if isinstance(block.residual, nn.Sequential):
            across = weights["across"]
            _copy(block.residual[0], across, torch.zeros(across.shape[1]))


def _copy(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Copy a convolution's weights, (in, out) where it has one tap."""
    assert isinstance(layer, nn.Conv2d), "blocks are made of convolutions"
    assert layer.bias is not None
    placed = weight if weight.ndim == 4 else weight.T
    layer.weight.copy_(placed.reshape(layer.weight.shape))
    layer.bias.copy_(bias.flatten())


def _as_it_is(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    """Make the norm give back what it takes, where it does not learn."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
