"""Exit status, what goes to standard output and error, and names of output files."""

import json
import math
import os
import signal
import subprocess
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from napari_contransgan.cli.runner import command, interrupt_held_back, run
from napari_contransgan.errors import InputError
from napari_contransgan.progress import Progress

Call = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


def invoke(outcome: Mapping[str, Any] | BaseException, *options: str) -> Result:
    """Call a command that returns or raises the outcome."""
    app = typer.Typer()

    def work(count: int = 1) -> Mapping[str, Any]:
        """Work."""
        if isinstance(outcome, BaseException):
            raise outcome
        return {"count": count, **outcome}

    command(app, "work", "work --count 2")(work)
    return CliRunner().invoke(app, list(options))


def test_success_prints_the_figures_for_reading() -> None:
    figures = {"ssim": 0.87654321, "shape": (3, 4), "notes": [], "files": [Path("a"), Path("b")]}
    result = invoke(figures, "--count", "7")
    assert result.exit_code == 0
    lines = ["count: 7", "ssim: 0.87654", "shape: 3, 4", "notes: -", "files:", "  - a", "  - b"]
    assert result.stdout.splitlines() == lines
    assert result.stderr == ""


def test_json_is_one_object_that_any_reader_takes() -> None:
    figures = {
        "path": Path("a.tif"),
        "n": np.int64(3),
        "x": np.float32(0.5),
        "bad": [math.inf, math.nan],
        "c": {"d": None},
    }
    result = invoke(figures, "--json")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    expected = {"count": 1, "path": "a.tif", "n": 3, "x": 0.5, "bad": [None, None], "c": {"d": None}}
    assert json.loads(result.stdout, parse_constant=pytest.fail) == expected


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("a.tif: is bad:\ngive another"), 2, "error: a.tif: is bad: give another"),
        (
            PermissionError(13, "Permission denied", "/x/y"),
            2,
            "error: /x/y: Permission denied: check the path, its permissions and free space",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            ZeroDivisionError("division by zero"),
            1,
            "bug in the program: ZeroDivisionError: division by zero",
        ),
        (
            FileNotFoundError(2, "No such file", "weights"),
            1,
            "bug in the program: FileNotFoundError: [Errno 2] No such file: 'weights'",
        ),
    ],
)
def test_errors_become_a_status_and_one_line(error: BaseException, status: int, line: str) -> None:
    result = invoke(error, "--json")
    assert result.exit_code == status
    hint = " (run the command again with --debug to see where)" if status == 1 else ""
    assert result.stderr.splitlines() == [line + hint]
    assert result.stdout == ""


def test_debug_shows_where() -> None:
    result = invoke(ZeroDivisionError("division by zero"), "--debug")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "in work" in result.stderr


def test_a_wrong_option_is_status_2() -> None:
    assert invoke({}, "--nonsense").exit_code == 2
    assert invoke({}, "--count", "many").exit_code == 2


def test_running_returns_the_result_and_closes_what_fails() -> None:
    closed = []

    def task(fails: bool) -> Generator[Progress, None, int]:
        try:
            yield Progress(1, 2, "[half] done")
            if fails:
                raise KeyboardInterrupt
            yield Progress(2, 2, "done")
        finally:
            closed.append(fails)
        return 42

    assert run(task(False)) == 42
    with pytest.raises(KeyboardInterrupt):
        run(task(True))
    assert closed == [False, True]


def test_an_interrupt_waits_and_a_second_one_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupt_held_back() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "interrupt again" in capfd.readouterr().err


def test_the_installed_program_refuses_a_text_file_in_one_line(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "notes.tif"
    path.write_text("no image\n" * 30)
    process = start("tie", path, "--out", tmp_path / "phase.tif", "--json")
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 2
    assert stderr == f"error: {path}: is not a TIFF file: give a TIFF or OME-TIFF\n"
    assert stdout == ""
    assert list(tmp_path.iterdir()) == [path]


def test_the_program_tells_its_version_and_its_commands(call: Call) -> None:
    assert call("--version").stdout.strip()[0].isdecimal()
    text = call("--help").stdout
    for name in ("demo", "tie", "tile", "simulate", "train", "predict", "evaluate", "models"):
        assert f"\n  {name} " in text
