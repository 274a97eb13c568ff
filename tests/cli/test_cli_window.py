"""Opening results in napari from the command line."""

import subprocess
import sys
from pathlib import Path

import pytest

from napari_contransgan.cli.window import open_in_napari
from napari_contransgan.errors import InputError


def test_files_are_opened_with_this_plugin_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    open_in_napari([Path("a.ome.tif"), Path("b.ome.tif")])
    assert calls == [[sys.executable, "-m", "napari", "--plugin", "napari-contransgan", "a.ome.tif", "b.ome.tif"]]


def test_a_window_that_cannot_open_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1))
    with pytest.raises(InputError, match="needs a display"):
        open_in_napari([Path("a.ome.tif")])
