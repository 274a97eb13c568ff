import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import measure_bead_heights

WAVELENGTH_UM, CONTRAST, APERTURE = 0.55, 0.03, 0.65
PIXEL_UM, SUBPIXELS, SIDE = 0.325, 4, 128
RADIUS_UM = 1.5
GRID_UM = [(10.0 + 7.3 * row, 10.0 + 7.1 * column) for row in range(4) for column in range(4)]


def bead_phase(centres_um, *, blur: str = "gaussian", radius_um=RADIUS_UM, contrast=CONTRAST, heights=None):
    """Projected spheres, 2 sqrt(R^2 - r^2), blurred as a lens of 0.65 NA does and averaged over the pixels."""
    fine = (np.arange(SIDE * SUBPIXELS) - (SUBPIXELS - 1) / 2) * PIXEL_UM / SUBPIXELS
    path_um = np.zeros((fine.size, fine.size))
    for (y_um, x_um), height in zip(centres_um, heights or [1.0] * len(centres_um), strict=True):
        square = (fine[:, None] - y_um) ** 2 + (fine - x_um) ** 2
        path_um = np.maximum(path_um, height * 2 * np.sqrt(np.clip(radius_um**2 - square, 0, None)))
    frequency = np.fft.fftfreq(fine.size, PIXEL_UM / SUBPIXELS)
    f = np.hypot(frequency[:, None], frequency)
    transfer = {
        "gaussian": np.exp(-2 * (np.pi * f * 0.21 * WAVELENGTH_UM / APERTURE) ** 2),
        "pupil": (f < APERTURE / WAVELENGTH_UM).astype(float),
    }[blur]
    blurred = np.fft.ifft2(np.fft.fft2(2 * np.pi / WAVELENGTH_UM * contrast * path_um) * transfer).real
    return blurred.reshape(SIDE, SUBPIXELS, SIDE, SUBPIXELS).mean(axis=(1, 3))


def measured(phase, contrast=CONTRAST):
    return measure_bead_heights(phase, PIXEL_UM, WAVELENGTH_UM, contrast)


@pytest.mark.parametrize("blur", ["gaussian", "pupil"])
def test_every_free_bead_of_3_um_is_measured_within_2_per_cent(blur):
    beads = measured(bead_phase(GRID_UM, blur=blur) - 0.4)

    assert len(beads) == 16
    for bead, (y_um, x_um) in zip(sorted(beads, key=lambda b: (round(b.y_um), b.x_um)), GRID_UM, strict=True):
        assert bead.height_um == pytest.approx(3.0, rel=0.02)
        assert bead.radius_um == pytest.approx(1.5, rel=0.02)
        assert (bead.y_um, bead.x_um) == (pytest.approx(y_um, abs=0.05), pytest.approx(x_um, abs=0.05))


def test_noise_and_slow_clouds_hardly_change_the_median_height():
    y, x = np.indices((SIDE, SIDE)) / SIDE
    clouds = 0.1 * np.sin(2 * np.pi * y) * np.cos(2 * np.pi * x)
    noise = np.random.default_rng(0).normal(scale=0.03, size=y.shape)

    beads = measured(bead_phase(GRID_UM) + clouds + noise)

    heights_um = np.array([bead.height_um for bead in beads])
    assert len(heights_um) >= 15
    assert np.median(heights_um) == pytest.approx(3.0, rel=0.03)
    assert np.all(np.abs(heights_um / 3 - 1) < 0.06)


def test_clouds_higher_than_the_beads_do_not_hide_them():
    y, x = np.indices((SIDE, SIDE)) / SIDE
    clouds = 4 * np.exp(-2 * x) * np.cos(2 * y + 1)  # without Laplacian, as TIE leaves them

    beads = measured(bead_phase(GRID_UM) + clouds)

    assert len(beads) == 16
    assert [bead.height_um for bead in beads] == pytest.approx([3.0] * 16, rel=0.03)


