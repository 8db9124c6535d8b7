"""Submodels that say how the unit was built (IDTA 02031-2) and how it comes apart (IDTA 02031-1).

Both follow VDI 3682: each process has its product, process and resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from cells.orders.passport.elements import (
    collection,
    own,
    policy_id,
    prop,
    properties,
    reference,
    submodel,
    text,
)
from cells.orders.passport.record import Attempt, Piece, UnitRecord
from cells.products.inverse import DESTRUCTIVE, inverse_plan

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.products.model import ProcessStep, ProductVariant

PLAN = "https://admin-shell.io/idta/ProcessParameters"
EXECUTED = "https://admin-shell.io/idta/ExecutedProcesses"
EXECUTED_SEMANTIC = f"{EXECUTED}/1/0"
PLAN_SEMANTIC = "https://admin-shell-io/idta/SubmodelTemplate/ProcessParameters/1/0"


def executed(unit_id: str, record: UnitRecord, variant: ProductVariant, cell: Cell) -> Any:
    """The assembly as executed: every step with all its attempts, times, forces and the skill's version.

    A step that is part of another's (``insert_peg_1.pick``) is about the same item.
    """
    steps = {step.id: step for step in variant.process.steps}
    grouped: dict[str, list[Attempt]] = {}
    for attempt in record.attempts:
        grouped.setdefault(attempt.step, []).append(attempt)
    lots = {piece.item: piece.lot for piece in record.pieces}
    processes = []
    for number, (name, attempts) in enumerate(grouped.items(), start=1):
        step, rejected = steps.get(name) or steps.get(name.partition(".")[0]), record.rejected.get(name, ())
        processes.append(_executed_process(number, attempts, step, lots, rejected, cell))
    result = prop("RunResult", record.verdict, f"{EXECUTED}/RunResult/1/0")
    run = collection("Run__01__", [result, *processes], f"{EXECUTED}/Run/1/0")
    return submodel(unit_id, "ExecutedProcesses", EXECUTED_SEMANTIC, [run])


def disassembly(unit_id: str, variant: ProductVariant, cell: Cell) -> Any:
    """The inverse plan, the one that a cell carries out; "destructive" is said as such."""
    processes = []
    for number, step in enumerate(inverse_plan(variant.process).steps, start=1):
        action = step.capability if step.capability != DESTRUCTIVE else "can't be undone without destroying it"
        place = f" from {step.target}" if step.target else ""
        values = {"After": ", ".join(step.after)} if step.after else {}
        parts = _process(step.id, step.capability, f"{action}: {step.item}{place}", step, values, cell, {})
        processes.append(collection(f"Process__{number:02d}__", parts, f"{PLAN}/Process/1/0"))
    held = collection("Processes", processes, f"{PLAN}/Processes/1/0")
    return submodel(unit_id, "DisassemblyProcess", PLAN_SEMANTIC, [held])


def _executed_process(
    number: int,
    attempts: Sequence[Attempt],
    step: ProcessStep | None,
    lots: Mapping[str, str],
    rejected: Sequence[Piece],
    cell: Cell,
) -> Any:
    first, last = attempts[0], attempts[-1]
    failed = [attempt for attempt in attempts if not attempt.done]
    known = [attempt.duration_s for attempt in attempts if attempt.duration_s is not None]
    parameters: dict[str, Any] = {
        "Skill": last.skill,
        "SkillVersion": last.version,
        "Attempts": len({attempt.attempt for attempt in attempts}),
        "DurationS": float(sum(known)),
        **last.values,
    }
    if last.energy_j is not None:
        parameters["MechanicalWorkJ"] = last.energy_j
    if rejected:
        parameters["Rejected"] = "; ".join(f"{piece.instance}, lot {piece.lot}" for piece in rejected)
    if last.telemetry:
        parameters["TelemetrySha256"] = last.telemetry
    outcome = "done" if last.done else "failed"
    description = f"{last.skill}: {step.item if step else last.step}"
    policy = [_policy(str(last.values["policy"]))] if "policy" in last.values else []
    elements = [
        *_process(last.step, last.skill, description, step, parameters, cell, lots, policy),
        prop("ProcessStatus", "finished", f"{EXECUTED}/ProcessStatus/1/0"),
        prop("ProcessResult", outcome, f"{EXECUTED}/ProcessResult/1/0"),
        prop("ProcessStartTime", first.start_wall, f"{EXECUTED}/ProcessStartTime/1/0"),
        prop("ProcessEndTime", last.end_wall, f"{EXECUTED}/ProcessEndTime/1/0"),
        collection("ProcessStages", map(_stage, count(1), attempts), f"{EXECUTED}/ProcessStages/1/0"),
        collection("ProcessErrors", map(_error, count(1), failed), f"{EXECUTED}/ProcessErrors/1/0"),
    ]
    return collection(f"Process__{number:02d}__", elements, f"{EXECUTED}/Process/1/0")


def _process(
    id_: str,
    name: str,
    description: str,
    step: ProcessStep | None,
    parameters: Mapping[str, Any],
    cell: Cell,
    lots: Mapping[str, str],
    resources: Iterable[Any] = (),
) -> list[Any]:
    """What both templates ask of a process; ``resources`` beside cell, robot and control mode. The planned time isn't
    known to events: it is left without a value."""
    from basyx.aas import model

    product = {"Item": step.item, "Target": step.target or "none"} if step else {}
    values = {**(step.constraints if step and step.id == id_ else {}), **parameters}
    bill = {step.item: lots[step.item]} if step and step.item in lots else {}
    resource = {"Cell": cell.name, "Robot": cell.robot_spec.name, "ControlMode": cell.control.default}
    named = [prop(key, value, own("resource-parameter")) for key, value in resource.items()]
    return [
        prop("ProcessId", id_, f"{PLAN}/ProcessId/1/0"),
        prop("ProcessName", name, f"{PLAN}/ProcessName/1/0"),
        text("ProcessDescription", description, f"{PLAN}/ProcessDescription/1/0"),
        prop("PlannedProcessTime", None, f"{PLAN}/PlannedProcessTime/1/0", type_=model.datatypes.Duration),
        properties("ProductParameters", product, f"{PLAN}/ProductParameters/1/0", own("product-parameter")),
        properties("ProcessParameters", values, f"{PLAN}/ProcessParameters/1/0", own("process-parameter")),
        collection("ResourceParameters", [*named, *resources], f"{PLAN}/ResourceParameters/1/0"),
        properties("ProcessBoM", bill, f"{PLAN}/ProcessBoM/1/0", own("lot")),
    ]


def _policy(reference_: str) -> Any:
    """A reference to the submodel that tells of the policy which a step was done by, as ``cellwright zoo show --aas``
    writes it."""
    from basyx.aas import model

    key = model.Key(model.KeyTypes.SUBMODEL, f"{policy_id(reference_)}/AIModelNameplate")
    to = model.ModelReference((key,), model.Submodel)
    return model.ReferenceElement("Policy", to, semantic_id=reference(own("policy")))


def _stage(number: int, attempt: Attempt) -> Any:
    base = f"{EXECUTED}/ProcessStage"
    elements = [
        prop("StageId", f"{attempt.step} attempt {attempt.attempt}", f"{base}/StageId/1/0"),
        prop("StartTime", attempt.start_wall, f"{base}/StartTime/1/0"),
        prop("EndTime", attempt.end_wall, f"{base}/EndTime/1/0"),
        prop("Result", "done" if attempt.done else "failed", f"{base}/Result/1/0"),
    ]
    return collection(f"ProcessStage__{number:02d}__", elements, f"{base}/1/0")


def _error(number: int, attempt: Attempt) -> Any:
    base = f"{EXECUTED}/ProcessError"
    elements = [
        prop("ErrorCode", attempt.cause, f"{base}/ErrorCode/1/0"),
        prop("ErrorDescription", attempt.why, f"{base}/ErrorDescription/1/0"),
    ]
    return collection(f"ProcessError__{number:02d}__", elements, f"{base}/1/0")
