"""Measure the accuracy and speed of the digital microscope."""
