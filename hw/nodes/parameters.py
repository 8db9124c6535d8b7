"""Parameters of a node: declared with what they mean and what they may be; a bad one is refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from cells.errors import InputError, Problem

Value = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter: ``text`` says what it means, numbers go from ``low`` to ``high``; a ``knob`` may be turned while
    the node runs."""

    name: str
    default: Value
    text: str
    low: float = 0
    high: float = 0
    knob: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """As a node is told."""
        told = ParameterDescriptor(name=self.name, description=self.text, read_only=not self.knob)
        if isinstance(self.default, float):
            told.floating_point_range = [FloatingPointRange(from_value=self.low, to_value=self.high, step=0.0)]
        elif isinstance(self.default, int) and not isinstance(self.default, bool):
            told.integer_range = [IntegerRange(from_value=int(self.low), to_value=int(self.high), step=1)]
        return told


def declare(node: Node, settings: Sequence[Setting]) -> dict[str, Any]:
    """Declare them, and what they are. Raises ``InputError`` for a value that the node was started with and that isn't
    one."""
    values: dict[str, Any] = {}
    for setting in settings:
        try:
            values[setting.name] = node.declare_parameter(setting.name, setting.default, setting.descriptor()).value
        except InvalidParameterTypeException:
            kind = type(setting.default).__name__
            remedy = f"write it as -p {setting.name}:={setting.default if setting.default != '' else 'text'}"
            raise InputError(Problem(f"parameter {setting.name}", f"isn't a {kind}", remedy)) from None
        except InvalidParameterValueException:
            what = f"is out of range: {setting.text}"
            remedy = f"choose from {setting.low:g} to {setting.high:g}"
            raise InputError(Problem(f"parameter {setting.name}", what, remedy)) from None
    return values
