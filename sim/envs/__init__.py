"""Single-skill tasks in the simulated cell, as Gymnasium environments.

``gymnasium.make("sim.envs:cellwright/Insert-v1", conditions="hard")`` imports this module, which registers them.
"""

import gymnasium

for _task in ("Insert", "Mesh", "Cover"):
    gymnasium.register(f"cellwright/{_task}-v1", "sim.envs.joining:Joining", kwargs={"task": _task})
gymnasium.register("cellwright/Grasp-v1", "sim.envs.grasping:Grasping")
gymnasium.register("cellwright/Reach-v1", "sim.envs.reaching:Reaching")
