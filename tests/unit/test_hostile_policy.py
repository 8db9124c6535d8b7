"""What may stand in a policy's folder: what isn't a sound entry is refused shortly, with its place, and never run."""

from __future__ import annotations

import copy
import os
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from cells.errors import CellwrightError
from policies.contents import MAX_FILE_BYTES, NETWORK
from policies.folder import verify_entry
from policies.running import load_policy
from tests.unit.entries import CELL, PARAMETERS, RESIDUAL, change, seal, seal_json, write_parameters, write_residual


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound entry, to be copied and spoilt."""
    return write_residual(tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound entry."""
    return Path(shutil.copytree(sound, tmp_path / "gentle" / "1.0.0"))


def problems(folder: Path) -> str:
    """What is wrong with an entry, by ``verify`` and on loading alike."""
    found = verify_entry(folder)
    assert found and all(problem.remedy for problem in found)
    with pytest.raises(CellwrightError) as caught:
        load_policy(folder, RESIDUAL, *CELL)
    assert set(found) <= set(caught.value.problems)
    text = "\n".join(map(str, found))
    assert len(text) < 5000 and text.replace("\n", "").isprintable()
    return text


def test_a_copy_is_sound(folder: Path) -> None:
    assert verify_entry(folder) == []


@pytest.mark.parametrize("name", ["policy.json", "weights.safetensors", "policy.onnx", "evaluation.json"])
@pytest.mark.parametrize("spoil", ["cut", "flipped", "empty", "longer", "gone"])
def test_each_file_is_held_against_its_hash(folder: Path, name: str, spoil: str) -> None:
    path = folder / name
    raw = path.read_bytes()
    middle = len(raw) // 2
    spoilt = {
        "cut": raw[:middle],
        "flipped": raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :],
        "empty": b"",
        "longer": raw + b" ",
    }
    if spoil == "gone":
        path.unlink()
        assert f"{name}: is missing" in problems(folder)
    else:
        path.write_bytes(spoilt[spoil])
        where = "policy.json: isn't the file" if name == "policy.json" else f"policy.json:files.{name}: isn't the SHA"
        assert where in problems(folder)


def test_a_file_that_no_entry_has_is_refused(folder: Path) -> None:
    (folder / "VecNormalize.pkl").write_bytes(pickle.dumps({"mean": 0}))
    assert "holds 'VecNormalize.pkl', which is no file of an entry" in problems(folder)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("name", ["policy.onnx", "evaluation.json", "policy.json"])
def test_a_pickle_in_the_place_of_a_file_is_not_unpickled(folder: Path, tmp_path: Path, name: str) -> None:
    raw = pickle.dumps(Trap(tmp_path / "trace"))
    if name == "policy.json":
        seal_json(folder, raw)
    else:
        (folder / name).write_bytes(raw)
        seal(folder)
    assert f"{name}: is no" in problems(folder)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", ["policy.json", "policy.json.sha256", "policy.onnx", "weights.safetensors"])
