"""The files of a run: which are usable, which are held out, and how they are kept in memory."""

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
from napari_contransgan.training.file_frames import FileFrame
from napari_contransgan.training.frames import FrameCache, Frames, load_frame
from napari_contransgan.training.survey import spread
from napari_contransgan.training.trainer import train

Pairs = Callable[..., TrainSettings]


def noise(side: int = 80, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(side).uniform(1, 2, (side, side))).astype(np.float32)


def lr_image(side: int = 80) -> Image:
    return Image((1000 * noise(side)).astype(np.uint16), "YX", pixel_size_um=0.325)


def phase_image(side: int = 80) -> Image:
    return Image(noise(side), "YX", pixel_size_um=0.325, quantity="phase", wavelength_um=0.55)


@pytest.fixture
def written(tmp_path: Path) -> Pairs:
    """Write pairs by name and give settings that train on them."""

    def write(*names: str, folder: str = "set", **changes: object) -> TrainSettings:
        for name in names:
            write_image(tmp_path / folder / "lr" / name, lr_image())
            write_image(tmp_path / folder / "phase" / name, phase_image())
        values = {"pairs": (tmp_path / folder,), "crop_px": 64, "preset": "tiny", "generator": "unet", "device": "cpu"}
        return TrainSettings(**(values | changes))  # type: ignore[arg-type]

    return write


