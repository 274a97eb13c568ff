"""Writing files whole or not at all."""

from pathlib import Path

import pytest

from napari_contransgan.io.atomic import LEFTOVER, remove_leftovers, write_atomically


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "a", b"old")

    def full_disk(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_kill_left_half_written_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"whole")
    write_atomically(tmp_path / "below" / ".hidden", b"whole")
    for folder in (tmp_path, tmp_path / "below"):
        (folder / f"{LEFTOVER}a.x1y2").write_bytes(b"half")
        (folder / ".tmpgUcOv0").touch()  # as safetensors names what it writes
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"a", ".hidden"}
