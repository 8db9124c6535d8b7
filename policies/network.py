"""The network that learners train: a few layers, whose output is bounded by construction. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from cells.errors import InputError, Problem
from policies.entry import ANEW
from policies.graph import write_graph

BUFFERS = ("mean", "scale", "middle", "reach")


class Network(nn.Module):
    """Observation (…, n) → action (…, m) within ``low`` and ``high``: normalised, through the ``hidden`` layers (how
    many numbers each has), tanh.

    ``mean`` and ``scale`` (n,) are the normaliser; ``low`` and ``high`` (m,) the action's bounds, each in its
    component's unit.
    """

    mean: Tensor
    scale: Tensor
    middle: Tensor
    reach: Tensor

    def __init__(
        self,
        hidden: Sequence[int],
        mean: Sequence[float],
        scale: Sequence[float],
        low: Sequence[float],
        high: Sequence[float],
    ) -> None:
        super().__init__()
        bounds = torch.tensor([list(low), list(high)], dtype=torch.float64)
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(list(scale), dtype=torch.float32))
        self.register_buffer("middle", bounds.mean(dim=0).float())
        self.register_buffer("reach", ((bounds[1] - bounds[0]) / 2).float())
        sizes = (len(self.mean), *hidden, len(self.middle))
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))

    def forward(self, observation: Tensor) -> Tensor:
        """The action (…, m) for an observation (…, n)."""
        value = (observation - self.mean) / self.scale
        for layer in self.layers[:-1]:
            value = torch.relu(layer(value))
        return torch.tanh(self.layers[-1](value)) * self.reach + self.middle


def to_weights(network: Network) -> bytes:
    """``weights.safetensors``: layers, normaliser and bounds, to go on training."""
    return bytes(save({name: value.contiguous() for name, value in network.state_dict().items()}))


def to_onnx(network: Network) -> bytes:
    """``policy.onnx``: the same, to run."""
    tensors = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    count = len(network.layers)
    layers = [(tensors[f"layers.{n}.weight"], tensors[f"layers.{n}.bias"]) for n in range(count)]
    return write_graph(tensors["mean"], tensors["scale"], layers, tensors["middle"], tensors["reach"])


def from_weights(raw: bytes) -> Network:
    """The network that ``weights.safetensors`` was made of. Raises ``InputError`` for anything else."""
    try:
        tensors = load(raw)
        count = (len(tensors) - len(BUFFERS)) // 2
        hidden = [len(tensors[f"layers.{n}.bias"]) for n in range(count - 1)]
        # Nothing is allocated before all shapes are known to be right.
        with torch.device("meta"):
            network = Network(hidden, *(tensors[name].tolist() for name in ("mean", "scale", "middle", "middle")))
        network.load_state_dict(tensors, assign=True)
        if not all(value.dtype == torch.float32 and value.isfinite().all() for value in tensors.values()):
            raise ValueError("not all of it is float32 and finite")
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise InputError(Problem("weights.safetensors", f"isn't a network of ours: {first}", ANEW)) from None
    return network
