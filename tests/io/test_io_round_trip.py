"""Written images are read back unchanged, and a failed write leaves no file behind."""

import dataclasses
import typing
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_contransgan.errors import InputError
from napari_contransgan.io import QUANTITY_UNITS, Image, Quantity, read_image, write_image

LENGTHS = {"T": 3, "Z": 2, "C": 2, "Y": 7, "X": 9, "S": 3}


def assert_same(one: Image, other: Image) -> None:
    for field in dataclasses.fields(Image):
        if field.name == "data":
            np.testing.assert_array_equal(one.data, other.data, strict=True)
        else:
            assert getattr(one, field.name) == getattr(other, field.name), field.name


def in_memory(image: Image) -> Image:
    return dataclasses.replace(image, data=image.data.compute())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slide 1.tif"


def test_every_field_survives_a_round_trip(path: Path) -> None:
    image = Image(
        np.linspace(-1, 3, 120, dtype=np.float32).reshape(3, 4, 10),
        "TYX",
        pixel_size_um=0.1234567890123,
        time_step_s=0.1,
        origin_yx_um=(-12.5, 1e-3),
        quantity="phase",
        wavelength_um=0.647,
        name='µ <a> & "b"\n{}\x01',
        settings={"tie": {"dz_um": 3.0, "auto": None, "notes": ["ü", True]}},
        numerical_aperture=0.65,
        coherence=0.3,
        z_falls=True,
    )
    write_image(path, image)
    assert_same(read_image(path), image)
    assert_same(in_memory(read_image(path, lazy=True)), image)


def test_a_file_without_the_later_fields_is_read_with_their_defaults(path: Path) -> None:
    image = Image(np.eye(4, dtype=np.float32), "YX", wavelength_um=0.55)
    write_image(path, image)
    text = b", &quot;numerical_aperture&quot;: null, &quot;coherence&quot;: null, &quot;z_falls&quot;: false"
    content = path.read_bytes()
    assert text in content
    path.write_bytes(content.replace(text, b" " * len(text)))
    assert_same(read_image(path), dataclasses.replace(image, name="image"))


@pytest.mark.parametrize("quantity", typing.get_args(Quantity))
def test_every_quantity_survives_with_its_unit(path: Path, quantity: Quantity) -> None:
    image = Image(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4), "YX", 0.3, quantity=quantity)
    write_image(path, image)
    assert_same(read_image(path), image)
    with tifffile.TiffFile(path) as tif:
        stated = f'Name="{quantity} ({QUANTITY_UNITS[quantity]})"' in tif.ome_metadata
    assert stated == (quantity != "intensity")


@settings(max_examples=40, deadline=None)
@given(
    lead=st.permutations("TZC").flatmap(lambda letters: st.integers(0, 3).map(lambda n: "".join(letters[:n]))),
    rgb=st.booleans(),
    ones=st.sets(st.sampled_from("TZCYX")),
    dtype=st.sampled_from(["uint8", "int16", "uint16", "int32", "float32", "float64"]),
)
def test_any_axes_and_types_survive_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, lead: str, rgb: bool, ones: set[str], dtype: str
) -> None:
    axes = lead + "YX" + ("S" if rgb else "")
    shape = [1 if letter in ones else LENGTHS[letter] for letter in axes]
    data = (np.random.default_rng(1).random(shape) * 100).astype(dtype)
    image = Image(data, axes, 0.65, 3.0 if "Z" in axes else None, 2.0 if "T" in axes else None, (1.5, 2.5))
    path = tmp_path_factory.mktemp("io") / "any.tif"
    write_image(path, image)
    assert_same(read_image(path), image)
    lazy = read_image(path, lazy=True)
    assert_same(in_memory(lazy), image)
    write_image(path.with_name("again.tif"), lazy)
    assert_same(read_image(path.with_name("again.tif")), image)


def test_other_programs_find_the_sizes_and_that_phase_is_in_radians(path: Path) -> None:
    write_image(path, Image(np.ones((2, 4, 5), np.float32), "ZYX", 0.325, 3.0, origin_yx_um=(1, 2), quantity="phase"))
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes == "ZYX"
        xml = tif.ome_metadata
        assert tif.pages[0].get_resolution("micrometer") == pytest.approx((1 / 0.325, 1 / 0.325))
    for part in (
        'PhysicalSizeX="0.325"',
        'PhysicalSizeZ="3.0"',
        'PositionX="2.0"',
        'Name="phase (rad)"',
        'Type="float"',
    ):
        assert part in xml


@pytest.mark.parametrize(
    ("quantity", "unit"), [("phase", "rad"), ("path", "nm"), ("height", "um"), ("dry-mass", r"pg/um\^2")]
)
def test_what_is_no_intensity_is_stored_as_float32_and_never_as_integers(
    path: Path, quantity: Quantity, unit: str
) -> None:
    write_image(path, Image(np.eye(4), "YX", quantity=quantity))
    assert read_image(path).data.dtype == np.float32
    with pytest.raises(InputError, match=f"image: {quantity} must be floating-point numbers in {unit}, not uint8"):
        write_image(path, Image(np.eye(4, dtype=np.uint8), "YX", quantity=quantity))


@pytest.mark.parametrize("dtype", ["int64", "float16", "bool", "object"])
def test_a_pixel_type_that_ome_tiff_lacks_is_refused(path: Path, dtype: str) -> None:
    with pytest.raises(InputError, match=dtype):
        write_image(path, Image(np.eye(4).astype(dtype), "YX"))
    assert not path.exists()


def test_a_write_that_fails_leaves_the_old_file_and_no_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Image(np.eye(4, dtype=np.float32), "YX")
    write_image(path, old)

    def fill_the_disk(part: Path, *_: object, **__: object) -> None:
        Path(part).write_bytes(b"II*\0")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", fill_the_disk)
    with pytest.raises(InputError, match="No space left"):
        write_image(path, Image(np.zeros((4, 4), np.float32), "YX"))
    assert list(path.parent.iterdir()) == [path]
    np.testing.assert_array_equal(read_image(path).data, old.data)


def test_only_tif_names_are_written_and_missing_folders_are_made(tmp_path: Path) -> None:
    image = Image(np.eye(4, dtype=np.float32), "YX")
    with pytest.raises(InputError, match=r"\.tif"):
        write_image(tmp_path / "phase.png", image)
    write_image(tmp_path / "new" / "folder" / "phase.TIF", image)
    assert (tmp_path / "new" / "folder" / "phase.TIF").is_file()
    with pytest.raises(InputError, match="folder cannot be created"):
        write_image(tmp_path / "new" / "folder" / "phase.TIF" / "below.tif", image)
