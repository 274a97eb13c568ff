"""Adapt the bundled network in a temporary folder."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from napari_contransgan.adapting.adapt import adapt
from napari_contransgan.adapting.events import AdaptFinished, AdaptResult
from napari_contransgan.config import AdaptSettings
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint


def adapted(
    stacks: Sequence[Image], settings: AdaptSettings, frames: Sequence[Image] = ()
) -> tuple[LoadedModel, AdaptResult]:
    """Adapt the bundled network, and load the result."""
    with tempfile.TemporaryDirectory() as folder:
        *_, last = adapt(stacks, settings, Path(folder) / "run", frames=frames)
        assert isinstance(last, AdaptFinished)  # noqa: S101 - always the last event
        return load_checkpoint(last.result.checkpoint), last.result
