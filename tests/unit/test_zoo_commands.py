"""``cellwright zoo``, and policies found by their names."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import typer

from cells.description.cell import load_cell
from cells.errors import InputError
from cells.skills import learned
from cells.skills.learned import load_policies
from cells.skills.policy import Contract
from policies import store
from policies.running import load_named
from policies.zoo_commands import app
from tests.e2e.test_help import HEAVY
from tests.unit.entries import CELL, PARAMETERS, RESIDUAL, write_parameters, write_residual

DECLARED = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"]

Zoo = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own zoo, while the shipped one is empty."""
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "home" / "zoo"


@pytest.fixture
def zoo(mine: Path, capsys: pytest.CaptureFixture[str]) -> Zoo:
    """A function that runs ``cellwright zoo`` with its words: exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = app(args=list(words), standalone_mode=False) or 0
        except typer.Exit as stop:
            code = stop.exit_code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_list_is_empty_without_a_zoo(zoo: Zoo) -> None:
    code, out, _ = zoo("list", "--json")
    assert (code, json.loads(out)) == (0, {"policies": []})


def test_list_tells_both_zoos_the_newest_version_first(zoo: Zoo, mine: Path, tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0"):
        write_parameters(mine, version=version)
    write_residual(tmp_path / "shipped", name="firm")
    (mine / "notes.txt").write_text("nothing of a policy")
    (mine / "gentle" / ".draft-1").mkdir()
    _, out, _ = zoo("list", "--json")
    told = json.loads(out)["policies"]
    assert [row["policy"] for row in told] == ["firm@1.0.0", "gentle@1.10.0", "gentle@1.9.0"]
    assert [row["kind"] for row in told] == ["residual", "parameters", "parameters"]
    _, out, _ = zoo("list")
    assert "firm@1.0.0" in out and "admittance" in out


def test_a_broken_policy_is_listed_as_such_and_hides_no_other(zoo: Zoo, mine: Path) -> None:
    write_parameters(mine)
    (write_parameters(mine, name="broken") / "policy.json").write_text("{}")
    code, out, err = zoo("list")
    assert code == 0 and "gentle@1.0.0" in out and "broken" not in out
    assert "broken@1.0.0 is not sound; see cellwright zoo verify broken@1.0.0" in err


def test_show_tells_contract_ranges_and_evaluation(zoo: Zoo, mine: Path) -> None:
    write_residual(mine)
    _, out, _ = zoo("show", "gentle", "--json")
    told = json.loads(out)
    assert told["observation"][0]["low"] == [-0.01, -0.01, -0.02]
    assert told["evaluation"]["result"]["success"]["share"] == 0.97
    _, out, _ = zoo("show", "gentle@1.0.0")
    assert "evaluated: 97 of 100 succeed (95 % ≥ 0.924), hard" in out
    assert "proven on pegboard: clearance_mm 0.4 to 0.8" in out
    assert "the tip from where the hole should be" in out


def test_show_names_the_likeliest_where_there_is_no_such_policy(zoo: Zoo, mine: Path) -> None:
    write_residual(mine)
    for wrong in ("gentel", "gentle@2.0.0", "../gentle", "gentle@../1.0.0", ""):
        with pytest.raises(InputError, match=r"the zoo has no '.*'; .*known: gentle@1\.0\.0"):
            zoo("show", wrong)


def test_verify_tells_what_is_sound_and_what_is_not(zoo: Zoo, mine: Path) -> None:
    write_residual(mine)
    assert zoo("verify") == (0, "", "gentle@1.0.0: in order\n")
    (write_residual(mine, name="broken") / "policy.onnx").write_bytes(b"no network")
    code, out, _ = zoo("verify", "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (2, False)
    assert [(row["policy"], row["ok"]) for row in told["policies"]] == [("broken@1.0.0", False), ("gentle@1.0.0", True)]
    assert told["policies"][0]["problems"][0]["where"] == "policy.json:files.policy.onnx"
    code, _, err = zoo("verify", "broken")
    assert code == 2 and "broken@1.0.0: policy.json:files.policy.onnx: isn't the SHA-256 of policy.onnx" in err
    assert zoo("verify", "gentle")[0] == 0


def test_a_policy_goes_to_a_shared_zoo_and_into_another_cells(
    zoo: Zoo, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = str(tmp_path / "shared")
    write_residual(mine)
    with pytest.raises(InputError, match=r"no shared zoo is named; name one with --store, or .* CELLWRIGHT_ZOO"):
        zoo("push", "gentle")
    assert zoo("push", "gentle", "--store", shared)[1] == f"gentle@1.0.0 is in {shared}\n"
    _, out, _ = zoo("list", "--store", shared)
    assert "gentle@1.0.0" in out and "admittance" in out
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("CELLWRIGHT_ZOO", shared)
    _, out, _ = zoo("pull", "gentle", "--json")
    told = json.loads(out)
    assert told == {
        "policy": "gentle@1.0.0", "folder": str(tmp_path / "other/zoo/gentle/1.0.0"), "from": "not signed",
    }  # fmt: skip
    assert zoo("verify")[1:] == ("", "gentle@1.0.0: in order\n")
    [archive] = (tmp_path / "shared").glob("archives/*/*.zip")
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "third"))
    assert "in order" in zoo("verify", str(archive))[2]
    assert zoo("pull", str(archive))[1].startswith("gentle@1.0.0 (not signed): ")


def test_search_ranks_what_is_here_and_there_with_reasons(zoo: Zoo, mine: Path, tmp_path: Path) -> None:
    cell = load_cell("panda-bench")
    fitting = {"robot": cell.robot, "tool": cell.robot_spec.gripper.kind, "control_mode": cell.control.default}
    shared = str(tmp_path / "shared")
    write_residual(mine, name="away", **fitting)
    zoo("push", "away", "--store", shared)
    zoo("remove", "away@1.0.0")
    write_residual(mine, name="here", **fitting)
    write_residual(mine, name="other", **{**fitting, "robot": "ur5e"})
    words = ("search", "insert", "--product", "pegboard", "--set", "clearance_mm=0.3", "--store", shared)
    _, out, _ = zoo(*words, "--json")
    found = json.loads(out)["policies"]
    assert [(match["policy"], match["here"], match["covered"]) for match in found] == [
        ("away@1.0.0", False, False), ("here@1.0.0", True, False),
    ]  # fmt: skip
    assert "at least 92.4 % succeed (97 of 100, hard), 2.5 s" in found[0]["why"]
    _, out, _ = zoo(*words)
    assert "for insert on pegboard" in out and "there" in out


def test_diff_tells_key_by_key(zoo: Zoo, mine: Path) -> None:
    write_residual(mine)
    write_residual(mine, version="1.1.0", licence="MIT", policy_every=6, parents=("gentle@1.0.0",))
    _, out, _ = zoo("diff", "gentle@1.0.0", "gentle", "--json")
    told = {difference["key"]: difference["values"] for difference in json.loads(out)["differences"]}
    assert told["policy.json:licence"] == ["Apache-2.0", "MIT"]
    assert told["policy.json:policy_every"] == ["12", "6"]
    assert told.keys() == {f"policy.json:{key}" for key in ("version", "licence", "policy_every", "parents")}


def test_remove_takes_one_version_of_ones_own(zoo: Zoo, mine: Path, tmp_path: Path) -> None:
    write_parameters(mine)
    write_parameters(mine, version="1.1.0")
    write_parameters(tmp_path / "shipped", name="firm")
    for word in ("gentle", "gentle@"):
        with pytest.raises(InputError, match="names no version"):
            zoo("remove", word)
    with pytest.raises(InputError, match="'gentle@' names no version"):
        zoo("show", "gentle@")
    with pytest.raises(InputError, match="comes with Cellwright"):
        zoo("remove", "firm@1.0.0")
    zoo("remove", "gentle@1.1.0")
    assert [path.name for path in (mine / "gentle").iterdir()] == ["1.0.0"]
    zoo("remove", "gentle@1.0.0")
    assert not (mine / "gentle").exists()


def test_show_writes_a_nameplate_that_the_checker_of_the_aas_takes(zoo: Zoo, mine: Path, tmp_path: Path) -> None:
    from aas_test_engines import file

    write_residual(mine, parents=("gentle@0.9.0",))
    write_parameters(mine, name="tuned")
    for name in ("gentle", "tuned"):
        path = tmp_path / f"{name}.json"
        zoo("show", name, "--aas", str(path))
        with path.open() as written:
            result = file.check_json_file(written)
        assert result.ok(), "\n".join(str(line) for line in result.to_lines())
        [plate] = json.loads(path.read_text())["submodels"]
        assert plate["semanticId"]["keys"][0]["value"].endswith("/SubmodelTemplate/AIModelNameplate/1/0")
        assert {element["idShort"] for element in plate["submodelElements"]} >= {
            "URIOfTheProduct", "Version", "ContactInformation", "Storage", "KindOfLearning", "Inputs", "Outputs",
            "TrainingResults", "Details", "AITypeSpecificInformation",
        }  # fmt: skip


def test_the_users_own_counts_before_the_shipped_one(mine: Path, tmp_path: Path) -> None:
    write_parameters(tmp_path / "shipped", parameters={"press": 2.0, "pitch": 0.001})
    write_parameters(mine, parameters={"press": 8.0, "pitch": 0.001})
    assert load_named("gentle", [PARAMETERS], *CELL).act(np.zeros(0)).tolist() == [8.0, 0.001]


def test_the_command_loads_nothing_heavy() -> None:
    program = f"import sys, policies.zoo_commands\nprint([name for name in {HEAVY.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def points(values: dict[str, str]) -> Callable[..., list[EntryPoint]]:
    """What ``entry_points`` tells where these are installed."""
    return lambda group: [EntryPoint(name, value, group) for name, value in values.items()]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry points that pyproject.toml declares."""
    monkeypatch.setattr(learned, "entry_points", points(DECLARED["cellwright.policies"]))


