"""The digital product passport of one serial unit: write, read, verify."""

from cells.orders.passport.read import read_passport, verify_passport
from cells.orders.passport.write import write_passport

__all__ = ["read_passport", "verify_passport", "write_passport"]
