"""Cutting frames into tiles."""
