"""Measure how well the bundled network adapts to a microscope."""
