import numpy as np
import pytest
from tests.measuring.scenes import PIXEL_UM, phase_map

from napari_contransgan.errors import InputError
from napari_contransgan.measuring import profile_along


def test_a_profile_follows_a_ramp_in_the_coordinates_of_the_image():
    ramp = np.arange(100.0)[None, :] * PIXEL_UM * np.ones((40, 1))  # 1 rad a micrometre
    profile = profile_along(phase_map(ramp, origin_yx_um=(10.0, -5.0)), (15.0, 0.0), (15.0, 20.0))
    np.testing.assert_allclose(profile.phase_rad, 5.0 + profile.distance_um, rtol=1e-6)
    assert (profile.name, profile.distance_um[0], profile.distance_um[-1]) == ("cells", 0.0, 20.0)


def test_a_line_outside_the_map_is_refused_with_the_name_of_the_map():
    with pytest.raises(InputError, match=r"cells: .*leaves the map"):
        profile_along(phase_map(np.zeros((40, 40))), (0.0, 0.0), (0.0, 50.0))


def test_a_stack_or_counts_have_no_profile():
    with pytest.raises(InputError, match="cells: holds phase with axes TYX"):
        profile_along(phase_map(np.zeros((2, 40, 40)), "TYX"), (0.0, 0.0), (0.0, 5.0))
