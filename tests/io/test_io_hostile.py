"""Files made to mislead a reader: they are refused with one line, at once, and before memory is taken."""

import json
import math
import os
import re
import struct
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image

ZYX_STACK = np.random.default_rng(0).integers(1, 4000, (3, 20, 30), dtype=np.uint16)
EAGER_AND_LAZY = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slide.ome.tif"


def _directories(content: bytes) -> list[int]:
    """Return the offset of each directory of a little-endian TIFF."""
    found, at = [], 4
    while (offset := struct.unpack_from("<I", content, at)[0]) != 0:
        found.append(offset)
        at = offset + 2 + 12 * struct.unpack_from("<H", content, offset)[0]
    return found


def _description(path: Path) -> str:
    with tifffile.TiffFile(path) as tif:
        text = tif.ome_metadata
    assert text is not None
    return text


def _change_page(path: Path, page: int, tag: int, value: int, field: int = 8) -> None:
    """Change the value of a tag of a page, or the field of its entry that begins at another byte."""
    content = bytearray(path.read_bytes())
    start = _directories(content)[page]
    for entry in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", content, start)[0], 12):
        if struct.unpack_from("<H", content, entry)[0] == tag:
            assert struct.unpack_from("<H", content, entry + field)[0] != value
            struct.pack_into("<H", content, entry + field, value)
    path.write_bytes(content)


TAGS = {"columns": (256, 10), "rows": (257, 10), "bits": (258, 8), "compression": (259, 5), "inverted": (262, 0)}


@EAGER_AND_LAZY
@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("form", ["imagej", "ome", "shaped", "zlib"])
def test_a_page_that_disagrees_with_the_first_one_is_damage(path: Path, form: str, tag: str, lazy: bool) -> None:
    options = {"imagej": {"imagej": True}, "ome": {"ome": True}, "shaped": {}, "zlib": {"compression": "zlib"}}
    tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", metadata={"axes": "ZYX"}, **options[form])
    if len(_directories(path.read_bytes())) == 1:
        pytest.skip("this form has one directory for all planes")
    read_image(path, lazy=lazy)
    _change_page(path, 1, *TAGS[tag])
    with pytest.raises(InputError, match="damaged"):
        read_image(path, lazy=lazy)


@EAGER_AND_LAZY
@pytest.mark.parametrize("page", [0, 1])
@pytest.mark.parametrize("tag", [257, 262])
def test_a_number_that_one_page_stores_as_a_byte_is_damage(path: Path, tag: int, page: int, lazy: bool) -> None:
    tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", compression="zlib", metadata={"axes": "ZYX"})
    _change_page(path, page, tag, 1, field=2)
    with pytest.raises(InputError, match="damaged"):
        read_image(path, lazy=lazy)


def test_pages_whose_values_lie_at_other_places_agree(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=False) as tif:
        for number in range(3):
            tif.write(np.stack([ZYX_STACK[number]] * 3, -1), photometric="rgb", contiguous=False, metadata=None)
    assert read_image(path).data.shape == (3, 20, 30, 3)


@EAGER_AND_LAZY
def test_directories_that_overlap_are_damage_and_not_read_again_and_again(path: Path, lazy: bool) -> None:
    count = 65535
    content = bytearray(b"II*\0" + struct.pack("<I", 8)) + bytearray(2 * (12 * count))
    for number in range(40000):  # each directory begins inside the one before, and is as long as they get
        start = 8 + 14 * number
        struct.pack_into("<H", content, start, count)
        struct.pack_into("<I", content, min(start + 2 + 12 * count, len(content) - 4), start + 14)
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_image(path, lazy=lazy)


@EAGER_AND_LAZY
@pytest.mark.parametrize("arrangement", [0, 1, 7], ids=["unknown", "contiguous", "of no meaning"])
def test_planes_that_no_strip_holds_are_damage_and_not_what_memory_held(
    path: Path, arrangement: int, lazy: bool
) -> None:
    syx_rgb = np.stack([ZYX_STACK[0] % 256] * 3).astype(np.uint8)
    tifffile.imwrite(path, syx_rgb, photometric="rgb", planarconfig="separate", compression="zlib")
    read_image(path, lazy=lazy)
    _change_page(path, 0, 284, arrangement)
    with pytest.raises(InputError, match="damaged"):
        np.asarray(read_image(path, lazy=lazy).data)


