"""The command line: the twin of the dock widgets, with the same settings and the same functions behind it."""

from napari_contransgan.cli.app import app, main

__all__ = ["app", "main"]