def test_height_follows_the_phase_and_radius_the_outline():
    flat = measured(bead_phase(GRID_UM[:1], heights=[0.5]))[0]
    large = measured(bead_phase([(20.0, 20.0)], radius_um=3.0))[0]

    assert flat.height_um == pytest.approx(1.5, rel=0.02)
    assert flat.radius_um == pytest.approx(1.5, rel=0.03)
    assert large.height_um == pytest.approx(6.0, rel=0.02)
    assert large.radius_um == pytest.approx(3.0, rel=0.02)


def test_height_is_phase_times_wavelength_over_two_pi_and_contrast():
    phase = bead_phase(GRID_UM[:1])

    doubled = measure_bead_heights(phase, PIXEL_UM, 2 * WAVELENGTH_UM, CONTRAST)[0]
    halved = measured(phase, contrast=2 * CONTRAST)[0]

    assert doubled.height_um == pytest.approx(2 * measured(phase)[0].height_um)
    assert halved.height_um == pytest.approx(measured(phase)[0].height_um / 2)


def test_touching_and_cut_beads_are_left_out():
    free, touching, cut = (20.0, 20.0), [(30.0, 30.0), (30.0, 33.0)], (1.0, 12.0)

    beads = measured(bead_phase([free, *touching, cut]))

    assert len(beads) == 1
    assert (beads[0].y_um, beads[0].x_um) == (pytest.approx(20, abs=0.05), pytest.approx(20, abs=0.05))


@pytest.mark.parametrize("distance_um", [1.5, 2.5, 3.0, 3.2, 3.3])
def test_a_pair_without_a_gap_is_left_out(distance_um):
    assert measured(bead_phase([(20.0, 20.0), (20.0, 20.0 + distance_um), (8.0, 8.0)]))[0].y_um < 10
    assert len(measured(bead_phase([(20.0, 20.0), (20.0, 20.0 + distance_um), (8.0, 8.0)]))) == 1


def test_large_beads_with_a_gap_under_0_3_um_are_left_out():
    assert measured(bead_phase([(20.0, 18.0), (20.0, 24.2)], radius_um=3.0)) == []
    assert len(measured(bead_phase([(20.0, 18.0), (20.0, 24.6)], radius_um=3.0))) == 2


def test_a_pair_with_a_gap_is_measured():
    beads = measured(bead_phase([(20.0, 20.0), (20.0, 23.6)]))

    assert [bead.height_um for bead in beads] == pytest.approx([3.0, 3.0], rel=0.03)
    assert [bead.radius_um for bead in beads] == pytest.approx([1.5, 1.5], rel=0.015)


def test_one_bright_speck_does_not_hide_the_beads():
    phase = bead_phase(GRID_UM)
    phase[60:64, 3:7] = 8.0

    assert sum(abs(bead.height_um - 3) < 0.1 for bead in measured(phase)) >= 15


def test_beads_of_a_lower_index_are_measured_with_negative_contrast():
    beads = measured(bead_phase(GRID_UM, contrast=-CONTRAST), contrast=-CONTRAST)

    assert len(beads) == 16
    assert beads[0].height_um == pytest.approx(3.0, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_no_bead_is_seen_in_noise_or_nothing(seed):
    assert measured(np.random.default_rng(seed).normal(scale=0.05, size=(SIDE, SIDE))) == []
    assert measured(np.zeros((SIDE, SIDE))) == []


def test_input_that_cannot_be_measured_is_refused():
    phase = bead_phase(GRID_UM[:1])

    with pytest.raises(InputError, match="index contrast must not be 0"):
        measured(phase, contrast=0.0)
    with pytest.raises(InputError, match="did you mean"):
        measure_bead_heights(phase, PIXEL_UM, 550.0, CONTRAST)
    with pytest.raises(InputError, match="pixel size"):
        measure_bead_heights(phase, 0.0, WAVELENGTH_UM, CONTRAST)
    with pytest.raises(InputError, match="one YX phase map"):
        measured(phase[None])
