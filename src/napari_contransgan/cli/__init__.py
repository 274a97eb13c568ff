"""The command line, with the same settings and functions as the dock widgets."""

from napari_contransgan.cli.app import app, main

__all__ = ["app", "main"]
