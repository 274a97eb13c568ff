"""Objectives, conversions between phase, path and height, and rejected lengths."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from napari_contransgan.errors import InputError
from napari_contransgan.optics import (
    Objective,
    check_pixel_size,
    check_wavelength,
    height_from_phase,
    path_from_phase,
)


@pytest.mark.parametrize(
    ("aperture", "reason"),
    [(1, "a dry lens cannot have an NA of 1:"), (1.4, "NA of 1.4"), (0, "greater"), (-0.1, "greater")],
)
def test_a_dry_lens_has_an_aperture_between_zero_and_one(aperture: float, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Objective(magnification=40, numerical_aperture=aperture)


def test_a_full_turn_is_one_wavelength_of_path() -> None:
    np.testing.assert_allclose(path_from_phase(np.array([0.0, np.pi, 2 * np.pi]), 0.55), [0, 0.275, 0.55])


def test_the_height_of_a_bead_follows_from_its_phase() -> None:
    peak_rad = 2 * math.pi * 3.0 * 0.03 / 0.55  # a 3 um bead of contrast 0.03: 1.03 rad
    assert peak_rad == pytest.approx(1.028, abs=1e-3)
    yx_phase_rad = np.array([[0.0, peak_rad], [-peak_rad, peak_rad / 2]], np.float32)
    height_um = height_from_phase(yx_phase_rad, 0.55, 0.03)
    np.testing.assert_allclose(height_um, [[0, 3], [-3, 1.5]], rtol=1e-6)
    assert height_um.dtype == np.float32
    np.testing.assert_allclose(height_from_phase(yx_phase_rad, 0.55, -0.03), -height_um)


def test_no_contrast_gives_no_height() -> None:
    with pytest.raises(InputError, match=r"index contrast is 0.*0\.03"):
        height_from_phase(np.ones((2, 2)), 0.55, 0)


@pytest.mark.parametrize("wavelength_um", [0.2, 0.55, 2.0])
def test_a_plausible_wavelength_passes(wavelength_um: float) -> None:
    assert check_wavelength(wavelength_um) == wavelength_um


@pytest.mark.parametrize(
    ("wavelength_um", "words"),
    [(550, r"550 um cannot be right \(did you mean 0\.55 um\?\)"), (0, "0 um"), (-0.5, "-0.5 um"), (math.nan, "nan")],
)
def test_an_impossible_wavelength_is_refused(wavelength_um: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_wavelength(wavelength_um)


def test_a_hint_comes_only_where_nanometres_make_sense() -> None:
    with pytest.raises(InputError) as caught:
        check_wavelength(1e6)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("pixel_size_um", [0.01, 0.65, 50])
def test_a_plausible_pixel_size_passes(pixel_size_um: float) -> None:
    assert check_pixel_size(pixel_size_um, "cells.tif") == pixel_size_um


@pytest.mark.parametrize(
    ("pixel_size_um", "words"),
    [(None, "no pixel size in the file"), (0, "0 um"), (-1, "-1 um"), (650, "650 um"), (math.nan, "nan")],
)
def test_a_missing_or_impossible_pixel_size_is_refused_with_the_files_name(
    pixel_size_um: float | None, words: str
) -> None:
    with pytest.raises(InputError, match=f"cells.tif: .*{words}"):
        check_pixel_size(pixel_size_um, "cells.tif")
