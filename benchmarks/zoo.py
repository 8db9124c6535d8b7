"""The zoo: what mustn't be loaded, how fast a policy is found and begins to act, and many cells at one shared zoo.

    python benchmarks/zoo.py --json

* ``zoo_malicious_loaded``, ``zoo_malicious_tracebacks``: of ``--cases`` spoilt entries (``zoo_spoilt.py``) how many
  were loaded, and how many ended in another error than ours; ``zoo_malicious_run``: whether anything in them ran.
* ``zoo_search_ms``: a search in an index of ``--entries`` that is in memory, CPU time, in the middle of many;
  ``zoo_search_same_ms``: in one whose every policy fits; ``zoo_search_disk_ms``: with reading the index from disk.
* ``load_first_action_s``: in a fresh process without torch that knows its cell, from the first import of ours to the
  first action, in the middle of several; ``load_first_action_cpu_s`` the same in CPU time. ``action_us``: an action
  later on.
* ``zoo_race_*``: ``--processes`` that push and pull ``--shared`` policies in one folder, some killed by SIGKILL and
  begun again: how many rows are there in the end, in the index too; how many were lost; seen without a sound archive
  at any time; how many processes were killed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.description.cell import load_cell
from cells.errors import CellwrightError
from cells.skills.contracts import CONTRACTS, contract_for
from cells.skills.policy import Contract
from policies.archive import read_archive
from policies.contents import CARD, EVALUATION, NETWORK, PLOT, SIGNATURE, WEIGHTS, sha256
from policies.entry import parts
from policies.folder import read_entry, write_entry
from policies.index import Row, index_json, parse_index
from policies.matching import Wanted, rank
from policies.measured import Measured
from policies.sharing import INDEX, admit, archive_name, pull, push, rows_of
from policies.shelf import Folder, read
from policies.signature import sign
from policies.store import find_entry

if TYPE_CHECKING:
    from benchmarks.zoo_spoilt import Spoilt

CELL = "panda-bench"
EVALUATED = {
    "schema": "cellwright/evaluation/v1",
    "asked": {"task": "Insert", "conditions": "hard"},
    "result": {"success": {"count": 97, "of": 100, "share": 0.97, "lower": 0.9242}, "time_s": 2.5},
}
FIRST_ACTION = """
import sys, time
sys.modules["torch"] = None
from pathlib import Path
from cells.description.cell import load_cell
from cells.skills.contracts import CONTRACTS
cell = load_cell({cell!r})
began, paid = time.perf_counter(), time.process_time()
from policies.running import load_in
policy = load_in(Path({folder!r}), cell)
middle = (policy.contract.observation.low + policy.contract.observation.high) / 2
policy.act(middle)
first, cpu = time.perf_counter() - began, time.process_time() - paid
times = []
for _ in range(2000):
    at = time.perf_counter()
    policy.act(middle)
    times.append(time.perf_counter() - at)
