"""A policy entry: what is written is what runs, and whatever doesn't match a skill and its cell is refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cells.errors import InputError
from cells.skills.policy import Component, Contract, Space
from policies import folder as folders
from policies.folder import read_entry, verify_entry, write_entry
from policies.network import from_weights, to_onnx, to_weights
from policies.running import load_policy
from tests.unit.entries import (
    CELL,
    FORCE,
    PARAMETERS,
    RESIDUAL,
    SHIFT,
    TIP,
    change,
    description,
    network,
    write_parameters,
    write_residual,
)


def refusal(folder: Path, contract: Contract = RESIDUAL, cell: tuple[Any, ...] = CELL) -> str:
    """What a user reads when a policy isn't loaded."""
    with pytest.raises(InputError) as caught:
        load_policy(folder, contract, *cell)
    assert all(problem.remedy for problem in caught.value.problems)
    return str(caught.value)


def test_onnxruntime_gives_what_torch_gave_and_stays_within_the_bounds(tmp_path: Path) -> None:
    policy = load_policy(write_residual(tmp_path), RESIDUAL, *CELL)
    assert policy.name == "gentle@1.0.0"
    space, trained = RESIDUAL.observation, network()
    for observation in np.random.default_rng(0).uniform(space.low, space.high, (200, space.size)):
        expected = trained(torch.tensor(observation, dtype=torch.float32)).detach().numpy()
        action = policy.act(observation)
        np.testing.assert_allclose(action / RESIDUAL.action.high, expected / RESIDUAL.action.high, atol=1e-5)
        assert (RESIDUAL.action.low <= action).all() and (action <= RESIDUAL.action.high).all()


def test_the_skill_bounds_what_a_network_says(tmp_path: Path) -> None:
    wild = network()
    wild.reach *= 1000
    files = {"weights.safetensors": to_weights(wild), "policy.onnx": to_onnx(wild), "evaluation.json": b"{}"}
    policy = load_policy(write_entry(tmp_path, description(RESIDUAL), files), RESIDUAL, *CELL)
    actions = [policy.act(np.full(4, value)) for value in (-30.0, 0.0, 30.0, np.nan)]
    assert any((np.abs(action) == RESIDUAL.action.high).any() for action in actions)
    assert all((np.abs(action) <= RESIDUAL.action.high).all() for action in actions)


def test_weights_come_back_to_go_on_training(tmp_path: Path) -> None:
    raw = (write_residual(tmp_path) / "weights.safetensors").read_bytes()
    again, before = from_weights(raw), network()
    observation = torch.rand(5, 4)
    assert torch.equal(again(observation), before(observation))
    optimiser = torch.optim.SGD(again.parameters(), lr=0.1)
    (again(observation) ** 2).sum().backward()
    optimiser.step()
    assert not torch.equal(again(observation), before(observation))


@pytest.mark.parametrize("spoil", ["cut", "extra", "nan", "shape", "half", "huge"])
def test_weights_that_are_not_a_network_are_refused(spoil: str) -> None:
    from safetensors.torch import save

    tensors = {name: value.clone() for name, value in network().state_dict().items()}
    if spoil == "extra":
        tensors |= {"a": torch.zeros(1), "b": torch.zeros(1)}
    elif spoil == "nan":
        tensors["layers.1.bias"][0] = float("nan")
    elif spoil == "shape":
        tensors["layers.1.weight"] = torch.zeros(8, 15)
    elif spoil == "half":
        tensors = {name: value.half() for name, value in tensors.items()}
    elif spoil == "huge":  # were it believed, a matrix of 10 GB would be made
        tensors |= {"layers.0.bias": torch.zeros(50_000), "layers.1.bias": torch.zeros(50_000)}
    raw = save(tensors)
    with pytest.raises(InputError, match=r"weights\.safetensors: isn't a network of ours"):
        from_weights(raw[:-4] if spoil == "cut" else raw)


def test_running_needs_no_torch(tmp_path: Path) -> None:
    folder = write_residual(tmp_path)
    program = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from cells.skills.policy import Component, Contract, Space\n"
        "from policies.running import load_policy\n"
        f"contract = {RESIDUAL!r}\n"
        f"policy = load_policy(Path({str(folder)!r}), contract, *{CELL!r})\n"
        "print(len(policy.act(contract.observation.low)), sorted({'safetensors', 'gymnasium'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("2 []\n", "")


