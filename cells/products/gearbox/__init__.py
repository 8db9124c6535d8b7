"""The family `gearbox`."""

from cells.products.gearbox.family import FAMILY

__all__ = ["FAMILY"]
