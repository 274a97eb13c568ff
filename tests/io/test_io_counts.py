"""The meaning of stored numbers: calibrated, inverted, of a palette, or not light at all."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image

YX = np.random.default_rng(0).integers(1, 255, (20, 30), dtype=np.uint8)
ZYX_STACK = np.random.default_rng(1).integers(0, 4000, (3, 20, 30), dtype=np.int16) - 1000
both_ways = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
RAMP = np.arange(256)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slide 1.tif"


def write_calibrated(path: Path, stored: np.ndarray, **coefficients: object) -> None:
    lines = "".join(f"{key}={value}\n" for key, value in coefficients.items())
    text = f"ImageJ=1.54f\nimages={len(stored)}\nslices={len(stored)}\n{lines}"
    tifffile.imwrite(path, stored, photometric="minisblack", description=text, metadata=None)


@both_ways
def test_signed_images_of_imagej_come_back_signed(path: Path, lazy: bool) -> None:
    stored = (ZYX_STACK.astype(int) + 32768).astype(np.uint16)
    write_calibrated(path, stored, cf=0, c0="-32768.0", c1="1.0", vunit="gray value")
    image = read_image(path, lazy=lazy)
    assert image.data.dtype == np.int16
    np.testing.assert_array_equal(np.asarray(image.data), ZYX_STACK)
    assert image.notes == ()


@both_ways
def test_another_line_is_applied_and_named(path: Path, lazy: bool) -> None:
    write_calibrated(path, np.stack([YX, YX]), cf=0, c0=10, c1=-0.5, vunit="OD")
    image = read_image(path, lazy=lazy)
    np.testing.assert_allclose(np.asarray(image.data)[0], 10 - 0.5 * YX)
    assert "10 - 0.5 n, in OD" in image.notes[0]
    assert "inverted" in image.notes[0]


def test_a_curve_is_not_applied_and_that_is_said(path: Path) -> None:
    write_calibrated(path, np.stack([YX, YX]), cf=4, c0=1, c1=2, c2=3, vunit="OD")
    image = read_image(path)
    np.testing.assert_array_equal(image.data[0], YX)
    assert "calibration of grey values (OD) was not applied" in image.notes[0]


@pytest.mark.parametrize("coefficients", [{}, {"cf": 0, "c0": 0, "c1": 1}])
def test_without_a_calibration_numbers_stay(path: Path, coefficients: dict[str, object]) -> None:
    write_calibrated(path, np.stack([YX, YX]), **coefficients)
    image = read_image(path)
    assert (image.data.dtype, image.notes) == (np.uint8, ())


@both_ways
@pytest.mark.parametrize(
    ("photometric", "shape", "words"),
    [
        ("separated", (20, 30, 4), r"inks \(CMYK\)"),
        ("cielab", (20, 30, 3), "CIELAB"),
        ("miniswhite", (20, 30), "smallest number means white"),
    ],
)
def test_numbers_that_do_not_rise_with_the_light_are_refused(
    path: Path, photometric: str, shape: tuple[int, ...], words: str, lazy: bool
) -> None:
    tifffile.imwrite(path, np.resize(YX, shape), photometric=photometric, metadata=None)
    with pytest.raises(InputError, match=words):
        read_image(path, lazy=lazy)


def colours(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    return (np.stack([red, green, blue]) * 257).astype(np.uint16)


HALF = np.where(RAMP < 200, RAMP, 0)


@pytest.mark.parametrize(
    "colormap",
    [colours(RAMP, RAMP, RAMP), colours(np.minimum(2 * RAMP, 255), RAMP, RAMP // 2), colours(HALF, HALF, HALF)],
    ids=["grey", "hot", "unused end"],
)
@both_ways
def test_a_palette_that_gets_brighter_leaves_the_numbers(path: Path, colormap: np.ndarray, lazy: bool) -> None:
    tifffile.imwrite(path, YX, photometric="palette", colormap=colormap)
    np.testing.assert_array_equal(np.asarray(read_image(path, lazy=lazy).data), YX)


@pytest.mark.parametrize(
    ("colormap", "words"),
    [
        (colours(RAMP[::-1], RAMP[::-1], RAMP[::-1]), "palette is inverted"),
        (colours(*np.random.default_rng(0).integers(0, 255, (3, 256))), "do not get brighter"),
        (np.zeros((3, 256), np.uint16), "do not get brighter"),
    ],
    ids=["inverted", "any", "black"],
)
@both_ways
def test_other_palettes_are_refused(path: Path, colormap: np.ndarray, words: str, lazy: bool) -> None:
    tifffile.imwrite(path, YX, photometric="palette", colormap=colormap)
    with pytest.raises(InputError, match=words):
        read_image(path, lazy=lazy)


DETECTOR = '<Instrument ID="Instrument:0"><Detector ID="Detector:0" Type="{}" Offset="{}"/></Instrument>'
SETTINGS = '<DetectorSettings ID="Detector:0" {}/>'


@pytest.mark.parametrize(
    ("kind", "detector", "settings", "expected"),
    [
        ("CMOS", "100", "", 100.0),
        ("CCD", "100", 'Offset="98.5"', 98.5),
        ("PMT", "100", 'Offset="98.5"', None),
        ("CCD", "0", "", None),
        ("CCD", "many", "", None),
    ],
)
def test_the_dark_level_of_a_camera_is_read_where_the_file_states_it(
    path: Path, kind: str, detector: str, settings: str, expected: float | None
) -> None:
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f"{DETECTOR.format(kind, detector)}"
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="30" SizeY="20" SizeZ="1" '
        f'SizeC="1" SizeT="1"><Channel ID="Channel:0:0">{SETTINGS.format(settings)}</Channel><TiffData/></Pixels>'
        "</Image></OME>"
    )
    tifffile.imwrite(path, YX, description=text, metadata=None)
    assert read_image(path).dark_counts == expected


@pytest.mark.parametrize("name", ["cmyk.tif", "missing_strips.tif", "looped_pages.tif"])
@both_ways
def test_shared_files_without_an_image_are_refused(shared_data: Path, name: str, lazy: bool) -> None:
    with pytest.raises(InputError, match=r"inks|damaged"):
        read_image(shared_data / "files" / name, lazy=lazy)


@both_ways
def test_the_shared_signed_file_holds_light(shared_data: Path, lazy: bool) -> None:
    image = read_image(shared_data / "files" / "signed16.tif", lazy=lazy)
    assert image.data.dtype == np.int16
    assert float(np.asarray(image.data).mean()) == pytest.approx(4999, abs=1)
