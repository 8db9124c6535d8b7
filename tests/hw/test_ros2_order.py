"""The whole way over ROS 2 by the real command: an order is built by an arm in another process, with its passport."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cells.commands.told import Place, do
from cells.description.cell import LIBRARY, load_cell
from cells.dialogue.turn import Desk, take_turn
from cells.errors import CellwrightError, Refused
from cells.journal.store import Journal
from cells.runtime.control_socket import send
from tests.conftest import ORDER, Cellwright, Ended
from tests.e2e.conftest import command
from tests.hw.arm_bench import need_ros, process

NAMESPACE = "/order"
GEARBOX = ORDER.partition("  - product")[0] + "  - {product: gearbox, quantity: 1}\n"
# What a machine that is too busy for an arm does to it: the one who stands by acknowledges it, and the order goes on.
BUSY = ("tick overrun", "robot no feedback", "robot no wrench", "robot motion unanswered")


def cell_file(path: Path, name: str, ros2: str = "", **changes: tuple[str, str]) -> Path:
    """The bench under another name, on a network of its own, with pieces of its text changed; ``ros2`` is what its
    section says besides."""
    text = (LIBRARY / "cells" / "panda-bench.yaml").read_text(encoding="utf-8")
    text = text.replace("name: panda-bench", f"name: {name}")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path.write_text(f"{text}ros2: {{namespace: {NAMESPACE}, {ros2}}}\n", encoding="utf-8")
    return path


class Operator:
    """Somebody who stands by the cell while it runs; ``seen`` is what had to be acknowledged."""

    def __init__(self, cell: str, home: Path) -> None:
        self._cell, self._home, self._over = cell, home, threading.Event()
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self._stand_by)

    def __enter__(self) -> Operator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _stand_by(self) -> None:
        while not self._over.wait(0.5):
            try:
                status = send(self._cell, "status", "operator", self._home)
                if status.get("state") != "Aborted":  # no state: it is busy with opening its world
                    continue
                self.seen.append(status["guard"])
                for word in ("acknowledge", "resume") if status["guard"].startswith(BUSY) else ("cancel",):
                    send(self._cell, word, "operator", self._home)
            except CellwrightError:
                continue  # it doesn't run yet, or no more


@dataclass
class Built:
    run: Cellwright
    here: Path
    done: Ended
    seen: list[str]

    @property
    def config(self) -> Any:
        return json.loads((self.here / "runs" / "T-1-1" / "run.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_ros()
    pytest.importorskip("pybullet", reason="PyBullet isn't installed: pip install 'cellwright[sim]'")
    folder = tmp_path_factory.mktemp("ros2-order")
    (folder / "order.yaml").write_text(ORDER, encoding="utf-8")
    return folder


@contextmanager
def arm_of(file: Path, here: Path) -> Iterator[Operator]:
    """An arm that lives by its own clock, so that it is slow on a busy machine, and not late; and who stands by it."""
    words = f"cell:={file}", "rate:=2.0", "use_sim_time:=true"
    with process("hw.nodes.arm_sim", *words, namespace=NAMESPACE), Operator("led-bench", here / "home") as operator:
        yield operator


@pytest.fixture(scope="module")
def built(here: Path) -> Iterator[Built]:
    file, run = cell_file(here / "cell.yaml", "led-bench"), command(here / "home", here)
    with arm_of(file, here) as operator:
        done = run("run", "order.yaml", "--cell", file, "--world", "ros2", "--no-rehearse", "--yes", "--json")
    yield Built(run, here, done, operator.seen)


def test_the_unit_is_good_and_the_control_mode_one_that_the_arm_takes(built: Built) -> None:
    assert built.done.returncode == 0, (built.done.stderr, built.seen)
    [unit] = json.loads(built.done.stdout)["units"]
    assert unit["verdict"] == "good" and unit["work_j"] > 10
    said = built.done.stderr
    assert said.index("in control mode admittance") < said.index("T-1-01  1/7") and "rehears" not in said


def test_the_passport_holds_and_names_the_control_mode(built: Built) -> None:
    passport = "runs/T-1-1/passports/T-1-01.aasx"
    done = built.run("passport", "verify", passport, "--cell", "cell.yaml")
    assert done.returncode == 0, done.stderr
    assert "admittance" in built.run("passport", "show", passport, "--json").stdout


def test_what_was_done_is_the_plan_of_the_simulated_world(built: Built) -> None:
    planned = json.loads(built.run("plan", "order.yaml", "--cell", "cell.yaml", "--json").stdout)
    assert built.config["world"] == "ros2" and built.config["plan"]["hash"] == planned["hash"]
    done = built.run("journal", "show", "--cell", "cell.yaml", "--json")
    events = json.loads(done.stdout)["events"]
    steps = [event["data"]["step"] for event in events if event["kind"] == "step_done"]
    assert set(steps) == {call["id"] for call in planned["units"][0]["calls"]}


@pytest.mark.long
def test_a_failed_rehearsal_refuses_before_anything_moves(here: Path) -> None:
    """A cell that bears no force at all: in simulation the guard trips. There is no arm on this network."""
    file = cell_file(here / "soft.yaml", "soft-bench", force=("force_n: 40 ", "force_n: 1.0 "))
    done = command(here / "home", here)("run", "order.yaml", "--cell", file, "--world", "ros2", "--yes")
    assert done.returncode == 3, done.stderr
    assert "rehearsal: T-1-01 ended stopped" in done.stderr and "the guard tripped: force" in done.stderr
    assert "nothing has moved" in done.stderr and load_cell(file).limits.force_n == 1.0


@pytest.mark.long
def test_an_order_is_rehearsed_and_then_built(here: Path) -> None:
    file = cell_file(here / "cell.yaml", "led-bench")
    with arm_of(file, here) as operator:
        done = command(here / "home", here)("run", "order.yaml", "--cell", file, "--world", "ros2", "--yes")
    assert done.returncode == 0, (done.stderr, operator.seen)
    assert done.stderr.index("rehearsed: good") < done.stderr.index("T-1-01  1/7")


def test_nobody_s_yes_moves_a_real_arm(here: Path) -> None:
    """Refused before the arm is looked for: there is none on this network."""
    done = command(here / "home", here)("tell", "Make a pegboard", "--yes", "--world", "ros2")
    assert done.returncode == 3, done.stderr
    assert "moves no real arm" in done.stderr and "rehears" not in done.stderr


def test_a_told_plan_says_what_to_change_by_hand_and_its_confirmation_is_one_of_that(here: Path) -> None:
    """No arm is there: what is confirmed is rehearsed, then it isn't found."""
    file = cell_file(here / "told.yaml", "told-bench")
    run, where = command(here / "home", here), ("--cell", file, "--world", "ros2")
    run("tell", "hand me a peg", "--cell", file)
    unseen = run("confirm", *where)
    assert unseen.returncode == 1 and "wasn't shown with that plan (fixture: clamp" in unseen.stderr
    plan = json.loads(run("tell", "hand me a peg", "--json", *where).stdout)
    assert len(plan["by_hand"]) == 3 and (here / plan["picture"]).read_bytes().startswith(b"\x89PNG")
    assert any(
        line.startswith("change by hand, before you confirm: tray_b: seats for 3 × peg") for line in plan["text"]
    )
    done = run("confirm", plan["plan"][:8], *where)
    assert done.returncode == 1 and "rehearsed: good" in done.stderr, done.stderr
    events = json.loads(run("journal", "show", "--cell", file, "--json").stdout)["events"]
    [setup] = [event["data"] for event in events if event["kind"] == "setup_confirmed"]
    assert setup["instructions"] == plan["by_hand"] and setup["by"].endswith(", terminal")
    assert json.loads(run("tell", "hand me a peg", "--json", *where).stdout)["by_hand"] == []


