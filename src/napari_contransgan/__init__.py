"""Quantitative phase from bright-field microscopy: transport of intensity and learned virtual phase.

The functions of `napari_contransgan.api` are also available here: ``import napari_contransgan as ncg``, then
``ncg.retrieve_phase(...)``. Each is loaded when it is first used.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from napari_contransgan.api import (
        adapt,
        evaluate,
        measure,
        predict,
        read_image,
        retrieve_phase,
        simulate,
        train,
        write_image,
    )

# OpenMP reads this variable once, when PyTorch loads it. Without it, waiting threads spin, and on a busy machine they
# then take processor time from the very threads they are waiting for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "adapt",
    "evaluate",
    "measure",
    "predict",
    "read_image",
    "retrieve_phase",
    "simulate",
    "train",
    "write_image",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in __all__:
        return getattr(import_module("napari_contransgan.api"), name)
    raise AttributeError(f"module 'napari_contransgan' has no attribute {name!r}")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and rarely needed

    try:
        return version("napari-contransgan")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
