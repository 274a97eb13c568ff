"""How right the measurements of cells are."""
