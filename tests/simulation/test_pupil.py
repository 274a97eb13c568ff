"""The pupil's edge, focus and aberrations."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from napari_contransgan.optics import Aberrations
from napari_contransgan.simulation.image_formation import Optics, PixelGrid, through_focus_images, transmission
from napari_contransgan.simulation.pupil import pupil_function, wavefront_error_um

TERMS = tuple(Aberrations.model_fields)


def error_at(y: float, x: float, aberrations: Aberrations) -> float:
    return wavefront_error_um(torch.tensor(y), torch.tensor(x), aberrations).item()


@pytest.mark.parametrize("term", TERMS)
def test_each_aberration_has_unit_root_mean_square_and_no_mean(term: str) -> None:
    aberrations = Aberrations(**{term: 1.0})

    def over_disc(power: int) -> float:
        def value(angle: float, radius: float) -> float:
            return radius * error_at(radius * math.sin(angle), radius * math.cos(angle), aberrations) ** power

        return float(integrate.dblquad(value, 0, 1, 0, 2 * math.pi, epsabs=1e-4)[0]) / math.pi

    assert over_disc(1) == pytest.approx(0, abs=1e-3)
    assert over_disc(2) == pytest.approx(1, abs=1e-3)


def test_the_edge_lets_half_the_light_pass_at_the_aperture() -> None:
    cutoff = 0.5 / 0.55
    f = torch.tensor([0.0, cutoff - 0.2, cutoff, cutoff + 0.2], dtype=torch.float64)
    pupil = pupil_function(f, torch.zeros(1, dtype=torch.float64), 0.5, 0.55, Aberrations(), (0.0,), 20.0)
    np.testing.assert_allclose(pupil[0, :, 0].abs().numpy(), [1, 1, 0.5, 0], atol=1e-9)


def test_focus_turns_the_phase_as_a_plane_wave_does() -> None:
    f = torch.tensor([0.0, 0.4], dtype=torch.float64)
    pupil = pupil_function(f, torch.zeros(1, dtype=torch.float64), 0.5, 0.55, Aberrations(), (-7.0, 7.0), 20.0)
    turn = 2 * math.pi * 7.0 * (math.sqrt(1 / 0.55**2 - 0.4**2) - 1 / 0.55)
    expected = np.exp(1j * turn * np.array([-1, 1]))
    np.testing.assert_allclose((pupil[:, 1, 0] / pupil[:, 0, 0]).numpy(), expected, atol=1e-12)


def point_image(aberrations: Aberrations, z_um: float = 0.0) -> np.ndarray:
    absorption = torch.zeros(128, 128, dtype=torch.float64)
    absorption[64, 64] = 3.0
    field = transmission(torch.zeros_like(absorption), absorption)
    optics = Optics(0.65, 0.55, 0.3, aberrations=aberrations)
    return 1 - through_focus_images(field, 0.1, optics, PixelGrid(0.1, 128), z_um=(z_um,))[0].numpy()


def test_coma_drags_a_point_to_one_side_of_its_axis() -> None:
    along_y, along_x = point_image(Aberrations(coma_y_um=0.05)), point_image(Aberrations(coma_x_um=0.05))
    np.testing.assert_allclose(along_y, along_x.T, atol=1e-9)
    offset = np.arange(1, 40)
    clean = point_image(Aberrations())
    np.testing.assert_allclose(clean[64 + offset], clean[64 - offset], atol=1e-9)
    assert np.abs(along_y[64 + offset] - along_y[64 - offset]).max() > 0.1 * along_y.max()
    other = point_image(Aberrations(coma_y_um=-0.05))
    np.testing.assert_allclose(other[1:], along_y[:0:-1], atol=1e-9)


def test_astigmatism_stretches_a_point_across_itself_on_the_two_sides_of_focus() -> None:
    def elongation(z_um: float, aberrations: Aberrations) -> float:
        image = point_image(aberrations, z_um)[44:85, 44:85]
        return float(image[20].std() / image[:, 20].std())

    astigmatic = Aberrations(astigmatism_0_um=0.05)
    assert elongation(0.8, astigmatic) == pytest.approx(1 / elongation(-0.8, astigmatic), rel=0.05)
    assert abs(math.log(elongation(0.8, astigmatic))) > 0.1
    assert elongation(0.8, Aberrations()) == pytest.approx(1, abs=1e-6)
