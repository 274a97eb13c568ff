"""The names of output files, and what happens to earlier ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from napari_contransgan.cli.outputs import keep_inputs, output_paths
from napari_contransgan.errors import InputError
from napari_contransgan.io.writing import write_frames


def test_outputs_are_one_file_or_a_folder_of_them(tmp_path: Path) -> None:
    one, two = tmp_path / "a.ome.tif", tmp_path / "sub" / "b.c.tiff"
    assert output_paths(Path("x.TIF"), [one], "phase") == [Path("x.TIF")]
    assert output_paths(tmp_path / "out", [one, two], "phase") == [
        tmp_path / "out" / "a_phase.ome.tif",
        tmp_path / "out" / "b.c_phase.ome.tif",
    ]


def test_a_folder_with_a_dot_in_its_name_takes_outputs_if_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "run.2"
    with pytest.raises(InputError, match=r"\.2 files cannot be written"):
        output_paths(folder, [tmp_path / "a.tif"], "phase")
    folder.mkdir()
    assert output_paths(folder, [tmp_path / "a.tif"], "phase") == [folder / "a_phase.ome.tif"]


def test_outputs_never_overwrite_each_other_or_an_input(tmp_path: Path) -> None:
    one, same = tmp_path / "a.ome.tif", tmp_path / "sub" / "a.tif"
    with pytest.raises(InputError, match="rename one"):
        output_paths(tmp_path / "out", [one, same], "phase")
    with pytest.raises(InputError, match="results of 2 images"):
        output_paths(tmp_path / "out.tif", [one, same], "phase")
    with pytest.raises(InputError, match="would be overwritten"):
        output_paths(tmp_path / "sub" / ".." / "a.ome.tif", [one], "phase")


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    read = tmp_path / "a_uncertainty.ome.tif"
    keep_inputs([tmp_path / "b.tif"], [read, None, "a colour"])
    with pytest.raises(InputError, match="is an input and would be overwritten"):
        keep_inputs([tmp_path / "sub" / ".." / read.name], [read])


def test_earlier_results_stay_when_a_later_part_of_the_new_ones_fails(
    call: Callable[..., Result], hela: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = tmp_path / "phase.ome.tif", tmp_path / "phase_uncertainty.ome.tif"
    for path in outputs:
        path.write_bytes(b"earlier")
    written: list[Path] = []

    def fail_at_the_second(path: Path, *options: Any) -> None:
        if written:
            raise InputError("cannot be written: No space left on device", source=path)
        written.append(path)
        write_frames(path, *options)

    monkeypatch.setattr("napari_contransgan.stacks.files.write_frames", fail_at_the_second)
    result = call("tie", hela / "stack" / "0000.ome.tif", "--out", outputs[0], "--also", "uncertainty")
    assert result.exit_code == 2
    assert f"{outputs[1]}: cannot be written" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(outputs, b"earlier")
