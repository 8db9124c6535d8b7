"""A policy's network as ONNX: written by hand, and checked before anything runs it.

It is a chain, and what isn't one is refused: normalise (Sub, Div), layers (Gemm, with Relu between them), Tanh, and
scale to the action's bounds (Mul, Add). A chain has no subgraph, function or file beside it, and its sizes are known
at each step, so that nothing can grow in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cells.description.documents import shown
from cells.errors import InputError, Problem
from cells.pose import Array
from policies.entry import ANEW, Entry, space

try:
    import onnx
except ModuleNotFoundError as missing:  # told like any other reason why a policy can't be run
    remedy = "pip install 'cellwright[run-policy]'"
    raise InputError(Problem("policy.onnx", f"can't be read without the package {missing.name!r}", remedy)) from missing

OPSET, IR_VERSION = 17, 8
MOST_NODES = 64
ELEMENTWISE, UNARY = {"Sub", "Div", "Mul", "Add"}, {"Relu", "Tanh"}
# Fields of ONNX's messages that a chain needs. Others bring files, functions, subgraphs and foreign operators in.
FIELDS = {
    "ModelProto": {"ir_version", "opset_import", "producer_name", "producer_version", "graph"},
    "GraphProto": {"name", "node", "initializer", "input", "output"},
    "NodeProto": {"name", "op_type", "input", "output", "attribute"},
    "AttributeProto": {"name", "type", "i"},
    "TensorProto": {"name", "dims", "data_type", "raw_data"},
    "ValueInfoProto": {"name", "type"},
    "OperatorSetIdProto": {"domain", "version"},
}


def write_graph(mean: Array, scale: Array, layers: Sequence[tuple[Array, Array]], middle: Array, reach: Array) -> bytes:
    """The ONNX file of a network.

    ``mean`` and ``scale`` (n,) normalise; each layer is its weight (out, in) and bias (out,); ``middle`` and ``reach``
    (m,) are the middle of the action's bounds and half their width. Input ``observation`` (1, n), output ``action``
    (1, m), both float32.
    """
    steps: list[tuple[str, tuple[Array, ...]]] = [("Sub", (mean,)), ("Div", (scale,))]
    for layer in layers:
        steps += [("Gemm", layer), ("Relu", ())]
    steps[-1] = ("Tanh", ())
    steps += [("Mul", (reach,)), ("Add", (middle,))]

    nodes, tensors, at = [], [], "observation"
    for number, (operator, constants) in enumerate(steps):
        names = [f"constant_{number}_{index}" for index in range(len(constants))]
        for name, values in zip(names, constants, strict=True):
            tensors.append(onnx.numpy_helper.from_array(np.asarray(values, np.float32), name))
        then = "action" if number == len(steps) - 1 else f"value_{number}"
        attributes: dict[str, Any] = {"transB": 1} if operator == "Gemm" else {}
        nodes.append(onnx.helper.make_node(operator, [at, *names], [then], **attributes))
        at = then
    float32 = onnx.TensorProto.FLOAT
    ends = (("observation", len(mean)), ("action", len(middle)))
    before, after = (onnx.helper.make_tensor_value_info(name, float32, [1, size]) for name, size in ends)
    graph = onnx.helper.make_graph(nodes, "policy", [before], [after], tensors)
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(graph, producer_name="cellwright", opset_imports=[opset], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def check_graph(raw: bytes, entry: Entry, source: str) -> list[Array]:
    """Raise ``InputError`` unless ``raw`` is a chain from the entry's observation, normalised as it says, to its
    action; ``source`` names the file in errors. Returns the chain's constants, in the order in which they are used."""
    try:
        model = onnx.load_model_from_string(raw)
    except Exception as error:  # protobuf has errors of its own for each of its implementations
        raise InputError(Problem(source, f"is no ONNX file: {shown(str(error))}", ANEW)) from None
    try:
        _known_fields(model)
        _versions(model)
        constants = _chain(model.graph, entry)
        onnx.checker.check_model(model, full_check=True)
    except Odd as odd:
        raise InputError(Problem(f"{source}:{odd.where}", odd.what, ANEW)) from None
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InputError(Problem(source, f"fails ONNX's own check: {shown(str(error))}", ANEW)) from None
    return constants


class Odd(Exception):
    """Something in a graph that isn't as a policy's is: ``where`` and ``what``."""

    def __init__(self, where: str, what: str) -> None:
        self.where, self.what = where, what
        super().__init__(where, what)


def _known_fields(message: Any) -> None:
    """Every field that is set, at any depth, is one of ``FIELDS``. Protobuf itself bounds the depth."""
    allowed = FIELDS.get(message.DESCRIPTOR.name)
    for field, value in message.ListFields():
        if allowed is not None and field.name not in allowed:
            raise Odd(f"{message.DESCRIPTOR.name}.{field.name}", "is nothing that a policy's network needs")
        if field.type == field.TYPE_MESSAGE:
            for inner in [value] if hasattr(value, "ListFields") else value:
                _known_fields(inner)


