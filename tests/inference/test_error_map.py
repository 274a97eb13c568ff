"""The error map: near the true error on simulated fields, and wary of images that are unlike them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.inference import predict_with_uncertainty
from napari_contransgan.inference.error_map import WEIGHTS, ImageVerdict, load_error_model
from napari_contransgan.inference.unusual import GROUPS, Known, features_of, judged, squares_of
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair

MODEL = load_error_model()


def field(index: int, **changes: object) -> tuple[Image, np.ndarray]:
    values = {"specimen": "hela", "objective": "10x", "scene": "dense", "seed": 786, "field_px": 220}
    frame, truth = simulate_pair(SimulationSettings(**values | changes), index)  # type: ignore[arg-type]
    return frame, truth.data


def trusted(frame: Image) -> tuple[np.ndarray, np.ndarray, dict[str, object]]:
    prediction = result_of(predict_with_uncertainty(frame, PredictSettings(trust=True)))
    assert prediction.uncertainty is not None
    return prediction.phase.data, prediction.uncertainty.data, dict(prediction.phase.settings["predict"])


def test_its_file_is_small() -> None:
    assert WEIGHTS.stat().st_size < 1_000_000


@pytest.mark.parametrize("specimen", ["hela", "psm"])
def test_most_errors_are_within_two_standard_deviations_and_the_map_shows_where_they_are(specimen: str) -> None:
    errors, sigmas = [], []
    for index in range(3):
        frame, truth = field(index, specimen=specimen)
        phase, sigma, _ = trusted(frame)
        errors.append(np.abs(phase - truth).ravel())
        sigmas.append(sigma.ravel())
    error, sigma = np.concatenate(errors), np.concatenate(sigmas)
    assert 0.5 < np.mean(error < sigma) < 0.85
    assert np.mean(error < 2 * sigma) > 0.85
    least = 0.4 if specimen == "hela" else 0.1  # around beads nearly all errors are small
    assert spearmanr(error[::7], sigma[::7])[0] > least


def test_an_image_of_nothing_known_is_called_unusual_and_an_image_of_cells_is_not() -> None:
    frame, _ = field(5)
    rng = np.random.default_rng(0)
    clouds = np.cumsum(np.cumsum(rng.standard_normal((300, 300)), axis=0), axis=1)
    light = rng.poisson(2000 + 300 * (clouds - clouds.mean()) / clouds.std()).astype(np.uint16)
    usual, other = trusted(frame)[2], trusted(Image(light, "YX", 0.325))[2]
    assert float(usual["unusual_score"]) <= 1 < float(other["unusual_score"])  # type: ignore[arg-type]
    assert not usual["notes"]
    assert any("unlike the training images" in note for note in other["notes"])  # type: ignore[attr-defined]


def test_inverting_an_image_makes_it_less_usual() -> None:
    frame, _ = field(5)
    inverted = replace(frame, data=(int(frame.data.max()) + int(frame.data.min()) - frame.data).astype(np.uint16))
    usual, spoilt = trusted(frame)[2], trusted(inverted)[2]
    assert float(spoilt["unusual_score"]) > float(usual["unusual_score"])  # type: ignore[arg-type]


def test_a_wider_spread_of_eight_orientations_means_a_larger_error() -> None:
    sigma = np.full((4, 4), 0.1, np.float32)
    narrow, wide = (MODEL.joined_rad(sigma, np.full((4, 4), spread, np.float32)) for spread in (0.01, 0.3))
    assert np.all(wide > narrow)


def test_the_sentence_counts_the_specimen_and_the_area_that_is_not_to_be_trusted() -> None:
    verdict = ImageVerdict(MODEL, 0.65)
    phase = np.zeros((60, 60), np.float32)  # too small to be compared with training images
    sigma = np.full((60, 60), 0.01, np.float32)
    phase[:30], sigma[:30] = 1.0, 0.2
    sigma[:6] = 0.8
    verdict.look_at(phase, phase, sigma)
    figures = verdict.figures()
    typical = np.sqrt((24 * 0.2**2 + 6 * 0.8**2) / 30)
    assert figures["typical_error_rad"] == pytest.approx(typical, rel=1e-3)
    assert figures["error_in_words"] == f"typical error {typical:.2g} rad; not to be trusted in 10 % of the area"


def test_places_without_light_are_neither_counted_nor_compared() -> None:
    verdict = ImageVerdict(MODEL, 0.65)
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((2, 224, 224)).astype(np.float32)
    verdict.look_at(maps[0], maps[1], np.full((224, 224), np.inf, np.float32))
    assert verdict.figures() == {}
    assert verdict.unusual.score == 0


def known(count: int = 40) -> Known:
    maps = np.random.default_rng(1).standard_normal((count, 2, 96, 96)).astype(np.float32)
    features = np.stack([features_of(*pair) for pair in maps])
    centre, scale = np.median(features, axis=0), features.std(axis=0) + 0.05
    return Known(np.full(count, 0.65, np.float32), (features - centre) / scale, centre, scale, 1.5, 2.0)


def test_what_differs_is_named() -> None:
    usual = known()
    contrast, phase = np.random.default_rng(2).standard_normal((2, 96, 96)).astype(np.float32)
    near, _ = usual.distance(features_of(contrast, phase), 0.65)
    far, group = usual.distance(features_of(contrast, contrast), 0.65)
    assert far > 2 * near
    assert group == "cause"
    assert usual.distance(features_of(contrast**3, phase), 0.65)[1] != "cause"
    assert max(place.stop for place in GROUPS.values()) == len(usual.centre)


def test_a_part_of_an_image_is_enough_to_be_noticed() -> None:
    usual = known()
    few = judged([(1.0, "fine")] * 18 + [(5.0, "values")] * 2, usual)
    assert few.share == pytest.approx(0.1)
    assert judged([(1.0, "fine")] * 17 + [(5.0, "values")] * 3, usual).note.startswith(
        "The image is unlike the training images in 15% of its area: its brightness"
    )
    assert not few.note
    assert judged([(1.0, "fine")], usual).note == ""


def test_squares_cover_a_tile() -> None:
    assert len(squares_of((448, 448))) == 4
    assert len(squares_of((220, 220))) == 1
    assert squares_of((40, 500)) == []
