"""Images that are unusable: refused or left out, at the start and while a run goes on."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, write_image
from napari_contransgan.training import survey
from napari_contransgan.training.data import TrainingData, gather
from napari_contransgan.training.frames import MAX_BAD_IN_A_ROW, UnusableImageError
from napari_contransgan.training.sampling import draw_pairs, load_together

Pairs = Callable[..., TrainSettings]


def lr_image(seed: int) -> Image:
    counts = np.random.default_rng(seed).integers(900, 1100, (80, 80)).astype(np.uint16)
    return Image(counts, "YX", pixel_size_um=0.325)


def phase_image(seed: int) -> Image:
    radians = np.random.default_rng(seed).uniform(0, 2, (80, 80)).astype(np.float32)
    return Image(radians, "YX", pixel_size_um=0.325, quantity="phase", wavelength_um=0.55)


@pytest.fixture
def written(tmp_path: Path) -> Pairs:
    """Write numbered pairs and give settings that train on them and leave out what is bad."""

    def write(count: int, **changes: object) -> TrainSettings:
        for index in range(count):
            write_image(tmp_path / "set" / "lr" / f"{index:04d}.tif", lr_image(index))
            write_image(tmp_path / "set" / "phase" / f"{index:04d}.tif", phase_image(index))
        values = {"pairs": (tmp_path / "set",), "crop_px": 64, "bad_images": "skip", "validation_fraction": 0.0}
        return TrainSettings(**(values | changes))  # type: ignore[arg-type]

    return write


def spoil(path: Path) -> None:
    path.write_bytes(b"no image")


def draw_all(data: TrainingData, settings: TrainSettings, steps: int = 20) -> list[torch.Tensor]:
    return [half for step in range(steps) for half in draw_pairs(data.paired_lr, data.paired_phase, settings, step)]


def test_bad_files_and_their_pairs_are_left_out_counted_and_named(written: Pairs, tmp_path: Path) -> None:
    settings = written(8)
    for name in ("lr/0001.tif", "phase/0002.tif", "phase/0005.tif", "lr/0005.tif"):
        spoil(tmp_path / "set" / name)
    data = gather(settings)
    text = data.describe()
    assert text.startswith("5 pairs and 6 + 6 unpaired images for training")
    assert "4 unusable files are left out: lr/0001.tif: is not a TIFF file" in text
    assert "and 1 more" in text
    assert data.take_skipped() == []
    draw_all(data, settings)
    assert data.take_skipped() == []


def test_the_same_files_are_refused_by_name_where_that_is_wanted(written: Pairs, tmp_path: Path) -> None:
    settings = written(3, bad_images="refuse")
    spoil(tmp_path / "set" / "phase" / "0001.tif")
    with pytest.raises(InputError, match=r"phase/0001\.tif: is not a TIFF file"):
        gather(settings)


def test_nothing_left_is_refused(written: Pairs, tmp_path: Path) -> None:
    settings = written(4)
    for index in range(4):
        spoil(tmp_path / "set" / "lr" / f"{index:04d}.tif")
    with pytest.raises(InputError, match=r"set/lr: no image in it is usable; the first: .*0000\.tif"):
        gather(settings)
    settings = written(4)
    for part, index in (("lr", 0), ("lr", 1), ("phase", 2), ("phase", 3)):
        spoil(tmp_path / "set" / part / f"{index:04d}.tif")
    with pytest.raises(InputError, match="set: no pair in it is usable for training; 4 unusable files"):
        gather(settings)


def test_unpaired_folders_are_judged_alike(written: Pairs, tmp_path: Path) -> None:
    written(4)
    settings = TrainSettings(
        lr=tmp_path / "set" / "lr", phase=tmp_path / "set" / "phase", crop_px=64, bad_images="skip"
    )
    spoil(tmp_path / "set" / "phase" / "0003.tif")
    text = gather(settings).describe()
    assert "4 + 3 unpaired" in text
    assert "1 unusable file is left out: phase/0003.tif" in text


def test_a_file_that_breaks_later_is_told_once_and_another_takes_its_place(written: Pairs, tmp_path: Path) -> None:
    settings = written(6)
    data, whole = gather(settings), gather(settings)
    spoil(tmp_path / "set" / "lr" / "0002.tif")
    (tmp_path / "set" / "phase" / "0004.tif").unlink()
    drawn = draw_all(data, settings)
    skipped = data.take_skipped()
    assert {image.path.name: image.reason.partition(": ")[2] for image in skipped} == {
        "0002.tif": "is not a TIFF file: give a TIFF or OME-TIFF",
        "0004.tif": "there is no such file: check the path",
    }
    draw_all(data, settings)
    assert data.take_skipped() == []
    assert "6 pairs" in whole.describe()
    again = gather(settings)  # as a resumed run does, for which 0004 is no pair any more
    assert len(again.paired_lr) == 5
    spoil(tmp_path / "set" / "phase" / "0004.tif")
    resumed = draw_all(gather(settings), settings)
    assert all(map(torch.equal, drawn, resumed))


def test_a_file_that_breaks_later_ends_the_run_by_name_where_that_is_wanted(written: Pairs, tmp_path: Path) -> None:
    settings = written(3, bad_images="refuse")
    data = gather(settings)
    spoil(tmp_path / "set" / "lr" / "0002.tif")
    with pytest.raises(InputError, match=r"lr/0002\.tif") as caught:
        draw_all(data, settings)
    assert not isinstance(caught.value, UnusableImageError)
    assert data.take_skipped() == []


def test_a_file_that_the_check_did_not_read_is_left_out_when_it_is_drawn(
    written: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "MAX_FILES_READ", 6)
    settings = written(9)
    write_image(tmp_path / "set" / "lr" / "0003.tif", replace(lr_image(3), data=lr_image(3).data[:48, :48]))
    data = gather(settings)
    draw_all(data, settings)
    (skipped,) = data.take_skipped()
    assert "48 x 48 px on the model's grid, smaller than the training crop" in skipped.reason


def test_held_out_images_are_left_out_alike(written: Pairs, tmp_path: Path) -> None:
    settings = written(8, validation_fraction=0.7)
    held = [path.name for path in gather(settings).held_out_lr.paths]  # type: ignore[attr-defined]
    assert len(held) > 2
    spoil(tmp_path / "set" / "phase" / held[0])
    data = gather(settings)
    assert len(data.held_out_lr) == len(data.held_out_phase) == len(held) - 1
    assert f"{len(held) - 1} pairs held out" in data.describe()
    spoil(tmp_path / "set" / "phase" / held[1])
    lists = [data.held_out_lr, data.held_out_phase]
    assert load_together(lists, 0, 64) is None
    assert load_together(lists, 0, 64) is None
    assert [image.path.name for image in data.take_skipped()] == [held[1]]
    contrast, phase_rad = load_together(lists, 1, 64) or []
    assert contrast.shape == phase_rad.shape == (80, 80)


def test_bad_held_out_pairs_move_none_from_training_to_validation(written: Pairs, tmp_path: Path) -> None:
    settings = written(6, validation_fraction=0.01)
    (held,) = gather(settings).held_out_lr.paths  # type: ignore[attr-defined]
    spoil(held)
    data = gather(settings)
    assert len(data.held_out_lr) == 0
    assert len(data.paired_lr) == 5
    assert "nothing could be held out, since no pair is usable, so there will be no scores" in data.describe()


@pytest.mark.parametrize("bad_images", ["refuse", "skip"])
@pytest.mark.parametrize("leave_empty", [True, False])
def test_a_folder_that_is_gone_ends_the_run_at_once(
    written: Pairs, tmp_path: Path, bad_images: str, leave_empty: bool
) -> None:
    settings = written(6, bad_images=bad_images)
    data = gather(settings)
    folder = tmp_path / "set" / "lr"
    shutil.rmtree(folder)
    if leave_empty:  # as where a drive was mounted
        folder.mkdir()
    with pytest.raises(InputError, match=r"set/lr: the folder is gone or empty; restore it, then resume the run"):
        draw_all(data, settings)
    assert data.take_skipped() == []


def test_a_disk_that_fails_is_not_taken_for_many_bad_images(written: Pairs, tmp_path: Path) -> None:
    settings = written(2 * MAX_BAD_IN_A_ROW)
    data = gather(settings)
    for path in (tmp_path / "set" / "lr").iterdir():
        spoil(path)
    with pytest.raises(InputError, match=f"lr: {MAX_BAD_IN_A_ROW} images in a row are unusable: check the disk"):
        draw_all(data, settings)
    assert len(data.take_skipped()) == MAX_BAD_IN_A_ROW


def test_bad_images_among_good_ones_are_never_taken_for_a_failing_disk(written: Pairs, tmp_path: Path) -> None:
    settings = written(40)
    data = gather(settings)
    for index in range(0, 40, 2):
        spoil(tmp_path / "set" / "lr" / f"{index:04d}.tif")
    draw_all(data, settings, steps=100)
    assert len(data.take_skipped()) == MAX_BAD_IN_A_ROW
