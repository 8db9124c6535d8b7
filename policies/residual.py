"""Learner ``residual``: soft actor-critic on top of the nominal, with demonstrations in half of each batch.

The algorithm is stable-baselines3's SAC (Haarnoja et al., "Soft actor-critic", 2018); residual: Johannink et al.,
"Residual reinforcement learning for robot control" (2019); half of each batch: Ball et al., "Efficient online
reinforcement learning with offline data" (2023). The demonstrations are the nominal's, half of them with a small
correction in each phase. The actor begins as the nominal, and the critic learns from the demonstrations before the
actor moves. Every few minutes a gate compares the actor with the nominal on the same held-out episodes; the best
counts.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.wrappers import RescaleAction, TransformObservation
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import DummyVecEnv

from cells.pose import Array
from cells.skills.contact import ACTION, NEUTRAL, OBSERVATION, PHASES
from policies.cloning import by_phase, count_shown
from policies.demonstrations import Demonstrations, from_npz, joined, normaliser, record, to_npz
from policies.network import Network, from_weights, to_weights
from policies.practice import Played, Practice, Purpose, compare, play_all
from policies.training import Learned, Run

HIDDEN = [64, 64]
SHOWN, SHOWN_AGAIN = 32, 12  # demonstrations; new ones where training goes on, every other one with corrections
EXPLORED = 0.25  # standard deviation of these, in halves of the bounds' widths
SPREAD = 0.15  # of the actor's actions at first, likewise
ENTROPY = 1e-3  # what a nat of randomness is worth, in units of the cost
UPDATES, BATCH, RATE, GAMMA = 1, 256, 3e-4, 0.99
GENTLE = 0.3  # of the rate, where training goes on
CRITIC_FIRST, AT_ONCE = 1500, 100  # updates of the critic before the actor moves; in portions of so many
GATE_EVERY_S, GATED = 150.0, 12  # CPU seconds between gates; episodes of each
TELL_EVERY_S, TOLD = 15.0, 20  # CPU seconds between points of the curves; training episodes that these are means over
MOST_STEPS = 200_000  # in the replay buffer


class Mixed(ReplayBuffer):
    """A replay buffer of which half of each sample is from another one: ``shown``."""

    def __init__(self, *args: Any, shown: ReplayBuffer, **options: Any) -> None:
        super().__init__(*args, **options)
        self.shown = shown

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """A batch; all of it from the demonstrations, as long as there is nothing else."""
        if not self.size():
            return self.shown.sample(batch_size, env)
        halves = super().sample(batch_size // 2, env), self.shown.sample(batch_size - batch_size // 2, env)
        return ReplayBufferSamples(*(torch.cat(pair) for pair in zip(*(half[:5] for half in halves), strict=True)))


def scaled(action: Array) -> Array:
    """Actions (…, m) as the actor has them: the bounds are -1 and 1."""
    return (2 * action - ACTION.low - ACTION.high) / (ACTION.high - ACTION.low)


@dataclass(frozen=True, slots=True)
class Start:
    """A network to go on with: its ``weights``, and the steps that it learned from (``replay``), which stay in half of
    each batch, so that it doesn't forget."""

    weights: bytes
    replay: bytes


def practise(run: Run, start: Start | None = None) -> Learned:
    """Record demonstrations, then learn until the budget is spent; the best actor that the gate saw, which is the
    nominal itself, or that of the ``start``, if none was better."""
    torch.set_num_threads(1)
    practice, seed = run.asked.practice, run.asked.seed
    if run.state is None:
        jobs = [(practice, 10**9 + index, seed) for index in range(SHOWN_AGAIN if start else SHOWN)]
        shown = joined(list(run.each(demonstrate, jobs)))
        count_shown(run, shown)
        if start:
            shown = joined([from_npz(start.replay), shown])
    else:
        shown = from_npz(run.file("demonstrations.npz"))
    known = from_weights(start.weights) if start else None
    mean, scale = normaliser(shown, OBSERVATION.low, OBSERVATION.high)
    if known is not None:
        mean, scale = known.mean.double().numpy(), known.scale.double().numpy()
    with practice.open("training") as env:
        hidden = [layer.out_features for layer in known.layers[:-1]] if known else HIDDEN
        model = learner(normalised(env, mean, scale), buffer_of(shown, mean, scale), seed + run.steps, hidden)
        if known is not None:
            take_over(model, known)
        first = to_weights(network_of(model, mean, scale))
        if run.state is None:
            critic_first(model)
            run.save({"nominal": []}, checkpoint(model, shown, practice))
        else:
            restore(model, run)
        gate = Gate(run, shown, mean, scale, first, known is not None)
        if not run.over:
            model.learn(10**12, gate, log_interval=10**9, reset_num_timesteps=False)
    return Learned(weights=gate.best, replay=to_npz(shown, practice))


