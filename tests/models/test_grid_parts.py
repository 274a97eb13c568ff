"""Parts of a frame are resampled as the whole frame is."""

import numpy as np
import pytest
import torch

from napari_contransgan.models.grid_parts import axis_weights, nearest_pixels, resampled
from napari_contransgan.models.normalisation import shape_on_model_grid, to_model_grid

SHAPE = (301, 407)


@pytest.mark.parametrize("pixel_size_um", [0.1, 0.1625, 0.2325, 0.325, 0.33, 0.4, 0.65, 1.625])
def test_every_part_is_that_of_the_whole_frame(pixel_size_um: float) -> None:
    yx_frame = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    whole = to_model_grid(torch.from_numpy(yx_frame), pixel_size_um).numpy()
    height, width = whole.shape
    assert shape_on_model_grid(SHAPE, pixel_size_um) == (height, width)
    for y, y_stop, x, x_stop in ((0, height, 0, width), (height // 3, height // 2, width // 2, width), (0, 9, 3, 40)):
        rows = axis_weights(SHAPE[0], pixel_size_um, y, y_stop)
        columns = axis_weights(SHAPE[1], pixel_size_um, x, x_stop)
        needed = yx_frame[rows.first : rows.stop, columns.first : columns.stop]
        part = resampled(needed, rows, columns, (rows.first, columns.first))
        np.testing.assert_allclose(part, whole[y:y_stop, x:x_stop], atol=5e-4)  # PyTorch computes places in float32


@pytest.mark.parametrize("side_on_grid", [150, 301, 602, 413])
def test_the_nearest_pixel_is_that_of_pytorch(side_on_grid: int) -> None:
    numbers = torch.arange(301.0)[None, None]
    expected = torch.nn.functional.interpolate(numbers, size=side_on_grid)[0, 0].numpy()
    np.testing.assert_array_equal(nearest_pixels(301, side_on_grid, 20, side_on_grid), expected[20:])