def _versions(model: Any) -> None:
    if model.ir_version != IR_VERSION:
        raise Odd("ir_version", f"is {model.ir_version}, not {IR_VERSION}")
    found = [(opset.domain, opset.version) for opset in model.opset_import]
    if found != [("", OPSET)]:
        raise Odd("opset_import", f"is {shown(str(found))}, not ONNX's own {OPSET}")


def _chain(graph: Any, entry: Entry) -> list[Array]:
    """Follow the values from node to node, and collect the constants; at each step the width of the vector is known."""
    if not 2 <= len(graph.node) <= MOST_NODES:
        raise Odd("graph.node", f"holds {len(graph.node)} nodes, not 2 to {MOST_NODES}")
    constants, used = _constants(graph), []
    at, width = _end(graph.input, "input", space(entry.observation).size)
    for number, node in enumerate(graph.node):
        where = f"graph.node.{number}"
        values = [constants.pop(name, None) for name in node.input[1:]]
        if len(node.output) != 1 or list(node.input[:1]) != [at] or any(value is None for value in values):
            raise Odd(where, "doesn't take the value before it, and constants of its own")
        width = _width(node, values, width, where)
        if node.op_type == "Tanh" and any(later.op_type == "Gemm" for later in graph.node[number:]):
            # Weights alone don't tell, and whoever trains on would have Relu there.
            raise Odd(where, "is a Tanh between layers, where Relu is to be")
        used += values
        at = node.output[0]
        normaliser = {0: ("Sub", entry.normaliser.mean), 1: ("Div", entry.normaliser.scale)}.get(number)
        if normaliser and (
            node.op_type != normaliser[0] or not np.array_equal(values[0], np.array(normaliser[1], np.float32))
        ):
            raise Odd(where, f"isn't the {normaliser[0]} of policy.json:normaliser")
    if constants:
        raise Odd("graph.initializer", f"{shown(next(iter(constants)))} is not used")
    if (at, width) != _end(graph.output, "output", space(entry.action).size):
        raise Odd("graph.output", "isn't what the last node gives")
    return used


def _width(node: Any, values: Sequence[Any], width: int, where: str) -> int:
    """How many numbers a node gives that is given ``width``."""
    shapes = [value.shape for value in values]
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "Gemm":
        out = len(values[0]) if values else 0
        if shapes == [(out, width), (out,)] and out and attributes == {"transB": 1}:
            return out
    elif attributes:
        raise Odd(f"{where}.attribute", "is there, and only Gemm has one")
    elif (node.op_type in ELEMENTWISE and shapes == [(width,)]) or (node.op_type in UNARY and not shapes):
        if node.op_type == "Div" and not values[0].all():
            raise Odd(where, "divides by zero")
        return width
    if node.op_type not in {"Gemm", *ELEMENTWISE, *UNARY}:
        raise Odd(f"{where}.op_type", f"is {shown(node.op_type)}, which is not allowed")
    raise Odd(where, f"{node.op_type} doesn't fit a vector of {width} numbers")


def _constants(graph: Any) -> dict[str, Any]:
    """The constants by name: float32, finite, as many numbers as their shape says."""
    found: dict[str, Any] = {}
    for tensor in graph.initializer:
        where, dims = f"graph.initializer.{shown(tensor.name)}", tuple(tensor.dims)
        if tensor.name in found:
            raise Odd(where, "is there twice")
        if tensor.data_type != onnx.TensorProto.FLOAT or not 1 <= len(dims) <= 2 or min(dims) < 1:
            raise Odd(where, "is not a float32 vector or matrix")
        if len(tensor.raw_data) != 4 * math.prod(dims):
            raise Odd(where, f"holds {len(tensor.raw_data)} bytes, not {4 * math.prod(dims)}")
        values = np.frombuffer(tensor.raw_data, "<f4").reshape(dims)
        if not np.isfinite(values).all():
            raise Odd(where, "holds a number that isn't finite")
        found[tensor.name] = values
    return found


def _end(ends: Sequence[Any], name: str, size: int) -> tuple[str, int]:
    """Name and width of the graph's only input or output, which is as the entry says."""
    if len(ends) != 1:
        raise Odd(f"graph.{name}", f"are {len(ends)}, not one")
    tensor = ends[0].type.tensor_type
    shape = [dim.dim_value for dim in tensor.shape.dim]
    if tensor.elem_type != onnx.TensorProto.FLOAT or shape != [1, size]:
        raise Odd(f"graph.{name}", f"has the shape {shown(str(shape))}, not [1, {size}] of float32")
    return ends[0].name, size
