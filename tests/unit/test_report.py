"""The report: self-contained, everything escaped, and no peak lost on the way to a curve."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cells.description.cell import load_cell
from cells.journal.store import StoredEvent
from cells.orders.curves import force_curve, thin
from cells.orders.order import Order
from cells.orders.pictures import filmstrip
from cells.orders.report import write_report
from cells.products.catalogue import build_variant
from cells.skills.contract import Call
from cells.tasks.plan import Plan, UnitPlan

HOSTILE = "<script>alert(1)</script>"
SERIAL = "R-1-01"


class Page(HTMLParser):
    """The tags, the addresses that the page would load, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def event(seq: int, kind: str, **data: object) -> StoredEvent:
    return StoredEvent(kind, float(seq), data, seq, "2026-01-02T03:04:05.678+00:00", "0" * 64)


@pytest.fixture
def page(tmp_path: Path) -> str:
    variant = build_variant("pegboard", {"pegs": 1})
    call = Call("insert_peg_1", "insert", SERIAL, f"{SERIAL}/peg_1", "hole_1", f"{SERIAL}/plate", {}, f"why {HOSTILE}")
    unit = UnitPlan(SERIAL, 0, variant.hash, (), (call,), (9.0,), (None,))
    order = Order.model_validate(
        {
            "schema": "cellwright/order/v1",
            "id": "R-1",
            "customer": HOSTILE,
            "due": "2026-12-31",
            "items": [{"product": "pegboard", "quantity": 1}],
        }
    )
    wrench = np.zeros((500, 6))
    wrench[123, 2] = 27.5
    rest = {"tcp": np.zeros((500, 7)), "width": np.zeros(500), "q": np.zeros((500, 7))}
    np.savez_compressed(tmp_path / "i.npz", time=np.arange(500) * 0.004, wrench=wrench, **rest)
    Image.new("RGB", (900, 600), "teal").save(tmp_path / "01_start.png")
    step = {"serial": SERIAL, "step": call.id, "skill": "insert", "duration_s": 2.0, "energy_j": 40.0}
    picture = {"serial": SERIAL, "step": "place_plate", "file": "01_start.png"}
    events = [
        event(1, "order_accepted", order="R-1", items=[]),
        event(2, "unit_started", serial=SERIAL, order="R-1", variant=variant.hash, family="pegboard"),
        event(3, "step_failed", **step, attempt=1, cause="jammed", why=f"at 3.0 mm {HOSTILE}", result={}),
        event(4, "recovery_started", serial=SERIAL, step=call.id, recovery="re-approach"),
        event(5, "step_done", **step, attempt=2, result={"peak_force_n": 27.5}, telemetry={"file": "i.npz"}),
        event(6, "picture_taken", **picture),
        event(7, "unit_finished", serial=SERIAL, verdict="good", reasons=[], seconds=5.0, energy_j=80.0),
    ]
    plan = Plan("R-1", "panda-bench", (unit,), "ab" * 32)
    report = write_report(tmp_path, order, plan, {variant.hash: variant}, load_cell("panda-bench"), events)
    assert report == tmp_path / "report.html"
    return report.read_text(encoding="utf-8")


def test_the_page_is_whole_and_loads_nothing(page: str) -> None:
    parsed = Page(page)
    assert not parsed.open
    assert "script" not in parsed.tags
    assert parsed.loads
    assert all(address.startswith("data:image/jpeg;base64,") for address in parsed.loads)
    assert "url(" not in page
    assert "@import" not in page


def test_hostile_text_is_text(page: str) -> None:
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") >= 3  # customer, reason, failure


def test_the_page_tells_what_happened(page: str) -> None:
    assert "1 of 1" in page
    assert "re-approach" in page
    assert "jammed" in page
    assert "27.5" in page
    assert "equal-area 24-gon holes" in page
    assert "collision margin" in page
    assert page.count("<svg") == 2  # the plan, and one force curve
    assert "unknown" in page  # the material without a sourced factor


def test_a_peak_of_one_sample_stays_in_the_curve() -> None:
    force = np.zeros(20_000)
    force[12_345] = 33.0
    time, thinned = thin(np.arange(20_000) * 0.004, force)
    assert len(thinned) <= 300
    assert thinned.max() == 33.0
    assert time[thinned.argmax()] == pytest.approx(12_345 * 0.004)


def test_the_limit_is_drawn_where_it_fits() -> None:
    time = np.linspace(3.0, 4.0, 50)
    wrench = np.zeros((50, 6))
    wrench[:, 2] = np.linspace(0, 41, 50)
    assert 'class="limit"' in force_curve({"time": time, "wrench": wrench}, 40.0, "x")
    assert 'class="limit"' not in force_curve({"time": time, "wrench": wrench / 10}, 40.0, "x")


def test_a_filmstrip_takes_first_and_last(tmp_path: Path) -> None:
    pictures = []
    for i in range(9):
        pictures.append(tmp_path / f"{i}.png")
        Image.new("RGB", (800, 500), (i * 25, 0, 0)).save(pictures[-1])
    strip = filmstrip(pictures, tmp_path / "strip.png", count=4, width=100, gap=6)
    with Image.open(strip) as image:
        assert image.size == (4 * 100 + 3 * 6, 62)
        assert image.getpixel((5, 5)) == (0, 0, 0)
        assert image.getpixel((image.width - 5, 5)) == (200, 0, 0)


def test_no_picture_makes_no_strip(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no picture"):
        filmstrip([], tmp_path / "strip.png")


def test_the_strip_of_the_run_lies_beside_the_report(page: str, tmp_path: Path) -> None:
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    with Image.open(tmp_path / "filmstrip.png") as strip:
        assert strip.format == "PNG"