@pytest.mark.parametrize(
    ("part", "image", "words"),
    [
        ("phase", lr_image(), "uint16 numbers, not phase"),
        ("phase", replace(lr_image(), data=1000 * noise()), "does not say that it holds phase"),
        ("phase", replace(phase_image(), data=np.full((80, 80), np.nan, np.float32)), "NaN"),
        ("phase", phase_image(48), "48 x 48 px on the model's grid, smaller than the training crop of 64"),
        ("phase", replace(phase_image(), quantity="phase-std"), "holds phase-std, not phase"),
        ("lr", phase_image(), "is a phase map"),
        ("lr", replace(phase_image(), quantity="height"), "is a height map"),
        ("lr", replace(lr_image(), data=np.full((80, 80), 7, np.uint16)), "every pixel has the same value"),
        (
            "lr",
            replace(lr_image(), data=np.where(noise() > 1.5, 255, 0).astype(np.uint8)),
            "only two values, 0 and 255",
        ),
        ("lr", replace(lr_image(), data=1000 * (noise() - 1.5)), "negative intensities, as if a background"),
        (
            "lr",
            replace(lr_image(), data=np.stack([lr_image().data] * 2), axes="TYX"),
            "holds 2 time points, and .*a single image",
        ),
        ("lr", replace(lr_image(), pixel_size_um=None), "no pixel size"),
        ("lr", lr_image(48), "48 x 48 px on the model's grid, smaller than the training crop of 64"),
    ],
)
@pytest.mark.parametrize("name", ["0000.tif", "0001.tif", "0003.tif"])  # 0000 is held out, the others are not
def test_any_file_that_cannot_serve_is_named_before_anything_is_written(
    written: Pairs, tmp_path: Path, part: str, image: Image, words: str, name: str
) -> None:
    settings = written("0000.tif", "0001.tif", "0002.tif", "0003.tif")
    write_image(tmp_path / "set" / part / name, image)
    with pytest.raises(InputError, match=rf"{part}/{name}.*{words}"):
        next(train(settings, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_floats_of_few_radians_pass_for_phase(written: Pairs, tmp_path: Path) -> None:
    settings = written("0000.tif", "0001.tif")
    write_image(tmp_path / "set" / "phase" / "0001.tif", replace(phase_image(), quantity="intensity"))
    assert len(gather(settings).paired_phase) == 1


def test_a_large_data_set_is_sampled_and_a_file_that_fails_later_is_named(
    written: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "MAX_FILES_READ", 6)
    settings = written(*(f"{index:04d}.tif" for index in range(9)), validation_fraction=0.0)
    write_image(tmp_path / "set" / "lr" / "0003.tif", lr_image(48))
    data = gather(settings)
    with pytest.raises(InputError, match=r"lr/0003\.tif: 48 x 48 px"):
        data.paired_lr.load(3, settings.crop_px)
    write_image(tmp_path / "set" / "lr" / "0008.tif", lr_image(48))
    with pytest.raises(InputError, match=r"lr/0008\.tif: 48 x 48 px"):
        gather(settings)


def test_a_sample_has_both_ends_and_spreads_evenly() -> None:
    paths = [Path(str(index)) for index in range(101)]
    assert spread(paths, 5) == [paths[index] for index in (0, 25, 50, 75, 100)]
    assert spread(paths[:3], 5) == paths[:3]


def test_two_wavelengths_are_refused_with_both_files_named(written: Pairs, tmp_path: Path) -> None:
    settings = written("0000.tif", "0001.tif")
    write_image(tmp_path / "set" / "phase" / "0001.tif", replace(phase_image(), wavelength_um=0.633))
    with pytest.raises(InputError, match=r"0001\.tif.*0\.633 um.*0000\.tif.*0\.55 um"):
        gather(settings)


def test_the_check_tells_what_the_images_look_like(written: Pairs, tmp_path: Path) -> None:
    text = gather(written("0000.tif", "0001.tif")).describe()
    assert "low-resolution images: sides of 80 px on the grid of 0.325 um, pixels of 0.325 um, 1,000 to 1,999" in text
    assert "phase maps: sides of 80 px on the grid of 0.325 um, pixels of 0.325 um, 1 to 2 rad (32 bit float)" in text
    write_image(tmp_path / "set" / "lr" / "0001.tif", replace(phase_image(), quantity="intensity"))
    assert "1 image is in both the low-resolution and the phase folders" in gather(written()).describe()


def held_names(data: TrainingData) -> set[str]:
    return {path.name for path in data.held_out_lr.paths}


def test_dots_in_a_name_belong_to_the_frame(written: Pairs) -> None:
    frames = [f"2024.05.{day:02d}_a" for day in range(1, 9)]
    names = [f"{frame}_r0c{tile}{ending}" for frame in frames for tile, ending in enumerate((".tif", ".ome.tif"))]
    data = gather(written(*names, validation_fraction=0.4))
    held = {name.split("_r0")[0] for name in held_names(data)}
    assert 1 <= len(held) < 8
    assert len(data.held_out_lr) == 2 * len(held)


def test_files_that_join_move_none_from_training_to_validation(written: Pairs) -> None:
    first = [f"{index:04d}.tif" for index in range(0, 20, 3)]
    before = gather(written(*first, validation_fraction=0.3))
    after = gather(written(*(f"{index:04d}.tif" for index in range(20)), validation_fraction=0.3))
    trained_on = {path.name for path in before.paired_lr.paths}
    assert held_names(before)
    assert held_names(after) > held_names(before)
    assert not trained_on & held_names(after)


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_of_two_frames_one_is_held_out_and_one_trained_on(written: Pairs, fraction: float) -> None:
    data = gather(written("0001.tif", "0002.tif", validation_fraction=fraction))
    assert (len(data.paired_lr), len(data.held_out_lr)) == (1, 1)
    assert "nothing could be held out" not in data.describe()


def test_a_run_that_can_hold_nothing_out_says_so(written: Pairs, tmp_path: Path) -> None:
    settings = written("a_r0c0.tif", "a_r0c1.tif")
    assert "nothing could be held out, since all pairs come from one source frame" in gather(settings).describe()
    assert "held out:" not in gather(settings.model_copy(update={"validation_fraction": 0.0})).describe()
    unpaired = {"pairs": (), "lr": tmp_path / "set" / "lr", "phase": tmp_path / "set" / "phase"}
    assert "since there are no pairs" in gather(settings.model_copy(update=unpaired)).describe()


def test_lists_share_one_cache_and_keep_a_shared_file_once(written: Pairs) -> None:
    data = gather(written("0000.tif", "0001.tif", "0002.tif"))
    lists = (data.paired_lr, data.unpaired_lr, data.paired_phase, data.unpaired_phase, data.held_out_lr)
    for frames in lists:
        for index in range(len(frames)):
            frames.load(index, 64)
    caches = {id(frames.cache) for frames in (*lists, data.held_out_phase)}
    assert len(caches) == 1
    assert data.paired_lr.cache.used_bytes == 5 * 80 * 80 * 2  # two pairs, and one held-out frame


def test_the_budget_is_never_passed_and_changes_no_value(written: Pairs) -> None:
    data = gather(written("0001.tif", "0002.tif", "0003.tif", validation_fraction=0.0))
    small = FrameCache(budget_bytes=2 * 80 * 80 * 2 + 5)
    lr, phase = Frames(data.paired_lr.files, "lr", small), Frames(data.paired_phase.files, "phase", small)
    for index in range(3):
        assert torch.equal(lr.load(index, 64), data.paired_lr.load(index, 64))
        assert torch.equal(phase.load(index, 64), data.paired_phase.load(index, 64))
    assert small.used_bytes == 2 * 80 * 80 * 2


def test_frames_lose_the_dark_level_that_their_file_states(tmp_path: Path) -> None:
    plain = lr_image()
    write_image(tmp_path / "plain.tif", plain)
    raised = replace(plain, data=plain.data + np.uint16(100))
    write_image(tmp_path / "raised.tif", replace(raised, dark_counts=100.0))
    write_image(tmp_path / "unstated.tif", raised)
    one, stated, unstated = (
        load_frame(FileFrame(tmp_path / f"{name}.tif"), "lr") for name in ("plain", "raised", "unstated")
    )
    torch.testing.assert_close(stated, one)
    assert (unstated - one).abs().max() > 0.05


def test_borders_without_data_are_no_contrast(tmp_path: Path) -> None:
    plain = lr_image()
    for fill in (0, 65535):
        padded = np.pad(plain.data, ((0, 0), (20, 0)), constant_values=fill)
        write_image(tmp_path / "padded.tif", replace(plain, data=padded))
        contrast = load_frame(FileFrame(tmp_path / "padded.tif"), "lr")
        assert not contrast[:, :20].any()
        torch.testing.assert_close(contrast[:, 40:], load_frame_of(plain, tmp_path)[:, 20:], atol=0.2, rtol=0)


def load_frame_of(image: Image, folder: Path) -> torch.Tensor:
    write_image(folder / "one.tif", image)
    return load_frame(FileFrame(folder / "one.tif"), "lr")
