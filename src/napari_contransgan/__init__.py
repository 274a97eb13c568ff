"""Quantitative phase from bright-field microscopy: transport of intensity and learned virtual phase."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-contransgan")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
