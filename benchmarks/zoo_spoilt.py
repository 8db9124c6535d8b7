"""Entries that must not be loaded: one that is sound, spoilt in a way that a broken disk or a bad person would.

Each way is a function that is given the sound entry's files and dice, and gives back what somebody would find: files
for a folder, or the bytes of a zip. All are spoilt for good, by construction: what would still be a sound entry isn't
among them.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from policies.archive import pack
from policies.contents import (
    CARD,
    DESCRIPTION,
    EVALUATION,
    NETWORK,
    PLOT,
    SEAL,
    SIGNATURE,
    WEIGHTS,
    most_bytes,
    seal_of,
    sha256,
)

Files = dict[str, bytes]
NAMES = (DESCRIPTION, SEAL, WEIGHTS, NETWORK, EVALUATION, CARD, PLOT)


@dataclass(frozen=True)
class Spoilt:
    """A case: the ``files`` of a folder, or a ``zip``; ``link`` is a file that is a symbolic link instead."""

    way: str
    files: Files | None = None
    zip: bytes | None = None
    link: str = ""


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.trace),)


def spoilt(sound: Mapping[str, bytes], dice: random.Random, trace: Path) -> Spoilt:
    """A case by chance. ``trace`` is made by what is in it, if that is ever run. What is ``sound`` is signed; but where
    the signature is what is spoilt, it is left out, so that it isn't the reason."""
    way = dice.choice(list(WAYS))
    made = WAYS[way]({name: raw for name, raw in sound.items() if name != SIGNATURE or "sign" in way}, dice, trace)
    if isinstance(made, bytes):
        return Spoilt(way, zip=made)
    if way == "symlink in folder":
        return Spoilt(way, files=made, link=dice.choice(NAMES))
    return Spoilt(way, zip=pack(made)) if dice.random() < 0.5 else Spoilt(way, files=made)


def sealed(files: Files, **changed: bytes) -> Files:
    """Files with every hash made right again, as somebody who spoils an entry on purpose would."""
    whole = {**files, **changed}
    told = json.loads(whole[DESCRIPTION])
    told["files"] = {name: sha256(whole[name]) for name in told["files"]}
    return described(whole, told)


def described(files: Files, told: Any) -> Files:
    """Files with another ``policy.json``, sealed."""
    raw = json.dumps(told).encode()
    return {**files, DESCRIPTION: raw, SEAL: seal_of(raw)}


def flipped(files: Files, dice: random.Random, trace: Path) -> Files:
    """Some bits flipped."""
    name = dice.choice(NAMES)
    raw = bytearray(files[name])
    for at in dice.sample(range(len(raw)), min(len(raw), dice.randint(1, 20))):
        raw[at] ^= 1 << dice.randrange(8)
    return {**files, name: bytes(raw)}


def truncated(files: Files, dice: random.Random, trace: Path) -> Files:
    """A file that ends too soon, or isn't there."""
    name = dice.choice(NAMES)
    if dice.random() < 0.2:
        return {other: raw for other, raw in files.items() if other != name}
    return {**files, name: files[name][: dice.randrange(len(files[name]))]}


