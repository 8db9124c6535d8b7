"""Event: one line in the journal, the only thing that changes what the cell believes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What the world model folds (data keys in brackets):
#   material_loaded  [instance, part, variant, lot, station, slot]
#   part_gripped     [instance]
#   part_released    [instance, place]     place: "fixture", "tray_b/3", "<instance>/hole_1", "reject_bin", "hand_over"
#   part_lost        [instance]            it is not where it was believed; only the locator knows
#   unit_left        [serial, instances]   a finished or rejected unit has left the cell
# What progress, traceability and passports fold:
#   order_accepted   [order, items]        order_finished [order, good, ordered]
#   unit_started     [serial, order, variant, family]
#   unit_finished    [serial, verdict, reasons, seconds, energy_j]   over the whole unit; energy_j is mechanical work
#   step_started     [serial, step, skill, attempt]
#   step_done        [serial, step, skill, attempt, duration_s, energy_j, result, telemetry]
#   step_failed      [serial, step, skill, attempt, cause, why, result]
#   recovery_started [serial, step, recovery]
#   setup_confirmed: see cells.orders.setup
#   changeover_started, step_retooled, changeover_finished: see cells.orders.changeover
#   state_changed    [state, was]          PackML state names
#   stop_requested | pause_requested | resume_requested | cancel_requested | acknowledged   [by]
#   guard_tripped    [cause, value, limit]


@dataclass(frozen=True, slots=True)
class Event:
    """``kind`` and ``data`` (JSON values only) as of cell time ``time`` (s). The store adds sequence, wall time and
    hash."""

    kind: str
    time: float
    data: Mapping[str, Any]
