"""Draw docs/gearbox.png: the gearbox of examples/gearbox.yaml as it stands finished in the simulated fixture.

.venv/bin/python docs/gearbox.py
"""

from pathlib import Path

from cells.description.cell import View, load_cell
from cells.orders.order import read_order
from cells.products.catalogue import build_variant
from sim.camera import SimCamera
from sim.scenes import assembled
from sim.world import open_world

DOCS = Path(__file__).parent
CLOSE = View(eye_mm=(620, -160, 200), target_mm=(480, 0, 45), fov_deg=32)

order, _ = read_order(DOCS.parent / "examples" / "gearbox.yaml", [])
variant = build_variant("gearbox", order.items[0].parameters)
world = open_world(load_cell("panda-bench"), {variant.hash: variant}, seed=1)
assembled(world, "GB-0001-01", variant)
(DOCS / "gearbox.png").write_bytes(SimCamera(world.bullet, CLOSE).picture(960, 600))
world.close()