def test_links_are_refused(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.move(folder / name, tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    assert f"{name}: is a link" in problems(folder)


def test_a_link_to_an_entry_is_refused(sound: Path, tmp_path: Path) -> None:
    (tmp_path / "gentle").mkdir()
    (tmp_path / "gentle" / "1.0.0").symlink_to(sound)
    assert "isn't a folder" in problems(tmp_path / "gentle" / "1.0.0")


def test_folders_and_pipes_in_the_place_of_files_are_refused(folder: Path) -> None:
    (folder / NETWORK).unlink()
    (folder / NETWORK).mkdir()
    assert "can't be read (Is a directory)" in problems(folder)
    (folder / NETWORK).rmdir()
    os.mkfifo(folder / NETWORK)
    assert "policy.onnx: is not a regular file" in problems(folder)


@pytest.mark.parametrize("name", ["policy.json", "policy.onnx", "weights.safetensors", "evaluation.json"])
def test_large_files_are_refused_without_reading_them(folder: Path, name: str) -> None:
    with (folder / name).open("r+b") as file:
        file.truncate(10_000_000_000)
    assert f"{name}: is larger than {MAX_FILE_BYTES:,} bytes" in problems(folder)


def test_an_entry_in_the_folder_of_another_is_refused(sound: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(sound, tmp_path / "rough" / "2.0.0")
    message = problems(Path(moved))
    assert "policy.json:name: is 'gentle' in a folder of 'rough'" in message
    assert "policy.json:version: is '1.0.0' in a folder of '2.0.0'" in message


def put(*path: str | int) -> Callable[[object], Callable[[dict[str, Any]], None]]:
    """Something that puts a value at a place of ``policy.json``."""

    def at(value: object) -> Callable[[dict[str, Any]], None]:
        def work(data: Any) -> None:
            for key in path[:-1]:
                data = data[key]
            data[path[-1]] = value

        return work

    return at


@pytest.mark.parametrize(
    ("where", "work"),
    [
        ("schema", put("schema")("cellwright/policy/v3")),
        ("schema", put("schema")("cellwright/policy/v1")),
        ("capability", lambda data: data.pop("capability")),
        ("version", put("version")("1.02.0")),
        ("licence", put("licence")("<script>")),
        ("part_ranges.proven.pegboard.peg_shape", put("part_ranges", "proven", "pegboard", "peg_shape")(["Round!"])),
        ("name", put("name")("../../gentle")),
        ("name", put("name")("a" * 900_000)),
        ("version", put("version")("1.0")),
        ("version", put("version")("1.0.0/../..")),
        ("kind", put("kind")("pickle")),
        ("policy_every", put("policy_every")("12")),
        ("policy_every", put("policy_every")(12.5)),
        ("policy_every", put("policy_every")(True)),
        ("policy_every", put("policy_every")(10**400)),
        ("observation", put("observation")({})),
        ("observation", put("observation")([])),
        ("observation.0.low.0", put("observation", 0, "low", 0)("0")),
        ("observation.0.low.0", put("observation", 0, "low", 0)(1e300)),
        ("observation.0.low.0", put("observation", 0, "low", 0)(10**400)),
        ("observation.tip.low", put("observation", 0, "low")([0.0, 0.0])),
        ("observation.tip.low", put("observation", 0, "low", 0)(0.5)),
        ("observation.tip", put("observation", 1, "name")("tip")),
        ("action", put("action")([])),
        ("action.0.about", put("action", 0, "about")("\x1b[31m")),
        ("normaliser.mean", put("normaliser", "mean")([0.0])),
        ("normaliser.scale", put("normaliser", "scale")([1.0, 1.0, 1.0, 1.0, 1.0])),
        ("normaliser.scale", put("normaliser", "scale", 0)(0)),
        ("normaliser.scale.0", put("normaliser", "scale", 0)(None)),
        ("parameters", put("parameters")({"press": 1.0})),
        ("part_ranges.proven.pegboard.clearance_mm", put("part_ranges", "proven", "pegboard", "clearance_mm")([2, 1])),
        ("training.seed", put("training", "seed")(-1)),
        ("parents.0", put("parents")(["../gentle"])),
        ("files.../policy.onnx", put("files", "../policy.onnx")("0" * 64)),
        ("files.policy.onnx", put("files", "policy.onnx")("0" * 64)),
        ("files.policy.onnx", put("files", "policy.onnx")("latest")),
        ("more", put("more")(1)),
        ("training.more", put("training", "more")(1)),
        ("licence", lambda data: data.pop("licence")),
        ("normaliser", lambda data: data.pop("normaliser")),
        ("files.policy.onnx", lambda data: data["files"].pop("policy.onnx")),
    ],
)  # fmt: skip
def test_what_policy_json_may_not_say_is_refused_by_its_key(
    folder: Path, where: str, work: Callable[[dict[str, Any]], None]
) -> None:
    change(folder, work)
    assert any(line.startswith(f"policy.json:{where}") for line in problems(folder).splitlines())


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b'"policy"', b"{", b"\xff\xfe{}", b"\x80", b"[" * 900_000, b'{"a":' * 150_000,
        b'{"name": NaN}', b'{"name": 1, "name": 2}', b"1" * 900_000, b'{"schema": "\\ud800"}', b"{}" + b" " * 900_000,
    ],
    ids=lambda raw: f"{raw[:12]!r}",
)  # fmt: skip
def test_what_is_no_json_object_of_ours_is_refused(folder: Path, raw: bytes) -> None:
    seal_json(folder, raw)
    assert problems(folder).startswith("policy.json:")


def test_an_evaluation_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / "evaluation.json").write_bytes(b"[" * 100_000)
    seal(folder)
    assert "evaluation.json: is nested too deeply" in problems(folder)


