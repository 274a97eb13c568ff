"""One writer at a time in a folder, whatever ends it."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.io.locking import folder_locked

HOLD = """
import sys, time
from pathlib import Path
from napari_contransgan.io.locking import folder_locked
with folder_locked(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(run: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_training_is_refused_until_the_first_is_gone_even_if_it_was_killed(tmp_path: Path) -> None:
    run = tmp_path / "a" / "run"
    with holder(run) as other:
        with pytest.raises(InputError, match="run: another training is writing to this folder; stop it or choose"):
            folder_locked(run, "training").__enter__()
        other.send_signal(signal.SIGKILL)
    with folder_locked(run, "training"):
        (run / "config.yaml").touch()
    with folder_locked(run, "training"):
        pass
    assert (run / "config.yaml").is_file()


def test_two_in_one_process_are_kept_apart_too(tmp_path: Path) -> None:
    with folder_locked(tmp_path, "training"):
        with pytest.raises(InputError, match="another training"), folder_locked(tmp_path, "training"):
            pass
        with pytest.raises(InputError, match="another training"), folder_locked(tmp_path, "training"):
            pass


def test_a_lock_may_be_let_go_by_another_thread(tmp_path: Path) -> None:
    lock = folder_locked(tmp_path, "training")
    with ThreadPoolExecutor(1) as other:  # its thread stays
        other.submit(lock.__enter__).result()
        with pytest.raises(InputError, match="another training"):
            folder_locked(tmp_path, "training").__enter__()
        lock.__exit__(None, None, None)
        with folder_locked(tmp_path, "training"):
            pass


def test_a_new_folder_in_which_nothing_was_written_is_taken_away(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bad data"), folder_locked(tmp_path / "a" / "b", "training"):
        raise InputError("bad data")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "own").mkdir()
    with folder_locked(tmp_path / "own", "training"):
        pass
    assert (tmp_path / "own").is_dir()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="file/run: cannot be written"),
        folder_locked(tmp_path / "file" / "run", "training"),
    ):
        pass
