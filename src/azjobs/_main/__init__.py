"""Entry points of the processes azjobs consists of; each wires its own layers and stands outside them."""
