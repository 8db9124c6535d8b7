"""``cellwright tell`` as operators use it: several terminals, one cell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cells.description.robot import LIBRARY
from cells.runtime.control_socket import send
from tests.conftest import Cellwright
from tests.e2e.conftest import command


def events(cellwright: Cellwright) -> list[dict[str, object]]:
    done = cellwright("journal", "export")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_stop_told_in_another_terminal_stops_the_arm_and_the_journal_says_who(here: Path, home: Path) -> None:
    other = command(home, here)
    # Three of them, so that much is left to be stopped however long the other terminal takes to start.
    words = [Path(sys.executable).with_name("cellwright"), "tell", "make three pegboards with one 12 mm peg", "--yes"]
    with subprocess.Popen(
        words, cwd=here, env=os.environ | {"CELLWRIGHT_HOME": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stderr
        for line in run.stderr:
            if " 1/7 " in line:
                stopped = other("tell", "Halt!")
                assert stopped.returncode == 0 and "acknowledge" in stopped.stdout, stopped.stdout
                assert send("panda-bench", "status", home=home)["state"] == "Stopped"
                run.send_signal(signal.SIGTERM)
    assert run.returncode == 130
    [stop] = [event for event in events(other) if event["kind"] == "stop_requested"]
    assert "told: Halt!" in stop["data"]["by"]  # type: ignore[index]


@pytest.mark.long
def test_a_running_cell_is_told_more_asked_stopped_and_goes_on(here: Path, home: Path) -> None:
    other = command(home, here)
    environment = os.environ | {"CELLWRIGHT_HOME": str(home)}
    words = [Path(sys.executable).with_name("cellwright"), "tell", "put a peg in tray C", "--yes", "--json"]
    said: list[str] = []
    with subprocess.Popen(
        words, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr and run.stdout
        for line in run.stderr:
            first = " 1/2 " in line and not any(" 1/2 " in before for before in said)  # the other errand has one too
            said.append(line)
            if first:
                stopped = other("tell", "Halt!")
                assert stopped.returncode == 0 and "acknowledge" in stopped.stdout, stopped.stdout
                assert send("panda-bench", "status", home=home)["state"] == "Stopped"
                asked = other("tell", "where is the peg?")
                assert asked.returncode == 0 and "peg" in asked.stdout and "world model" in asked.stdout
                plan = json.loads(other("tell", "hand me a peg", "--json").stdout)
                taken = other("confirm", plan["plan"][:8])
                assert taken.returncode == 0 and "takes it up" in taken.stdout, taken.stderr
                assert other("tell", "continue").returncode == 1, "nothing resumes unacknowledged"
                assert send("panda-bench", "acknowledge", home=home)["ok"]
                assert other("tell", "continue").returncode == 0
        results = run.stdout.read()
    assert run.returncode == 0, "".join(said)
    assert results.count('"verdict": "done"') == 2, "both errands, one after the other"
    told = events(other)
    [stop] = [event for event in told if event["kind"] == "stop_requested"]
    assert "told: Halt!" in stop["data"]["by"]  # type: ignore[index]
    released = [e["data"]["place"] for e in told if e["kind"] == "part_released"]  # type: ignore[index]
    assert released == ["tray_c/0", "hand_over"]
    assert {"told", "plan_proposed", "plan_confirmed", "told_answered"} <= {event["kind"] for event in told}


def blind_cell(tmp_path: Path) -> Path:
    """The bench with a locator that errs by 6 mm: the plate isn't where it is said to be."""
    content = yaml.safe_load((LIBRARY / "cells" / "panda-bench.yaml").read_text(encoding="utf-8"))
    content["noise"]["locator"]["xy_mm"] = 6.0
    path = tmp_path / "blind.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.long
def test_what_went_wrong_names_the_step_and_its_numbers(
    cellwright: Cellwright, here: Path, home: Path, tmp_path: Path
) -> None:
    cell = blind_cell(tmp_path)
    words = [Path(sys.executable).with_name("cellwright"), "tell", "make a pegboard with one 12 mm peg", "--yes"]
    with subprocess.Popen(
        [*words, "--cell", cell], cwd=here, env=os.environ | {"CELLWRIGHT_HOME": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stderr
        for line in run.stderr:
            if "acknowledge" in line:  # the guard tripped, and the cell waits for a person
                run.send_signal(signal.SIGTERM)
    assert run.returncode != 0
    failed = [e for e in events(cellwright) if e["kind"] == "step_failed"]
    for language, question in (("en", "what went wrong with the last one?"), ("de", "Was ging beim letzten schief?")):
        answer = cellwright("tell", question, "--cell", cell, "--lang", language)
        assert answer.returncode == 0
        assert str(failed[-1]["data"]["step"]) in answer.stdout and " N" in answer.stdout  # type: ignore[index]


@pytest.mark.long
@pytest.mark.parametrize(
    "text",
    [
        "Make two pegboards with 12 mm pegs",
        "請做兩塊12毫米栓的釘板",
        "Bau zwei Stiftbretter mit 12-mm-Bolzen",
        "Make a gearbox with a 36-tooth gear and a 20-tooth pinion",
    ],
)
def test_a_sentence_ends_with_products_and_their_passports(cellwright: Cellwright, here: Path, text: str) -> None:
    done = cellwright("tell", text, "--yes")
    assert done.returncode == 0, done.stderr
    assert len(list(here.rglob("*.aasx"))) == (1 if "gearbox" in text else 2)
