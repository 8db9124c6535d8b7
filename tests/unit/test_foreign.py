"""Actors of stable-baselines3: what the converter makes of them, and what it never does."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from cells.errors import InputError
from cells.skills.contracts import contract_for
from policies.folder import read_entry, verify_entry
from policies.foreign import Odd, _layers, read_foreign
from policies.running import load_in
from policies.taking_in import take_in

CONTRACT = contract_for("insert", "residual")
assert CONTRACT is not None
LOW, HIGH, SIZE = CONTRACT.action.low, CONTRACT.action.high, CONTRACT.observation.size
PLAIN = {"use_sde": False, "policy_kwargs": {"net_arch": [8]}}


class Still(gymnasium.Env[Any, Any]):
    """Sees and does what a policy for the skill sees and does; nothing happens."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (SIZE,), np.float32)
    action_space = gymnasium.spaces.Box(LOW.astype(np.float32), HIGH.astype(np.float32))

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return np.zeros(SIZE, np.float32), {}

    def step(self, action: Any) -> Any:
        return np.zeros(SIZE, np.float32), 0.0, True, False, {}


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.trace),)


def saved(path: Path, **options: Any) -> SAC:
    """A SAC model, saved to a path."""
    model = SAC(
        "MlpPolicy", Still(), policy_kwargs={"net_arch": [16, 8]}, seed=3, device="cpu", buffer_size=10, **options
    )
    model.save(path)
    return model


def respelt(path: Path, files: Mapping[str, bytes]) -> None:
    """Replace files of an archive."""
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in {**kept, **files}.items():
            archive.writestr(name, raw)


@pytest.fixture
def normaliser(tmp_path: Path) -> Path:
    path = tmp_path / "normaliser.json"
    path.write_text(json.dumps({"mean": [0.5] * SIZE, "scale": [2.0] * SIZE}))
    return path


def test_an_actor_does_the_same_as_it_did(tmp_path: Path, normaliser: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path))
    model = saved(tmp_path / "model.zip")
    # What is pickled beside the tensors is never looked at.
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        data = json.loads(archive.read("data"))
    trap = pickle.dumps(Trap(tmp_path / "trace"))
    for value in data.values():
        if isinstance(value, dict) and ":serialized:" in value:
            value[":serialized:"] = trap.hex()
    hostile = {"data": json.dumps(data).encode(), "pytorch_variables.pth": trap, "VecNormalize.pkl": trap}
    respelt(tmp_path / "model.zip", hostile)

    folder = take_in(tmp_path / "model.zip", tmp_path / "zoo", "foreign", "insert", normaliser, "MIT", "panda-bench")
    assert verify_entry(folder) == [] and not (tmp_path / "trace").exists()
    entry = read_entry(folder).entry
    assert (entry.training.seed, entry.part_ranges.proven, entry.licence) == (3, {}, "MIT")
    assert entry.training.code_version.startswith("stable-baselines3 2.")
    from cells.description.cell import load_cell

    policy = load_in(folder, load_cell("panda-bench"))
    for observation in np.random.default_rng(0).uniform(-2, 2, (20, SIZE)):
        theirs, _ = model.predict(((observation - 0.5) / 2.0).astype(np.float32), deterministic=True)
        np.testing.assert_allclose(policy.act(observation), theirs, atol=1e-5 * float(np.abs(HIGH).max()))


def test_a_pickle_in_the_place_of_the_tensors_is_not_run(tmp_path: Path) -> None:
    out, archive = io.BytesIO(), tmp_path / "model.zip"
    torch.save({"actor.mu.weight": Trap(tmp_path / "trace")}, out)
    with zipfile.ZipFile(archive, "w") as file:
        for name, raw in (("data", json.dumps(PLAIN).encode()), ("_stable_baselines3_version", b"2"),
                          ("policy.pth", out.getvalue())):  # fmt: skip
            file.writestr(name, raw)
    with pytest.raises(InputError, match=r"model\.zip: is no archive of stable-baselines3 with tensors alone"):
        read_foreign(archive, [0.0] * SIZE, [1.0] * SIZE, LOW, HIGH)
    assert not (tmp_path / "trace").exists()


def test_a_large_or_missing_archive_is_refused_before_anything_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.run", lambda *words, **options: pytest.fail("it was read"))
    with (tmp_path / "large.zip").open("wb") as file:
        file.truncate(10**10)
    for name, what in (("large.zip", "is larger than"), ("none.zip", "can't be read")):
        with pytest.raises(InputError, match=what):
            read_foreign(tmp_path / name, [0.0], [1.0], [0.0], [1.0])


def linear(out: int, into: int, value: float = 0.0) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((out, into), value), "bias": torch.zeros(out)}


def actor(**layers: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of an actor; ``mu_0`` stands for ``mu.0``."""
    return {
        f"actor.{name.replace('_0', '.0').replace('_2', '.2')}.{part}": tensor
        for name, both in layers.items() for part, tensor in both.items()
    }  # fmt: skip


def test_layers_are_found_in_order_in_each_kind_of_actor() -> None:
    sac = actor(latent_pi_0=linear(8, 4), latent_pi_2=linear(6, 8), mu=linear(2, 6), log_std=linear(2, 6))
    td3 = actor(mu_0=linear(8, 4), mu_2=linear(2, 8))
    assert [tuple(weight.shape) for weight, _ in _layers({**sac, "critic.x": 3}, PLAIN)] == [(8, 4), (6, 8), (2, 6)]
    assert [tuple(weight.shape) for weight, _ in _layers(td3, PLAIN)] == [(8, 4), (2, 8)]


@pytest.mark.parametrize(
    ("tensors", "about", "what"),
    [
        (actor(mu=linear(2, 4)), {**PLAIN, "use_sde": True}, "use_sde"),
        (actor(mu=linear(2, 4)), {}, "use_sde"),
        (actor(mu=linear(2, 4)), {**PLAIN, "policy_kwargs": {"activation_fn": "<class 'torch.nn.Tanh'>"}}, "than ReLU"),
        (actor(mu=linear(2, 4, float("nan"))), PLAIN, "isn't finite"),
        (actor(features_extractor=linear(2, 4)), PLAIN, "features_extractor"),
        ({"actor.mu.weight": torch.zeros(2, 4)}, PLAIN, "no actor of plain layers"),
        ({"mlp_extractor.policy_net.0.weight": torch.zeros(2, 4)}, PLAIN, "as one of PPO hasn't"),
        ({"actor.mu.weight": "text"}, PLAIN, "which we don't run"),
    ],
)
def test_other_actors_are_refused_with_the_reason(tensors: Any, about: Any, what: str) -> None:
    with pytest.raises(Odd, match=what):
        _layers(tensors, about)


def test_the_normaliser_is_asked_for_in_the_skills_size(tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    for text, what in (("{}", "mean: Field required"), ('{"mean": [0], "scale": [1]}', f"hasn't {SIZE} means"),
                       ("nothing", "Invalid JSON")):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError, match=what):
            take_in(tmp_path / "x.zip", tmp_path, "foreign", "insert", path, "MIT", "panda-bench")
    with pytest.raises(InputError, match="takes no policy of kind residual"):
        take_in(tmp_path / "x.zip", tmp_path, "foreign", "pick", path, "MIT", "panda-bench")
