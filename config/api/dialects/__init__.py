"""How each API words success and failure."""
