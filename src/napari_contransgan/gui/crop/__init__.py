"""Crop frames into tiles."""