def demonstrate(practice: Practice, episode: int, seed: int) -> Demonstrations:
    """An episode of the nominal; every other one with a correction in each phase, drawn at random."""
    values = np.tile(NEUTRAL, (len(PHASES), 1))
    if episode % 2:
        drawn = np.random.default_rng([seed, episode]).standard_normal(values.shape)
        values = ACTION.clipped(values + EXPLORED * (ACTION.high - ACTION.low) / 2 * drawn)
    return record(practice, [episode], by_phase(values.ravel().tolist()))


def normalised(env: gymnasium.Env[Array, Array], mean: Array, scale: Array) -> gymnasium.Env[Array, Array]:
    """The environment as the actor has it: the observation normalised, the action between -1 and 1."""
    inner = RescaleAction(env, np.float64(-1.0), np.float64(1.0))
    inside: Any = gymnasium.spaces.Box(-np.inf, np.inf, mean.shape, np.float32)
    return TransformObservation(inner, lambda seen: ((seen - mean) / scale).astype(np.float32), inside)


def buffer_of(shown: Demonstrations, mean: Array, scale: Array) -> ReplayBuffer:
    """Demonstrations as a replay buffer, as the actor has them."""
    seen = gymnasium.spaces.Box(-np.inf, np.inf, mean.shape, np.float32)
    done = gymnasium.spaces.Box(-1.0, 1.0, (ACTION.size,), np.float32)
    buffer = ReplayBuffer(len(shown.actions), seen, done, device="cpu")
    columns = (shown.observations - mean) / scale, (shown.nexts - mean) / scale, scaled(shown.actions)
    for observation, after, action, reward, last in zip(*columns, shown.rewards, shown.lasts, strict=True):
        buffer.add(observation, after, action, reward, last, [{}])
    return buffer


def learner(env: gymnasium.Env[Array, Array], shown: ReplayBuffer, seed: int, hidden: Sequence[int] = HIDDEN) -> SAC:
    """SAC with so many numbers in each ``hidden`` layer, whose actor begins as the nominal: a last layer near zero, its
    bias the neutral action."""
    model = SAC(
        "MlpPolicy", DummyVecEnv([lambda: env]), RATE, MOST_STEPS, learning_starts=0, batch_size=BATCH, gamma=GAMMA,
        gradient_steps=UPDATES, ent_coef=ENTROPY, replay_buffer_class=Mixed, replay_buffer_kwargs={"shown": shown},
        policy_kwargs={"net_arch": list(hidden)}, seed=seed, device="cpu",
    )  # fmt: skip
    actor: Any = model.actor
    with torch.no_grad():
        for head, bias in ((actor.mu, np.arctanh(scaled(NEUTRAL))), (actor.log_std, np.full(6, np.log(SPREAD)))):
            head.weight.mul_(0.01)
            head.bias.copy_(torch.as_tensor(bias))
    return model


