"""Which runs were trained here: remembered for the next window, and forgotten with their networks."""

import os
from pathlib import Path

import pytest

from napari_contransgan.training.known_runs import MAX_KNOWN, known_runs, remember_run, run_titles
from napari_contransgan.training.run_folder import BEST


def trained(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BEST).touch()
    remember_run(folder)
    return folder


def test_runs_stand_latest_first_and_once(tmp_path: Path) -> None:
    assert known_runs() == []
    a, b = trained(tmp_path / "a"), trained(tmp_path / "b")
    assert known_runs() == [b, a]
    trained(a)
    assert known_runs() == [a, b]


def test_a_run_without_its_network_is_left_out_until_it_is_back(tmp_path: Path) -> None:
    a, b = trained(tmp_path / "a"), trained(tmp_path / "b")
    (b / BEST).rename(b / "moved")
    assert known_runs() == [a]
    (b / "moved").rename(b / BEST)
    assert known_runs() == [b, a]


def test_the_list_stays_short_and_is_not_filled_by_what_was_thrown_away(tmp_path: Path) -> None:
    runs = [trained(tmp_path / f"{number:02d}") for number in range(MAX_KNOWN + 5)]
    assert known_runs() == runs[:4:-1]
    for run in runs[5:]:
        (run / BEST).unlink()
    assert known_runs() == runs[4::-1]


def test_a_relative_folder_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained(Path("run"))
    monkeypatch.chdir("/")
    assert known_runs() == [tmp_path / "run"]


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"runs": 3}', '{"runs": [3]}', "\x00", "[" * 100_000], ids=len)
def test_a_broken_list_is_an_empty_one_and_begins_anew(tmp_path: Path, content: str) -> None:
    path = Path(os.environ["XDG_DATA_HOME"]) / "napari-contransgan" / "runs.json"
    path.parent.mkdir()
    path.write_text(content)
    assert known_runs() == []
    assert trained(tmp_path / "run") in known_runs()


def test_a_place_that_cannot_be_written_is_logged_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    trained(tmp_path / "run")
    assert known_runs() == []
    assert "cannot be written" in caplog.text


def test_titles_tell_runs_of_one_name_apart() -> None:
    a, b, c = Path("/x/run"), Path("/y/run"), Path("/y/cells")
    assert run_titles([a, b, c]) == {"run: run (/x)": a, "run: run (/y)": b, "run: cells": c}
