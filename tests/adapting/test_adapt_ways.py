"""Frames and phase of two objectives: registered where they show one place, otherwise the unpaired way."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_contransgan.adapting.fields import AdaptField, field_of_stack
from napari_contransgan.adapting.frames import Frame, read_frames, registered_onto, with_label
from napari_contransgan.adapting.scores import Applied
from napari_contransgan.adapting.unpaired import fit_frames, simulated_fields
from napari_contransgan.config import SimulationSettings, TieSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.simulation.fields import image_lr, image_stack, true_phase
from napari_contransgan.simulation.specimen import draw_specimen

SETTINGS = SimulationSettings(
    microscope=Microscope(coherence=0.4), objective="10x", scene="dense", seed=41, field_px=320, defocus_um=5.0
)


@pytest.fixture(scope="module")
def known() -> tuple[Image, Image, Image]:
    """A low-power frame, a 40x stack and the true phase of one place."""
    specimen = draw_specimen(SETTINGS, 0)
    return image_lr(specimen, SETTINGS, 0), image_stack(specimen, SETTINGS, 0), true_phase(specimen, SETTINGS, 0)


@pytest.fixture(scope="module")
def field(known: tuple[Image, Image, Image]) -> AdaptField:
    return result_of(field_of_stack(known[1], TieSettings(drift=False)))


@pytest.fixture(scope="module")
def frame(known: tuple[Image, Image, Image]) -> Frame:
    return read_frames([known[0]])[0]


@pytest.fixture(scope="module")
def applied() -> Applied:
    loaded = load_checkpoint(find_model("all"))
    return Applied(loaded.model, loaded.card.phase_ref_rad, torch.device("cpu"))


def test_a_map_is_found_in_a_larger_one(field: AdaptField) -> None:
    label = field.yx_label_rad.numpy()
    larger = np.zeros((600, 700), np.float32)
    larger[150 : 150 + label.shape[0], 210 : 210 + label.shape[1]] = label
    moved = registered_onto(0.5 * larger, label, [2 * larger])
    assert moved is not None
    (one,), valid = moved
    assert valid.all()
    assert np.abs(one - 2 * label)[20:-20, 20:-20].max() < 0.05


def test_maps_of_different_places_are_not_registered(field: AdaptField) -> None:
    label = field.yx_label_rad.numpy()
    other = true_phase(draw_specimen(SETTINGS, 1), SETTINGS, 1).data
    assert registered_onto(other, label, [other]) is None


def test_a_label_of_another_pixel_size_replaces_the_tie_phase(
    field: AdaptField, known: tuple[Image, Image, Image]
) -> None:
    truth = known[2]
    coarse = replace(truth, data=truth.data.reshape(160, 2, 160, 2).mean(axis=(1, 3)), pixel_size_um=0.65)
    found = with_label(field, coarse)
    inner = np.s_[30:-30, 30:-30]
    assert np.abs(found.yx_label_rad.numpy()[inner] - truth.data[inner]).mean() < 0.1


def test_a_label_of_another_place_is_refused(field: AdaptField) -> None:
    other = true_phase(draw_specimen(SETTINGS, 1), SETTINGS, 1)
    with pytest.raises(InputError, match=r"phase_0001: cannot be registered to stack_0000"):
        with_label(field, other)


def test_a_stack_is_no_label(field: AdaptField, known: tuple[Image, Image, Image]) -> None:
    with pytest.raises(InputError, match="is not a phase map"):
        with_label(field, known[1])


def test_planes_become_frames(known: tuple[Image, Image, Image]) -> None:
    frames = read_frames([known[1]])
    assert [frame.name for frame in frames] == [f"stack_0000, plane {number}" for number in range(3)]
    assert frames[0].numerical_aperture == 0.65


def test_frames_reveal_focus_and_condenser(field: AdaptField, frame: Frame, applied: Applied) -> None:
    found = result_of(fit_frames([field], [frame], applied))
    assert found.is_trusted
    assert found.model.focus_um == pytest.approx(5.06, abs=1.2)
    unstated = result_of(fit_frames([field], [replace(frame, coherence=None)], applied))
    assert unstated.model.focus_um == pytest.approx(5.06, abs=1.5)
    assert unstated.model.optics.coherence == pytest.approx(0.4, abs=0.15)


def test_the_fitted_microscope_makes_frames_like_those_seen(field: AdaptField, frame: Frame, applied: Applied) -> None:
    found = result_of(fit_frames([field], [frame], applied))
    (made,) = simulated_fields([field], [frame], found)
    assert made.zyx_contrast.shape == (1, *field.yx_label_rad.shape)
    assert made.noise == frame.noise != field.noise
    seen, own = frame.yx_contrast[20:-20, 20:-20], made.zyx_contrast[0][20:-20, 20:-20]
    assert float(torch.corrcoef(torch.stack([seen.flatten(), own.flatten()]))[0, 1]) > 0.8
    assert float(own.std() / seen.std()) == pytest.approx(1, abs=0.2)
