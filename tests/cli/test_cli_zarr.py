"""OME-Zarr on the command line: read and written by name, alone and in folders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from napari_contransgan.cli.outputs import output_paths
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image

zarr = pytest.importorskip("zarr")

FRAME = Image(np.random.default_rng(0).poisson(1000, (64, 80)).astype(np.uint16), "YX", pixel_size_um=0.65)


@pytest.mark.parametrize("large", [False, True])
def test_predict_reads_and_writes_ome_zarr(
    call_for_json: Callable[..., dict[str, Any]],
    run_folder: Path,
    tmp_path: Path,
    large: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_image(tmp_path / "cells.ome.zarr", FRAME)
    monkeypatch.setattr("napari_contransgan.inference.streaming.LARGE_PX", 1000 if large else 1e9)
    out = tmp_path / "out" / "phase.ome.zarr"
    (one,) = call_for_json(
        "predict", tmp_path / "cells.ome.zarr", "--out", out, "--model", run_folder / "best.safetensors", "--trust"
    )["images"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["phase.ome.zarr", "phase_uncertainty.ome.zarr"]
    phase, uncertainty = read_image(Path(one["phase"])), read_image(Path(one["uncertainty"]))
    assert (phase.quantity, phase.pixel_size_um, phase.wavelength_um) == ("phase", 0.325, 0.55)
    assert phase.settings["predict"]["pixel_size_um"] == 0.65
    assert uncertainty.quantity == "phase-std"
    assert phase.data.shape == uncertainty.data.shape == (128, 160)
    assert float(phase.data.max()) == pytest.approx(one["max_rad"])


def test_predict_takes_ome_zarr_out_of_folders_and_continues(
    call: Callable[..., Result],
    call_for_json: Callable[..., dict[str, Any]],
    run_folder: Path,
    tmp_path: Path,
) -> None:
    write_image(tmp_path / "in" / "a.ome.zarr", FRAME)
    write_image(tmp_path / "in" / "b.tif", FRAME)
    (tmp_path / "in" / "broken.zarr").mkdir()
    arguments = [tmp_path / "in", "--out", tmp_path / "out", "--model", run_folder / "best.safetensors"]
    figures = call_for_json("predict", *arguments)
    assert [Path(one["phase"]).name for one in figures["images"]] == ["a_phase.ome.tif", "b_phase.ome.tif"]
    assert "broken.zarr: is not a Zarr folder" in figures["skipped"][0]["reason"]
    assert call_for_json("predict", *arguments)["predicted_earlier"] == 2
    chunk = next((tmp_path / "in" / "a.ome.zarr" / "0").rglob("c/0/0"))
    chunk.write_bytes(chunk.read_bytes())
    assert call_for_json("predict", *arguments)["predicted_earlier"] == 1
    result = call("predict", tmp_path / "in", "--out", tmp_path / "one.ome.zarr", "--model", run_folder)
    assert result.exit_code == 2
    assert "one file cannot hold the results of many images" in result.stderr


def test_tie_reads_a_stack_and_writes_its_phase(
    call_for_json: Callable[..., dict[str, Any]], hela: Path, tmp_path: Path
) -> None:
    stack = read_image(next((hela / "stack").iterdir()))
    write_image(tmp_path / "stack.zarr", stack)
    for source, name in ((tmp_path / "stack.zarr", "a.ome.zarr"), (next((hela / "stack").iterdir()), "b.ome.tif")):
        call_for_json("tie", source, "--out", tmp_path / name)
    one, other = read_image(tmp_path / "a.ome.zarr"), read_image(tmp_path / "b.ome.tif")
    np.testing.assert_array_equal(one.data, other.data)
    assert (one.quantity, one.pixel_size_um) == (other.quantity, other.pixel_size_um)


def test_without_the_package_the_command_says_what_to_install(
    call: Callable[..., Result], run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "cells.ome.zarr", FRAME)

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("napari_contransgan.io.zarr_store.import_module", missing)
    result = call("predict", tmp_path / "cells.ome.zarr", "--out", tmp_path / "p.tif", "--model", run_folder)
    assert result.exit_code == 2
    assert 'pip install "napari-contransgan[zarr]"' in result.stderr


def test_an_output_never_replaces_a_folder_that_holds_the_input(tmp_path: Path) -> None:
    source = tmp_path / "plate.zarr" / "A" / "1"
    assert output_paths(tmp_path / "p.ome.zarr", [source], "phase") == [tmp_path / "p.ome.zarr"]
    with pytest.raises(InputError, match="would be overwritten"):
        output_paths(tmp_path / "plate.zarr", [source], "phase")
