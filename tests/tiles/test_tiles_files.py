"""Cutting images into tiles, and writing the tiles to files."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_contransgan.config import TileSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.progress import result_of
from napari_contransgan.tiles import crop_tiles, save_tiles, training_notes, write_tiles


@pytest.fixture
def frame() -> Image:
    return Image(
        data=np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30),
        axes="ZYX",
        pixel_size_um=0.5,
        z_step_um=2.0,
        origin_yx_um=(100.0, 200.0),
        name="frame",
        wavelength_um=0.55,
        settings={"made": "by hand"},
    )


@pytest.mark.parametrize("axes", ["YX", "TYX", "ZYX", "YXS"])
def test_cropped_tiles_keep_their_pixels_units_and_place(frame, axes):
    image = replace(frame, axes=axes, z_step_um=None)
    if axes == "YX":
        image = replace(image, data=image.data[0])
    elif axes == "YXS":
        image = replace(image, data=np.moveaxis(image.data, 0, -1))

    tile = crop_tiles(image, TileSettings(rows=2, columns=3))[5]

    expected = {"YX": np.s_[10:, 20:], "YXS": np.s_[10:, 20:, :]}.get(axes, np.s_[:, 10:, 20:])
    np.testing.assert_array_equal(tile.data, image.data[expected])
    assert tile.data.dtype == np.uint16
    assert (tile.axes, tile.pixel_size_um, tile.wavelength_um) == (axes, 0.5, 0.55)
    assert tile.origin_yx_um == (105.0, 210.0)
    assert tile.name == "frame_r1c2"
    assert tile.settings["made"] == "by hand"
    assert {key: tile.settings["tile"][key] for key in ("rows", "columns", "row", "column", "y_px", "x_px")} == {
        "rows": 2, "columns": 3, "row": 1, "column": 2, "y_px": 10, "x_px": 20
    }  # fmt: skip


def test_cropped_tiles_do_not_share_memory_with_the_frame(frame):
    tile = crop_tiles(frame, TileSettings(rows=1, columns=1))[0]

    tile.data[:] = 0

    assert frame.data.any()


def test_a_frame_without_pixel_size_is_not_cut(frame):
    with pytest.raises(InputError, match="frame: no pixel size"):
        crop_tiles(replace(frame, pixel_size_um=None), TileSettings())


def test_a_frame_too_small_for_the_grid_is_named(frame):
    with pytest.raises(InputError, match="frame: 20 px cannot be divided into 21 rows"):
        crop_tiles(frame, TileSettings(rows=21))


def test_written_tiles_put_together_are_the_frame(frame, tmp_path):
    write_image(tmp_path / "one.ome.tif", frame)
    write_image(tmp_path / "two.tif", frame)
    events = write_tiles(
        [tmp_path / "one.ome.tif", tmp_path / "two.tif"], tmp_path / "tiles", TileSettings(rows=2, columns=2)
    )

    paths = result_of(events)

    assert [path.name for path in paths[:4]] == [f"one_r{r}c{c}.ome.tif" for r in (0, 1) for c in (0, 1)]
    assert sorted(paths) == sorted((tmp_path / "tiles").iterdir())
    together = np.zeros_like(frame.data)
    for path in paths[4:]:
        tile = read_image(path)
        y, x = (round((tile.origin_yx_um[i] - frame.origin_yx_um[i]) / 0.5) for i in (0, 1))
        together[:, y : y + 10, x : x + 15] = tile.data
        assert (tile.pixel_size_um, tile.z_step_um, tile.axes) == (pytest.approx(0.5), pytest.approx(2.0), "ZYX")
    np.testing.assert_array_equal(together, frame.data)


def test_writing_tiles_tells_its_progress_file_by_file(frame, tmp_path):
    write_image(tmp_path / "one.tif", frame)
    write_image(tmp_path / "two.tif", frame)

    events = list(write_tiles([tmp_path / "one.tif", tmp_path / "two.tif"], tmp_path / "out", TileSettings()))

    assert [(event.step, event.total) for event in events] == [(1, 2), (2, 2)]
    assert "one.tif" in events[0].message


def test_files_that_cannot_be_cut_are_refused(frame, tmp_path):
    (tmp_path / "a").mkdir()
    write_image(tmp_path / "one.tif", frame)
    write_image(tmp_path / "a" / "one.ome.tif", frame)
    out = tmp_path / "out"

    with pytest.raises(InputError, match="no image was given"):
        result_of(write_tiles([], out, TileSettings()))
    with pytest.raises(InputError, match="two images are called one"):
        result_of(write_tiles([tmp_path / "one.tif", tmp_path / "a" / "one.ome.tif"], out, TileSettings()))
    with pytest.raises(InputError, match="its folder cannot be created"):
        result_of(write_tiles([tmp_path / "one.tif"], tmp_path / "one.tif", TileSettings()))
    tifffile.imwrite(tmp_path / "bare.tif", frame.data[0])
    with pytest.raises(InputError, match=r"bare\.tif: no pixel size"):
        result_of(write_tiles([tmp_path / "bare.tif"], out, TileSettings()))
    with pytest.raises(InputError, match=r"bare\.tif: no pixel size"):
        result_of(write_tiles([tmp_path / "one.tif", tmp_path / "bare.tif"], out, TileSettings()))
    assert not out.exists()


def test_a_stated_pixel_size_goes_before_the_files(frame, tmp_path):
    tifffile.imwrite(tmp_path / "bare.tif", frame.data[0])
    write_image(tmp_path / "sized.tif", frame)

    paths = result_of(
        write_tiles(
            [tmp_path / "bare.tif", tmp_path / "sized.tif"], tmp_path / "out", TileSettings(), pixel_size_um=0.8
        )
    )

    assert {read_image(path).pixel_size_um for path in paths} == {0.8}
    assert read_image(paths[3]).origin_yx_um == pytest.approx((0, 0.8 * 22))
    with pytest.raises(InputError, match="pixel size of 0 um"):
        result_of(write_tiles([tmp_path / "bare.tif"], tmp_path / "out", TileSettings(), pixel_size_um=0))


def test_names_that_no_file_can_have_are_made_safe(frame, tmp_path):
    tiles = crop_tiles(replace(frame, name="../day 1/well:A*"), TileSettings(rows=1, columns=2))

    paths = result_of(save_tiles(tiles, tmp_path / "out"))

    assert [path.parent for path in paths] == [tmp_path / "out"] * 2
    assert all(path.is_file() and not set(path.name) & set('/\\:*?"<>| ') for path in paths)
    assert [read_image(path).name for path in paths] == [tile.name for tile in tiles]


def test_tiles_of_one_image_and_grid_may_be_saved_again(frame, tmp_path):
    tiles = crop_tiles(frame, TileSettings(rows=2, columns=2))

    first = result_of(save_tiles(tiles, tmp_path))
    events = list(save_tiles(crop_tiles(frame, TileSettings(rows=2, columns=2)), tmp_path))

    assert [(event.step, event.total) for event in events] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sorted(first) == sorted(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["pixels", "grid", "overlap", "name", "foreign file"])
def test_tiles_of_another_image_or_grid_are_never_replaced(frame, tmp_path, change):
    other, grid = frame, TileSettings(rows=2, columns=2)
    if change == "foreign file":
        tifffile.imwrite(tmp_path / "frame_r1c0.ome.tif", frame.data[0])
    else:
        result_of(save_tiles(crop_tiles(replace(frame, name="fr/ame"), grid), tmp_path))
        other = replace(frame, name="fr/ame")
    if change == "pixels":
        other = replace(other, data=other.data + 1)
    elif change == "name":
        other = replace(other, name="fr:ame")
    elif change == "grid":
        grid = TileSettings(rows=3, columns=2)
    elif change == "overlap":
        grid = TileSettings(rows=2, columns=2, overlap_px=2)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(InputError, match="choose an empty folder"):
        result_of(save_tiles(crop_tiles(other, grid), tmp_path))

    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_of_one_name_in_two_folders_do_not_replace_each_others_tiles(frame, tmp_path):
    write_image(tmp_path / "a" / "0000.tif", frame)
    write_image(tmp_path / "b" / "0000.tif", replace(frame, data=frame.data[:, ::-1]))
    write_image(tmp_path / "b" / "other.tif", frame)
    out = tmp_path / "out"
    written = result_of(write_tiles([tmp_path / "a" / "0000.tif"], out, TileSettings()))
    before = [path.read_bytes() for path in written]

    with pytest.raises(InputError, match="choose an empty folder"):
        result_of(write_tiles([tmp_path / "b" / "other.tif", tmp_path / "b" / "0000.tif"], out, TileSettings()))

    assert sorted(out.iterdir()) == sorted(written), "nothing of the other file either"
    assert [path.read_bytes() for path in written] == before
    assert result_of(write_tiles([tmp_path / "a" / "0000.tif"], out, TileSettings())) == written


def test_two_tiles_of_one_name_are_refused(frame, tmp_path):
    tiles = crop_tiles(frame, TileSettings(rows=1, columns=1))

    with pytest.raises(InputError, match="two tiles have this name"):
        result_of(save_tiles([*tiles, *tiles], tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("axes", "notes"), [("ZYX", 0), ("TZYX", 0), ("YXS", 0), ("CYX", 1), ("TCYX", 1)])
def test_tiles_with_channels_are_noted_and_those_of_stacks_and_series_are_not(axes, notes):
    lengths = {"Y": 224, "X": 224}
    tile = Image(np.zeros([lengths.get(axis, 3) for axis in axes], np.uint16), axes, pixel_size_um=0.325)

    found = training_notes([tile, tile])

    assert len(found) == notes
    assert all("several channels cannot be used for training" in text for text in found)


@pytest.mark.parametrize(("side_px", "notes"), [(112, 0), (111, 1)])
def test_tiles_below_the_training_crop_on_the_models_grid_are_noted(side_px, notes):
    tile = Image(np.zeros((300, side_px), np.uint16), "YX", pixel_size_um=0.65)

    found = training_notes([tile, replace(tile, data=tile.data[:, :112])])

    assert len(found) == notes
    assert all("222 px" in text and "training crop of 224 px: use fewer tiles" in text for text in found)


def test_tiles_without_phase_in_places_are_noted(frame):
    data = np.random.default_rng(0).normal(1, 0.1, (600, 600)).astype(np.float32)
    data[:, :150] = 0
    phase = Image(data, "YX", 0.325, quantity="phase", settings={"tie_report": {}})
    grid = TileSettings(rows=2, columns=2)

    (note,) = training_notes(crop_tiles(phase, grid))

    assert note.startswith("2 of 4 tiles contain areas without phase, where there was no light or no data: leave them")
    wholly = crop_tiles(replace(phase, data=data * (np.arange(600) >= 300)), grid)
    assert training_notes(wholly)[0].startswith("2 of 4 tiles")
    assert training_notes(crop_tiles(replace(phase, settings={}), grid)) == []
    assert training_notes(crop_tiles(replace(phase, quantity="intensity"), grid)) == []
