"""Ways to call the command line, a small simulated data set, and a network trained for two steps."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from napari_contransgan.cli import app


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _call_for_json(*arguments: object) -> dict[str, Any]:
    result = _call(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert isinstance(figures, dict)
    return figures


def _start(*arguments: object) -> "subprocess.Popen[str]":
    program = Path(sys.executable).with_name("napari-contransgan")
    if not program.is_file():
        pytest.skip("the program is not installed beside this Python")
    command = [program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own


@pytest.fixture(scope="session")
def call() -> Callable[..., Result]:
    """Call a command in this process."""
    return _call


@pytest.fixture(scope="session")
def call_for_json() -> Callable[..., dict[str, Any]]:
    """Call a command that must succeed, and read the one JSON object it prints."""
    return _call_for_json


@pytest.fixture(scope="session")
def start() -> Callable[..., "subprocess.Popen[str]"]:
    """Start the installed program."""
    return _start


@pytest.fixture(scope="session")
def hela(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated 10x fields with their stacks."""
    folder = tmp_path_factory.mktemp("data") / "hela"
    _call_for_json("simulate", "--out", folder, "--specimen", "hela", "--objective", "10x", "--count", "2")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, hela: Path) -> Path:
    """A tiny network, trained for two steps."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    _call_for_json("train", "--out", folder, "--pairs", hela, "--preset", "tiny", "--steps", "2")
    return folder
