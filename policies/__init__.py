"""How a cell learns: the wing is named, nothing is in it yet."""
