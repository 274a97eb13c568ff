"""A run that a test steers, and no entry in the list of known runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gui.train.run_in_hand import RunInHand

from napari_contransgan.gui.train import widget as train_widget
from napari_contransgan.gui.train import work as train_work


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunInHand]:
    run = RunInHand()
    monkeypatch.setattr(train_widget, "training_events", run)
    yield run
    run.step_allowed.release(10_000)


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is kept among the known runs, so that a test writes nothing into the user's list."""
    kept: list[Path] = []
    monkeypatch.setattr(train_work, "remember_run", kept.append)
    return kept
