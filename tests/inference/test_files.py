"""Predicting one file into another."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from torch import nn

from napari_contransgan.config import PredictSettings
from napari_contransgan.inference.files import FileTask, check_file, predict_file
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard
from napari_contransgan.progress import result_of

UNCHANGED = LoadedModel(nn.Identity(), ModelCard(name="stand-in", generator="unet", preset="tiny", phase_ref_rad=2.0))


@pytest.fixture
def task(tmp_path: Path) -> FileTask:
    counts = np.random.default_rng(0).poisson(1000, (3, 64, 80)).astype(np.uint16)
    write_image(tmp_path / "a.tif", Image(counts, "TYX", pixel_size_um=0.65))
    return FileTask(
        tmp_path / "a.tif", tmp_path / "a_phase.tif", tmp_path / "a_std.tif", PredictSettings(engine="pytorch")
    )


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The files that tifffile opens for reading, in their order."""
    files: list[object] = []

    class Counted(tifffile.TiffFile):
        def __init__(self, file: object, **options: object) -> None:
            files.append(file)
            super().__init__(file, **options)

    monkeypatch.setattr(tifffile, "TiffFile", Counted)
    return files


def test_a_small_file_is_opened_once_to_be_checked_and_once_to_be_predicted(
    task: FileTask, opened: list[object]
) -> None:
    check_file(task)
    assert opened == [task.path]
    result = result_of(predict_file(task, UNCHANGED))
    assert opened == [task.path] * 2
    assert result["shape"] == read_image(task.phase).data.shape == (3, 128, 160)


def test_a_large_file_is_predicted_tile_by_tile_to_the_same_phase(
    task: FileTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = result_of(predict_file(task, UNCHANGED))
    in_memory = read_image(task.phase).data
    monkeypatch.setattr("napari_contransgan.inference.streaming.LARGE_PX", 1000)
    large = result_of(predict_file(task, UNCHANGED))
    np.testing.assert_allclose(read_image(task.phase).data, in_memory, atol=1e-5)
    assert large.keys() == small.keys()
    assert large["std_rad"] == pytest.approx(small["std_rad"], rel=1e-5)


@pytest.mark.parametrize(("objective", "stated"), [("10x", True), ("20x", False)])
def test_a_pixel_size_that_is_not_the_objectives_is_remarked_on(task: FileTask, objective: str, stated: bool) -> None:
    result = result_of(
        predict_file(FileTask(task.path, task.phase, task.uncertainty, task.settings, objective), UNCHANGED)
    )
    assert result["settings"]["pixel_size_um"] == 0.65
    assert [text for text in result["remarks"] if f"{objective} would give" in text] == (
        [] if stated else [f"{task.path}: its own pixel size of 0.65 um is used; 20x would give 0.325 um"]
    )