def test_the_declared_command_is_this_one() -> None:
    assert EntryPoint("zoo", DECLARED["cellwright.commands"]["zoo"], "cellwright.commands").load() is app


@pytest.mark.usefixtures("installed")
def test_a_cell_finds_policies_by_name_each_under_its_own_contract(mine: Path) -> None:
    write_residual(mine)
    write_residual(mine, version="1.1.0")
    write_parameters(mine, name="tuned", skill="mesh", nominal="mesh@3")
    mesh = Contract("mesh", "mesh@3", "parameters", PARAMETERS.observation, PARAMETERS.action)
    found = load_policies(["gentle", "tuned@1.0.0"], [PARAMETERS, RESIDUAL, mesh], *CELL)
    assert {skill: policy.name for skill, policy in found.items()} == {"insert": "gentle@1.1.0", "mesh": "tuned@1.0.0"}
    assert found["insert"].contract is RESIDUAL and found["mesh"].contract is mesh


@pytest.mark.usefixtures("installed")
def test_two_policies_for_one_skill_and_a_skill_without_contract_are_refused(mine: Path) -> None:
    write_residual(mine)
    write_parameters(mine, name="tuned")
    with pytest.raises(InputError, match=r"gentle@1\.0\.0 and tuned@1\.0\.0 are both for the skill 'insert'"):
        load_policies(["gentle", "tuned"], [PARAMETERS, RESIDUAL], *CELL)
    with pytest.raises(InputError, match=r"policy\.json:skill: is 'insert'; skills that take a policy here: none"):
        load_policies(["gentle"], [], *CELL)
    with pytest.raises(InputError, match=r"policy\.json:kind: is 'residual', and here it is 'parameters'"):
        load_policies(["gentle"], [PARAMETERS], *CELL)


