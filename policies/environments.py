"""The simulated cell, as policies get hold of it: Gymnasium environments by the name of their task.

Who has some registers them in a module that an entry point of the group ``cellwright.envs`` names, in the namespace
``cellwright``. Nothing here knows the simulator.
"""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol

import gymnasium
from gymnasium.envs.registration import load_env_creator

from cells.description.cell import Cell
from cells.description.documents import shown
from cells.description.problems import nearest
from cells.errors import InputError, Problem
from cells.pose import Array

GROUP, NAMESPACE = "cellwright.envs", "cellwright"


class Skilled(Protocol):
    """What a task tells of itself."""

    skill: str


class Environment(Protocol):
    """What such an environment has beside Gymnasium's own, behind ``unwrapped``; ``families`` are those of the parts
    that it draws. Its info tells the ``nominal`` that is
    at work (``tilt@2``), and at the end of an episode the ``outcome`` and what was ``drawn``."""

    task: Skilled
    cell: Cell
    conditions_name: str
    families: tuple[str, ...]
    conventions: tuple[str, ...]
    neutral: Array


def find_tasks() -> dict[str, str]:
    """The Gymnasium names of environments by their tasks' names in small letters. Raises ``InputError`` for an
    environment that lacks a package."""
    _import_modules()
    specs = [spec for spec in gymnasium.registry.values() if spec.namespace == NAMESPACE]
    return {spec.name.lower(): spec.id for spec in specs}


@cache
def _import_modules() -> None:
    """Have all environments registered, once in a process: looking for entry points takes a while."""
    for point in entry_points(group=GROUP):
        try:
            import_module(point.value)
        except ModuleNotFoundError as error:
            what = f"the environments of {point.value} lack the package {error.name!r}"
            raise InputError(Problem("--task", what, "pip install 'cellwright[sim,train]'")) from None


def open_environment(task: str, **settings: Any) -> gymnasium.Env[Array, Array]:
    """The environment of a ``task`` with its ``settings`` (``conditions``, ``purpose``, ...). Raises ``InputError`` for
    a task or conditions that nobody has, and for a task that has no such settings."""
    known = find_tasks()
    if task.lower() not in known:
        raise InputError(Problem("--task", f"no environment is called {shown(task)}", nearest(task, known)))
    name = known[task.lower()]
    made_by = gymnasium.spec(name).entry_point
    creator: Any = load_env_creator(made_by) if isinstance(made_by, str) else made_by
    takes = inspect.signature(creator).parameters
    if not any(one.kind is one.VAR_KEYWORD for one in takes.values()) and (lacks := settings.keys() - takes):
        what = f"the task {task.lower()} has no {' and no '.join(sorted(lacks))}, as the tasks of a skill have"
        raise InputError(Problem("--task", what, "take insert, mesh, cover or grasp"))
    return gymnasium.make(name, disable_env_checker=True, **settings)
