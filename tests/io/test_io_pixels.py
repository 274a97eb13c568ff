"""Folders are listed, unusable pixels rejected, and colours converted to luminance."""

from pathlib import Path

import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, check_pixels, find_images, to_luminance

ZYX_STACK = np.random.default_rng(0).integers(1, 4000, (3, 20, 30), dtype=np.uint16)


def test_images_of_a_folder_are_listed_by_name_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.tif", "a.ome.tif", "C.TIFF", "._b.tif", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    assert [path.name for path in find_images(tmp_path)] == ["C.TIFF", "a.ome.tif", "b.tif"]


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.tif"):
        find_images(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_images(tmp_path / "absent")


@pytest.mark.parametrize(
    ("yx_data", "words"),
    [
        (np.zeros((0, 4)), "no pixels"),
        (np.full((4, 4), 7), r"same value \(7\)"),
        (np.array([[1.0, np.nan], [2.0, 3.0]]), "1 of 4 pixels are NaN"),
        (np.array([[1.0, np.inf], [2.0, 3.0]]), "1 of 4 pixels are NaN or infinite"),
        (np.eye(4, dtype=complex), "complex128"),
    ],
)
def test_pixels_with_which_nothing_can_be_computed_are_refused(yx_data: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=f"cells: .*{words}"):
        check_pixels(Image(yx_data, "YX", name="cells"))


def test_ordinary_pixels_pass() -> None:
    check_pixels(Image(ZYX_STACK, "ZYX"))
    check_pixels(Image(np.eye(4, dtype=np.float32), "YX"))


def test_rgb_becomes_green_weighted_luminance_without_its_alpha() -> None:
    yxs_image = np.zeros((2, 3, 4), np.uint8)
    yxs_image[...] = (100, 200, 50, 255)
    grey, converted = to_luminance(Image(yxs_image, "YXS", 0.65, name="stained"))
    assert converted
    assert (grey.axes, grey.data.dtype, grey.pixel_size_um, grey.name) == ("YX", np.float32, 0.65, "stained")
    np.testing.assert_allclose(grey.data, 0.2126 * 100 + 0.7152 * 200 + 0.0722 * 50, rtol=1e-6)


def test_grey_images_pass_luminance_untouched() -> None:
    image = Image(ZYX_STACK, "ZYX")
    assert to_luminance(image) == (image, False)


def test_samples_that_are_no_rgb_are_refused() -> None:
    with pytest.raises(InputError, match="2 samples"):
        to_luminance(Image(np.zeros((4, 4, 2)), "YXS"))