def test_parameters_do_not_bring_a_network(tmp_path: Path) -> None:
    folder = write_parameters(tmp_path)
    (folder / NETWORK).write_bytes(b"anything")
    assert [str(problem).split(";")[0] for problem in verify_entry(folder)] == [
        "policy.onnx: is no file of a policy of kind parameters"
    ]


def initializer(model: Any, index: int, values: Any) -> None:
    """Another constant in the place of the one with this index."""
    tensor = model.graph.initializer[index]
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def external(model: Any) -> None:
    tensor = model.graph.initializer[2]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def subgraph(model: Any) -> None:
    model.graph.node[3].attribute.append(helper.make_attribute("body", copy.deepcopy(model.graph)))


def function(model: Any) -> None:
    model.functions.append(helper.make_function("ours", "f", ["x"], ["y"], [], model.opset_import))


def poisoned(value: float) -> Callable[[Any], None]:
    def work(model: Any) -> None:
        values = numpy_helper.to_array(model.graph.initializer[2]).copy()
        values[0, 0] = value
        initializer(model, 2, values)

    return work


@pytest.mark.parametrize(
    ("said", "work"),
    [
        ("isn't finite", poisoned(float("nan"))),
        ("isn't finite", poisoned(float("-inf"))),
        ("TensorProto.", external),
        ("AttributeProto.g:", subgraph),
        ("ModelProto.functions", function),
        ("NodeProto.domain", lambda model: setattr(model.graph.node[3], "domain", "com.microsoft")),
        ("ModelProto.metadata_props", lambda model: model.metadata_props.add(key="a", value="b")),
        ("GraphProto.sparse_initializer", lambda model: model.graph.sparse_initializer.add()),
        ("op_type: is 'Loop'", lambda model: setattr(model.graph.node[3], "op_type", "Loop")),
        ("op_type: is 'Exp'", lambda model: setattr(model.graph.node[3], "op_type", "Exp")),
        ("graph.node.3: is a Tanh between layers", lambda model: setattr(model.graph.node[3], "op_type", "Tanh")),
        ("opset_import", lambda model: setattr(model.opset_import[0], "version", 99)),
        ("opset_import", lambda model: model.opset_import.add(domain="ours", version=1)),
        ("ir_version", lambda model: setattr(model, "ir_version", 99)),
        ("graph.node.0: isn't the Sub", lambda model: initializer(model, 0, np.zeros(4, np.float32))),
        ("graph.node.1: isn't the Div", lambda model: initializer(model, 1, np.ones(4, np.float32))),
        ("graph.node.1: divides by zero", lambda model: initializer(model, 1, np.zeros(4, np.float32))),
        ("doesn't fit a vector", lambda model: initializer(model, 2, np.zeros((16, 5), np.float32))),
        ("doesn't fit a vector", lambda model: initializer(model, 3, np.zeros((16, 1), np.float32))),
        ("float32", lambda model: initializer(model, 3, np.zeros(16))),
        ("float32", lambda model: initializer(model, 3, np.zeros(0, np.float32))),
        ("bytes, not", lambda model: model.graph.initializer[3].dims.append(10**12)),
        ("is there twice", lambda model: model.graph.initializer.append(model.graph.initializer[0])),
        ("is not used", lambda model: model.graph.initializer.append(numpy_helper.from_array(np.ones(1, "f4"), "x"))),
        ("graph.input: are 2", lambda model: model.graph.input.append(model.graph.input[0])),
        ("graph.input: has the shape '[1, 3]'",
         lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 3)),
        ("graph.input: has the shape",
         lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[0], "dim_param", "batch")),
        ("graph.output: has the shape '[1, 9]'",
         lambda model: setattr(model.graph.output[0].type.tensor_type.shape.dim[1], "dim_value", 9)),
        ("graph.output: isn't what", lambda model: setattr(model.graph.output[0], "name", "other")),
        ("graph.node.4: doesn't take", lambda model: model.graph.node[4].input.__setitem__(0, "observation")),
        ("graph.node: holds 0", lambda model: model.graph.ClearField("node")),
        ("graph.node: holds 91 nodes", lambda model: model.graph.node.extend([model.graph.node[3]] * 81)),
        ("attribute", lambda model: model.graph.node[3].attribute.append(helper.make_attribute("axis", 1))),
        ("Gemm doesn't fit", lambda model: model.graph.node[2].ClearField("attribute")),
        ("policy.onnx:", lambda model: model.ClearField("graph")),
    ],
)  # fmt: skip
def test_a_graph_that_is_not_a_plain_chain_is_refused(folder: Path, said: str, work: Callable[[Any], None]) -> None:
    model = onnx.load_model_from_string((folder / NETWORK).read_bytes())
    work(model)
    (folder / NETWORK).write_bytes(model.SerializeToString())
    seal(folder)
    message = problems(folder)
    assert message.startswith("policy.onnx:") and said in message


