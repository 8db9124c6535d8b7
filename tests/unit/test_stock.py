"""Stock is what the journal says came in, less what was loaded into the cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cells.errors import InputError
from cells.journal.event import Event
from cells.journal.store import Journal
from cells.orders.stock import current_stock, load_lot, load_simulated, shortages
from cells.ports import LoadRequest
from cells.products.catalogue import build_variant

TWO = build_variant("pegboard", {"pegs": 2})
THREE = build_variant("pegboard", {"pegs": 3})
VARIANTS = {TWO.hash: TWO, THREE.hash: THREE}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open("bench", tmp_path) as journal:
        yield journal


def use(journal: Journal, lot: str, instance: str) -> None:
    data = {"instance": instance, "part": "peg", "variant": TWO.hash, "lot": lot, "station": "tray_b", "slot": 0}
    journal.append(Event("material_loaded", 1.0, data))


def needs(pegs: int, variant: str = TWO.hash) -> list[LoadRequest]:
    return [LoadRequest(f"A-01/peg_{n}", "peg", variant, "tray_b", n) for n in range(pegs)]


def test_oldest_lot_goes_first_and_runs_out(journal: Journal) -> None:
    load_lot(journal, "old", "peg", 2, supplier="Turner")
    load_lot(journal, "new", "peg", 5)
    stock = current_stock(journal)
    taken = []
    while (step := stock.take("peg", TWO.hash)) is not None:
        taken.append(step[0])
        stock = step[1]
    assert taken == ["old", "old", *["new"] * 5]
    assert stock.remaining("peg", TWO.hash) == 0 and current_stock(journal).remaining("peg", TWO.hash) == 7


def test_material_loaded_draws_from_its_lot_and_more_can_come(journal: Journal) -> None:
    load_lot(journal, "L-1", "peg", 2)
    use(journal, "L-1", "A-01/peg_1")
    assert current_stock(journal).lots[0].remaining == 1
    load_lot(journal, "L-1", "peg", 3)
    (lot,) = current_stock(journal).lots
    assert (lot.loaded, lot.remaining) == (5, 4)


def test_a_lot_for_one_variant_serves_no_other(journal: Journal) -> None:
    load_lot(journal, "L-2", "peg", 4, variant=TWO.hash)
    stock = current_stock(journal)
    assert stock.remaining("peg", TWO.hash) == 4 and stock.remaining("peg", THREE.hash) == 0
    assert stock.take("peg", THREE.hash) is None and stock.take("plate", TWO.hash) is None


def test_loading_list_says_what_is_missing_and_counts_no_piece_twice(journal: Journal) -> None:
    load_lot(journal, "L-1", "peg", 3)
    rows = shortages([*needs(2), *needs(3, THREE.hash)], current_stock(journal), VARIANTS)
    assert [(row.part, row.variant, row.need, row.have, row.missing) for row in rows] == [("peg", THREE.hash, 3, 1, 2)]
    assert rows[0].parameters["pegs"] == 3 and rows[0].family == "pegboard"
    load_lot(journal, "L-3", "peg", 2)
    assert shortages([*needs(2), *needs(3, THREE.hash)], current_stock(journal), VARIANTS) == ()


def test_a_simulated_cell_loads_itself_and_says_so(journal: Journal) -> None:
    missing = shortages([*needs(2), *needs(3, THREE.hash)], current_stock(journal), VARIANTS)
    said = load_simulated(journal, missing)
    assert len(said) == 2 and "2 peg as lot SIM-1" in said[0] and "3 peg as lot SIM-2" in said[1]
    assert shortages([*needs(2), *needs(3, THREE.hash)], current_stock(journal), VARIANTS) == ()
    use(journal, "SIM-1", "A-01/peg_1")
    again = load_simulated(journal, shortages(needs(2), current_stock(journal), VARIANTS))
    assert again == ("the simulated cell loaded itself: 1 peg as lot SIM-3",)


@pytest.mark.parametrize(
    ("lot", "part", "count", "place"),
    [
        ("L", "peg", 0, "stock:count"), ("L", "peg", -3, "stock:count"), ("L", "peg", 10**9, "stock:count"),
        ("", "peg", 1, "stock:lot"), ("a/b", "peg", 1, "stock:lot"), ("L", "x\n", 1, "stock:part"),
        ("L", "p" * 200, 1, "stock:part"), ("known", "plate", 1, "stock:lot"),
    ],
)  # fmt: skip
def test_bad_lots_are_refused_and_nothing_is_written(
    journal: Journal, lot: str, part: str, count: int, place: str
) -> None:
    load_lot(journal, "known", "peg", 1)
    with pytest.raises(InputError) as caught:
        load_lot(journal, lot, part, count)
    assert [problem.where for problem in caught.value.problems] == [place]
    assert journal.head()[0] == 1


def test_a_simulated_lot_never_takes_a_name_that_somebody_gave(journal: Journal) -> None:
    load_lot(journal, "SIM-2", "plate", 1)
    said = load_simulated(journal, shortages([*needs(2), *needs(3, THREE.hash)], current_stock(journal), VARIANTS))
    assert "SIM-1" in said[0] and "SIM-3" in said[1]


def test_a_variant_is_a_whole_hash_or_any(journal: Journal) -> None:
    with pytest.raises(InputError, match="stock:variant"):
        load_lot(journal, "L-1", "peg", 1, variant=TWO.hash[:12])
    load_lot(journal, "L-1", "peg", 1, variant=TWO.hash)
    assert current_stock(journal).remaining("peg", TWO.hash) == 1
