"""The error map: near the true error on simulated fields, and wary of images that are unlike them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.inference import predict, predict_with_uncertainty
from napari_contransgan.inference.error_map import WEIGHTS, ImageVerdict, load_error_model
from napari_contransgan.inference.features import GROUPS, features_of, squares_of
from napari_contransgan.inference.unusual import (
    KINDS,
    REASONS,
    SPECIMENS,
    Classifier,
    Known,
    Square,
    context_of,
    grouped,
    judged,
)
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint
from napari_contransgan.models.normalisation import contrast_on_model_grid, light_of_frame
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


def test_a_wider_spread_of_eight_orientations_means_a_larger_error() -> None:
    sigma = np.full((4, 4), 0.1, np.float32)
    narrow, wide = (MODEL.joined_rad(sigma, np.full((4, 4), spread, np.float32)) for spread in (0.01, 0.3))
    assert np.all(wide > narrow)


def test_the_sentence_counts_the_specimen_and_the_area_that_is_not_to_be_trusted() -> None:
    verdict = ImageVerdict(MODEL)
    phase = np.zeros((60, 60), np.float32)  # too small to be compared with training images
    sigma = np.full((60, 60), 0.01, np.float32)
    phase[:30], sigma[:30] = 1.0, 0.2
    sigma[:6] = 0.8
    verdict.look_at([], phase, sigma)
    figures = verdict.figures()
    typical = np.sqrt((24 * 0.2**2 + 6 * 0.8**2) / 30)
    assert figures["typical_error_rad"] == pytest.approx(typical, rel=1e-3)
    assert figures["error_in_words"] == f"typical error {typical:.2g} rad; not to be trusted in 10 % of the area"


def test_places_without_light_are_neither_counted_nor_compared() -> None:
    verdict = ImageVerdict(MODEL)
    maps = np.random.default_rng(0).standard_normal((2, 224, 224)).astype(np.float32)
    squares = MODEL.known.squares_of_tile(*maps, 0.65, np.zeros((224, 224), bool))
    verdict.look_at(squares, maps[1], np.full((224, 224), np.inf, np.float32))
    assert not squares
    assert verdict.figures() == {}
    assert verdict.unusual.score == 0


def test_what_a_field_shows_is_recognised() -> None:
    cells, beads = (field(3, specimen=specimen, scene="sparse")[0] for specimen in ("hela", "psm"))
    shown = []
    for frame in (cells, beads):
        phase = result_of(predict(frame, PredictSettings())).data
        contrast = contrast_on_model_grid(light_of_frame(frame.data)[0], 0.65)[0].numpy()
        (square,) = MODEL.known.squares_of_tile(contrast, phase, 0.65)
        shown.append(SPECIMENS[int(np.argmax(square.specimens))])
    assert shown == ["cells", "beads"]


def test_an_error_follows_the_factor_for_what_the_field_shows() -> None:
    contrast, phase = np.random.default_rng(0).standard_normal((2, 64, 64)).astype(np.float32)
    (square,) = MODEL.known.squares_of_tile(contrast, phase, 0.65)
    group = MODEL.known.group_of(0.65)
    seen = [
        MODEL.sigma_rad(contrast, phase, 0.65, [replace(square, specimens=np.eye(4, dtype=np.float32)[one])])
        for one in (0, 1)
    ]
    factors = np.exp(MODEL.of_specimen[group])
    assert seen[0] / seen[1] == pytest.approx(np.full((64, 64), factors[0] / factors[1]), rel=1e-4)


def test_a_tile_that_is_too_small_to_be_described_has_an_error_too() -> None:
    maps = np.random.default_rng(0).standard_normal((2, 48, 48)).astype(np.float32)
    sigma = MODEL.sigma_rad(*maps, 0.65)
    assert sigma.shape == (48, 48)
    assert np.all(sigma > 0)


def test_the_error_is_enlarged_in_squares_unlike_all_training_images() -> None:
    place, context = (slice(0, 32), slice(0, 32)), np.zeros(45, np.float32)
    strange = Square(place, context, np.ones(4, np.float32) / 4, 2 * MODEL.known.far, "fine")
    sigma = np.ones((32, 64), np.float32)
    ImageVerdict(MODEL).look_at([strange], np.zeros((32, 64), np.float32), sigma)
    assert np.all(sigma[:, :32] > 1)
    assert np.all(sigma[:, 32:] == 1)


USUAL = Classifier(((np.zeros((len(KINDS), 45), np.float32), np.zeros(len(KINDS), np.float32)),), 20.0)


def known(count: int = 200, classifier: Classifier = USUAL) -> Known:
    maps = np.random.default_rng(1).standard_normal((count, 2, 96, 96)).astype(np.float32)
    features = np.stack([features_of(*pair) for pair in maps])
    centre, scale = np.median(features, axis=0), features.std(axis=0) + 0.05
    groups = grouped(np.full(count, 0.65, np.float32), (features - centre) / scale, np.zeros(count, np.intp))
    return Known(groups, centre, scale, 1.5, classifier, 2.0)


def compared(with_known: Known, contrast: np.ndarray, phase: np.ndarray, pixel_size_um: float = 0.65) -> Square:
    (square,) = with_known.squares_of_tile(contrast, phase, pixel_size_um)
    return square


def always(kind: str) -> Classifier:
    """Return a classifier that takes every square for one kind."""
    biases = np.where(np.array(KINDS) == kind, 20, 0).astype(np.float32)
    return Classifier(((np.zeros((len(KINDS), 45), np.float32), biases),), 1.0)


def test_what_differs_is_named() -> None:
    usual = known()
    contrast, phase = np.random.default_rng(2).standard_normal((2, 96, 96)).astype(np.float32)
    near, far = compared(usual, contrast, phase), compared(usual, contrast, contrast)
    assert near.unusual < 1 < far.unusual
    assert far.reason == "cause"
    assert compared(usual, contrast**3, phase).reason != "cause"
    assert max(place.stop for place in GROUPS.values()) == len(usual.centre)
    assert len(context_of(usual.centre, 0.65)) == 45


def test_features_that_go_together_are_not_unusual_apart_from_each_other() -> None:
    rng = np.random.default_rng(3)
    shared = rng.standard_normal((400, 1))
    scaled = (shared + 0.1 * rng.standard_normal((400, 4))).astype(np.float32)
    (group,) = grouped(np.full(400, 0.65, np.float32), scaled, np.zeros(400, np.intp))
    together, apart = (group.nearest(np.array(signs, np.float32))[0] for signs in ([2, 2, 2, 2], [2, -2, 2, -2]))
    assert apart > 3 * together


def test_a_pixel_size_that_no_training_image_had_is_unusual() -> None:
    contrast, phase = np.random.default_rng(2).standard_normal((2, 96, 96)).astype(np.float32)
    assert compared(known(), contrast, phase, 0.70).unusual < 1
    other = compared(known(), contrast, phase, 0.80)
    assert other.unusual > 1
    assert "none of them had such a pixel size" in REASONS[other.reason]


def test_the_classifier_notices_what_is_near_training_images_and_says_what_it_is() -> None:
    contrast, phase = np.random.default_rng(2).standard_normal((2, 96, 96)).astype(np.float32)
    inverted = compared(known(classifier=always("inverted")), contrast, phase)
    assert inverted.unusual > 1
    assert inverted.reason == "inverted"
    assert compared(known(classifier=always("usual")), contrast, phase).unusual < 1


def square(unusual: float, reason: str, *, is_lit: bool = True) -> Square:
    place, nothing = (slice(0, 224), slice(0, 224)), np.zeros(0, np.float32)
    return Square(place, nothing, nothing, unusual, reason, is_lit)


def test_a_part_of_an_image_is_enough_to_be_noticed() -> None:
    usual, strange = square(0.7, "fine"), square(3.0, "values")
    few = judged([usual] * 18 + [strange] * 2, 2.0)
    assert few.share == pytest.approx(0.1)
    assert not few.note
    assert judged([usual] * 17 + [strange] * 3, 2.0).note.startswith(
        "The image is unlike the training images in 15% of its area: its brightness"
    )
    assert judged([usual], 2.0).note == ""


def test_squares_that_are_partly_dark_count_only_if_there_are_no_others() -> None:
    dark = square(3.0, "values", is_lit=False)
    assert judged([dark] * 3 + [square(0.7, "fine")], 2.0).score == 0.7
    assert judged([dark] * 3, 2.0).note


def test_each_prediction_is_judged_but_not_that_of_a_network_trained_on_other_images() -> None:
    frame, _ = field(5)
    inverted = replace(frame, data=(int(frame.data.max()) + int(frame.data.min()) - frame.data).astype(np.uint16))
    loaded = load_checkpoint(find_model("all"))
    other = LoadedModel(loaded.model, loaded.card.model_copy(update={"name": "trained by someone"}))
    judged_one, not_judged = (
        result_of(predict(inverted, PredictSettings(), network)).settings["predict"] for network in (loaded, other)
    )
    assert judged_one["unusual_score"] > 1
    assert any("dark and bright" in note for note in judged_one["notes"])
    assert "unusual_score" not in not_judged
    assert not not_judged["notes"]


def test_a_pixel_size_that_the_network_knows_but_the_error_map_does_not_is_not_called_unusual() -> None:
    frame = replace(field(5)[0], pixel_size_um=0.2325)
    used = trusted(frame)[2]
    assert "unusual_score" not in used
    assert not used["notes"]
    assert result_of(predict(frame, PredictSettings())).settings["predict"]["notes"] == []


def test_squares_cover_a_tile() -> None:
    assert len(squares_of((448, 448))) == 4
    assert len(squares_of((220, 220))) == 1
    assert squares_of((40, 500)) == []
