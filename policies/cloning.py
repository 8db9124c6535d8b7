"""Learner ``cloning``: a network that imitates a teacher's bounded correction of the nominal.

The teacher here is a correction for each phase of the joining (how fast, how firmly, how far aside), found by the same
search as the strategy's constants. It needs nothing that a policy doesn't see; what is cloned from it is a policy of
kind ``residual``, and a start for others. :func:`clone` takes any other teacher's demonstrations as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from cells.pose import Array
from cells.skills.contact import ACTION, NEUTRAL, OBSERVATION, PHASES
from policies.demonstrations import Demonstrations, Teacher, joined, normaliser, record, to_npz
from policies.network import Network, to_weights
from policies.practice import Played, Practice, Purpose, play_all
from policies.search import search
from policies.training import Learned, Run

HIDDEN = (64, 64)
SEARCHED = 0.8  # of the budget that the teacher's search may take
SHOWN = 48  # episodes that are cloned
EPOCHS, BATCH, RATE = 400, 256, 1e-3


def imitate(run: Run) -> Learned:
    """Find a teacher, record it, clone it."""
    low, high = np.tile(ACTION.low, len(PHASES)), np.tile(ACTION.high, len(PHASES))
    start = np.tile(NEUTRAL, len(PHASES))
    teacher = tuple(search(run, play_by_phase, start, low, high, SEARCHED).tolist())
    seeds = range(10**9, 10**9 + SHOWN)
    shown = joined(list(run.each(record_by_phase, [(run.asked.practice, [seed], teacher) for seed in seeds])))
    count_shown(run, shown)
    return Learned(weights=to_weights(clone(shown, run.asked.seed)), replay=to_npz(shown, run.asked.practice))


def count_shown(run: Run, shown: Demonstrations) -> None:
    """Count the steps of demonstrations that a run recorded."""
    run.steps += len(shown.actions)
    for episode in shown.episodes:
        run.count(0, episode["family"], episode["parameters"])


def by_phase(values: Sequence[float]) -> Teacher:
    """The teacher whose correction in each of ``PHASES`` is so (phases x m numbers)."""
    table = np.array(values).reshape(len(PHASES), -1)

    def act(observation: Array, info: Mapping[str, Any]) -> Array:
        row: Array = table[int(np.argmax(observation[: len(PHASES)]))]  # the observation begins with the phase
        return row

    return act


def play_by_phase(practice: Practice, purpose: Purpose, seeds: Sequence[int], values: Sequence[float]) -> list[Played]:
    """Play episodes with such a teacher."""
    return play_all(practice, purpose, seeds, by_phase(values))


def record_by_phase(practice: Practice, seeds: Sequence[int], values: Sequence[float]) -> Demonstrations:
    """Record episodes of such a teacher."""
    return record(practice, seeds, by_phase(values))


def clone(shown: Demonstrations, seed: int, epochs: int = EPOCHS) -> Network:
    """A network that does what was shown: least squares of the action in halves of its bounds' widths, by Adam with a
    rate that falls to zero (Pomerleau, "ALVINN", 1988)."""
    torch.set_num_threads(1)  # threads that wait for a busy core cost more than they bring
    torch.manual_seed(seed)
    mean, scale = normaliser(shown, OBSERVATION.low, OBSERVATION.high)
    network = Network(HIDDEN, mean.tolist(), scale.tolist(), ACTION.low.tolist(), ACTION.high.tolist())
    given = torch.tensor(shown.observations, dtype=torch.float32)
    wanted = torch.tensor(shown.actions, dtype=torch.float32)
    batches = -(-len(given) // BATCH)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(given)), BATCH):
            error = (network(given[rows]) - wanted[rows]) / network.reach
            loss = error.square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network
