"""Find the networks that come with the package."""

from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import ADAPTED, ModelCard, read_card

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT_MODEL = "all"
ONE_SPECIMEN = MappingProxyType({"hela": "cells", "psm": "3 um beads near one focus, in one kind of light,"})
"""Networks that know one specimen, named after it in the simulator, and what they know."""


def bundled_models() -> dict[str, Path]:
    """Return the bundled checkpoints by name, the default first, and those for one specimen last."""
    paths = {path.stem: path for path in sorted(WEIGHTS.glob("*.safetensors"))}
    return dict(sorted(paths.items(), key=lambda item: (item[0] in ONE_SPECIMEN, item[0] != DEFAULT_MODEL)))


def list_models() -> dict[str, ModelCard]:
    """Return the cards of the bundled networks by name, the default first."""
    return {name: read_card(path) for name, path in bundled_models().items()}


def bundled_name(card: ModelCard) -> str:
    """Return the name of the bundled network that a card describes; empty for others, and for one adapted from it."""
    name, colon, _ = card.name.partition(":")
    return name if colon and ADAPTED not in card.settings else ""


def one_specimen_note(card: ModelCard) -> str:
    """Return a note that a bundled network knows one specimen; empty for others, and for one adapted from it."""
    known = ONE_SPECIMEN.get(bundled_name(card))
    return f"this network knows {known} alone; for anything else, use the network {DEFAULT_MODEL}" if known else ""


def find_model(name_or_path: str) -> Path:
    """Return the checkpoint of a bundled network's name, a run's folder, or a checkpoint's path.

    Raises
    ------
    InputError
        If it is none of these.
    """
    models = bundled_models()
    if name_or_path in models:
        return models[name_or_path]
    path = Path(name_or_path)
    with suppress(OSError):  # a name that is too long, or links in a loop
        if path.is_dir() and (path / "best.safetensors").is_file():
            return path / "best.safetensors"
        if path.is_file():
            return path
    raise InputError(
        f"is not a bundled network, a checkpoint file, or a run's folder that contains one: "
        f"use {', '.join(models) or 'a file'}, or check the path",
        source=name_or_path,
    )
