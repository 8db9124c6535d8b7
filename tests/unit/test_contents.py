"""What may be inside an entry's files: pictures, weights, a replay, an evaluation, a card; refused with their place."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cells.errors import CellwrightError
from policies.folder import verify_entry
from tests.unit.entries import seal, write_residual


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound entry."""
    return write_residual(tmp_path)


def problems(folder: Path) -> str:
    """What is wrong with an entry."""
    return "\n".join(map(str, verify_entry(folder)))


def picture(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks."""
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def head(width: int, height: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


PIXELS, END = (b"IDAT", zlib.compress(bytes(10))), (b"IEND", b"")


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "is no PNG"),
        (b"<svg/>", "is no PNG"),
        (picture(), "no whole PNG"),
        (picture(head(3, 1)), "no whole PNG"),
        (picture(head(3, 1), PIXELS), "no whole PNG"),
        (picture(PIXELS, head(3, 1), END), "1 to 4000 pixels"),
        (picture(head(10**6, 1), PIXELS, END), "1 to 4000 pixels"),
        (picture(head(0, 1), PIXELS, END), "1 to 4000 pixels"),
        (picture(head(3, 1), (b"evIl", b"code"), PIXELS, END), "which no picture needs"),
        (picture(head(3, 1), PIXELS, END, PIXELS), "no whole PNG"),
        (picture(head(3, 1), PIXELS, END) + b"x", "damaged"),
        (picture(head(3, 1), PIXELS, END)[:-1], "damaged"),
    ],
)
def test_a_picture_that_is_none_is_refused(tmp_path: Path, raw: bytes, what: str) -> None:
    with pytest.raises(CellwrightError, match=f"success.png: .*{what}"):
        write_residual(tmp_path, {"success.png": raw})
    assert verify_entry(write_residual(tmp_path, {"success.png": picture(head(3, 1), PIXELS, END)})) == []


def replay(**changed: Any) -> bytes:
    """A replay of three steps."""
    header = np.frombuffer(json.dumps({"schema": "cellwright/demonstrations/v1"}).encode(), np.uint8)
    arrays = {"header": header, "rewards": np.zeros(3, np.float32), "lasts": np.ones(3, np.float32)}
    arrays |= {"observations": np.zeros((3, 4), np.float32), "nexts": np.zeros((3, 4), np.float32)}
    arrays |= {"actions": np.zeros((3, 2), np.float32), **changed}
    out = io.BytesIO()
    np.savez_compressed(out, **{name: value for name, value in arrays.items() if value is not None})
    return out.getvalue()


def huge(raw: bytes) -> bytes:
    """A replay whose header of an array claims an impossible size."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, zipfile.ZipFile(out, "w") as other:
        for name in archive.namelist():
            body = archive.read(name)
            other.writestr(name, body.replace(b"(3,), ", b"(3000000000000,), ") if name == "rewards.npy" else body)
    return out.getvalue()


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "no file of demonstrations"),
        (pickle.dumps([]), "no file of demonstrations"),
        (huge(replay()), "isn't what its header says"),
        (replay(more=np.zeros(1)), "not the arrays"),
        (replay(rewards=None), "not the arrays"),
        (replay(rewards=np.zeros(3)), "isn't what its header says"),
        (replay(rewards=np.array([None] * 3, object)), "no file of demonstrations"),
        (replay(rewards=np.zeros(2, np.float32)), "has the shape"),
        (replay(actions=np.zeros((3, 3), np.float32)), "shape"),
        (replay(lasts=np.full(3, np.nan, np.float32)), "isn't finite"),
        (replay(header=np.frombuffer(b"{}", np.uint8)), "schema"),
    ],
)
def test_a_replay_that_is_none_is_refused(tmp_path: Path, raw: bytes, what: str) -> None:
    with pytest.raises(CellwrightError, match=f"replay.npz.*{what}"):
        write_residual(tmp_path, {"replay.npz": raw})
    assert verify_entry(write_residual(tmp_path, {"replay.npz": replay()})) == []


def tensors(header: object, data: bytes = b"") -> bytes:
    """A safetensors file."""
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + data


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "is no safetensors file"),
        (b"\xff" * 8, "is no safetensors file"),
        (tensors([]), "holds a list"),
        (tensors({"mean": 1}), "has no type, shape and place"),
        (tensors({}), "hasn't the tensors"),
        (tensors({}, b"x"), "no tensor has"),
        (
            tensors({"mean": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)),
            "isn't as large as its shape",
        ),
        (
            tensors({"mean": {"dtype": "F32", "shape": [2**30, 2**30], "data_offsets": [0, 4]}}, bytes(4)),
            "isn't as large",
        ),
        (tensors({"mean": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)), "not a float32"),
        (tensors({"mean": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, bytes(4)), "not a float32"),
        (tensors({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, bytes(4)), "or two have"),
    ],
)
def test_weights_that_are_not_those_of_the_network_are_refused(folder: Path, raw: bytes, what: str) -> None:
    (folder / "weights.safetensors").write_bytes(raw)
    seal(folder)
    assert what in problems(folder)


def test_weights_are_the_networks_own(folder: Path) -> None:
    raw = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(raw[:-4] + np.float32(0.25).tobytes())
    seal(folder)
    assert "isn't what policy.onnx has" in problems(folder)


def test_a_card_is_text(tmp_path: Path) -> None:
    for raw, what in (
        (b"\xff", "is not UTF-8"),
        (b"\x1b[31mred", "holds control characters"),
        (b" " * 60_000, "is larger"),
    ):
        with pytest.raises(CellwrightError, match=f"card.md: {what}"):
            write_residual(tmp_path, {"card.md": raw})


@pytest.mark.parametrize(
    ("work", "where"),
    [
        (lambda told: told["result"]["success"].update(count=101), "result.success"),
        (lambda told: told["result"]["success"].update(lower=0.99), "result.success"),
        (lambda told: told["result"]["success"].update(share="0.97"), "result.success.share"),
        (lambda told: told["result"].pop("time_s"), "result.time_s"),
        (lambda told: told.update(schema="cellwright/evaluation/v2"), "schema"),
        (lambda told: told.pop("asked"), "asked"),
    ],
)
def test_an_evaluation_that_cannot_be_true_is_refused(folder: Path, work: Callable[[Any], Any], where: str) -> None:
    told = json.loads((folder / "evaluation.json").read_bytes())
    work(told)
    (folder / "evaluation.json").write_text(json.dumps(told))
    seal(folder)
    assert problems(folder).startswith(f"evaluation.json:{where}: ")
