"""How a cell learns: policies as files, the network they are, running them, the zoo that keeps them."""
