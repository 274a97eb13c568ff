"""Find the scale of a predicted phase from the image itself, by image formation."""
