"""The names of output files."""

from pathlib import Path

import pytest

from napari_contransgan.cli.outputs import keep_inputs, output_paths
from napari_contransgan.errors import InputError


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