@EAGER_AND_LAZY
def test_an_image_without_pixels_is_damage(path: Path, lazy: bool) -> None:
    tifffile.imwrite(path, ZYX_STACK[0], photometric="minisblack")
    _change_page(path, 0, 256, 0)
    with pytest.raises(InputError, match="damaged"):
        read_image(path, lazy=lazy)


def _set_of_two(folder: Path) -> tuple[Path, Path]:
    first, second = folder / "z0.ome.tif", folder / "z1.ome.tif"
    tifffile.imwrite(first, ZYX_STACK, ome=True, photometric="minisblack", metadata={"axes": "ZYX"})
    content = first.read_bytes()
    second.write_bytes(content)
    text = _description(first)
    uuid = re.search(r"urn:uuid:[0-9a-f-]{36}", text)
    assert uuid is not None
    data = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" FirstC="0" FirstT="0" PlaneCount="1">'
        f'<UUID FileName="{name}">{uuid.group()}</UUID></TiffData>'
        for z, name in ((0, first.name), (1, second.name))
    )
    text = re.sub(r"<TiffData.*</TiffData>|<TiffData[^>]*/>", data, text, flags=re.DOTALL).replace(
        'SizeZ="3"', 'SizeZ="2"'
    )
    for one in (first, second):
        tifffile.imwrite(one, ZYX_STACK[0], description=text.encode(), metadata=None, photometric="minisblack")
    return first, second


def test_a_loop_in_another_file_of_a_set_is_damage_of_that_file(tmp_path: Path) -> None:
    first, second = _set_of_two(tmp_path)
    assert read_image(first).data.shape == (2, 20, 30)
    with tifffile.TiffWriter(second) as tif:
        for number in range(130):
            text = _description(first) if number == 0 else None
            tif.write(ZYX_STACK[0], contiguous=False, metadata=None, description=text and text.encode())
    content = bytearray(second.read_bytes())
    offsets = _directories(content)
    struct.pack_into(
        "<I", content, offsets[-1] + 2 + 12 * struct.unpack_from("<H", content, offsets[-1])[0], offsets[120]
    )
    second.write_bytes(content)
    with pytest.raises(InputError, match=r"z1\.ome\.tif: the file is damaged"):
        read_image(first)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_among_the_files_of_a_set_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    first, second = _set_of_two(tmp_path)
    second.unlink()
    os.mkfifo(second)
    with pytest.raises(InputError, match=r"z1\.ome\.tif: .*not a regular file"):
        read_image(first)


@pytest.mark.parametrize("change", [('SizeT="1"', 'SizeT="4000000000"'), ('IFD="0"', 'IFD="4000000000"')])
def test_a_description_of_billions_of_planes_is_damage_and_takes_no_memory(path: Path, change: tuple[str, str]) -> None:
    tifffile.imwrite(path, ZYX_STACK, ome=True, photometric="minisblack", metadata={"axes": "ZYX"})
    text = _description(path)
    assert change[0] in text
    tifffile.imwrite(
        path, ZYX_STACK, description=text.replace(*change).encode(), metadata=None, photometric="minisblack"
    )
    before = psutil.Process().memory_info().rss
    with pytest.raises(InputError, match="damaged"):
        read_image(path)
    assert psutil.Process().memory_info().rss < before + 1e9


@EAGER_AND_LAZY
def test_a_strip_that_cannot_hold_its_pixels_is_damage_before_memory_is_taken(path: Path, lazy: bool) -> None:
    tifffile.imwrite(path, ZYX_STACK[0], compression="zlib", photometric="minisblack", rowsperstrip=65535)
    for tag in (256, 257, 278):
        _change_page(path, 0, tag, 65000)
    with pytest.raises(InputError, match="damaged"):
        read_image(path, lazy=lazy)


