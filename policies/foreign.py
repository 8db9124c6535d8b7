"""Policies of stable-baselines3: the actor's numbers out of its archive, in a process of its own with little room.

Such an archive is a zip of pickles. Of these only the tensors are read (``weights_only=True``), and of its JSON only
the plain fields; what is pickled in it, a ``VecNormalize.pkl`` beside it likewise, is never looked at. So the
normaliser is given as numbers. Taken are actors that squash their action by tanh behind layers with ReLU: those of SAC,
TQC, TD3 and DDPG as they are made by default.
"""

from __future__ import annotations

import io
import json
import os
import re
import resource
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.description.documents import shown
from cells.errors import InputError, Problem
from policies.contents import MAX_FILE_BYTES
from policies.folder import open_plain

MOST_ARCHIVE, MOST_MEMBER, MOST_DATA = 200_000_000, 50_000_000, 20_000_000  # bytes
MOST_S, MOST_CPU_S, MOST_MEMORY = 120, 60, 1 << 30  # wall, of a core, bytes beyond what torch itself takes
REFUSED = 3  # exit code with a reason on stderr
KINDS = "give an archive of SAC, TQC, TD3 or DDPG with a plain actor"
_LAYER = re.compile(r"actor\.(?:latent_pi\.(\d+)|mu\.(\d+)|mu)\.(weight|bias)")


@dataclass(frozen=True, slots=True)
class Foreign:
    """What an archive holds: ``weights`` as ``weights.safetensors``, the ``seed`` and environment ``steps`` of the
    training, and the ``version`` of stable-baselines3."""

    weights: bytes
    seed: int
    steps: int
    version: str


def read_foreign(
    archive: Path, mean: Sequence[float], scale: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> Foreign:
    """Read an archive. ``mean`` and ``scale`` (n,) are what observations were normalised by in training, ``low`` and
    ``high`` (m,) the bounds of the action, which the actor has as -1 and 1. Raises ``InputError`` for anything that
    isn't such an actor of these sizes."""
    try:
        with open_plain(archive) as file:
            raw = file.read(MOST_ARCHIVE + 1)
    except OSError as error:
        raise InputError(Problem(str(archive), f"can't be read ({error.strerror})", "check the path")) from None
    if len(raw) > MOST_ARCHIVE:
        raise InputError(Problem(str(archive), f"is larger than {MOST_ARCHIVE:,} bytes", KINDS))
    sizes = json.dumps([list(values) for values in (mean, scale, low, high)])
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "policies.foreign", sizes], input=raw, capture_output=True, timeout=MOST_S,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InputError(Problem(str(archive), f"took more than {MOST_S} s to read", KINDS)) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").splitlines()[:1] if done.returncode == REFUSED else []
        what = shown(said[0])[1:-1] if said else "couldn't be read within the time and memory that it may take"
        raise InputError(Problem(str(archive), what, KINDS))
    head, _, weights = done.stdout.partition(b"\n")
    told = json.loads(head)
    return Foreign(weights, told["seed"], told["steps"], told["version"])


class Odd(Exception):
    """Why an archive is refused."""


def main() -> None:
    """The process that reads: an archive on stdin, JSON and weights on stdout."""
    from policies.network import Network, to_weights

    _confine()
    mean, scale, low, high = json.loads(sys.argv[1])
    try:
        layers, told = _unpacked(sys.stdin.buffer.read())
        widths = [len(mean), *(weight.shape[0] for weight, _ in layers)]
        shapes = [tuple(weight.shape) for weight, _ in layers]
        if shapes != list(zip(widths[1:], widths[:-1], strict=True)) or widths[-1] != len(low):
            raise Odd(f"has layers of {shapes}, which don't lead from {len(mean)} numbers to {len(low)}")
        network = Network(widths[1:-1], mean, scale, low, high)
        for layer, (weight, bias) in zip(network.layers, layers, strict=True):
            layer.load_state_dict({"weight": weight, "bias": bias})
        weights = to_weights(network)
        if len(weights) > MAX_FILE_BYTES:
            raise Odd(f"has a network of {len(weights):,} bytes, more than {MAX_FILE_BYTES:,}")
    except Odd as odd:
        print(odd, file=sys.stderr)
        sys.exit(REFUSED)
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + weights)


def _confine() -> None:
    """From here on: no files, not much memory, not much time."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    with suppress(OSError):  # where the system tells how much this process has
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _unpacked(raw: bytes) -> tuple[list[tuple[Any, Any]], dict[str, Any]]:
    """Weight and bias of each layer of the actor; and what is told of its training. Raises ``Odd``."""
    import torch

    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            data, version = (_member(archive, name, MOST_DATA) for name in ("data", "_stable_baselines3_version"))
            tensors = torch.load(io.BytesIO(_member(archive, "policy.pth", MOST_MEMBER)), "cpu", weights_only=True)
        about = json.loads(data)
        if not isinstance(about, dict) or not isinstance(tensors, Mapping):
            raise Odd("isn't laid out as stable-baselines3 does it")
        return _layers(tensors, about), {
            "seed": _whole(about.get("seed")), "steps": _whole(about.get("num_timesteps")),
            "version": version.decode(errors="replace").strip()[:40],
        }  # fmt: skip
    except Odd:
        raise
    except Exception as error:  # zipfile, zlib, json and torch, each in its own way
        raise Odd(f"is no archive of stable-baselines3 with tensors alone ({type(error).__name__})") from None


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with archive.open(name) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise Odd(f"holds a {name} of more than {most:,} bytes")
    return raw


def _layers(tensors: Mapping[Any, Any], about: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Weight and bias of each layer of the actor, if it is one that we run."""
    import torch

    if about.get("use_sde") is not False:
        raise Odd("explores by its state (use_sde), or doesn't say that it doesn't")
    options = about.get("policy_kwargs")
    activation = options.get("activation_fn", "ReLU") if isinstance(options, dict) else "ReLU"
    if not str(activation).endswith(("ReLU", "activation.ReLU'>")):
        raise Odd("has other activations than ReLU")
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not name.startswith("actor.") or name.startswith("actor.log_std."):
            continue
        layer = _LAYER.fullmatch(name)
        if not layer or not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float32:
            raise Odd(f"has an actor with {name[:60]!r}, which we don't run")
        if not tensor.isfinite().all():
            raise Odd(f"has a number in {name[:60]!r} that isn't finite")
        place = (0, int(layer[1])) if layer[1] else (1, int(layer[2] or 0))
        found.setdefault(place, {})[layer[3]] = tensor
    layers = [found[place] for place in sorted(found)]
    if not layers or any(layer.keys() != {"weight", "bias"} or layer["weight"].dim() != 2 for layer in layers):
        raise Odd("has no actor of plain layers, as one of PPO hasn't")
    return [(layer["weight"], layer["bias"]) for layer in layers]


def _whole(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0


if __name__ == "__main__":
    main()
