"""Small transformers and STTFormers, and a NumPy form of their parts."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skedge.recipes.settings import (
    AugmentSettings,
    EncoderSettings,
    PretrainSettings,
    SttformerSettings,
    TransformerSettings,
)
from skedge.skeleton import load_layout
from skedge.skeleton.layout import Layout
from skedge.teacher.networks.base import Encoder
from skedge.teacher.networks.encoders import build_encoder
from tests.teacher.tiny import INPUT, randomise, scenes

NTU = load_layout("ntu25")
TRANSFORMER = EncoderSettings(
    backbone="transformer", transformer=TransformerSettings(16, 3, 2, 2, segment=3)
)
STTFORMER = EncoderSettings(backbone="sttformer", sttformer=SttformerSettings(16, 2))
DATA = replace(INPUT, frames=12)
PLAIN = AugmentSettings()


def encoder_of(plan: EncoderSettings, layout: Layout = NTU, frames: int = 12) -> Any:
    torch.manual_seed(0)
    built = build_encoder(layout, plan, frames)
    randomise(built)
    return settle(built, len(layout), frames).eval()


@torch.no_grad()
def settle(encoder: Encoder, joints: int = 25, frames: int = 12) -> Encoder:
    """Give batch norms the statistics of some clips, else a random network answers everything
    alike."""
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    encoder.train()(clips(6, joints, frames=frames))
    for norm in norms:
        norm.momentum = 0.1
    return encoder


def clips(samples: int = 3, joints: int = 25, persons: int = 1, frames: int = 12) -> Tensor:
    return torch.randn(
        samples,
        3,
        frames,
        joints,
        persons,
        generator=torch.Generator().manual_seed(samples + joints),
    )


def bodies(count: int = 4, persons: int = 1, absent: bool = False) -> Tensor:
    """Prepared joints (N, M, T, V, 3)."""
    return scenes(count, replace(DATA, persons=persons), absent=absent)


def settings(method: str, **changes: Any) -> PretrainSettings:
    return PretrainSettings(method=method, augment=PLAIN, **changes)


Weights = Mapping[str, np.ndarray]


def weights_of(module: nn.Module) -> Weights:
    return {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}


def linear(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def layer_norm(x: np.ndarray, w: Weights | None = None, name: str = "") -> np.ndarray:
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x if w is None else x * w[f"{name}.weight"] + w[f"{name}.bias"]


def batch_norm(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    """In evaluation, over dimension 1 of (R, C, T, E)."""
    mean, var, scale, shift = (
        w[f"{name}.{part}"][:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * scale + shift


def token_block(x: np.ndarray, w: Weights, name: str, heads: int) -> np.ndarray:
    """A pre-norm block, head by head, of tokens (R, K, D)."""
    rows, _, width = x.shape
    qkv = linear(layer_norm(x, w, f"{name}.attention_norm"), w, f"{name}.attention.inward")
    q, k, v = np.split(qkv, 3, axis=-1)
    size, outs = width // heads, np.zeros_like(x)
    for row in range(rows):
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            scores = np.exp(q[row][:, own] @ k[row][:, own].T / math.sqrt(size))
            outs[row][:, own] = scores / scores.sum(-1, keepdims=True) @ v[row][:, own]
    x = x + linear(outs, w, f"{name}.attention.outward")
    hidden = linear(layer_norm(x, w, f"{name}.feed_norm"), w, f"{name}.feed.0")
    gelu = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
    return x + linear(gelu, w, f"{name}.feed.2")


def tokens_of(body: np.ndarray, segment: int) -> np.ndarray:
    """A body (T, V, C) token by token, (T / segment, V, segment * C)."""
    times = len(body) // segment
    return np.array(
        [
            [
                np.concatenate([body[t * segment + f, v] for f in range(segment)])
                for v in range(body.shape[1])
            ]
            for t in range(times)
        ]
    )
