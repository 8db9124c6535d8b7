"""The peer of benchmarks/env.py, run by an interpreter that has panda-gym: a seed in, an episode's figures out.

The script that picks and places: above the object, down, close, to the goal.
"""

import json
import sys
import time

import gymnasium
import numpy as np
import panda_gym  # noqa: F401  (registers the environments)

ABOVE = np.array([0.0, 0.0, 0.06])  # m
NEAR, GAIN, CLOSING = 0.01, 10.0, 6  # m, per m, actions


def actions(observation):
    """The action (4,) for each observation sent in."""
    closed = 0
    while True:
        seen, goal = observation["observation"], observation["desired_goal"]
        hand, thing = seen[:3], seen[7:10]
        if closed >= CLOSING:
            way, fingers = goal - thing, -1.0
        elif np.linalg.norm(hand - thing) < NEAR or closed:
            way, fingers, closed = np.zeros(3), -1.0, closed + 1
        elif np.linalg.norm((hand - thing)[:2]) > NEAR:
            way, fingers = thing - hand + ABOVE, 1.0
        else:
            way, fingers = thing - hand, 1.0
        observation = yield np.clip(np.append(GAIN * way, fingers), -1.0, 1.0).astype(np.float32)


env = gymnasium.make("PandaPickAndPlace-v3")
step_s = env.unwrapped.sim.dt
for line in sys.stdin:
    begun = time.process_time()
    observation, _ = env.reset(seed=int(line))
    ready, over, count = time.process_time(), False, 0
    script = actions(observation)
    action = next(script)
    while not over:
        observation, _, done, out_of_time, info = env.step(action)
        action, over, count = script.send(observation), done or out_of_time, count + 1
    print(
        json.dumps({
            "sim_s": count * step_s, "cpu_s": time.process_time() - ready, "reset_s": ready - begun,
            "success": float(info["is_success"]),
        }),
        flush=True,
    )  # fmt: skip
