"""Open results in a separate napari process, without importing the plugin's GUI code."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from napari_contransgan.errors import InputError


def open_in_napari(paths: Sequence[Path]) -> None:
    """Start napari with files opened by this plugin, and wait until its window is closed.

    Raises
    ------
    InputError
        If napari cannot open a window.
    """
    command = [sys.executable, "-m", "napari", "--plugin", "napari-contransgan", *map(str, paths)]
    if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - our own interpreter, no shell
        raise InputError(
            "napari could not open a window: it needs a display and a window toolkit, "
            "which comes with pip install 'napari-contransgan[all]'"
        )
