"""Prediction into files, tile by tile: the same as in memory, whatever is read, and nothing half-written."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dask.array
import numpy as np
import pytest
import tifffile
import torch
from torch import nn

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.inference import pixels, predict, predict_with_uncertainty, survey, tiling
from napari_contransgan.inference.streaming import is_large, predict_to_files
from napari_contransgan.inference.tiling import cover_map, tiles_at_once
from napari_contransgan.io import Image, ome_zarr, read_image, tiled, write_image
from napari_contransgan.io import lazy as lazy_reading
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard
from napari_contransgan.progress import result_of

CARD = ModelCard(name="stand-in", generator="unet", preset="tiny", phase_ref_rad=2.0, input_pixel_sizes_um=(0.65,))


class Local(nn.Module):
    """Answers with a smoothed input, a ramp over the tile and its own square, so that seams would be seen."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        smooth = nn.functional.avg_pool2d(image, 5, 1, 2, count_include_pad=False)
        return smooth + 0.1 * smooth**2 + torch.linspace(-0.5, 0.5, image.shape[-1])


STAND_IN = LoadedModel(Local(), CARD)


def frame(height: int = 391, width: int = 517, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(np.cumsum(rng.standard_normal((height, width)), axis=0), axis=1)
    smooth -= np.linspace(smooth[:, 0], smooth[:, -1], width).T
    smooth -= np.linspace(smooth[0], smooth[-1], height)
    y, x = np.indices((height, width))
    light = 2000 + 200 * smooth / smooth.std() + 0.5 * y - 0.001 * (x - 200.0) ** 2
    return rng.poisson(light.clip(500, None)).astype(np.uint16)


def in_field_stop(yx_counts: np.ndarray, dark: int) -> np.ndarray:
    y, x = np.indices(yx_counts.shape)
    yx_outside = np.hypot(y - yx_counts.shape[0] / 2, x - yx_counts.shape[1] / 2) > 0.45 * yx_counts.shape[0]
    return np.where(yx_outside, dark, yx_counts).astype(np.uint16)


def with_border(yx_counts: np.ndarray) -> np.ndarray:
    bordered = yx_counts.copy()
    bordered[:40] = bordered[:, -25:] = 0
    return bordered


IMAGES: dict[str, Callable[[], Image]] = {
    "finer pixels": lambda: Image(frame(), "YX", pixel_size_um=0.1625),
    "the same pixels": lambda: Image(frame(), "YX", pixel_size_um=0.325),
    "coarser pixels": lambda: Image(frame(), "YX", pixel_size_um=0.65, origin_yx_um=(10.0, -3.0)),
    "uneven pixels": lambda: Image(frame(), "YX", pixel_size_um=0.4321),
    "one narrow side": lambda: Image(frame(100, 900), "YX", pixel_size_um=0.325),
    "field stop": lambda: Image(in_field_stop(frame(), 0), "YX", pixel_size_um=0.325),
    "field stop above the dark level": lambda: Image(in_field_stop(frame(), 300), "YX", pixel_size_um=0.65),
    "border": lambda: Image(with_border(frame()), "YX", pixel_size_um=0.325),
    "border of NaN": lambda: Image(
        np.where(with_border(frame()) == 0, np.nan, frame()).astype(np.float32), "YX", pixel_size_um=0.325
    ),
    "time series": lambda: Image(np.stack([frame(), frame(seed=1)]), "TYX", pixel_size_um=0.325, time_step_s=60.0),
    "series with an unusable frame": lambda: Image(
        np.stack([frame(), np.zeros_like(frame()), frame(seed=1)]), "TYX", pixel_size_um=0.325
    ),
    "colours": lambda: Image(np.stack([frame() // 16] * 3, -1).astype(np.uint8), "YXS", pixel_size_um=0.65),
}


FILES = [*((name, ".ome.tif") for name in IMAGES), ("time series", ".ome.zarr"), ("uneven pixels", ".ome.zarr")]


@pytest.mark.parametrize(("name", "ending"), FILES, ids=map("".join, FILES))
def test_an_image_in_parts_gives_the_phase_of_the_whole_one(
    name: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ending == ".ome.zarr":
        pytest.importorskip("zarr")
    monkeypatch.setattr(lazy_reading, "MOST_PAGE_BYTES", 1000)
    monkeypatch.setattr(lazy_reading, "CHUNK_PX", 100)
    monkeypatch.setattr(survey, "PART_PX", 128)
    monkeypatch.setattr(ome_zarr, "CHUNK_PX", 100)
    monkeypatch.setattr(tiled, "KEPT_TILES", 2)
    source, target = tmp_path / f"frame{ending}", tmp_path / f"phase{ending}"
    write_image(source, IMAGES[name]())
    settings = PredictSettings(tile_px=224, overlap_px=32)
    whole = result_of(predict(read_image(source), settings, STAND_IN))
    written = result_of(predict_to_files(read_image(source, lazy=True), settings, target, loaded=STAND_IN))
    read = read_image(target)
    np.testing.assert_allclose(read.data, whole.data, atol=2e-3 * float(np.abs(whole.data).max()))
    assert replace(read, data=None, name="") == replace(whole, data=None, name="")
    assert written.figures["max_rad"] == pytest.approx(float(read.data.max()))
    assert written.figures["shape"] == whole.data.shape


def test_a_thinned_survey_finds_borders_and_field_stops_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "SAMPLED_PX", 20_000)
    settings = PredictSettings(tile_px=224, overlap_px=32)
    for name in ("field stop", "field stop above the dark level", "border", "border of NaN"):
        image = IMAGES[name]()
        whole = result_of(predict(image, settings, STAND_IN)).data
        result_of(predict_to_files(image, settings, tmp_path / "phase.tif", loaded=STAND_IN))
        parts = read_image(tmp_path / "phase.tif").data
        assert np.mean((parts == 0) != (whole == 0)) < 0.01, name
        both = (parts != 0) & (whole != 0)
        assert np.percentile(np.abs(parts - whole)[both], 99) < 0.05 * whole.std(), name


STOPS = [*((name, steps) for name in ("phase.tif", "phase.ome.zarr") for steps in (1, 3, 8)), ("phase.ome.zarr", 9)]


@pytest.mark.parametrize(("name", "steps"), STOPS)
def test_nothing_is_left_of_a_prediction_that_was_stopped(tmp_path: Path, name: str, steps: int) -> None:
    pytest.importorskip("zarr")
    older = Image(np.full((30, 40), 3.0, np.float32), "YX", quantity="phase")
    write_image(tmp_path / name, older)
    image, settings = Image(frame(), "YX", pixel_size_um=0.325), PredictSettings(tile_px=224)
    events = predict_to_files(image, settings, tmp_path / name, loaded=STAND_IN)
    for _ in range(steps):
        next(events)
    events.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(read_image(tmp_path / name).data, older.data)


@pytest.mark.parametrize(("threads", "most"), [(1, 2), (2, 4)])
def test_a_prediction_stops_within_the_tiles_that_have_begun(tmp_path: Path, threads: int, most: int) -> None:
    run: list[int] = []

    class Counting(Local):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            run.append(1)
            return super().forward(image)

    image = Image(frame(500, 500), "YX", pixel_size_um=0.325)
    settings = PredictSettings(tile_px=224, threads=threads)
    loaded = LoadedModel(Counting(), CARD)
    for predicted in (
        predict_to_files(image, settings, tmp_path / "phase.tif", loaded=loaded),
        predict(image, settings, loaded),
    ):
        run.clear()
        while len(run) < 2:
            next(predicted)
        predicted.close()
        assert len(run) <= most < len(cover_map((500, 500), settings).tiles)
    assert list(tmp_path.iterdir()) == []


def test_the_first_step_reads_no_more_than_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "PART_PX", 128)
    read: list[int] = []

    def noted(block: np.ndarray) -> np.ndarray:
        read.append(1)
        return block

    lazy = dask.array.from_array(frame(), chunks=(128, 128)).map_blocks(noted, meta=np.empty((0, 0), np.uint16))
    events = predict_to_files(
        Image(lazy, "YX", pixel_size_um=0.325), PredictSettings(), tmp_path / "phase.tif", loaded=STAND_IN
    )
    next(events)
    events.close()
    assert len(read) == 1


def test_a_frame_that_turns_out_to_hold_nan_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "SAMPLED_PX", 20_000)
    holed = frame().astype(np.float32)
    holed[101, 103] = np.nan
    image = Image(holed, "YX", pixel_size_um=0.325, name="holed")
    with pytest.raises(InputError, match="NaN"):
        result_of(predict_to_files(image, PredictSettings(), tmp_path / "phase.tif", loaded=STAND_IN))
    assert list(tmp_path.iterdir()) == []


def write_chunked(path: Path, yx_counts: np.ndarray) -> None:
    if path.suffix == ".zarr":
        write_image(path, Image(yx_counts, "YX", pixel_size_um=0.325))
    else:
        resolution = {"resolution": (1e4 / 0.325,) * 2, "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(path, yx_counts, tile=(256, 256), compression="zlib", **resolution)


@pytest.mark.parametrize("ending", [".tif", ".ome.zarr"])
def test_memory_does_not_grow_with_the_image(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("zarr")
    monkeypatch.setattr(pixels, "KEPT_BYTES", 1 << 20)
    monkeypatch.setattr(tiled, "KEPT_TILES", 2)
    monkeypatch.setattr(survey, "SAMPLED_PX", 20_000)
    monkeypatch.setattr(survey, "PART_PX", 256)
    monkeypatch.setattr(lazy_reading, "MOST_PAGE_BYTES", 1000)
    for module in (lazy_reading, ome_zarr):
        monkeypatch.setattr(module, "CHUNK_PX", 256)
    source, settings, peaks = tmp_path / f"frame{ending}", PredictSettings(tile_px=224, overlap_px=16), []
    for side in (750, 1500):
        write_chunked(source, np.tile(frame(250, 250), (side // 250, side // 250)))
        image = read_image(source, lazy=True)
        tracemalloc.start()
        try:
            result_of(predict_to_files(image, settings, tmp_path / f"phase{ending}", loaded=STAND_IN))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.25 * peaks[0], peaks


def test_the_file_is_in_tiles_and_its_uncertainty_beside_it(tmp_path: Path) -> None:
    image = Image(frame(600, 700), "YX", pixel_size_um=0.325)
    settings = PredictSettings(tile_px=224, overlap_px=32, trust=True)
    paths = tmp_path / "phase.tif", tmp_path / "std.tif"
    written = result_of(predict_to_files(image, settings, *paths, STAND_IN))
    whole = result_of(predict_with_uncertainty(image, settings, STAND_IN))
    assert whole.uncertainty is not None
    with tifffile.TiffFile(paths[0]) as tif:
        assert tif.pages[0].is_tiled
    uncertainty = read_image(paths[1])
    assert uncertainty.quantity == "phase-std"
    np.testing.assert_allclose(uncertainty.data, whole.uncertainty.data, atol=1e-3)
    measured, expected = (one.settings["predict"]["median_std_rad"] for one in (written.phase, whole.phase))
    assert measured == pytest.approx(expected, rel=0.02)


def test_only_large_images_go_into_files_tile_by_tile() -> None:
    small = Image(np.zeros((1024, 1024), np.uint8), "YX", pixel_size_um=0.325)
    assert not is_large(small)
    assert is_large(small, pixel_size_um=1.625)
    assert is_large(Image(np.broadcast_to(small.data, (20, 1024, 1024)), "TYX", pixel_size_um=0.325))


def test_tiles_are_smaller_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "SCARCE_BYTES", 0)
    assert tiling.cover_map((900, 900), PredictSettings()).tile_px == 448
    monkeypatch.setattr(tiling, "SCARCE_BYTES", 1 << 60)
    assert tiling.cover_map((900, 900), PredictSettings()).tile_px == 224


def test_two_tiles_are_computed_at_once_where_threads_and_memory_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    covering = cover_map((900, 900), PredictSettings())
    cpu = torch.device("cpu")
    assert tiles_at_once(covering, 9, 2, cpu) == tiles_at_once(covering, 9, 8, cpu) == 2
    assert tiles_at_once(covering, 9, 1, cpu) == 1  # one thread
    assert tiles_at_once(covering, 1, 2, cpu) == 1  # one tile
    assert tiles_at_once(covering, 9, 2, torch.device("cuda")) == 1
    large = cover_map((20_000, 20_000), PredictSettings(tile_px=8960))
    assert tiles_at_once(large, 9, 2, cpu) == 1