def truncated_zip(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A zip that ends too soon, or begins too late."""
    raw = pack(files)
    at = dice.randrange(1, len(raw))
    return raw[:at] if dice.random() < 0.7 else raw[at:]


def flipped_zip(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A bit flipped in what a zip holds."""
    raw = bytearray(pack(files))
    name = dice.choice((WEIGHTS, NETWORK, PLOT, EVALUATION))
    raw[raw.index(files[name]) + dice.randrange(len(files[name]))] ^= 1 << dice.randrange(8)
    return bytes(raw)


def swapped(files: Files, dice: random.Random, trace: Path) -> Files:
    """A file in the place of another, hashes made right."""
    one, other = dice.sample((WEIGHTS, NETWORK, EVALUATION, PLOT), 2)
    return sealed(files, **{one: files[other]})


def half_sealed(files: Files, dice: random.Random, trace: Path) -> Files:
    """A file changed and its hash made right, but not that of ``policy.json``."""
    name = dice.choice((WEIGHTS, NETWORK, EVALUATION))
    return {**sealed(files, **{name: files[name] + b" "}), SEAL: files[SEAL]}


def tampered(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A signed entry that says something else, every hash made right; the signature isn't."""
    told = json.loads(files[DESCRIPTION])
    told["training"]["command"] = f"another {dice.random()}"
    return pack(described(files, told))


def forged(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A signature that is none."""
    raw = dice.choice([b"", b"ed25519\n", dice.randbytes(100), b"rsa " + files[SIGNATURE][8:], files[SIGNATURE][:-8]])
    return pack({**files, SIGNATURE: raw})


def oversized(files: Files, dice: random.Random, trace: Path) -> Files:
    """A file longer than it may be."""
    name = dice.choice(NAMES)
    more = most_bytes(name) + dice.randint(1, 1000) - len(files[name])
    return {**files, name: files[name] + b" " * more}


def bomb(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A small zip that is large unpacked; some tell a small size."""
    out = io.BytesIO()
    name = dice.choice((WEIGHTS, NETWORK, CARD))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for other, raw in files.items():
            archive.writestr(other, bytes(most_bytes(name) + 3_000_000) if other == name else raw)
    raw = out.getvalue()
    if dice.random() < 0.5:
        raw = raw.replace(struct.pack("<I", most_bytes(name) + 3_000_000), struct.pack("<I", 1000))
    return raw


def pickled(files: Files, dice: random.Random, trace: Path) -> Files:
    """A pickle in the place of a file, hashes made right."""
    name = dice.choice((WEIGHTS, NETWORK, EVALUATION, PLOT, CARD))
    return sealed(
        files, **{name: pickle.dumps(Trap(trace), dice.randint(0, 5)) + (b"\x00\xff" if name == CARD else b"")}
    )


def pickle_beside(files: Files, dice: random.Random, trace: Path) -> Files:
    """A file that no entry has, with a pickle in it."""
    name = dice.choice(("VecNormalize.pkl", "policy.pkl", "model.pth", "__init__.py", "policy.json.bak", "evil.so"))
    return {**files, name: pickle.dumps(Trap(trace))}


def pickle_as_description(files: Files, dice: random.Random, trace: Path) -> Files:
    """A pickle as ``policy.json``."""
    raw = pickle.dumps(Trap(trace))
    return {**files, DESCRIPTION: raw, SEAL: seal_of(raw)}


def traversal(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A zip with a file that would land elsewhere."""
    name = dice.choice(
        ("../../evil", "/tmp/evil", "..\\evil", "gentle/../../evil", f"../{DESCRIPTION}", f"./{DESCRIPTION}",
         f"{DESCRIPTION}\x00.txt", f"C:{DESCRIPTION}", "a/", f"\u202e{DESCRIPTION}")
    )  # fmt: skip
    return zipped([*files.items(), (name, b"{}")])


def twice(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A zip with a file twice: which one counts?"""
    name = dice.choice(NAMES)
    return zipped([*files.items(), (name, files[name])])


def link_in_zip(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A zip with a symbolic link, or a device."""
    name = dice.choice(NAMES)
    kind = dice.choice((stat.S_IFLNK, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFDIR))
    return zipped([(other, b"/etc/passwd" if other == name else raw) for other, raw in files.items()], {name: kind})


def encrypted(files: Files, dice: random.Random, trace: Path) -> bytes:
    """A zip whose files say that they are encrypted, or packed in an odd way."""
    raw = bytearray(pack(files))
    place, value = dice.choice(((8, 1), (10, dice.choice((1, 12, 14, 93, 99)))))
    at = raw.index(b"PK\x01\x02")
    raw[at + place] = value
    return bytes(raw)


def linked(files: Files, dice: random.Random, trace: Path) -> Files:
    """A folder in which a file is a symbolic link (made where the case is written)."""
    return files


def external(files: Files, dice: random.Random, trace: Path) -> Files:
    """A network whose numbers are in a file elsewhere."""

    def work(model: Any) -> None:
        tensor = dice.choice(model.graph.initializer)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=dice.choice(("/etc/passwd", "../../weights", "w.bin")))
        if dice.random() < 0.5:
            tensor.ClearField("raw_data")

    return graphed(files, work)


def strange_graph(files: Files, dice: random.Random, trace: Path) -> Files:
    """A network with an operator, a domain, a function or a version that isn't allowed."""

    def work(model: Any) -> None:
        node = dice.choice(model.graph.node)
        how = dice.randrange(6)
        if how == 0:
            node.op_type = dice.choice(("Loop", "If", "Scan", "Exp", "PyOp", "MatMul", "Identity"))
        elif how == 1:
            node.domain = dice.choice(("com.microsoft", "ai.onnx.contrib", "evil"))
        elif how == 2:
            model.opset_import[0].version = dice.choice((1, 7, 18, 99))
        elif how == 3:
            function = onnx.helper.make_function("evil", "f", ["x"], ["y"], [], model.opset_import)
            model.functions.append(function)
        elif how == 4:
            node.attribute.append(onnx.helper.make_attribute("body", model.graph))
        else:
            model.metadata_props.add(key="a", value="b")

    return graphed(files, work)


def not_finite(files: Files, dice: random.Random, trace: Path) -> Files:
    """Numbers in network and weights that are none."""
    bad = dice.choice((float("nan"), float("inf"), float("-inf")))
    model = onnx.load_model_from_string(files[NETWORK])
    tensor = dice.choice(model.graph.initializer)
    values = numpy_helper.to_array(tensor).copy()
    before = values.tobytes()
    values.flat[dice.randrange(values.size)] = bad
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    weights = files[WEIGHTS].replace(before, values.tobytes())
    return sealed(files, **{NETWORK: model.SerializeToString(), WEIGHTS: weights})


def other_weights(files: Files, dice: random.Random, trace: Path) -> Files:
    """Weights that aren't those of the network, or aren't finite."""
    raw = bytearray(files[WEIGHTS])
    value = dice.choice((float("nan"), 1e30, dice.random()))
    at = len(raw) - 4 * dice.randint(1, 40)
    raw[at : at + 4] = np.float32(value).tobytes()
    return sealed(files, **{WEIGHTS: bytes(raw)})


def odd_weights(files: Files, dice: random.Random, trace: Path) -> Files:
    """Weights whose header lies."""
    length = int.from_bytes(files[WEIGHTS][:8], "little")
    header, data = json.loads(files[WEIGHTS][8 : 8 + length]), files[WEIGHTS][8 + length :]
    name = dice.choice([name for name in header if not name.startswith("__")])
    how = dice.randrange(5)
    if how == 0:
        header[name]["shape"] = [2**31, 2**31]
    elif how == 1:
        header[name]["data_offsets"] = [0, 2**62]
    elif how == 2:
        header[name]["dtype"] = dice.choice(("F64", "I8", "U64", "BF16"))
    elif how == 3:
        header[f"{name}.more"] = header[name]
    else:
        del header[name]
    told = json.dumps(header).encode()
    size = dice.choice((len(told), 2**63, 0)) if how == 4 else len(told)
    return sealed(files, **{WEIGHTS: size.to_bytes(8, "little") + told + data})


def other_contract(files: Files, dice: random.Random, trace: Path) -> Files:
    """An entry for another contract, or another cell."""
    told = json.loads(files[DESCRIPTION])
    space = told[dice.choice(("observation", "action"))]
    part = dice.choice(space)
    how = dice.randrange(7)
    if how == 0:
        part["low"][0] -= dice.choice((0.001, 1.0))
    elif how == 1:
        part["high"][-1] *= 10
    elif how == 2:
        part["unit"] = "mm" if part["unit"] != "mm" else "m"
    elif how == 3:
        part["frame"] = "elsewhere"
    elif how == 4:
        part["name"] = "another"
    elif how == 5:
        told[dice.choice(("skill", "robot", "tool"))] = "another"
    else:
        mode = "admittance" if told["control_mode"] == "impedance" else "impedance"
        key, value = dice.choice((("nominal", "insert@99"), ("policy_every", 999), ("control_mode", mode)))
        told[key] = value
    return described(files, told)


def other_normaliser(files: Files, dice: random.Random, trace: Path) -> Files:
    """A normaliser that isn't the network's, or is none."""
    told = json.loads(files[DESCRIPTION])
    numbers = told["normaliser"][dice.choice(("mean", "scale"))]
    how = dice.randrange(3)
    if how == 0:
        numbers[dice.randrange(len(numbers))] += 1.0
    elif how == 1:
        numbers.pop()
    else:
        told["normaliser"].pop(dice.choice(("mean", "scale")))
    return described(files, told)


def other_schema(files: Files, dice: random.Random, trace: Path) -> Files:
    """A schema of the past or of the future, keys that are unknown or missing, values of another type."""
    told = json.loads(files[DESCRIPTION])
    how = dice.randrange(4)
    if how == 0:
        told["schema"] = dice.choice(("cellwright/policy/v1", "cellwright/policy/v3", "lerobot/v3", 2, None))
    elif how == 1:
        told[dice.choice(("more", "code", "__class__"))] = "evil"
    elif how == 2:
        del told[dice.choice([key for key in told if key != "files"])]
    else:
        told[dice.choice(("name", "version", "kind", "policy_every", "files"))] = dice.choice(
            (None, -1, [], "../x", True)
        )
    return described(files, told)


def no_json(files: Files, dice: random.Random, trace: Path) -> Files:
    """A description that is no JSON of ours."""
    raw = dice.choice(
        (b"", b"null", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b'{"name": NaN}', b'{"a": 1, "a": 2}',
         b"1" * 90_000, dice.randbytes(500))
    )  # fmt: skip
    return {**files, DESCRIPTION: raw, SEAL: seal_of(raw)}


def lying_evaluation(files: Files, dice: random.Random, trace: Path) -> Files:
    """An evaluation that can't be true."""
    told = json.loads(files[EVALUATION])
    how = dice.randrange(4)
    if how == 0:
        told["result"]["success"]["count"] = told["result"]["success"]["of"] + 1
    elif how == 1:
        told["result"]["success"]["lower"] = dice.choice((1.0, 2.0, -1.0, "0.99"))
    elif how == 2:
        told["schema"] = "cellwright/evaluation/v99"
    else:
        del told["result"]
    return sealed(files, **{EVALUATION: json.dumps(told).encode()})


def odd_picture(files: Files, dice: random.Random, trace: Path) -> Files:
    """A picture that is none, is huge, or holds something else."""
    raw = files[PLOT]
    huge = raw[:16] + struct.pack(">II", 100_000, 100_000) + raw[24:]
    found = dice.choice((huge, raw[:-5], b"<svg onload='evil()'/>", raw + b"PK\x03\x04evil", b"GIF89a" + raw))
    return sealed(files, **{PLOT: found})


def graphed(files: Files, work: Callable[[Any], None]) -> Files:
    """Files with a network that was worked on, hashes made right."""
    model = onnx.load_model_from_string(files[NETWORK])
    work(model)
    return sealed(files, **{NETWORK: model.SerializeToString()})


def zipped(items: list[tuple[str, bytes]], kinds: Mapping[str, int] | None = None) -> bytes:
    """A zip of these files, some of another kind than a plain file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, raw in items:
            item = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
            item.filename, item.create_system = name, 3
            item.external_attr = ((kinds or {}).get(name, stat.S_IFREG) | 0o644) << 16
            archive.writestr(item, raw)
    return out.getvalue()


WAYS: dict[str, Callable[[Files, random.Random, Path], Files | bytes]] = {
    "corrupted": flipped,
    "truncated": truncated,
    "truncated zip": truncated_zip,
    "corrupted zip": flipped_zip,
    "swapped": swapped,
    "half sealed": half_sealed,
    "tampered, signed": tampered,
    "forged signature": forged,
    "oversized": oversized,
    "zip bomb": bomb,
    "pickle in a file": pickled,
    "pickle beside": pickle_beside,
    "pickle as policy.json": pickle_as_description,
    "zip traversal": traversal,
    "file twice in zip": twice,
    "link in zip": link_in_zip,
    "encrypted zip": encrypted,
    "symlink in folder": linked,
    "external ONNX data": external,
    "strange ONNX graph": strange_graph,
    "numbers not finite": not_finite,
    "other weights": other_weights,
    "lying weights": odd_weights,
    "wrong contract": other_contract,
    "wrong normaliser": other_normaliser,
    "wrong schema": other_schema,
    "no JSON": no_json,
    "lying evaluation": lying_evaluation,
    "odd picture": odd_picture,
}
