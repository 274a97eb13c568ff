"""What the check before a run says about its images, in words, and what it doubts."""

import numpy as np

from napari_contransgan.io import Image
from napari_contransgan.training.appearance import Appearance, appearance_of, described, doubts


def look(
    lowest: float, highest: float, *, pixel_um: float = 0.65, dtype: str = "float32", checksum: int = 0
) -> Appearance:
    return Appearance((240, 300), pixel_um, lowest, highest, dtype, checksum)


def test_sizes_pixel_sizes_values_and_depths_stand_with_their_units() -> None:
    counts = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80)
    lr = [
        appearance_of(Image(counts, "YX", pixel_size_um=0.65), (120, 160)),
        look(30, 255, pixel_um=1.3, dtype="uint8"),
    ]
    assert described("lr", lr) == (
        "low-resolution images: sides of 120 to 300 px on the grid of 0.325 um, pixels of 0.65 to 1.3 um, "
        "0 to 4,799 counts (16 bit, 8 bit)"
    )
    phase = [look(-0.125, 3.5, pixel_um=0.325)]
    assert described("phase", phase) == (
        "phase maps: sides of 240 to 300 px on the grid of 0.325 um, pixels of 0.325 um, -0.125 to 3.5 rad "
        "(32 bit float)"
    )
    assert described("phase", []) == ""


def test_ordinary_folders_raise_no_doubt() -> None:
    assert doubts([look(800, 1200, checksum=1)], [look(-0.1, 3, checksum=2)]) == ()
    assert doubts([look(-2, 900, checksum=1)], [look(0, 3, checksum=2)]) == ()  # dark frame taken off, simulated phase
    assert doubts([], []) == ()


def test_swapped_folders_are_doubted() -> None:
    (doubt,) = doubts([look(-0.1, 3, checksum=1)] * 2, [look(0.8, 1.2, checksum=2)] * 2)
    assert "look swapped" in doubt


def test_the_same_image_on_both_sides_is_doubted() -> None:
    data = np.random.default_rng(0).uniform(0, 3, (50, 50))
    wide, narrow = (
        appearance_of(Image(data.astype(t), "YX", pixel_size_um=1), (9, 9)) for t in (np.float64, np.float32)
    )
    (doubt,) = doubts([wide], [narrow])
    assert doubt.startswith("1 image is in both the low-resolution and the phase folders")


def test_empty_phase_and_pixel_sizes_far_apart_are_doubted() -> None:
    assert any("every phase map is empty" in doubt for doubt in doubts([], [look(0, 0), look(0, 0)]))
    assert doubts([], [look(0, 0), look(0, 1)]) == ()
    (doubt,) = doubts([look(1, 2, pixel_um=0.1), look(1, 2, pixel_um=6.5)], [])
    assert "pixel sizes of the low-resolution images differ widely, 0.1 to 6.5 um" in doubt
    assert doubts([look(1, 2, pixel_um=0.65), look(1, 2, pixel_um=6.5)], []) == ()
