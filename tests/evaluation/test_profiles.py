import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import line_profile


def plane(shape=(20, 30)) -> np.ndarray:
    y, x = np.indices(shape)
    return 0.1 * y + 0.02 * x


def test_a_profile_across_a_plane_is_a_straight_line():
    distance_um, phase_rad = line_profile(plane(), (1.0, 2.0), (4.0, 6.0), pixel_size_um=0.5)

    assert distance_um[0] == 0
    assert distance_um[-1] == pytest.approx(5.0)
    share = distance_um / 5.0
    np.testing.assert_allclose(phase_rad, 0.1 * (2 + 6 * share) + 0.02 * (4 + 8 * share))


def test_a_profile_has_at_least_a_sample_a_pixel():
    distance_um, _ = line_profile(plane(), (0.0, 0.0), (0.0, 8.7), pixel_size_um=0.3)

    assert len(distance_um) == 30
    assert np.diff(distance_um).max() <= 0.3 + 1e-12


def test_the_direction_of_a_profile_matters():
    _, there = line_profile(plane(), (1.0, 1.0), (5.0, 9.0), 0.5)
    _, back = line_profile(plane(), (5.0, 9.0), (1.0, 1.0), 0.5)

    np.testing.assert_allclose(there, back[::-1])


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ((1.0, 1.0), (1.0, 1.0), "no length"),
        ((0.0, 0.0), (0.0, 30.0), "leaves the map"),
        ((-3.0, 0.0), (1.0, 1.0), "leaves the map"),
    ],
)
def test_lines_that_cannot_be_sampled_are_refused(start, end, message):
    with pytest.raises(InputError, match=message):
        line_profile(plane(), start, end, 0.5)
