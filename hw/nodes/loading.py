"""Parts into and out of the world behind an arm, by a service: what a person does at a real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cellwright_msgs.msg import Part
from cellwright_msgs.srv import Load
from rclpy.node import Node

from cells.errors import CellwrightError
from cells.ports import Loaded, LoadRequest, Stock
from cells.products.model import ProductVariant
from hw.variants import variant_of


class Loading:
    """The service. ``variants`` (by hash) is what the world was opened with, and looks parts up in: it grows.
    ``instances`` are the parts in the world."""

    def __init__(self, node: Node, name: str, stock: Stock, variants: dict[str, ProductVariant]) -> None:
        self._stock, self._variants, self._log = stock, variants, node.get_logger()
        self.instances: dict[str, None] = {}  # a set that keeps its order
        node.create_service(Load, name, self._on_load)

    def _on_load(self, asked: Any, answer: Any) -> Any:
        requests = [LoadRequest(p.instance, p.part, p.variant, p.station, p.slot) for p in asked.parts]
        try:
            for document in asked.variants:
                variant = variant_of(document)
                self._variants[variant.hash] = variant
            loaded = self._carry_out(asked.what, requests)
        except (CellwrightError, KeyError, IndexError, ValueError) as error:  # as a stock says that it can't be done
            answer.message = f"{error.args[0]} isn't known here" if isinstance(error, KeyError) else str(error)
            self._log.error(f"parts not loaded: {answer.message}")
            return answer
        answer.ok = True
        answer.done, answer.missing = ([_part(request) for request in some] for some in (loaded.done, loaded.missing))
        return answer

    def _carry_out(self, what: int, requests: Sequence[LoadRequest]) -> Loaded:
        if what == Load.Request.UNLOAD:
            self._stock.unload([request.instance for request in requests])
            for request in requests:
                self.instances.pop(request.instance, None)
            return Loaded(done=tuple(requests))
        ways = {
            Load.Request.LOAD: self._stock.load,
            Load.Request.LOAD_UNIT: self._stock.load_unit,
            Load.Request.MAKE_READY: self._stock.make_ready,
        }
        if what not in ways:
            raise ValueError(f"what={what} means nothing: see cellwright_msgs/Load")
        loaded = ways[what](requests)
        self.instances |= dict.fromkeys(request.instance for request in loaded.done)
        return loaded


def _part(request: LoadRequest) -> Part:
    return Part(
        instance=request.instance,
        part=request.part,
        variant=request.variant,
        station=request.station,
        slot=request.slot,
    )
