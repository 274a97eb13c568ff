from dataclasses import replace

import dask.array
import numpy as np
import pytest
from tests.measuring.scenes import dome, phase_map

from napari_contransgan.config import MeasureSettings
from napari_contransgan.errors import InputError
from napari_contransgan.measuring import measure_objects
from napari_contransgan.progress import result_of

SHAPE = (200, 240)


def growing(frames=4):
    """Two cells that walk and grow by a tenth each frame; the second one is gone in the last frame."""
    series = []
    for time in range(frames):
        first = dome(SHAPE, (30.0 + 3 * time, 30.0 + 3 * time), (9.0, 9.0), 1.5 * 1.1**time)
        second = dome(SHAPE, (70.0, 90.0 - 4 * time), (9.0, 9.0), 1.0)
        series.append(first + (second if time < frames - 1 else 0))
    return np.stack(series)


SERIES = phase_map(growing(), "TYX", time_step_s=60.0)


def test_cells_keep_their_track_over_time_and_their_growth_shows():
    found = result_of(measure_objects(SERIES))
    tracks = {}
    for one in found.objects:
        tracks.setdefault(one.track, []).append(one)
    assert sorted((track, [one.frame for one in cells]) for track, cells in tracks.items()) == [
        (1, [0, 1, 2, 3]),
        (2, [0, 1, 2]),
    ]
    masses = [one.dry_mass_pg for one in tracks[1]]
    np.testing.assert_allclose(np.array(masses[1:]) / masses[:-1], 1.1, rtol=0.01)
    np.testing.assert_allclose([one.dry_mass_pg for one in tracks[2]], tracks[2][0].dry_mass_pg, rtol=0.01)


def test_a_step_that_is_longer_than_allowed_begins_a_new_track():
    found = result_of(measure_objects(SERIES, MeasureSettings(largest_step_um=3.5)))
    assert len({one.track for one in found.objects}) == len(found.objects) == 7


def test_linking_prints_nothing(capsys):
    result_of(measure_objects(SERIES))
    assert capsys.readouterr() == ("", "")


def test_an_object_may_be_missing_for_a_frame_where_that_is_allowed():
    gap = replace(SERIES, data=SERIES.data * np.array([1, 1, 0, 1], np.float32)[:, None, None])
    lost = result_of(measure_objects(gap, MeasureSettings(largest_step_um=12.0)))
    kept = result_of(measure_objects(gap, MeasureSettings(largest_step_um=12.0, frames_missing=1)))
    assert [one.track for one in lost.objects] == [1, 2, 1, 2, 3]
    assert [one.track for one in kept.objects] == [1, 2, 1, 2, 1]


def test_a_lazy_series_gives_the_same_objects_one_frame_at_a_time():
    lazy = replace(SERIES, data=dask.array.from_array(SERIES.data, chunks=(1, *SHAPE)))
    events = measure_objects(lazy)
    assert [event.message for event in events][:2] == ["frame 1: 2 objects", "frame 2: 2 objects"]
    assert result_of(measure_objects(lazy)).objects == result_of(measure_objects(SERIES)).objects


def test_labels_of_one_frame_count_for_all():
    labels = (SERIES.data[0] > 0.5).astype(np.uint8)
    found = result_of(measure_objects(SERIES, labels=labels))
    assert [(one.frame, one.label) for one in found.objects] == [(0, 1), (1, 1), (2, 1), (3, 1)]
    assert found.thresholds_rad == (None, None, None, None)
    assert found.labels.shape == SERIES.data.shape


def test_a_single_frame_has_no_tracks():
    found = result_of(measure_objects(replace(SERIES, data=SERIES.data[0], axes="YX")))
    assert [one.track for one in found.objects] == [None, None]
    assert found.labels.shape == SHAPE


@pytest.mark.parametrize(
    ("image", "more", "message"),
    [
        (replace(SERIES, axes="ZYX"), {}, "cells: has axes ZYX: give one phase map"),
        (replace(SERIES, quantity="intensity"), {}, "cells: holds intensity, not phase"),
        (replace(SERIES, wavelength_um=None), {}, "cells: states no wavelength"),
        (replace(SERIES, pixel_size_um=None), {}, "cells: "),
        (SERIES, {"labels": np.zeros((3, *SHAPE), int)}, "3 frames were given for a phase map of 4"),
        (SERIES, {"uncertainty": SERIES}, "cells: holds phase: give the uncertainty of the phase"),
    ],
)
def test_what_cannot_be_measured_is_refused(image, more, message):
    with pytest.raises(InputError, match=message):
        result_of(measure_objects(image, **more))