def mutated(raw: bytes, dice: random.Random) -> bytes:
    """Some bytes flipped, cut out, doubled or put in."""
    out = bytearray(raw)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(out) or 1)
        how = dice.randrange(4)
        if how == 0 and out:
            out[at % len(out)] ^= 1 << dice.randrange(8)
        elif how == 1:
            del out[at : at + dice.randint(1, 40)]
        elif how == 2:
            out[at:at] = out[at : at + dice.randint(1, 40)]
        else:
            out[at:at] = dice.choice([b"\x00", b"9", b"-", b'"', b"e9", b"null", b"[", dice.randbytes(4)])
    return bytes(out)


def test_nothing_that_was_changed_loads_and_nothing_but_our_errors_is_raised(sound: Path, folder: Path) -> None:
    dice = random.Random(5)
    for _ in range(300):
        name = dice.choice(["policy.json", "policy.json.sha256", "policy.onnx", "weights.safetensors"])
        raw = (sound / name).read_bytes()
        changed = mutated(raw, dice)
        if changed == raw:
            continue
        (folder / name).write_bytes(changed)
        with pytest.raises(CellwrightError):
            load_policy(folder, RESIDUAL, *CELL)
        (folder / name).write_bytes(raw)


def test_what_was_changed_and_sealed_again_loads_within_the_bounds_or_not_at_all(sound: Path, folder: Path) -> None:
    dice, loaded, refused = random.Random(6), 0, 0
    observations = np.random.default_rng(0).uniform(-1, 1, (5, 4))
    for _ in range(150):
        if dice.random() < 0.5:
            seal_json(folder, mutated((sound / "policy.json").read_bytes(), dice))
        else:
            (folder / NETWORK).write_bytes(mutated((sound / NETWORK).read_bytes(), dice))
            seal(folder)
        try:
            policy = load_policy(folder, RESIDUAL, *CELL)
        except CellwrightError:
            refused += 1
        else:
            loaded += 1
            assert policy.contract is RESIDUAL
            actions = np.array([policy.act(observation) for observation in observations])
            assert (np.abs(actions) <= RESIDUAL.action.high).all()
        for name in ("policy.json", "policy.json.sha256", NETWORK):
            shutil.copy(sound / name, folder / name)
    assert loaded and refused


def test_a_network_is_refused_where_parameters_are_wanted(folder: Path) -> None:
    with pytest.raises(CellwrightError, match=r"policy\.json:kind: is 'residual', and here it is 'parameters'"):
        load_policy(folder, PARAMETERS, *CELL)
