"""Measure the accuracy of measurements of cells."""