def test_without_anything_that_runs_policies_none_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "entry_points", points({}))
    assert load_policies([], [RESIDUAL], *CELL) == {}
    with pytest.raises(InputError, match=r"nothing here can run a policy; .*cellwright\[run-policy\]"):
        load_policies(["gentle"], [RESIDUAL], *CELL)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_told_with_its_remedy_and_tuned_parameters_need_none(tmp_path: Path, package: str) -> None:
    write_residual(tmp_path / "zoo")
    write_parameters(tmp_path / "zoo", name="tuned")
    program = (
        "import os, sys\n"
        f"sys.modules[{package!r}] = None\n"
        f"os.environ['CELLWRIGHT_HOME'] = {str(tmp_path)!r}\n"
        "from cells.errors import InputError\n"
        "from cells.skills.policy import Component, Contract, Space\n"
        "from policies.running import load_named\n"
        f"print(load_named('tuned', [{PARAMETERS!r}], *{CELL!r}).name)\n"
        f"try:\n    load_named('gentle', [{RESIDUAL!r}], *{CELL!r})\n"
        "except InputError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    tuned, refused = done.stdout.splitlines()
    assert tuned == "tuned@1.0.0"
    assert f"without the package '{package}'; pip install 'cellwright[run-policy]'" in refused


def test_what_runs_policies_is_called_as_a_cell_calls_it() -> None:
    wanted = inspect.signature(learned.Loader.__call__).parameters
    assert list(wanted)[1:] == list(inspect.signature(load_named).parameters)
