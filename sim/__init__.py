"""The cell in PyBullet: one implementation of the ports in `cells.ports`."""
