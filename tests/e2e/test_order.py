"""The whole way by the real command: an order becomes a unit, a passport, a report and a journal that holds."""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ORDER, Cellwright, Ended
from tests.e2e.conftest import command


@dataclass
class Built:
    """One finished run and where it was made."""

    run: Cellwright
    here: Path
    done: Ended

    @property
    def result(self) -> dict:
        return json.loads(self.done.stdout)

    @property
    def folder(self) -> Path:
        return self.here / "runs" / "T-1-1"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    root = tmp_path_factory.mktemp("order")
    here = root / "here"
    here.mkdir()
    (here / "order.yaml").write_text(ORDER, encoding="utf-8")
    run = command(root / "home", here)
    return Built(run, here, run("run", "order.yaml", "--seed", 5, "--json"))


def test_the_unit_is_good_and_the_files_are_there(built: Built) -> None:
    assert built.done.returncode == 0, built.done.stderr
    (unit,) = built.result["units"]
    assert (unit["verdict"], unit["serial"]) == ("good", "T-1-01")
    assert unit["work_j"] > 10
    for name in built.result["files"]:
        assert (built.here / name).is_file()
    assert "T-1-01  1/" in built.done.stderr
    assert "loaded itself" in built.done.stderr


def test_run_json_holds_what_repeats_the_run(built: Built) -> None:
    config = json.loads((built.folder / "run.json").read_text(encoding="utf-8"))
    assert config["command"] == ["cellwright", "run", "order.yaml", "--seed", "5", "--json"]
    assert config["seed"] == 5
    assert config["packages"]["pybullet"] == "3.2.7"
    assert config["order"]["items"][0]["parameters"]["clearance_mm"] == 0.6
    assert config["cell"]["name"] == "panda-bench"


def test_the_passport_passes_the_official_checker(built: Built) -> None:
    from aas_test_engines import file

    path = built.folder / "passports" / "T-1-01.aasx"
    assert zipfile.is_zipfile(path)
    with open(path, "rb") as stream:
        result = file.check_aasx_file(stream)
    assert result.ok(), "\n".join(result.to_lines())


def test_the_passport_agrees_with_the_journal(built: Built) -> None:
    path = "runs/T-1-1/passports/T-1-01.aasx"
    assert built.run("passport", "verify", path).returncode == 0
    said = json.loads(built.run("passport", "show", path, "--json").stdout)
    assert said["unit"]["Serial"] == "T-1-01"
    assert {lot["item"]: lot["Lot"] for lot in said["lots"]} == {"plate": "SIM-1", "peg_1": "SIM-2"}
    assert json.loads(built.run("journal", "verify", "--json").stdout)["ok"]


def test_a_changed_passport_is_found(built: Built, tmp_path: Path) -> None:
    honest = (built.folder / "passports" / "T-1-01.json").read_text(encoding="utf-8")
    forged = tmp_path / "forged.json"
    forged.write_text(honest.replace("steel", "unobtanium"), encoding="utf-8")
    done = built.run("passport", "verify", forged)
    assert done.returncode == 1
    assert "changed" in done.stderr


def test_the_journal_tells_every_step_and_names_every_recording(built: Built) -> None:
    events = json.loads(built.run("journal", "show", "T-1", "--json").stdout)["events"]
    done = [event["data"] for event in events if event["kind"] == "step_done"]
    assert [step["skill"].partition("@")[0] for step in done] == [
        "pick", "place", "pick", "insert", "inspect", "pick", "handover",
    ]  # fmt: skip
    for step in done:
        recording = built.folder / "telemetry" / Path(step["telemetry"]["file"]).name
        assert hashlib.sha256(recording.read_bytes()).hexdigest() == step["telemetry"]["sha256"]
    (finished,) = (event["data"] for event in events if event["kind"] == "unit_finished")
    (unit,) = built.result["units"]
    assert (finished["energy_j"], finished["seconds"]) == (unit["work_j"], pytest.approx(unit["seconds"]))
    assert finished["energy_j"] >= sum(step["energy_j"] for step in done)
    orders = json.loads(built.run("journal", "list", "--json").stdout)["orders"]
    assert orders[0]["good"] == "1 of 1"


def test_the_report_shows_pictures_curve_and_verdict(built: Built) -> None:
    page = (built.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") >= 4
    assert page.count("<svg") == 2  # the force curve, and the drawn plan
    assert "1 of 1" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_past_improves_the_plan(built: Built) -> None:
    plan = json.loads(built.run("plan", "order.yaml", "--json").stdout)
    fresh = json.loads(built.run("plan", "order.yaml", "--json", CELLWRIGHT_HOME=str(built.here / "new")).stdout)
    assert plan["hash"] == fresh["hash"]
    assert plan["units"][0]["seconds"] != fresh["units"][0]["seconds"]
    assert all(value is not None for value in plan["units"][0]["joules"])


@pytest.fixture(scope="module")
def apart(built: Built) -> Ended:
    """The unit, taken apart again. Stands last in this file: what comes before tells of the building alone."""
    return built.run("run", "--disassemble", "T-1-01", "--seed", 6, "--json")


def test_the_unit_comes_apart_and_the_cell_says_where_its_parts_are(built: Built, apart: Ended) -> None:
    assert apart.returncode == 0, apart.stderr
    assert "put the unit T-1-01 into its fixture" in apart.stderr
    result = json.loads(apart.stdout)
    assert (result["verdict"], result["order"], result["recoveries"]) == ("apart", "T-1", [])
    assert {(part["instance"], part["lot"], part["place"]) for part in result["parts"]} == {
        ("T-1-01/plate", "SIM-1", "tray_a/0"),
        ("T-1-01/peg_1", "SIM-2", "tray_b/0"),
    }
    (report,) = result["files"]
    assert "2 of 2" in (built.here / report).read_text(encoding="utf-8")
    config = json.loads((built.here / result["folder"] / "run.json").read_text(encoding="utf-8"))
    assert config["disassemble"]["serial"] == "T-1-01"


def test_its_passport_still_agrees_with_the_journal_and_it_is_not_taken_apart_twice(built: Built, apart: Ended) -> None:
    assert apart.returncode == 0
    assert built.run("passport", "verify", "runs/T-1-1/passports/T-1-01.aasx").returncode == 0
    again = built.run("run", "--disassemble", "T-1-01")
    assert again.returncode == 2
    assert "begun already" in again.stderr and "journal show --serial T-1-01" in again.stderr
