"""Commands that are asked to end, run twice, or cannot read their input."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_contransgan.cli import app
from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io.locking import folder_locked
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset

OPTIONS = ["--specimen", "psm", "--objective", "10x", "--field-px", "96", "--no-stacks"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGTERM on Windows")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_command_that_is_asked_to_end_leaves_nothing_half_written(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", "napari_contransgan.cli", "simulate", "--out", str(tmp_path), "--count", "500"]
    before = signal.signal(getattr(signal, name), signal.SIG_DFL)  # a child of nohup would ignore SIGHUP
    with subprocess.Popen([*command, *OPTIONS], stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        signal.signal(getattr(signal, name), before)
        while not list(tmp_path.glob("lr/*.ome.tif")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(getattr(signal, name))
        _, message = process.communicate()
    assert (process.returncode, message) == (143, "terminated\n")
    assert [path.name for path in tmp_path.rglob(".*")] == [".lock"]


def test_a_second_simulation_into_one_folder_is_refused(tmp_path: Path) -> None:
    with folder_locked(tmp_path, "simulation"):
        result = CliRunner().invoke(app, ["simulate", "--out", str(tmp_path), "--count", "1", *OPTIONS])
    assert result.exit_code == 2
    assert "another simulation is writing to this folder" in result.stderr


def test_more_fields_than_fit_onto_the_disk_are_refused_before_the_first(tmp_path: Path) -> None:
    settings = SimulationSettings(count=1_000_000, field_px=4096)
    with pytest.raises(InputError, match=r"1000000 fields need at least \S+ GB, and \S+ GB are free"):
        result_of(write_dataset(settings, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    result = CliRunner().invoke(app, ["simulate", "--out", str(tmp_path), "--count", "100000000000", *OPTIONS])
    assert result.exit_code == 2
    assert "count: Input should be less than or equal to 1000000" in result.stderr


def test_a_file_that_may_not_be_read_gives_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.tif"
    path.write_bytes(b"II*\0")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    result = CliRunner().invoke(app, ["tie", str(path), "--out", str(tmp_path / "phase.tif")])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"error: {path}")


def test_an_output_name_that_is_too_long_is_refused_before_the_work(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["tie", str(tmp_path / "a.tif"), "--out", str(tmp_path / ("n" * 300 + ".tif"))])
    assert result.exit_code == 2
    assert "304 bytes long" in result.stderr


def test_a_network_whose_name_is_too_long_is_no_bug(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["models", "show", "n" * 5000])
    assert result.exit_code == 2
    assert "not a bundled network" in result.stderr
