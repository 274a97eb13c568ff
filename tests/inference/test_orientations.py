"""The mean of eight orientations, and the uncertainty."""

import numpy as np
import pytest
import torch
from tests.inference.stand_ins import CARD, STAND_IN, frame, run
from torch import nn

from napari_contransgan.config import PredictSettings
from napari_contransgan.inference import predict, predict_with_uncertainty
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.progress import result_of


class Slanted(nn.Module):
    """Adds a ramp that rises by 1 from the left to the right edge of the tile, wherever the specimen is turned."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + torch.linspace(-0.5, 0.5, image.shape[-1])


class Handed(nn.Module):
    """Adds a pattern that four quarter turns leave as it is, and a mirror turns into its negative."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.linspace(-1, 1, image.shape[-1])
        y = x[:, None]
        return image + x * y * (x**2 - y**2)


def test_what_a_network_does_for_one_direction_only_averages_out_and_shows_as_uncertainty() -> None:
    image = Image(frame(224, 224), "YX", pixel_size_um=0.325, name="frame")
    eight = PredictSettings(trust=True, orientations=8)
    slanted = result_of(predict_with_uncertainty(image, eight, LoadedModel(Slanted(), CARD)))
    plain = result_of(predict(image, PredictSettings(), LoadedModel(nn.Identity(), CARD)))
    np.testing.assert_allclose(slanted.phase.data, plain.data, atol=1e-5)
    assert slanted.uncertainty is not None
    assert slanted.uncertainty.quantity == "phase-std"
    assert slanted.uncertainty.origin_yx_um == slanted.phase.origin_yx_um
    # In a corner the eight ramps of 2 rad give +1 or -1 rad, in the middle of the frame 0.
    alike = result_of(predict_with_uncertainty(image, eight, LoadedModel(nn.Identity(), CARD)))
    assert alike.uncertainty is not None
    ratio = slanted.uncertainty.data / alike.uncertainty.data
    assert ratio[0, 0] > 1.2 * ratio[112, 112]


def test_mirrored_images_are_among_the_eight() -> None:
    image = Image(frame(224, 224), "YX", pixel_size_um=0.325, name="frame")
    handed = result_of(predict(image, PredictSettings(orientations=8), LoadedModel(Handed(), CARD)))
    plain = result_of(predict(image, PredictSettings(), LoadedModel(nn.Identity(), CARD)))
    np.testing.assert_allclose(handed.data, plain.data, atol=1e-5)


def test_no_light_means_an_unbounded_uncertainty_and_a_note_says_so() -> None:
    data = frame().astype(float)
    data[:, :60] = 0
    image = Image(data, "YX", pixel_size_um=0.325)
    prediction = result_of(predict_with_uncertainty(image, PredictSettings(trust=True), LoadedModel(Slanted(), CARD)))
    assert prediction.uncertainty is not None
    assert np.isinf(prediction.uncertainty.data[:, :60]).all()
    assert np.isfinite(prediction.uncertainty.data[:, 61:]).all()
    assert any("uncertainty unbounded" in note for note in prediction.phase.settings["predict"]["notes"])
    lit_rad = prediction.uncertainty.data[:, 80:]
    assert prediction.phase.settings["predict"]["median_std_rad"] == pytest.approx(np.median(lit_rad), rel=0.1)


def test_the_mean_of_a_network_that_treats_all_directions_alike_is_its_single_answer() -> None:
    image = Image(frame(), "YX", pixel_size_um=0.325)
    mean = run(image, orientations=8, tile_px=224, overlap_px=32)
    np.testing.assert_allclose(mean.data, run(image, tile_px=224, overlap_px=32).data, atol=1e-5)


def test_the_error_map_changes_no_phase_and_is_made_only_if_wanted() -> None:
    image = Image(frame(), "YX", pixel_size_um=0.325)
    plain, trusted = (
        result_of(predict_with_uncertainty(image, PredictSettings(trust=trust), STAND_IN)) for trust in (False, True)
    )
    assert plain.uncertainty is None
    assert trusted.uncertainty is not None
    np.testing.assert_array_equal(trusted.phase.data, plain.phase.data)
    used = trusted.phase.settings["predict"]
    assert used["error_in_words"].startswith(f"typical error {used['typical_error_rad']:.2g} rad; not to be trusted in")


def test_eight_orientations_count_as_eight_steps_of_each_tile() -> None:
    frames = Image(np.stack([frame(), frame()]), "TYX", pixel_size_um=0.325)
    settings = PredictSettings(orientations=8, tile_px=224, overlap_px=32)
    events = list(predict(frames, settings, STAND_IN))
    assert [event.step for event in events] == list(range(1, len(events) + 1))
    assert {event.total for event in events} == {len(events)}
    assert len(events) == 8 * len(list(predict(frames, settings.model_copy(update={"orientations": 1}), STAND_IN)))
