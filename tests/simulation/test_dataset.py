"""Data sets on disk."""

import json
from pathlib import Path

import numpy as np
import pytest

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.events import Progress, result_of
from napari_contransgan.io import read_image
from napari_contransgan.simulation import write_dataset

SETTINGS = SimulationSettings(specimen="hela", seed=5, field_px=80, count=2)


def test_a_data_set_has_four_folders_and_a_description(tmp_path: Path) -> None:
    events = list(write_dataset(SETTINGS, tmp_path / "set"))
    assert events[-1] == Progress(2, 2, "simulating fields")
    for part in ("lr", "stack", "tie", "phase"):
        assert [path.name for path in sorted((tmp_path / "set" / part).iterdir())] == ["0000.ome.tif", "0001.ome.tif"]
    description = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert description["settings"]["seed"] == 5
    tie = read_image(tmp_path / "set" / "tie" / "0000.ome.tif")
    assert tie.quantity == "phase"
    assert tie.pixel_size_um == pytest.approx(0.1625)


def test_files_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    result_of(write_dataset(SETTINGS, tmp_path / "one", stacks=False))
    result_of(write_dataset(SETTINGS, tmp_path / "two", workers=2, stacks=False))
    for name in ("lr/0000", "lr/0001", "phase/0000", "phase/0001"):
        one, two = (read_image(tmp_path / folder / f"{name}.ome.tif").data for folder in ("one", "two"))
        np.testing.assert_array_equal(one, two)


def test_an_interrupted_data_set_goes_on_where_it_stopped(tmp_path: Path) -> None:
    events = write_dataset(SETTINGS, tmp_path, stacks=False)
    next(events)
    events.close()
    before = (tmp_path / "lr" / "0000.ome.tif").stat().st_mtime_ns
    assert [event.step for event in write_dataset(SETTINGS, tmp_path, stacks=False)] == [2]
    assert (tmp_path / "lr" / "0000.ome.tif").stat().st_mtime_ns == before


def test_a_folder_of_another_data_set_is_refused(tmp_path: Path) -> None:
    result_of(write_dataset(SETTINGS.model_copy(update={"count": 1}), tmp_path, stacks=False))
    with pytest.raises(InputError, match="other settings"):
        result_of(write_dataset(SETTINGS.model_copy(update={"seed": 6}), tmp_path, stacks=False))


def test_a_damaged_description_is_named(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json: is damaged"):
        result_of(write_dataset(SETTINGS, tmp_path, stacks=False))
