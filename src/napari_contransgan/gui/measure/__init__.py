"""Measure objects of a phase map."""