@EAGER_AND_LAZY
def test_an_image_that_needs_more_memory_than_is_free_is_refused_with_both_numbers(
    path: Path, lazy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(path, Image(np.zeros((2, 1000, 1000), np.float32), "ZYX"))
    free = psutil.virtual_memory()._replace(available=3_500_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(InputError, match=r"needs 0\.00[48] GB of memory, and 0\.0035 GB"):
        np.asarray(read_image(path, lazy=lazy).data)


@EAGER_AND_LAZY
def test_a_decoder_that_prints_its_doubts_does_not_reach_the_terminal(
    path: Path, lazy: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("imagecodecs")
    monkeypatch.setattr("napari_contransgan.io.damage._CRASHING_COMPRESSIONS", set())  # a process for each takes long
    tifffile.imwrite(path, ZYX_STACK.astype(np.uint8), compression="jpegxr", photometric="minisblack")
    whole = path.read_bytes()
    with tifffile.TiffFile(path) as tif:
        start = tif.pages[0].dataoffsets[0]
    for place in range(start + 8, start + 120):
        content = bytearray(whole)
        content[place] ^= 0xFF
        path.write_bytes(content)
        try:
            np.asarray(read_image(path, lazy=lazy).data)
        except InputError:
            continue
    assert capfd.readouterr().err == ""


@EAGER_AND_LAZY
def test_a_file_that_crashes_its_decoder_does_not_crash_the_program(
    path: Path, lazy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("imagecodecs")
    tifffile.imwrite(path, ZYX_STACK.astype(np.uint8), compression="jpegxr", photometric="minisblack")
    assert read_image(path, lazy=lazy).data.shape == ZYX_STACK.shape
    crash = "import os; os.abort()"
    monkeypatch.setattr("napari_contransgan.io.damage._DECODE", crash)
    with pytest.raises(InputError, match="damaged or cut short"):
        read_image(path, lazy=lazy)


@EAGER_AND_LAZY
def test_damage_that_divides_by_zero_in_the_decoder_is_damage(path: Path, lazy: bool) -> None:
    pytest.importorskip("imagecodecs")
    yxs_ramp = (np.arange(20 * 32 * 3) % 251).reshape(20, 32, 3).astype(np.uint8)
    tifffile.imwrite(path, yxs_ramp, compression="jpegxr", photometric="rgb")
    with tifffile.TiffFile(path) as tif:
        place = tif.pages[0].dataoffsets[0] + 145
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged or cut short"):
        np.asarray(read_image(path, lazy=lazy).data)


ANNOTATIONS = {
    "wavelength_um": (math.nan, -1.0, math.inf, "green", 10**400),
    "numerical_aperture": (math.nan, -0.1, 0),
    "coherence": (math.inf, -1),
    "dark_counts": (math.nan,),
    "z_um": ([0.0, math.nan, 2.0], [0.0, 1.0], "abc"),
    "axes": ("ZZYX", "QYX"),
    "settings": ([1, 2], 3),
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in ANNOTATIONS.items() for value in values])
def test_numbers_of_an_annotation_that_cannot_be_are_refused(path: Path, key: str, value: object) -> None:
    write_image(path, Image(ZYX_STACK, "ZYX", 0.65, 3.0, wavelength_um=0.55))
    text = _description(path)
    found = re.search(r'<M K="image">(.*?)</M>', text, re.DOTALL)
    assert found is not None
    own = json.loads(found.group(1).replace("&quot;", '"'))
    own[key] = value
    changed = json.dumps(own).replace('"', "&quot;")
    tifffile.imwrite(
        path,
        ZYX_STACK,
        description=text.replace(found.group(1), changed).encode(),
        metadata=None,
        photometric="minisblack",
    )
    with pytest.raises(InputError, match="annotation is damaged"):
        read_image(path)


def test_a_name_that_is_too_long_to_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        read_image(tmp_path / ("n" * 300))
