"""OME-Zarr: read with its axes, units and position, chunk by chunk, and what is damaged or foreign is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, read_positions, write_frames, write_image
from napari_contransgan.io import ome_zarr as reading
from napari_contransgan.io.inputs import find_inputs, stands_for_many

zarr = pytest.importorskip("zarr")

TCZYX = np.random.default_rng(0).integers(1, 60_000, (2, 1, 3, 70, 90), dtype=np.uint16)
UNITS = {"t": "minute", "z": "nanometer", "y": "micrometer", "x": "micrometer"}
KINDS = {"t": "time", "c": "channel"}


def write_foreign(
    path: Path,
    data: np.ndarray,
    axes: str,
    scale: list[float],
    *,
    version: str = "0.5",
    units: dict[str, str] | None = None,
    translation: list[float] | None = None,
    of_all: list[float] | None = None,
    chunks: tuple[int, ...] | None = None,
    **how: Any,
) -> None:
    """Write what other programs write: version 0.4 in Zarr 2, version 0.5 in Zarr 3, with a coarser level."""
    units = UNITS if units is None else units
    group = zarr.create_group(store=str(path), zarr_format=2 if version == "0.4" else 3)
    half = data[..., ::2, ::2]
    for name, pixels in (("full", data), ("half", half)):
        group.create_array(
            name=name, shape=pixels.shape, dtype=pixels.dtype, chunks=chunks or (1,) * (data.ndim - 2) + (32, 32), **how
        )[...] = pixels
    transformations: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if translation:
        transformations.append({"type": "translation", "translation": translation})
    multiscale: dict[str, Any] = {
        "axes": [
            {"name": one, "type": KINDS.get(one, "space"), **({"unit": units[one]} if one in units else {})}
            for one in axes
        ],
        "datasets": [
            {"path": "full", "coordinateTransformations": transformations},
            {"path": "half", "coordinateTransformations": [{"type": "scale", "scale": [2 * one for one in scale]}]},
        ],
    }
    if of_all:
        multiscale["coordinateTransformations"] = [{"type": "scale", "scale": of_all}]
    if version == "0.4":
        group.attrs.put({"multiscales": [{**multiscale, "version": version}]})
    else:
        group.attrs.put({"ome": {"version": version, "multiscales": [multiscale]}})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slide 1.ome.zarr"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("lazy", [False, True])
def test_the_full_resolution_is_read_with_its_scale_and_units(path: Path, version: str, lazy: bool) -> None:
    scale = [2.0, 1.0, 500.0, 0.325, 0.325]
    write_foreign(path, TCZYX, "tczyx", scale, version=version, translation=[0, 0, 0, 10.0, -4.0])
    image = read_image(path, lazy=lazy)
    assert isinstance(image.data, dask.array.Array if lazy else np.ndarray)
    np.testing.assert_array_equal(np.asarray(image.data), TCZYX[:, 0], strict=True)
    expected = Image(TCZYX, "TZYX", 0.325, 0.5, 120.0, origin_yx_um=(10.0, -4.0), name="slide 1")
    assert replace(image, data=None) == replace(expected, data=None)


def test_scales_of_a_level_and_of_the_whole_image_are_multiplied(path: Path) -> None:
    write_foreign(path, TCZYX[:, 0, 0], "tyx", [1, 2.0, 2.0], translation=[0, 3.0, 5.0], of_all=[60.0, 0.1, 0.1])
    image = read_image(path)
    assert (image.pixel_size_um, image.time_step_s) == (pytest.approx(0.2), 3600.0)
    assert image.origin_yx_um == pytest.approx((0.3, 0.5))


STORED: dict[str, dict[str, Any]] = {
    "Zarr 2": {"version": "0.4"},
    "Zarr 2, uncompressed and big-endian": {"version": "0.4", "compressors": None},
    "shards": {"chunks": (1, 16, 16), "shards": (1, 32, 32)},
    "gzip": {"compressors": "gzip"},
    "chunks of several planes": {"chunks": (2, 70, 40)},
}


@pytest.mark.parametrize("how", STORED.values(), ids=STORED.keys())
def test_pixels_are_the_same_however_they_are_stored(path: Path, how: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(reading, "CHUNK_PX", 64)
    zyx = TCZYX[0, 0].astype(">u2") if how.get("compressors", "") is None else TCZYX[0, 0]
    how = dict(how)
    if how.get("compressors") == "gzip":
        how["compressors"] = zarr.codecs.GzipCodec()
    write_foreign(path, zyx, "zyx", [1.0, 0.5, 0.5], **how)
    lazy = read_image(path, lazy=True).data
    assert lazy.chunksize[1:] == (64, 64) if "chunks" not in how or "shards" in how else (70, 80)
    np.testing.assert_array_equal(lazy.compute(), TCZYX[0, 0], strict=True)
    np.testing.assert_array_equal(lazy[1:, 10:65, 60].compute(), TCZYX[0, 0, 1:, 10:65, 60])
    assert read_image(path).notes == ()


def test_only_the_chunks_that_are_needed_are_read(path: Path) -> None:
    yx_numbers = np.arange(3000 * 2100, dtype=np.uint32).reshape(3000, 2100)
    write_foreign(path, yx_numbers, "yx", [0.5, 0.5], chunks=(512, 512))
    image = read_image(path, lazy=True)
    assert image.data.chunksize == (1024, 1024)
    damage(path / "full" / "c" / "0" / "0")
    np.testing.assert_array_equal(image.data[2000:2100, 1500].compute(), yx_numbers[2000:2100, 1500])
    with pytest.raises(InputError, match=r"slide 1\.ome\.zarr: the Zarr folder is damaged or incomplete"):
        image.data[:10, :10].compute()


def damage(chunk: Path) -> None:
    chunk.write_bytes(chunk.read_bytes()[:-40] + b"\xff" * 10)


def test_a_folder_that_changed_or_is_gone_after_opening_is_refused(path: Path) -> None:
    write_foreign(path, TCZYX[:, 0, 0], "tyx", [1.0, 0.5, 0.5])
    image = read_image(path, lazy=True)
    (path / "full" / "zarr.json").write_text((path / "full" / "zarr.json").read_text() + " ")
    with pytest.raises(InputError, match="has changed since it was opened"):
        image.data[0].compute()
    shutil.rmtree(path)
    with pytest.raises(InputError, match="no such file"):
        image.data[0].compute()


NOT_USED = "these values were not used"
SCALES: dict[str, tuple[list[float], dict[str, str], float | None, float | None, str]] = {
    "no units": ([3.0, 0.5, 0.5], {}, None, None, "scale of 0.5 without a unit"),
    "no units and no scale": ([1.0, 1.0, 1.0], {}, None, None, ""),
    "placeholders": ([1.0, 1.0, 1.0], UNITS | {"z": "micrometer"}, None, None, NOT_USED),
    "one placeholder": ([2.0, 1.0, 1.0], UNITS | {"z": "micrometer"}, 1.0, 2.0, "exactly 1 µm"),
    "other units": ([2e-6, 1e-7, 1e-4], {"z": "meter", "y": "meter", "x": "millimeter"}, 0.1, 2.0, ""),
}


@pytest.mark.parametrize(("scale", "units", "pixel_um", "z_um", "note"), SCALES.values(), ids=SCALES.keys())
def test_what_is_no_length_is_not_used_as_one(
    path: Path, scale: list[float], units: dict[str, str], pixel_um: float | None, z_um: float | None, note: str
) -> None:
    write_foreign(path, TCZYX[0, 0], "zyx", scale, units=units)
    image = read_image(path)
    assert image.pixel_size_um == (None if pixel_um is None else pytest.approx(pixel_um))
    assert image.z_step_um == (None if z_um is None else pytest.approx(z_um))
    assert note in " ".join(image.notes)
    assert bool(note) == bool(image.notes)


def test_positions_of_a_well_and_series_of_a_converted_file_are_images_of_their_own(path: Path) -> None:
    for number in range(2):
        write_foreign(path / str(number), TCZYX[number, 0], "zyx", [1.0, 0.5, 0.5], version="0.4")
    well = {"well": {"images": [{"path": "0"}, {"path": "1"}], "version": "0.4"}}
    for attributes in ({"bioformats2raw.layout": 3}, well):
        zarr.open_group(store=str(path), mode="a", zarr_format=2).attrs.put(attributes)
        assert [image.name for image in read_positions(path)] == ["slide 1 0", "slide 1 1"]
        np.testing.assert_array_equal(read_image(path, position=1).data, TCZYX[1, 0])
        assert "2 positions; only the first was read" in read_image(path).notes[0]
        with pytest.raises(InputError, match="has no position 2: it holds positions 0 to 1"):
            read_image(path, position=2)


def test_missing_chunks_are_told_and_a_description_without_pixels_is_refused(path: Path) -> None:
    write_foreign(path, TCZYX[0, 0], "zyx", [1.0, 0.5, 0.5])
    (path / "full" / "c" / "1" / "0" / "0").unlink()
    assert "1 of 27 chunks of the image are missing, and are read as 0" in read_image(path).notes[0]
    shutil.rmtree(path / "full" / "c")
    with pytest.raises(InputError, match="none of its pixels are there"):
        read_image(path, lazy=True)


def edited(path: Path, change: Callable[[dict[str, Any]], object], name: str = "zarr.json") -> None:
    described = json.loads((path / name).read_text())
    change(described)
    (path / name).write_text(json.dumps(described))


def of_ome(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda path: edited(path, lambda described: change(described["attributes"]["ome"]["multiscales"][0]))


def of_array(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda path: edited(path / "full", change)


DAMAGED = "damaged or incomplete"
SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "no metadata": (lambda path: (path / "zarr.json").unlink(), "is not a Zarr folder"),
    "half of the JSON": (lambda path: (path / "zarr.json").write_text('{"attributes": {'), "is not valid JSON"),
    "bytes in place of JSON": (lambda path: (path / "zarr.json").write_bytes(b"\xff\xfe"), "is not text in UTF-8"),
    "JSON of another kind": (lambda path: (path / "zarr.json").write_text("[]"), "does not describe a Zarr folder"),
    "no multiscales": (
        lambda path: edited(path, lambda described: described["attributes"].clear()),
        "without the metadata of an OME-Zarr image",
    ),
    "a plate": (
        lambda path: edited(path, lambda described: described.update(attributes={"ome": {"plate": {}}})),
        "is a whole plate: give one of its wells",
    ),
    "labels": (
        lambda path: edited(path, lambda described: described["attributes"]["ome"].update({"image-label": {}})),
        "holds labels",
    ),
    "an old version": (of_ome(lambda one: one.update(axes=["z", "y", "x"], version="0.3")), "0.4 or 0.5 is needed"),
    "an unknown axis": (of_ome(lambda one: one["axes"][0].update(name="phi")), "has an axis 'phi'"),
    "two axes alike": (of_ome(lambda one: one["axes"][0].update(name="y")), "two axes with the same meaning"),
    "too few axes": (of_ome(lambda one: one["axes"].pop()), DAMAGED),
    "no levels": (of_ome(lambda one: one["datasets"].clear()), DAMAGED),
    "a level elsewhere": (of_ome(lambda one: one["datasets"][0].update(path="../other")), DAMAGED),
    "a scale in words": (
        of_ome(lambda one: one["datasets"][0]["coordinateTransformations"][0].update(scale=["a", "b", "c"])),
        DAMAGED,
    ),
    "an endless scale": (
        of_ome(lambda one: one["datasets"][0]["coordinateTransformations"][0].update(scale=[1, 1, 1e999])),
        DAMAGED,
    ),
    "a rotation": (
        of_ome(lambda one: one["datasets"][0]["coordinateTransformations"][0].update(type="rotation")),
        "'rotation' cannot be used",
    ),
    "pixels that are not square": (
        of_ome(lambda one: one["datasets"][0]["coordinateTransformations"][0].update(scale=[1, 0.5, 0.6])),
        "not square",
    ),
    "no array": (lambda path: shutil.rmtree(path / "full"), DAMAGED),
    "no description of the array": (lambda path: (path / "full" / "zarr.json").unlink(), "is not a Zarr folder"),
    "an array of nothing": (of_array(lambda one: one.update(shape=[3, 0, 90])), DAMAGED),
    "an array of text": (of_array(lambda one: one.update(data_type="string", fill_value="")), DAMAGED),
    "a number type that is none": (of_array(lambda one: one.update(data_type="uint17")), DAMAGED),
    "too many chunks": (
        of_array(lambda one: one.update(shape=[2**40, 2**20, 90])),
        "too many chunks",
    ),
    "more pixels than memory": (
        of_array(lambda one: one.update(shape=[3, 2**22, 2**22], chunk_grid=grid(1, 2**21, 2**21))),
        r"needs .* of memory",
    ),
    "a codec that runs code": (
        of_array(lambda one: one["codecs"].append({"name": "numcodecs.pickle", "configuration": {}})),
        "its codec 'pickle' is not supported",
    ),
}


def grid(*shape: int) -> dict[str, Any]:
    return {"name": "regular", "configuration": {"chunk_shape": list(shape)}}


@pytest.mark.parametrize(("spoil", "reason"), SPOILT.values(), ids=SPOILT.keys())
def test_damaged_and_foreign_folders_are_refused_in_one_line(
    path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    write_foreign(path, TCZYX[0, 0], "zyx", [1.0, 0.5, 0.5])
    spoil(path)
    with pytest.raises(InputError, match=reason) as caught:
        read_image(path)
    assert "slide 1.ome.zarr" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_code_in_a_filter_is_not_run(path: Path, tmp_path: Path) -> None:
    write_foreign(path, TCZYX[0, 0], "zyx", [1.0, 0.5, 0.5], version="0.4")
    edited(path / "full", lambda described: described.update(filters=[{"id": "pickle"}]), ".zarray")
    with pytest.raises(InputError, match="its codec 'pickle' is not supported"):
        read_image(path)


def test_without_the_package_the_message_says_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_foreign(path, TCZYX[0, 0], "zyx", [1.0, 0.5, 0.5])

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("napari_contransgan.io.zarr_store.import_module", missing)
    for attempt in (lambda: read_image(path), lambda: write_image(path, Image(TCZYX[0, 0], "ZYX"))):
        with pytest.raises(InputError, match=r"pip install \"napari-contransgan\[zarr\]\""):
            attempt()


def test_a_folder_of_images_lists_them_and_an_image_is_not_such_a_folder(tmp_path: Path) -> None:
    for name in ("b_10.ome.zarr", "b_2.zarr"):
        write_foreign(tmp_path / name, TCZYX[0, 0], "zyx", [1.0, 0.5, 0.5])
    write_image(tmp_path / "b_3.tif", Image(TCZYX[0, 0], "ZYX"))
    (tmp_path / "other").mkdir()
    assert [one.name for one in find_inputs([tmp_path])] == ["b_2.zarr", "b_3.tif", "b_10.ome.zarr"]
    assert [one.name for one in find_inputs([tmp_path / "*.zarr"])] == ["b_2.zarr", "b_10.ome.zarr"]
    assert not stands_for_many(tmp_path / "b_2.zarr")
    assert stands_for_many(tmp_path)


# --- writing ---

PHASE = Image(
    np.random.default_rng(1).normal(size=(2, 60, 80)).astype(np.float32),
    "TYX",
    pixel_size_um=0.325,
    time_step_s=30.0,
    origin_yx_um=(3.0, -2.5),
    quantity="phase",
    wavelength_um=0.55,
    name="cells phase",
    settings={"predict": {"model": "all", "notes": ["one"]}},
    numerical_aperture=0.4,
    coherence=0.6,
    dark_counts=100.0,
)
WRITTEN: dict[str, Image] = {
    "phase": PHASE,
    "one frame": replace(PHASE, data=PHASE.data[0], axes="YX", time_step_s=None),
    "uncalibrated": replace(PHASE, pixel_size_um=None, time_step_s=None, origin_yx_um=(0.0, 0.0)),
    "counts": Image(TCZYX[0, 0], "ZYX", 0.65, 3.0, name="frame"),
    "axes of length one": Image(TCZYX[:, :, :1], "TCZYX", 0.65, name="thin"),
    "another order of axes": Image(TCZYX[:, 0], "ZTYX", 0.65, name="odd"),
    "uneven planes": Image(TCZYX[0, 0], "ZYX", 0.65, z_um=(0.0, 1.0, 5.0), z_falls=True),
}


@pytest.mark.parametrize("image", WRITTEN.values(), ids=WRITTEN.keys())
def test_what_was_written_is_read_back_field_by_field(path: Path, image: Image) -> None:
    write_image(path, image)
    read = read_image(path)
    np.testing.assert_array_equal(read.data, image.data, strict=True)
    assert replace(read, data=None) == replace(image, data=None)


def test_other_programs_find_unit_scale_and_coarser_levels(path: Path) -> None:
    data = np.random.default_rng(2).normal(size=(601, 1300)).astype(np.float32)
    write_image(path, replace(PHASE, data=data, axes="YX", time_step_s=None))
    group = zarr.open_group(store=str(path), mode="r")
    ome = dict(group.attrs)["ome"]
    (multiscale,) = ome["multiscales"]
    assert ome["version"] == "0.5"
    assert multiscale["axes"][1] == {"name": "x", "type": "space", "unit": "micrometer"}
    assert multiscale["metadata"] == {"quantity": "phase", "unit": "rad"}
    steps = [one["coordinateTransformations"] for one in multiscale["datasets"]]
    assert [one[0]["scale"] for one in steps] == [[0.325, 0.325], [0.65, 0.65], [1.3, 1.3]]
    assert steps[1][1]["translation"] == pytest.approx([3.1625, -2.3375])
    coarse = np.asarray(group["1"])
    assert coarse.shape == (300, 650)
    np.testing.assert_allclose(coarse, data[:600].reshape(300, 2, 650, 2).mean((1, 3)), rtol=1e-5, atol=1e-6)


def test_frames_are_written_one_at_a_time(path: Path) -> None:
    alive = []

    def frames() -> Any:
        for number, frame in enumerate(PHASE.data):
            alive.append(path.exists())
            assert number == 0 or list(path.parent.rglob("c/0/0/0"))
            yield frame

    write_frames(path, PHASE, frames(), PHASE.data.shape)
    assert alive == [False, False]
    np.testing.assert_array_equal(read_image(path).data, PHASE.data)


def test_an_older_image_is_replaced_and_kept_if_writing_fails(path: Path) -> None:
    write_image(path, PHASE)

    def failing() -> Any:
        yield PHASE.data[0] + 1
        raise InputError("stopped")

    with pytest.raises(InputError, match="stopped"):
        write_frames(path, PHASE, failing(), PHASE.data.shape)
    np.testing.assert_array_equal(read_image(path).data, PHASE.data)
    write_image(path, replace(PHASE, data=PHASE.data + 1))
    np.testing.assert_array_equal(read_image(path).data, PHASE.data + 1)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_folder_with_other_things_is_never_replaced(path: Path) -> None:
    path.mkdir()
    (path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is there already and is not a Zarr image"):
        write_image(path, PHASE)
    assert (path / "thesis.tex").read_text() == "years of work"


def test_what_ome_zarr_cannot_hold_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="colours cannot be written as OME-Zarr"):
        write_image(path, Image(np.zeros((20, 30, 3), np.uint8), "YXS"))
    with pytest.raises(InputError, match=r"must end in .tif, .ome.tif or .ome.zarr"):
        write_image(path.with_suffix(".png"), PHASE)
    assert list(path.parent.iterdir()) == []
