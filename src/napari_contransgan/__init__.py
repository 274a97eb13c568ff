"""Quantitative phase from bright-field microscopy: transport of intensity and learned virtual phase."""

import os
from importlib.metadata import PackageNotFoundError, version

# OpenMP reads this once, when PyTorch loads it. Without it, threads spin while they wait for each other, and on a busy
# machine they then take the processor from the very threads they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

try:
    __version__ = version("napari-contransgan")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
