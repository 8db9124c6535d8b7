"""How a finished unit comes apart: the inverse of its process plan. Its passport tells it, and the cell carries it out.

Pure: it follows from the process plan alone. Where parts go is the cell's to say (:mod:`cells.tasks.disassembly`).
"""

from __future__ import annotations

from cells.products.model import ProcessPlan, ProcessStep

NOTHING, DESTRUCTIVE = "none", "destructive"


def inverse_plan(process: ProcessPlan) -> ProcessPlan:
    """Every step that changed the unit, undone, the last one first. What undoes a step waits for all that undoes the
    steps which had waited for it; steps that change nothing (an inspection) have no inverse and only hand this on.

    The ``target`` of a step is now where its item is taken from. A step that can't be undone without destroying
    something keeps the capability "destructive", which no skill has: see :func:`destructive`.
    """
    return ProcessPlan(
        tuple(
            ProcessStep(
                undo(step),
                step.inverse,
                step.item,
                step.target,
                step.constraints,
                tuple(undo(other) for other in _built_on(step, process)),
                step.capability,
            )
            for step in reversed(process.steps)
            if step.inverse != NOTHING
        )
    )


def destructive(process: ProcessPlan) -> tuple[ProcessStep, ...]:
    """The steps of a process plan that can't be undone without destroying something."""
    return tuple(step for step in process.steps if step.inverse == DESTRUCTIVE)


def undo(step: ProcessStep) -> str:
    """The id of the step that undoes a step."""
    return f"undo_{step.id}"


def _built_on(step: ProcessStep, process: ProcessPlan) -> list[ProcessStep]:
    """The steps with an inverse that waited for ``step``, directly or by way of steps without one, the last first."""
    waited = {step.id}
    found = []
    for other in process.steps:
        if not waited.isdisjoint(other.after):
            if other.inverse == NOTHING:
                waited.add(other.id)
            else:
                found.append(other)
    return found[::-1]