def test_a_unit_is_not_taken_apart_before_somebody_says_that_it_is_in_the_fixture(built: Built) -> None:
    where = "--cell", "cell.yaml", "--world", "ros2"
    done = built.run("run", "--disassemble", "T-1-01", *where)
    assert done.returncode == 3, done.stderr
    assert "change by hand: fixture: put the unit T-1-01 into it, assembled" in done.stderr
    assert "tray_" not in done.stderr and "rehears" not in done.stderr  # it stands as the unit was built


def test_what_was_told_for_the_simulated_cell_moves_no_real_arm_of_an_unknown_setup(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the running cell does what it was told meanwhile."""
    monkeypatch.setenv("CELLWRIGHT_HOME", str(here / "another-home"))
    with Journal.open("panda-bench") as journal:
        desk = Desk(load_cell("panda-bench"), journal, "ada, terminal")
        task = take_turn("make a pegboard", "en", desk).task
        assert task is not None
        with pytest.raises(Refused, match="nobody knows what stands in the cell; change by hand: fixture: clamp"):
            do(task, Place(desk.cell, "ros2"))


@pytest.mark.long
def test_a_gearbox_is_built_by_an_arm_whose_parts_are_seen(here: Path) -> None:
    (here / "gearbox.yaml").write_text(GEARBOX, encoding="utf-8")
    file = cell_file(here / "cell.yaml", "led-bench")
    run = command(here / "home", here, patience_s=900.0)
    with arm_of(file, here) as operator:
        done = run("run", "gearbox.yaml", "--cell", file, "--world", "ros2", "--no-rehearse", "--yes")
    assert done.returncode == 0, (done.stderr, operator.seen)


def test_what_must_be_seen_is_refused_where_parts_are_only_reckoned(here: Path) -> None:
    """A gearbox's wheels turn by themselves, as far as the hand can tell: no good one is called bad for that."""
    (here / "gearbox.yaml").write_text(GEARBOX, encoding="utf-8")
    file = cell_file(here / "blind.yaml", "blind-bench", ros2="sight: null")
    done = command(here / "home", here)("run", "gearbox.yaml", "--cell", file, "--world", "ros2")
    assert done.returncode == 2, done.stderr
    assert "turn_large_gear must see" in done.stderr and "rehears" not in done.stderr