print(first, cpu, sorted(times)[len(times) // 2])
"""


def described(contract: Contract, **more: Any) -> dict[str, Any]:
    """``policy.json`` of a policy for a contract in the cell, without ``schema`` and ``files``."""
    cell, size = load_cell(CELL), contract.observation.size
    middle = {part.name: (part.low[0] + part.high[0]) / 2 for part in contract.action.components}
    return {
        "name": "sound", "version": "1.0.0", "kind": contract.kind, "capability": contract.skill,
        "skill": contract.skill, "nominal": contract.nominal, "robot": cell.robot,
        "tool": cell.robot_spec.gripper.kind, "control_mode": cell.control.default,
        "policy_every": cell.clocks.policy_every, "observation": parts(contract.observation),
        "action": parts(contract.action), "normaliser": {"mean": [0.0] * size, "scale": [1.0] * size},
        "parameters": middle if contract.kind == "parameters" else {},
        "part_ranges": {"trained": {"pegboard": {"clearance_mm": [0.3, 1.0]}},
                        "proven": {"pegboard": {"clearance_mm": [0.4, 0.8], "peg_shape": ["round"]}}},
        "training": {"command": "made by a benchmark", "seed": 0, "budget_s": 0.0, "cpu_s": 0.0, "steps": 0,
                     "code_version": "0"},
        "licence": "Apache-2.0", "parents": [], **more,
    }  # fmt: skip


def write_network(zoo: Path) -> Path:
    """A sound entry with a network of the usual size, a card and a picture; its folder. Needs torch and matplotlib."""
    import io

    import torch
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from policies.network import Network, to_onnx, to_weights

    torch.manual_seed(0)
    contract = contract_for("insert", "residual")
    assert contract is not None
    size, action = contract.observation.size, contract.action
    network = Network((64, 64), [0.0] * size, [1.0] * size, action.low.tolist(), action.high.tolist())
    figure, picture = Figure(figsize=(1, 1)), io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(picture, format="png")
    files = {WEIGHTS: to_weights(network), NETWORK: to_onnx(network), EVALUATION: json.dumps(EVALUATED).encode()}
    return write_entry(zoo, described(contract), {**files, CARD: b"# sound\n", PLOT: picture.getvalue()})


def malicious(cases: int, seed: int, work: Path) -> dict[str, Any]:
    """Try to load spoilt entries; what came of it."""
    from benchmarks.zoo_spoilt import spoilt

    key = work / "key.pem"
    write_key(key)
    sound = dict(read_entry(write_network(work / "sound")).files)
    sound[SIGNATURE] = sign(sound["policy.json"], key)
    dice, trace = random.Random(seed), work / "trace"
    loaded: list[str] = []
    broken: list[str] = []
    ways: dict[str, int] = {}
    for _ in range(cases):
        case = spoilt(sound, dice, trace)
        ways[case.way] = ways.get(case.way, 0) + 1
        try:
            if attempt(case, work / "case"):
                loaded.append(case.way)
        except Exception:
            broken.append(f"{case.way}\n{traceback.format_exc()}")
    return {
        "zoo_malicious_cases": cases, "zoo_malicious_loaded": len(loaded), "zoo_malicious_tracebacks": len(broken),
        "zoo_malicious_run": int(trace.exists()), "ways": ways, "loaded": loaded, "broken": broken[:5],
    }  # fmt: skip


def attempt(case: Spoilt, place: Path) -> bool:
    """Whether a case can be loaded: a zip is taken in first, a folder stands where a policy is looked for."""
    from policies.running import load_in

    shutil.rmtree(place, ignore_errors=True)
    folder = place / "sound" / "1.0.0"
    try:
        if case.zip is not None:
            folder, _ = admit(read_archive(case.zip, "case.zip"), place)
        else:
            folder.mkdir(parents=True)
            for name, raw in (case.files or {}).items():
                if name == case.link:
                    (place / name).write_bytes(raw)
                    (folder / name).symlink_to(place / name)
                else:
                    (folder / name).write_bytes(raw)
        load_in(folder, load_cell(CELL))
    except CellwrightError as error:
        said = str(error)
        assert len(said) < 5000 and said.replace("\n", "").isprintable(), "an error that nobody would want to read"
        assert all(problem.remedy for problem in error.problems)
        return False
    return True


def write_key(path: Path) -> str:
    """Write an Ed25519 key; the public one in base64."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = Ed25519PrivateKey.generate()
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def searching(entries: int, seed: int, work: Path) -> dict[str, float]:
    """Times of a search (ms)."""
    rows, asked = index_of(entries, random.Random(seed)), wanted_peg()
    same = [row.model_copy(update={"capability": "insert", "robot": asked.robot, "control_mode": asked.control_mode,
                                   "tool": asked.tool, "nominal": "tilt@2"}) for row in rows]  # fmt: skip
    path = work / INDEX
    path.write_bytes(index_json(rows))

    def from_disk() -> None:
        rank(asked, parse_index(path.read_bytes(), INDEX))

    return {
        "zoo_search_ms": milliseconds(lambda: rank(asked, rows), 15),
        "zoo_search_same_ms": milliseconds(lambda: rank(asked, same), 7),
        "zoo_search_disk_ms": milliseconds(from_disk, 7),
        "zoo_index_bytes": path.stat().st_size,
    }


def wanted_peg() -> Wanted:
    """A search as it comes from a step: every parameter of a pegboard."""
    from cells.products.catalogue import build_variant, families
    from policies.matching import wanted

    variant = build_variant("pegboard", {"clearance_mm": 0.35, "peg_mm": 12})
    return wanted("insert", variant, families()["pegboard"], load_cell(CELL), "tilt@2")


def index_of(entries: int, dice: random.Random) -> list[Row]:
    """Rows of made-up policies, as different as those of many cells would be."""
    numbers = {name: value for name, value in wanted_peg().parameters.items() if not isinstance(value, str)}
    rows = []
    for number in range(entries):
        skill = dice.choice(("insert", "insert", "mesh", "pick", "fasten"))
        low = {name: float(value) * dice.uniform(0.5, 1.1) for name, value in numbers.items()}
        box = {name: (value, value * dice.uniform(1.0, 1.8)) for name, value in low.items()} | {"peg_shape": ("round",)}
        episodes = dice.randint(50, 500)
        successes = dice.randint(episodes // 2, episodes)
        known = Measured(task="Insert", conditions="hard", successes=successes, episodes=episodes,
                         lower=0.9 * successes / episodes, time_s=dice.uniform(1.0, 5.0))  # fmt: skip
        rows.append(Row(
            policy=f"p{number}@1.{dice.randrange(9)}.0", archive=sha256(str(number).encode()), size=100_000, key="",
            kind="residual", capability=skill, skill=skill, nominal="tilt@2" if skill == "insert" else f"{skill}@1",
            robot=dice.choice(("panda", "ur5e", "iiwa14")), tool=dice.choice(("franka-hand", "parallel")),
            control_mode=dice.choice(("admittance", "impedance")), policy_every=12, trained={"pegboard": box},
            proven={"pegboard": box}, measured=known, licence="Apache-2.0",
        ))  # fmt: skip
    return rows


def milliseconds(work: Any, times: int) -> float:
    """The median of so many (ms of CPU time)."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - began))
    return round(statistics.median(taken), 3)


def first_action(work: Path, times: int = 5) -> dict[str, float]:
    """Times of loading and of acting (s, µs), in fresh processes."""
    folder = write_network(work / "network")
    program = FIRST_ACTION.format(cell=CELL, folder=str(folder))
    told = []
    for _ in range(times):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        told.append([float(word) for word in done.stdout.split()])
    first, cpu, later = (statistics.median(column) for column in zip(*told, strict=True))
    return {
        "load_first_action_s": round(first, 3), "load_first_action_cpu_s": round(cpu, 3),
        "action_us": round(1e6 * later, 1),
    }  # fmt: skip


def race(work: Path, shared: int, processes: int, kills: int, seed: int) -> dict[str, int]:
    """Processes at one shared zoo, some of them killed; what is there in the end and what was seen on the way."""
    contract = contract_for("pick", "parameters")
    assert contract is not None and contract in CONTRACTS
    source, shelf = work / "source", Folder(work / "shared")
    folders = [
        write_entry(source, described(contract, name=f"p{number}"), {EVALUATION: b"{}"}) for number in range(shared)
    ]
    from benchmarks import zoo  # by the same name for those who call and those who are called

    # Forked off a process that has no threads, and that has imported everything once.
    fork, dice = multiprocessing.get_context("forkserver"), random.Random(seed)
    fork.set_forkserver_preload(["benchmarks.zoo"])
    stop, half_visible = fork.Event(), fork.Value("i", 0)

    def begin(number: int) -> Any:
        home = work / f"home{number}"
        process = fork.Process(target=zoo.work_at, args=(shelf.path, folders[number::processes], home, seed + number))
        process.start()
        return process

    watcher = fork.Process(target=zoo.watch, args=(shelf.path, stop, half_visible))
    watcher.start()
    running = {number: begin(number) for number in range(processes)}
    killed = 0
    while any(process.is_alive() for process in running.values()):
        time.sleep(dice.uniform(0.01, 0.1))
        number = dice.randrange(processes)
        if killed < kills and running[number].is_alive():
            os.kill(running[number].pid, signal.SIGKILL)
            running[number].join()
            killed += 1
            running[number] = begin(number)
    stop.set()
    watcher.join()
    failed = sum(process.exitcode != 0 for process in running.values()) + (watcher.exitcode != 0)
    index = {row.policy for row in parse_index(read(shelf, INDEX, 10**8), INDEX)}
    there = {row.policy: row for row in rows_of(shelf).rows}
    sound = sum(sha256(read(shelf, archive_name(row), row.size)) == row.archive for row in there.values())
    return {
        "zoo_race_rows": len(there), "zoo_race_in_index": len(index), "zoo_race_sound": sound,
        "zoo_race_lost": shared - len(there), "zoo_race_half_visible": half_visible.value,
        "zoo_race_failed": failed, "zoo_race_killed": killed,
    }  # fmt: skip


def work_at(path: Path, folders: Sequence[Path], home: Path, seed: int) -> None:
    """A cell: push one's own policies, and pull others' in between."""
    os.environ["CELLWRIGHT_HOME"] = str(home)
    dice, shelf = random.Random(seed), Folder(path)
    for folder in folders:
        push(folder, shelf)
        row = dice.choice(rows_of(shelf).rows)
        pulled, _ = pull(row.policy, shelf, home / "zoo")
        assert find_entry(row.policy) == pulled
        read_entry(pulled)


def watch(path: Path, stop: Any, half_visible: Any) -> None:
    """A reader: whatever row it sees, its archive must be there, whole; and whatever index, it must be one."""
    shelf = Folder(path)
    while not stop.is_set():
        if not path.is_dir():
            continue
        rows = {row.policy: row for row in rows_of(shelf).rows}
        if (path / INDEX).exists():
            rows |= {row.policy: row for row in parse_index(read(shelf, INDEX, 10**8), INDEX)}
        for row in rows.values():
            if sha256(read(shelf, archive_name(row), row.size)) != row.archive:
                half_visible.value += 1


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--shared", type=int, default=200)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sys.path.append(str(Path(__file__).parents[1]))  # as this runs by its path
    warnings.simplefilter("ignore")  # zipfile's, where a name is there twice
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        os.environ["CELLWRIGHT_HOME"] = str(work / "home")
        found: dict[str, Any] = dict(race(work, args.shared, args.processes, args.kills, args.seed))
        found |= searching(args.entries, args.seed, work)
        found |= first_action(work)
        tried = malicious(args.cases, args.seed, work)
    rows = [{"way": way, "cases": count} for way, count in sorted(tried.pop("ways").items())]
    details = {key: tried.pop(key) for key in ("loaded", "broken")}
    found |= tried
    command = f"python benchmarks/zoo.py {' '.join(sys.argv[1:])}".strip()
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    if args.json:
        print(json.dumps({"name": "zoo", "machine": machine, "command": command, "rows": rows, "measures": found}))
    else:
        for name, value in found.items():
            print(f"{name:28} {value:g}")
    for what, each in details.items():
        for one in each:
            print(f"{what}: {one}", file=sys.stderr)


if __name__ == "__main__":
    main()