def critic_first(model: SAC) -> None:
    """Teach the critic from the demonstrations; the actor, which learns along, is put back after each portion."""
    model.set_logger(Logger(None, []))
    actor, optimizer = (deepcopy(part.state_dict()) for part in (model.actor, model.actor.optimizer))
    for _ in range(CRITIC_FIRST // AT_ONCE):
        model.train(AT_ONCE, BATCH)
        model.actor.load_state_dict(actor)
        model.actor.optimizer.load_state_dict(deepcopy(optimizer))


def take_over(model: SAC, known: Network) -> None:
    """Let the actor begin as a network of ours, and learn more slowly than one that has everything to learn."""
    for ours, theirs in zip(known.layers, linear_of(model), strict=True):
        theirs.load_state_dict(ours.state_dict())
    model.lr_schedule = lambda _: GENTLE * RATE


def linear_of(model: SAC) -> list[torch.nn.Linear]:
    """The layers of the actor's deterministic action."""
    return [layer for layer in (*model.actor.latent_pi, model.actor.mu) if isinstance(layer, torch.nn.Linear)]


def network_of(model: SAC, mean: Array, scale: Array) -> Network:
    """The actor's deterministic action as a network of ours: what is shipped."""
    linear = linear_of(model)
    hidden = [layer.out_features for layer in linear[:-1]]
    network = Network(hidden, mean.tolist(), scale.tolist(), ACTION.low.tolist(), ACTION.high.tolist())
    for ours, theirs in zip(network.layers, linear, strict=True):
        ours.load_state_dict(theirs.state_dict())
    return network


class Gate(BaseCallback):
    """Ends learning when the budget is spent; now and then compares the actor with the nominal, and keeps a
    checkpoint."""

    def __init__(
        self, run: Run, shown: Demonstrations, mean: Array, scale: Array, first: bytes, known: bool = False
    ) -> None:
        """``first`` are the weights that the actor begins with; they count until others are better. They are the
        nominal, or a policy that is ``known`` already."""
        super().__init__()
        self._known = known
        self._run, self._shown, self._mean, self._scale = run, shown, mean, scale
        self._nominal: list[Played] = []
        self.best, self._cost = first, float("inf")
        if run.state is not None and run.state["nominal"]:
            self._nominal = [Played(**played) for played in run.state["nominal"]]
            self.best, self._cost = run.file("best.safetensors"), run.state["best"]
        self._gate_s, self._tell_s = run.spent_s + GATE_EVERY_S, run.spent_s + TELL_EVERY_S
        self._practised: deque[bool] = deque(maxlen=TOLD)

    def _on_step(self) -> bool:
        run, [info] = self._run, self.locals["infos"]
        run.count(1, info["drawn"]["family"], info["drawn"]["parameters"])
        if "outcome" in info:
            self._practised.append(info["is_success"])
        if self._practised and run.spent_s >= self._tell_s:
            run.point(success=sum(self._practised) / len(self._practised))
            self._tell_s = run.spent_s + TELL_EVERY_S
        if run.spent_s >= self._gate_s or run.over:
            self._compare()
            self._gate_s = run.spent_s + GATE_EVERY_S
        return not run.over

    def _compare(self) -> None:
        run, practice = self._run, self._run.asked.practice
        seeds, model = range(GATED), self.model
        assert isinstance(model, SAC)
        if not self._nominal:
            self._nominal = _played(run, practice, seeds, None)
            begun = _played(run, practice, seeds, self.best) if self._known else self._nominal
            self._cost = compare(begun, self._nominal, practice.cost).cost
        weights = to_weights(network_of(model, self._mean, self._scale))
        found = compare(_played(run, practice, seeds, weights), self._nominal, practice.cost)
        if found.cost < self._cost:
            self.best, self._cost = weights, found.cost
        run.point(
            gate_cost=found.cost, gate_success=found.success, time_ratio=found.time_ratio,
            force_ratio=found.force_ratio, nominal_cost=found.nominal_cost,
        )  # fmt: skip
        state = {"best": self._cost, "nominal": [asdict(played) for played in self._nominal]}
        files = checkpoint(model, self._shown, practice)
        run.save(state, {**files, "best.safetensors": self.best})


def _played(run: Run, practice: Practice, seeds: Sequence[int], weights: bytes | None) -> list[Played]:
    return [one for [one] in run.each(play_weights, [(practice, "gate", [seed], weights) for seed in seeds])]


def play_weights(practice: Practice, purpose: Purpose, seeds: Sequence[int], weights: bytes | None) -> list[Played]:
    """Play episodes with the network of such weights, or by the nominal alone."""
    if weights is None:
        return play_all(practice, purpose, seeds)
    torch.set_num_threads(1)
    network = from_weights(weights)

    def act(observation: Array, info: Mapping[str, Any]) -> Array:
        with torch.no_grad():
            said = network(torch.as_tensor(observation, dtype=torch.float32)).double().numpy()
        return ACTION.clipped(said)  # single precision rounds a bound up, and a cell clips as well

    return play_all(practice, purpose, seeds, act)


def checkpoint(model: SAC, shown: Demonstrations, practice: Practice) -> dict[str, bytes]:
    """The files that it takes to go on: networks and optimizers, the replay buffer, the demonstrations."""
    networks, replay, buffer = io.BytesIO(), io.BytesIO(), model.replay_buffer
    torch.save(model.get_parameters(), networks)
    assert isinstance(buffer, ReplayBuffer)
    count = buffer.size()
    np.savez(
        replay, observations=buffer.observations[:count], nexts=buffer.next_observations[:count],
        actions=buffer.actions[:count], rewards=buffer.rewards[:count], dones=buffer.dones[:count], at=buffer.pos,
    )  # fmt: skip
    return {
        "networks.pt": networks.getvalue(), "replay.npz": replay.getvalue(),
        "demonstrations.npz": to_npz(shown, practice),
    }  # fmt: skip


def restore(model: SAC, run: Run) -> None:
    """Go on from a checkpoint; only tensors and numbers are read from it."""
    model.set_parameters(torch.load(io.BytesIO(run.file("networks.pt")), weights_only=True), device="cpu")
    buffer = model.replay_buffer
    assert isinstance(buffer, ReplayBuffer)
    with np.load(io.BytesIO(run.file("replay.npz")), allow_pickle=False) as kept:
        count = len(kept["rewards"])
        buffer.observations[:count], buffer.next_observations[:count] = kept["observations"], kept["nexts"]
        buffer.actions[:count], buffer.rewards[:count], buffer.dones[:count] = (
            kept["actions"], kept["rewards"], kept["dones"],
        )  # fmt: skip
        buffer.pos, buffer.full = int(kept["at"]), count == buffer.buffer_size
