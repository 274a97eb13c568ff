"""An OME-TIFF that is written in tiles, in any order."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image
from napari_contransgan.io.tiled import TiledImage, tiled_image

TYX_RAD = np.random.default_rng(0).standard_normal((2, 1100, 700)).astype(np.float32)
PHASE = Image(
    np.zeros(0),
    "TYX",
    0.325,
    time_step_s=2.0,
    origin_yx_um=(3.0, 4.0),
    quantity="phase",
    wavelength_um=0.55,
    name="a <b> & 'c' µ",
    settings={"text": 'é <"&'},
)


def add_all(tiles: TiledImage) -> None:
    for frame, yx_rad in enumerate(TYX_RAD):
        for y in reversed(range(0, 1100, 300)):
            for x in range(0, 700, 333):
                half = yx_rad[y : y + 300, x : x + 333] / 2
                tiles.add(frame, y, x, half)
                tiles.add(frame, y, x, half)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "new" / "phase.ome.tif"
    assert not list(tmp_path.rglob(".contransgan-*"))


def test_what_was_added_is_read_back_with_its_description(path: Path) -> None:
    with tiled_image(path, PHASE, TYX_RAD.shape) as tiles:
        add_all(tiles)
        np.testing.assert_array_equal(tiles.read(1, 5, 7, 900, 600), TYX_RAD[1, 5:905, 7:607])
        assert not path.exists()
    read = read_image(path)
    np.testing.assert_array_equal(read.data, TYX_RAD)
    assert replace(read, data=None) == replace(PHASE, data=None)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        assert tif.pages[0].is_tiled


@pytest.mark.parametrize("note", ["short", "long <&> " * 2000])
def test_the_description_can_be_replaced_when_all_is_known(path: Path, note: str) -> None:
    later = replace(PHASE, settings={"notes": [note]})
    with tiled_image(path, PHASE, TYX_RAD.shape) as tiles:
        add_all(tiles)
        tiles.describe(later)
    read = read_image(path)
    assert read.settings == {"notes": [note]}
    np.testing.assert_array_equal(read.data, TYX_RAD)


def test_a_failure_keeps_the_older_file(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"older")
    with pytest.raises(ZeroDivisionError), tiled_image(path, PHASE, TYX_RAD.shape):
        raise ZeroDivisionError
    assert path.read_bytes() == b"older"


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.tif"), tiled_image(tmp_path / "a.png", PHASE, (2, 8, 8)):
        pass


def test_more_than_four_gigabytes_need_bigtiff(path: Path) -> None:
    frame = replace(PHASE, axes="YX")
    with tiled_image(path, frame, (33_000, 33_000)) as tiles:  # a sparse file
        tiles.add(0, 32_990, 32_990, np.ones((10, 10), np.float32))
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
    assert np.asarray(read_image(path, lazy=True).data[32_980:, 32_980:]).sum() == 100
