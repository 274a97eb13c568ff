"""Axes of length one are found with tifffile before and after 2026.5.2, which changed how it omits them."""

from types import SimpleNamespace
from typing import Any

from napari_contransgan.io.pages import axes_and_shape, series_of

AXES, SHAPE = "TZYX", (1, 3, 4, 5)
EARLIER: Any = SimpleNamespace(
    axes="ZYX", shape=(3, 4, 5), get_axes=lambda squeeze: AXES[squeeze:], get_shape=lambda squeeze: SHAPE[squeeze:]
)
LATER: Any = SimpleNamespace(axes=AXES, shape=SHAPE)


class LaterSeries(list[Any]):
    """What `TiffFile.series` has been since tifffile 2026.5.2."""

    def __call__(self, *, squeeze: bool) -> list[Any]:
        return [SimpleNamespace(axes=AXES[squeeze:], shape=SHAPE[squeeze:])]


def test_a_series_of_either_generation_has_its_axes_of_length_one() -> None:
    assert axes_and_shape(EARLIER) == axes_and_shape(LATER) == (AXES, SHAPE)


def test_a_file_of_either_generation_gives_such_series() -> None:
    earlier: Any = SimpleNamespace(series=[EARLIER])
    later: Any = SimpleNamespace(series=LaterSeries([SimpleNamespace(axes="ZYX", shape=(3, 4, 5))]))
    for tif in (earlier, later):
        (series,) = series_of(tif)
        assert axes_and_shape(series) == (AXES, SHAPE)
