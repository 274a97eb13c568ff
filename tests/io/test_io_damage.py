"""A truncated, damaged or ambiguous file is rejected with one line, and never read as something else."""

import dataclasses
import logging
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, read_positions, write_image

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


def test_of_several_ome_images_none_is_chosen_without_a_word(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(ZYX_STACK[0], metadata={"Name": "Pos0"})
        tif.write(ZYX_STACK[1], metadata={"Name": "Pos1"})
    first = read_image(path)
    np.testing.assert_array_equal(first.data, ZYX_STACK[0])
    assert first.notes == ("The file holds 2 positions (Pos0, Pos1); only the first was read.",)
    for image, yx_plane in zip(read_positions(path), ZYX_STACK, strict=False):
        np.testing.assert_array_equal(image.data, yx_plane)
        assert image.notes == ()


def test_several_images_without_a_description_are_refused_rather_than_one_chosen(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        for _ in range(2):
            tif.write(ZYX_STACK, metadata={"axes": "ZYX"}, contiguous=False, photometric="minisblack")
    with pytest.raises(InputError, match="2 separate images"):
        read_image(path)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_pages_that_lead_back_are_damage_and_no_endless_chain(path: Path, target: int, lazy: bool) -> None:
    _written_by("zlib", path)
    content = bytearray(path.read_bytes())
    at, places = 4, []
    while (offset := struct.unpack_from("<I", content, at)[0]) != 0:
        places.append(offset)
        at = offset + 2 + 12 * struct.unpack_from("<H", content, offset)[0]
    struct.pack_into("<I", content, at, places[target])
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_image(path, lazy=lazy)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("tag", [257, 256], ids=["more rows", "more columns"])
@pytest.mark.parametrize("form", ["zlib", "tiled", "lzw", "plain"])
def test_strips_or_tiles_that_are_missing_are_damage_and_no_zeros(path: Path, form: str, tag: int, lazy: bool) -> None:
    if form == "lzw":
        tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", compression="lzw", metadata={"axes": "ZYX"})
    else:
        _written_by(form, path)
    content = bytearray(path.read_bytes())
    at = 4
    while (offset := struct.unpack_from("<I", content, at)[0]) != 0:
        count = struct.unpack_from("<H", content, offset)[0]
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            if struct.unpack_from("<H", content, entry)[0] == tag:
                value = struct.unpack_from("<H", content, entry + 8)[0]
                struct.pack_into("<H", content, entry + 8, 4 * value)
        at = offset + 2 + 12 * count
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        np.asarray(read_image(path, lazy=lazy).data)


@pytest.mark.parametrize("form", ["zlib", "tiled"])
def test_a_page_that_disagrees_with_what_was_opened_is_refused_when_it_is_read(path: Path, form: str) -> None:
    _written_by(form, path)
    image = read_image(path, lazy=True)
    stamp = path.stat()
    content = bytearray(path.read_bytes())
    at = struct.unpack_from("<I", content, 4)[0]
    at = struct.unpack_from("<I", content, at + 2 + 12 * struct.unpack_from("<H", content, at)[0])[0]
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", content, at)[0], 12):
        if struct.unpack_from("<H", content, entry)[0] == 257:
            struct.pack_into("<H", content, entry + 8, 10)
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(InputError, match="damaged"):
        image.data[1].compute()


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


def test_a_file_is_not_called_damaged_for_certain_if_the_program_may_be_at_fault(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written_by("own", path)
    monkeypatch.delattr(tifffile.TiffFile, "series")
    with pytest.raises(InputError, match=r"slide 1\.tif: cannot be read \(AttributeError: .*may be damaged.*report"):
        read_image(path)