def test_tuned_parameters_come_in_the_order_of_the_contract_and_need_no_network(tmp_path: Path) -> None:
    folder = write_parameters(tmp_path)
    policy = load_policy(folder, PARAMETERS, *CELL)
    assert policy.act(np.zeros(0)).tolist() == [4.0, 0.0005]
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.json", "policy.json", "policy.json.sha256"]


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"pitch": 0.0005}, "parameters.press"),
        ({"pitch": 0.0005, "press": 4.0, "more": 1.0}, "parameters.more"),
        ({"pitch": 0.0005, "press": 40.0}, "parameters.press"),
        ({"pitch": 0.0005, "press": "4"}, "parameters.press"),
        ({"pitch": 0.0005, "press": True}, "parameters.press"),
    ],
)
def test_parameters_that_the_skill_does_not_allow_are_refused(
    tmp_path: Path, parameters: dict[str, Any], where: str
) -> None:
    folder = write_parameters(tmp_path)
    change(folder, lambda data: data.update(parameters=parameters))
    assert f"policy.json:{where}: " in refusal(folder, PARAMETERS)


@pytest.mark.parametrize(
    ("key", "value"),
    [("skill", "mesh"), ("nominal", "insert@2"), ("robot", "ur5e"), ("tool", "other"),
     ("control_mode", "impedance"), ("policy_every", 10)],
)  # fmt: skip
def test_a_policy_for_something_else_is_refused_by_its_key(tmp_path: Path, key: str, value: object) -> None:
    folder = write_residual(tmp_path, **{key: value})
    message = refusal(folder)
    assert f"policy.json:{key}: is " in message
    assert len(message.splitlines()) == 1


def test_constants_are_refused_where_a_network_is_wanted(tmp_path: Path) -> None:
    assert "policy.json:kind: is " in refusal(write_parameters(tmp_path))


@pytest.mark.parametrize(
    ("where", "contract"),
    [
        ("observation.tip.unit", {"observation": (("unit", "mm"), TIP, FORCE)}),
        ("observation.tip.frame", {"observation": (("frame", "base"), TIP, FORCE)}),
        ("observation.tip.low", {"observation": (("low", (-0.01, -0.01, -0.021)), TIP, FORCE)}),
        ("observation.tip.high", {"observation": (("high", (0.01, 0.01)), TIP, FORCE)}),
        ("observation.tip", {"observation": (("name", "tipp"), TIP, FORCE)}),
        ("observation.force", {"observation": (("name", "tip"), TIP)}),
        ("observation", {"observation": (("name", "force"), FORCE, TIP)}),
        ("action.shift.high", {"action": (("high", (0.001, 0.003)), SHIFT)}),
        ("action.shift.unit", {"action": (("unit", "rad"), SHIFT)}),
    ],
)
def test_a_component_that_is_not_the_skills_is_refused_by_its_key(
    tmp_path: Path, where: str, contract: dict[str, Any]
) -> None:
    ((key, ((field, value), first, *rest)),) = contract.items()
    other = Component(**{name: getattr(first, name) for name in Component.__dataclass_fields__} | {field: value})
    spaces = {"observation": RESIDUAL.observation, "action": RESIDUAL.action, key: Space((other, *rest))}
    wanted = Contract("insert", "insert@1", "residual", **spaces)
    assert f"policy.json:{where}: " in refusal(write_residual(tmp_path), wanted)


def test_what_a_component_is_said_to_be_may_be_said_in_other_words(tmp_path: Path) -> None:
    words = Component(FORCE.name, FORCE.unit, FORCE.frame, FORCE.low, FORCE.high, "other words")
    reworded = Contract("insert", "insert@1", "residual", Space((TIP, words)), RESIDUAL.action)
    assert load_policy(write_residual(tmp_path), reworded, *CELL).contract is reworded


def test_all_mismatches_are_told_at_once(tmp_path: Path) -> None:
    message = refusal(write_residual(tmp_path, skill="mesh", robot="ur5e"), cell=("panda", "other", "impedance", 12))
    assert [line.split(": ")[0].split(":")[1] for line in message.splitlines()] == [
        "skill", "robot", "tool", "control_mode",
    ]  # fmt: skip


def test_a_version_never_changes(tmp_path: Path) -> None:
    folder = write_residual(tmp_path)
    before = read_entry(folder).files
    with pytest.raises(InputError, match="is there already, and a version never changes"):
        write_residual(tmp_path, licence="MIT")
    assert read_entry(folder).files == before
    assert [path.name for path in folder.parent.iterdir()] == ["1.0.0"]


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders.Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"can't be written \(No space left on device\)"):
        write_parameters(tmp_path)
    assert not list((tmp_path / "gentle").iterdir())


def test_what_could_not_be_loaded_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"policy\.json:normaliser\.scale: holds a zero"):
        write_residual(tmp_path, normaliser={"mean": (0, 0, 0, 0), "scale": (1, 1, 1, 0)})
    with pytest.raises(InputError, match=r"policy\.onnx:graph\.node\.0: isn't the Sub of policy\.json:normaliser"):
        write_residual(tmp_path, normaliser={"mean": (0, 0, 0, 0), "scale": (1, 1, 1, 1)})
    assert not list(tmp_path.iterdir())


def test_a_sound_entry_has_no_problems(tmp_path: Path) -> None:
    assert verify_entry(write_residual(tmp_path)) == []
    assert verify_entry(write_parameters(tmp_path, name="tuned")) == []
