"""Writing files whole or not at all."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.io.atomic import (
    _host,
    append_line,
    check_names,
    empty_folders_removed,
    remove_leftovers,
    replaced_atomically,
    replaced_together,
    scratch_folder,
    write_atomically,
)

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from napari_contransgan.io.atomic import replaced_atomically
with replaced_atomically(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""

KILLED_WITH_A_SCRATCH_FOLDER = """
import os, signal
from napari_contransgan.io.atomic import scratch_folder
with scratch_folder() as folder:
    (folder / "a").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "a", b"old")

    def full_disk(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_atomically(tmp_path / "a", b"new")
    with pytest.raises(OSError, match="no space"):
        write_atomically(tmp_path / "below" / "further" / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_what_a_killed_process_left_is_removed_at_the_next_write(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"old")
    subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path / "a")], check=False)  # noqa: S603
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    write_atomically(tmp_path / "b", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_others_are_writing_and_what_the_user_named_alike_is_kept(tmp_path: Path) -> None:
    others = [
        tmp_path / f".contransgan-{_host()}-{os.getpid()}-abcdefgh",  # a process that runs
        tmp_path / ".contransgan-00000000-999999999-abcdefgh",  # of another computer
        tmp_path / ".tmpabcdef",
        tmp_path / ".part-notes",
        tmp_path / ".contransgan-notes",
    ]
    for folder in others:
        folder.mkdir()
        (folder / "a").touch()
    a_file = tmp_path / f".contransgan-{_host()}-999999999-file_of_"
    a_file.touch()
    remove_leftovers(tmp_path)
    assert all((folder / "a").exists() for folder in others)
    assert a_file.exists()


def test_every_legal_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 247 + ".ome.tif")
    write_image(path, Image(np.zeros((4, 5), np.float32), "YX"))
    assert read_image(path).data.shape == (4, 5)
    write_atomically(tmp_path / ("m" * 255), b"whole")


def test_a_name_that_is_too_long_is_refused_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 124 + ".ome.tif")
    with pytest.raises(InputError, match="its name is 256 bytes long, and at most 255"):
        check_names([path])
    with pytest.raises(InputError, match="256 bytes"):
        write_image(path, Image(np.zeros((4, 5), np.float32), "YX"))


def test_the_temporary_file_has_the_name_of_the_real_one(tmp_path: Path) -> None:
    with replaced_atomically(tmp_path / "a.ome.tif") as part:
        assert part.name == "a.ome.tif"
        part.write_bytes(b"whole")
    assert (tmp_path / "a.ome.tif").read_bytes() == b"whole"


def test_files_that_belong_together_replace_older_ones_only_when_all_are_written(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text("old")

    def fail_after_the_first() -> None:
        with replaced_together(tmp_path) as folder:
            (folder / "a").write_text("new")
            raise InputError("is full", source=folder / "b")

    with pytest.raises(InputError) as raised:
        fail_after_the_first()
    assert str(raised.value) == f"{tmp_path / 'b'}: is full"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "b": "old"}
    with replaced_together(tmp_path) as folder:
        for name in "ac":
            (folder / name).write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "old", "c": "new"}


def test_a_new_folder_is_removed_if_its_files_fail_and_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    def fail() -> None:
        with replaced_together(tmp_path / "new" / "results") as folder:
            (folder / "a").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: nothing can be written there"), replaced_together(tmp_path / "file"):
        pytest.fail("unreachable")


@pytest.mark.parametrize("old", [b"", b"first\n"])
def test_a_line_is_added_whole_or_not_at_all(tmp_path: Path, old: bytes) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "lines"
    if old:
        append_line(path, old)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room_bytes in (3, 0):
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) + room_bytes, hard))
        try:
            with pytest.raises(OSError, match=f"{path}"):
                append_line(path, b"second\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [one.read_bytes() for one in tmp_path.iterdir()] == [old] * bool(old)
    append_line(path, b"second\n")
    assert path.read_bytes() == old + b"second\n"


def _write_with_scratch_folder(folder: Path) -> None:
    with scratch_folder(folder) as scratch:
        write_atomically(folder / "a", b"new")
        (scratch / "b").write_text("temporary")


@pytest.mark.parametrize("write", [lambda folder: write_atomically(folder / "a", b"new"), _write_with_scratch_folder])
def test_an_interrupt_during_the_cleaning_up_leaves_no_hidden_folder(
    write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, is_interrupted = shutil.rmtree, set[Path]()

    def interrupted_once(path: Path, **options: bool) -> None:
        if path not in is_interrupted:
            is_interrupted.add(path)
            raise KeyboardInterrupt
        real(path, **options)

    monkeypatch.setattr(shutil, "rmtree", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_the_scratch_folder_of_a_killed_process_is_removed_at_the_next_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of another program").mkdir()
    command = [sys.executable, "-c", KILLED_WITH_A_SCRATCH_FOLDER]
    subprocess.run(command, check=False, env={**os.environ, "TMPDIR": str(tmp_path)})  # noqa: S603
    assert [path.read_bytes() for path in tmp_path.glob(".*/a")] == [b"half"]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as folder:
        assert folder.parent == tmp_path
        assert list(folder.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["of another program"]


def test_new_folders_are_kept_if_they_hold_something(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "results"
    with empty_folders_removed(folder):
        folder.mkdir(parents=True)
    assert list(tmp_path.iterdir()) == []

    def fail_next_to_a_file_of_the_user() -> None:
        with empty_folders_removed(folder):
            folder.mkdir(parents=True)
            (folder.parent / "of the user").touch()
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail_next_to_a_file_of_the_user()
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "of the user"]
