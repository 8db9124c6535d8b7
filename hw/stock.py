"""Parts into and out of the cell: by the service of whoever stands in for the world, else by a person who is asked."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cells.commands.show import say
from cells.errors import CellwrightError, Problem
from cells.ports import Loaded, LoadRequest
from hw.locator import TaughtLocator
from hw.network import Network
from hw.variants import document_of

if TYPE_CHECKING:
    from cells.products.model import ProductVariant

LOAD_S = 20.0  # s that the service may take: a simulated world has meshes to make


class Stock(ABC):
    """What both kinds share: the locator learns what was done."""

    def __init__(self, locator: TaughtLocator) -> None:
        self._locator = locator

    def load(self, requests: Sequence[LoadRequest]) -> Loaded:
        """Put parts into their slots."""
        loaded = self._do("LOAD", requests)
        self._locator.loaded(loaded.done)
        return loaded

    def load_unit(self, returns: Sequence[LoadRequest]) -> Loaded:
        """Put a finished unit into the fixture, and make the slots of its parts ready."""
        loaded = self._do("LOAD_UNIT", returns)
        if not loaded.missing:
            self._locator.returned(loaded.done)
        return loaded

    def make_ready(self, returns: Sequence[LoadRequest]) -> Loaded:
        """Make slots ready for parts that are in the cell."""
        return self._do("MAKE_READY", returns)

    def unload(self, instances: Sequence[str]) -> None:
        """Take parts out of the cell."""
        self._do("UNLOAD", [LoadRequest(instance, "", "", "", 0) for instance in instances])
        self._locator.unloaded(instances)

    @abstractmethod
    def _do(self, what: str, requests: Sequence[LoadRequest]) -> Loaded:
        """Have it done: ``what`` is "LOAD", "LOAD_UNIT", "MAKE_READY" or "UNLOAD"."""


class ServedStock(Stock):
    """Stock behind the service ``cellwright_msgs/Load``. ``settled()`` waits until the arm is heard of again."""

    def __init__(
        self,
        locator: TaughtLocator,
        network: Network,
        client: Any,
        variants: Mapping[str, ProductVariant],
        settled: Callable[[], None],
    ) -> None:
        super().__init__(locator)
        self._network, self._client, self._variants, self._settled = network, client, variants, settled

    def _do(self, what: str, requests: Sequence[LoadRequest]) -> Loaded:
        """Raises :class:`CellwrightError` where the service says no, or nothing."""
        from cellwright_msgs.msg import Part
        from cellwright_msgs.srv import Load

        request = Load.Request(what=getattr(Load.Request, what))
        request.parts = [
            Part(instance=r.instance, part=r.part, variant=r.variant, station=r.station, slot=r.slot) for r in requests
        ]
        hashes = dict.fromkeys(r.variant for r in requests if r.variant)
        request.variants = [document_of(self._variants[name]) for name in hashes]
        answered, answers = threading.Event(), []

        def take(future: Any) -> None:
            answers.append(future.result() if future.exception() is None else None)
            answered.set()

        self._network.do(lambda: self._client.call_async(request).add_done_callback(take))
        if not answered.wait(LOAD_S) or answers[0] is None:
            remedy = "see that what loads the cell still runs"
            raise CellwrightError(Problem(self._client.srv_name, f"no answer within {LOAD_S:g} s", remedy))
        if not answers[0].ok:
            raise CellwrightError(Problem(self._client.srv_name, answers[0].message, "correct that, then run again"))
        self._settled()
        done, missing = (
            tuple(LoadRequest(p.instance, p.part, p.variant, p.station, p.slot) for p in parts)
            for parts in (answers[0].done, answers[0].missing)
        )
        return Loaded(done, missing)


class AskedStock(Stock):
    """Stock that a person carries: asked at the terminal; where there is none everything is missing."""

    def _do(self, what: str, requests: Sequence[LoadRequest]) -> Loaded:
        if not requests:
            return Loaded()
        for request in requests:
            say(f"  {_WORDS[what].format(request=request, slot=f'{request.station}/{request.slot}')}")
        if what == "UNLOAD":
            return Loaded(done=tuple(requests))
        if not sys.stdin.isatty():
            return Loaded(missing=tuple(requests))
        say("done? (yes, or anything else to end here)")
        agreed = sys.stdin.readline().strip().lower() in ("y", "yes", "j", "ja", "是")
        return Loaded(done=tuple(requests)) if agreed else Loaded(missing=tuple(requests))


_WORDS = {
    "LOAD": "put a {request.part} into {slot}",
    "LOAD_UNIT": "put the unit into the fixture, with its {request.part}; empty {slot}",
    "MAKE_READY": "empty {slot}",
    "UNLOAD": "take out {request.instance}",
}
