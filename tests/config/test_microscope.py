"""The description of a microscope: derived values, rejected values and advice."""

from pathlib import Path

import pytest

from napari_contransgan.config.microscope import PRESETS, CameraModel, Microscope, preset_named
from napari_contransgan.errors import InputError
from napari_contransgan.optics import Aberrations, Objective


@pytest.mark.parametrize(
    ("name", "aperture", "pixel_um"),
    [("4x", 0.1, 1.625), ("10x", 0.25, 0.65), ("20x", 0.4, 0.325), ("40x", 0.65, 0.1625)],
)
def test_the_paper_preset_has_the_papers_apertures_and_the_cameras_pixels(
    name: str, aperture: float, pixel_um: float
) -> None:
    microscope = preset_named("paper")
    assert microscope.lens(name).numerical_aperture == aperture
    assert microscope.pixel_size_um(name) == pixel_um
    assert (microscope.wavelength_um, microscope.coherence, microscope.stack_coherence) == (0.55, 0.6, 0.3)
    assert (microscope.stack_objective, microscope.stack_dz_um) == ("40x", 3.0)


def test_in_focus_means_a_quarter_of_the_depth_of_field() -> None:
    assert Microscope(wavelength_um=0.5).nominal_defocus_um("10x") == pytest.approx(0.25 * 0.5 / 0.25**2)


def test_an_objective_is_found_in_any_case_and_an_unknown_one_is_refused_with_the_choice() -> None:
    assert Microscope().lens("10X").magnification == 10
    with pytest.raises(InputError, match="'63x': use one of 4x, 10x, 20x, 40x"):
        Microscope().lens("63x")


def test_an_unknown_preset_is_refused_with_the_choice() -> None:
    with pytest.raises(InputError, match="unknown microscope 'mine': use one of paper, led, or a YAML file"):
        preset_named("mine")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_yaml_and_need_no_advice(name: str, tmp_path: Path) -> None:
    path = tmp_path / "microscope.yaml"
    path.write_text(PRESETS[name].to_yaml())
    assert Microscope.from_yaml(path) == PRESETS[name]
    assert PRESETS[name].advice() == ()


def test_a_short_file_is_enough_for_an_own_microscope(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\nwavelength_um: 0.63\nstack_objective: 60x\nobjectives:\n"
        "  5x: {magnification: 5, numerical_aperture: 0.12}\n"
        "  60x: {magnification: 60, numerical_aperture: 0.9, aberrations: {spherical_um: 0.02}}\n"
    )
    mine = Microscope.from_yaml(path)
    assert mine.pixel_size_um("60x") == pytest.approx(6.5 / 60)
    assert mine.lens("60x").aberrations == Aberrations(spherical_um=0.02)
    assert mine.camera == CameraModel()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("objectives: {40x: {magnification: 40, numerical_aperture: 1.2}}", "a dry lens cannot have an NA of 1.2"),
        ("coherence: 0", "S = 0 lets no light through"),
        ("stack_coherence: -0.3", "S = -0.3 lets no light through"),
        ("coherence: 1.4", "S = 1.4 would be dark field at the edge of the pupil"),
        ("wavelength_um: 550", r"550 um is not a valid wavelength \(did you mean 0.55\?\)"),
        ("bandwidth_um: 0.4", "is white light"),
        ("stack_objective: 63x", "'63x' is not one of the objectives: use one of 4x, 10x, 20x, 40x"),
        ("objectives: {}", "objectives"),
        ("stack_dz_um: 0", "stack_dz_um"),
        ("camera: {pixel_um: 0}", "camera.pixel_um"),
        ("camera: {bit_depth: 32}", "camera.bit_depth"),
        ("camera: {exposure: 1.5}", "camera.exposure"),
        ("camera: {gain: 2}", "camera.gain: Extra inputs"),
        ("vignetting: 1.2", "vignetting"),
        ("wavelenght_um: 0.5", "wavelenght_um: Extra inputs"),
        ("wavelength_um: .nan", "wavelength_um"),
    ],
)
def test_a_microscope_that_cannot_be_is_refused_with_the_file_and_the_reason(
    text: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "microscope.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=reason) as caught:
        Microscope.from_yaml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_camera_that_undersamples_is_advised_against_with_the_limit() -> None:
    coarse = Microscope(camera=CameraModel(pixel_um=13.0))
    notes = coarse.advice()
    assert any(note.startswith("10x: pixels of 1.3 um are larger than the 0.688 um") for note in notes)
    # The limit: wavelength / (2 NA (1 + S)).
    assert coarse.coarsest_pixel_um("10x", 0.6) == pytest.approx(0.55 / (2 * 0.25 * 1.6))
    at_the_limit = Microscope(
        objectives={"x": Objective(magnification=10, numerical_aperture=0.25)},
        stack_objective="x",
        camera=CameraModel(pixel_um=6.875),
    )
    assert at_the_limit.advice() == ()
