"""A file that is cut short, damaged or ambiguous is refused in one line, never read as something else."""

import dataclasses
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image

ZYX_STACK = np.random.default_rng(0).integers(1, 4000, (3, 20, 30), dtype=np.uint16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slide 1.tif"


def _written_by(form: str, path: Path) -> None:
    if form == "own":
        write_image(path, Image(ZYX_STACK, "ZYX", 0.65, 3.0, settings={"a": 1}))
    elif form == "pages":
        with tifffile.TiffWriter(path) as tif:
            for yx_plane in ZYX_STACK:
                tif.write(yx_plane, contiguous=False, metadata=None)
    else:
        options: dict[str, dict[str, object]] = {
            "plain": {},
            "bare": {"metadata": None},
            "imagej": {"imagej": True},
            "ome": {"ome": True},
            "zlib": {"compression": "zlib", "rowsperstrip": 7},
            "tiled": {"tile": (16, 16)},
            "bigtiff": {"bigtiff": True},
            "big-endian": {"byteorder": ">"},
        }
        extra = {"metadata": {"axes": "ZYX"}} | options[form]
        tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", **extra)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize(
    "form", ["own", "plain", "bare", "pages", "imagej", "ome", "zlib", "tiled", "bigtiff", "big-endian"]
)
def test_a_file_cut_anywhere_is_refused_or_lacks_nothing(
    form: str, lazy: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, cut = tmp_path / "whole.tif", tmp_path / "cut.tif"
    _written_by(form, whole)
    content, expected = whole.read_bytes(), read_image(whole)
    assert expected.data.shape == ZYX_STACK.shape
    refused = 0
    for length in [*range(0, len(content), 61), len(content) - 9, len(content) - 1]:
        cut.write_bytes(content[:length])
        try:
            image = read_image(cut, lazy=lazy)
        except InputError as error:
            refused += str(error).startswith(f"{cut}: ")
        else:
            np.testing.assert_array_equal(np.asarray(image.data), expected.data)
            nothing = np.zeros(0)
            plain, wanted = (dataclasses.replace(one, data=nothing, name="") for one in (image, expected))
            assert repr(plain) == repr(wanted)
    assert refused >= len(content) // 61
    assert not caplog.records


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"This is a text file that someone named .tif\n" * 9, "not a TIFF"),
        (b"II*\0", "damaged or cut short"),
        (b"II*\0" + struct.pack("<I", 0), "holds no image"),
        (b"II*\0" + struct.pack("<I", 8) + b"\xff" * 200, "damaged or cut short"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_a_file_that_is_no_image_is_refused_in_one_line(path: Path, content: bytes, words: str, lazy: bool) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_image(path, lazy=lazy)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "absent.tif")
    with pytest.raises(InputError, match="folder"):
        read_image(tmp_path)


def test_planes_of_different_shapes_are_refused(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        tif.write(ZYX_STACK[0], metadata=None)
        tif.write(ZYX_STACK[1, :10], metadata=None)
    with pytest.raises(InputError, match=r"different shapes \(10x30, 20x30\)"):
        read_image(path)


def test_several_ome_images_are_refused_rather_than_one_chosen(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(ZYX_STACK[0])
        tif.write(ZYX_STACK[1])
    with pytest.raises(InputError, match="2 separate images"):
        read_image(path)


def test_a_missing_file_of_a_multi_file_ome_tiff_is_not_zeros(path: Path) -> None:
    tifffile.imwrite(path, ZYX_STACK, ome=True, photometric="minisblack", metadata={"axes": "ZYX"})
    content = path.read_bytes()
    path.write_bytes(content.replace(b'SizeZ="3"', b'SizeZ="5"').replace(b'PlaneCount="3"', b'PlaneCount="5"'))
    with pytest.raises(InputError, match="cut short"):
        read_image(path)


def test_an_imagej_stack_that_holds_fewer_planes_than_it_says_is_refused(path: Path) -> None:
    text = "ImageJ=1.53t\nimages=3\nslices=3\n"
    tifffile.imwrite(path, ZYX_STACK[0], description=text, metadata=None)
    with pytest.raises(InputError, match="cut short"):
        read_image(path)


def test_inverted_brightness_and_unknown_axes_are_refused(path: Path) -> None:
    tifffile.imwrite(path, ZYX_STACK[0], photometric="miniswhite")
    with pytest.raises(InputError, match="min-is-black"):
        read_image(path)
    tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", metadata={"axes": "AYX"})
    with pytest.raises(InputError, match="axis 'A'"):
        read_image(path)


def test_a_compression_that_cannot_be_read_says_what_to_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    tifffile.imwrite(path, ZYX_STACK[0])
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", lacking)
    with pytest.raises(InputError, match="imagecodecs"):
        read_image(path)


def test_a_damaged_annotation_of_ours_is_refused(path: Path) -> None:
    write_image(path, Image(ZYX_STACK, "ZYX", quantity="intensity"))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"&quot;settings&quot;", b"&quot;SETTINGS&quot;"))
    with pytest.raises(InputError, match="annotation is damaged"):
        read_image(path)


def test_a_quantity_of_a_later_version_is_refused_rather_than_taken_for_intensity(path: Path) -> None:
    write_image(path, Image(ZYX_STACK, "ZYX"))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"&quot;intensity&quot;", b"&quot;retardanc&quot;"))
    with pytest.raises(InputError, match=r"'retardanc'.*update"):
        read_image(path)


def test_reading_leaves_other_threads_their_log_lines(path: Path) -> None:
    write_image(path, Image(ZYX_STACK, "ZYX"))
    read_image(path)
    assert logging.getLogger("tifffile").filters == []
