"""Adapting the bundled network to one microscope."""
