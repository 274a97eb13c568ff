"""Prediction on images of every kind, with simple networks whose output is known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import evaluate
from napari_contransgan.inference import predict, predict_with_uncertainty
from napari_contransgan.io import Image, write_image
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.simulation import sample_frame, simulate_pair

CARD = ModelCard(name="stand-in", generator="unet", preset="tiny", phase_ref_rad=2.0, input_pixel_sizes_um=(0.65,))


class Same(nn.Module):
    """Answers with its input, smoothed over 3 x 3 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.AvgPool2d(3, 1, 1, count_include_pad=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape[-1] % 224 == 0
        assert image.shape[-2] % 224 == 0
        output: torch.Tensor = self.body(image)
        return output


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


STAND_IN = LoadedModel(Same(), CARD)


def frame(height: int = 200, width: int = 260, dtype: type = np.uint16) -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = rng.standard_normal((height, width))
    for axis in (0, 1):
        smooth = np.cumsum(smooth, axis=axis)
    smooth -= np.linspace(smooth[:, :1].mean(), smooth[:, -1:].mean(), width)
    return np.rint(200 + 10 * (smooth - smooth.mean()) / smooth.std()).clip(1, 255).astype(dtype)


def run(image: Image, **settings: object) -> Image:
    return result_of(predict(image, PredictSettings(**settings), STAND_IN))


@pytest.mark.parametrize("pixel_um", [0.1625, 0.2325, 0.325, 0.65])
def test_the_phase_lies_over_the_input(pixel_um: float) -> None:
    result = run(Image(frame(), "YX", pixel_size_um=pixel_um, origin_yx_um=(100.0, -20.0)))
    assert result.quantity == "phase"
    assert result.data.dtype == np.float32
    assert result.pixel_size_um == pytest.approx(0.325)
    for side, start, origin, count in zip((0, 1), (100.0, -20.0), result.origin_yx_um, (200, 260), strict=True):
        near = origin - 0.325 / 2
        far = near + result.data.shape[side] * 0.325
        assert near == pytest.approx(start - pixel_um / 2)
        assert start - pixel_um / 2 + count * pixel_um - far == pytest.approx(0, abs=0.325)


def test_tiled_equals_untiled() -> None:
    image = Image(frame(), "YX", pixel_size_um=0.65)
    whole = run(image, tile_px=672)
    tiled = run(image, tile_px=224, overlap_px=32)
    # The outermost pixels see what the frame is padded with, which depends on the size of the tiles.
    np.testing.assert_allclose(tiled.data[2:-2, 2:-2], whole.data[2:-2, 2:-2], atol=0.01)


@pytest.mark.parametrize("shape", [(32, 32), (33, 500), (47, 61)])
def test_small_and_odd_frames_work(shape: tuple[int, int]) -> None:
    result = run(Image(frame(*shape), "YX", pixel_size_um=0.325), tile_px=224, overlap_px=32)
    assert result.data.shape == shape
    assert np.isfinite(result.data).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_the_number_type_does_not_matter(dtype: type) -> None:
    expected = run(Image(frame(), "YX", pixel_size_um=0.65))
    np.testing.assert_allclose(run(Image(frame(dtype=dtype), "YX", pixel_size_um=0.65)).data, expected.data, atol=1e-4)


@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
def test_stacks_go_frame_by_frame(axes: str) -> None:
    frames = np.stack([frame(), frame()[::-1]])
    image = Image(frames, axes, pixel_size_um=0.65, z_step_um=2.0)
    events = list(predict(image, PredictSettings(), STAND_IN))
    assert all(isinstance(event, Progress) for event in events)
    assert events[-1].step == events[-1].total
    result = run(image)
    assert result.axes == axes
    assert result.z_step_um == 2.0
    np.testing.assert_allclose(result.data[1], run(Image(frames[1], "YX", pixel_size_um=0.65)).data)


def test_rgb_goes_through_its_luminance_with_a_note() -> None:
    grey = frame(dtype=np.uint8)
    result = run(Image(np.stack([grey] * 3, axis=-1), "YXS", pixel_size_um=0.65))
    assert result.axes == "YX"
    assert any("luminance" in note for note in result.settings["predict"]["notes"])
    np.testing.assert_allclose(result.data, run(Image(grey, "YX", pixel_size_um=0.65)).data, atol=1e-3)


def test_a_pixel_size_the_network_never_saw_is_noted() -> None:
    assert run(Image(frame(), "YX", pixel_size_um=0.65)).settings["predict"]["notes"] == []
    notes = run(Image(frame(), "YX", pixel_size_um=0.2325)).settings["predict"]["notes"]
    assert any("0.2325" in note for note in notes)


def test_the_phase_is_zero_where_no_light_came() -> None:
    data = frame().astype(float)
    data[:, :60] = 0
    result = run(Image(data, "YX", pixel_size_um=0.325))
    assert (result.data[:, :60] == 0).all()
    assert result.data[:, 80:].std() > 0.01
    assert any("no light" in note for note in result.settings["predict"]["notes"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: replace(image, pixel_size_um=None), "no pixel size"),
        (lambda image: replace(image, pixel_size_um=550.0), "cannot be right"),
        (lambda image: replace(image, data=np.full((64, 64), 7)), "same value"),
        (lambda image: replace(image, data=np.full((64, 64), np.nan)), "NaN"),
        (lambda image: replace(image, data=image.data[:20]), "at least 32 x 32"),
        (lambda image: replace(image, quantity="phase"), "already holds phase"),
        (lambda image: replace(image, quantity="phase-std"), "already holds phase-std"),
        (lambda image: replace(image, data=image.data.astype(float) - image.data.mean()), "negative intensities"),
    ],
)
def test_what_cannot_be_predicted_is_refused(change: Callable[[Image], Image], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(change(Image(frame(), "YX", pixel_size_um=0.65, name="frame")))


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


@pytest.mark.parametrize("specimen", ["hela", "psm"])
def test_the_bundled_network_beats_an_empty_image_on_held_out_fields(specimen: str) -> None:
    settings = SimulationSettings(specimen=specimen, seed=910)  # type: ignore[arg-type]
    gains = []
    for index in range(4):
        lr, truth = simulate_pair(settings, index)
        scores = evaluate(result_of(predict(lr, PredictSettings())).data, truth.data, data_range_rad=4.0)
        gains.append(scores.psnr_db - scores.psnr_zero_db)
    assert np.mean(gains) > 3, f"PSNR gains over an empty image, dB: {np.round(gains, 1)}"


def test_the_bundled_network_draws_nearly_the_same_in_tiles_as_at_once() -> None:
    image = sample_frame()
    whole, tiled = (
        result_of(predict(image, PredictSettings(tile_px=side))).data[32:-32, 32:-32] for side in (1120, 224)
    )
    # Attention sees less around a small tile: a few hundredths of a radian, on cells of up to 4 rad, are its nature.
    assert np.sqrt(np.mean((tiled - whole) ** 2)) < 0.08


def cut_frame() -> Image:
    image = sample_frame()
    return replace(image, data=image.data[:130, :130])


def test_few_tiles_are_left_to_pytorch_and_many_to_onnx_runtime() -> None:
    network = load_checkpoint(find_model("all"))
    few, many = (
        result_of(predict(cut_frame(), PredictSettings(tile_px=224, precision="fp32", orientations=count), network))
        for count in (1, 8)
    )
    assert [each.settings["predict"]["engine"] for each in (few, many)] == ["PyTorch", "ONNX Runtime"]


@pytest.mark.parametrize("threads", [1, 2])
def test_both_engines_give_the_same_phase_and_uncertainty(threads: int) -> None:
    network = load_checkpoint(find_model("all"))
    by_onnx, by_torch = (
        result_of(
            predict_with_uncertainty(
                cut_frame(),
                PredictSettings(
                    tile_px=224, trust=True, orientations=8, precision="fp32", threads=threads, engine=engine
                ),
                network,
            )
        )
        for engine in ("onnx", "pytorch")
    )
    for one, other in ((by_onnx.phase, by_torch.phase), (by_onnx.uncertainty, by_torch.uncertainty)):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one.data, other.data, atol=1e-4)
    number = "2 threads" if threads == 2 else "1 thread"
    assert [each.phase.settings["predict"]["device"] for each in (by_onnx, by_torch)] == [
        *(f"cpu ({number}, ONNX Runtime, fp32)", f"cpu ({number}, PyTorch, fp32)")
    ]


def test_bf16_changes_the_phase_by_less_than_the_network_errs() -> None:
    network = load_checkpoint(find_model("all"))
    exact, rounded = (
        result_of(predict(cut_frame(), PredictSettings(tile_px=224, precision=precision), network))
        for precision in ("fp32", "bf16")
    )
    used = rounded.settings["predict"]
    assert (used["engine"], used["precision"]) == ("PyTorch", "bf16")
    assert 1e-5 < np.sqrt(np.mean((rounded.data - exact.data) ** 2)) < 0.02


def test_a_prediction_says_how_many_threads_computed_and_leaves_the_callers_alone() -> None:
    before = torch.get_num_threads()
    events = predict(Image(frame(), "YX", pixel_size_um=0.65), PredictSettings(threads=before + 1), STAND_IN)
    next(events)
    assert torch.get_num_threads() == before
    used = result_of(events).settings["predict"]
    assert used["threads"] == before + 1
    assert f"({before + 1} threads, PyTorch, " in used["device"]
    assert torch.get_num_threads() == before


def predicted_with_trust(image: Image, **settings: object) -> tuple[Image, np.ndarray]:
    wanted = PredictSettings(trust=True, **settings)  # type: ignore[arg-type]
    prediction = result_of(predict_with_uncertainty(image, wanted, STAND_IN))
    assert prediction.uncertainty is not None
    return prediction.phase, prediction.uncertainty.data


FAULTY: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "black": (lambda yx: yx * 0, "every pixel has the same value (0)"),
    "constant": (lambda yx: yx * 0 + 7, "every pixel has the same value (7)"),
    "undefined": (lambda yx: np.where(yx == yx.max(), np.nan, yx), "NaN"),
    "a mask": (lambda yx: np.where(yx > 200, 255.0, 0.0), "only two values, 0 and 255, as a mask"),
    "a background subtracted": (lambda yx: yx - yx.mean(), "negative intensities"),
}


@pytest.mark.parametrize("fault", FAULTY)
@pytest.mark.parametrize("bad", [0, 2])
def test_a_faulty_frame_of_a_series_is_left_out_and_named(fault: str, bad: int) -> None:
    spoil, reason = FAULTY[fault]
    frames = np.stack([frame(64, 64).astype(float)] * 3)
    frames[bad] = spoil(frames[bad])
    phase, std_rad = predicted_with_trust(Image(frames, "TYX", 0.65, name="series"))
    note = phase.settings["predict"]["notes"][-1]
    assert note.startswith(f"Frame {bad + 1} of 3: Left out, since ")
    assert reason in note
    assert not phase.data[bad].any()
    assert np.isinf(std_rad[bad]).all()
    np.testing.assert_array_equal(phase.data[1], phase.data[2 - bad])
    assert phase.settings["predict"]["median_std_rad"] == pytest.approx(np.median(std_rad[1]))


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_frame_alone_is_refused(fault: str) -> None:
    spoil, reason = FAULTY[fault]
    with pytest.raises(InputError, match=r"^series: ") as caught:
        run(Image(np.stack([spoil(frame(64, 64).astype(float))] * 2), "TYX", 0.65, name="series"))
    assert reason in str(caught.value)


def test_notes_of_later_frames_are_told_and_a_frame_in_the_dark_is_named() -> None:
    frames = np.stack([frame(64, 64).astype(float)] * 3)
    frames[1, :, :20] = 0
    frames[2] *= 0.1
    notes = run(Image(frames, "TYX", 0.65)).settings["predict"]["notes"]
    assert [note.partition(":")[0] for note in notes] == ["Frame 2 of 3", "Frame 3 of 3"]
    assert "31.2% of the frame got no light" in notes[0]
    assert "much darker than the first frame, with 20" in notes[1]


def test_the_dark_level_is_subtracted_first(tmp_path: Path) -> None:
    plain = run(Image(frame(), "YX", 0.65))
    raised = Image(frame() + np.uint16(100), "YX", 0.65)
    assert np.abs(run(raised).data).max() < 0.8 * np.abs(plain.data).max()
    stated = run(raised, dark=100)
    np.testing.assert_allclose(stated.data, plain.data, atol=1e-4)
    assert stated.settings["predict"]["dark"] == 100
    by_file = run(replace(raised, dark_counts=100.0))
    np.testing.assert_allclose(by_file.data, plain.data, atol=1e-4)
    assert by_file.settings["predict"]["dark"] == 100
    assert "The file states a dark level of 100 counts" in by_file.settings["predict"]["notes"][0]
    np.testing.assert_array_equal(run(replace(raised, dark_counts=100.0), dark=0).data, run(raised).data)
    write_image(tmp_path / "dark.tif", Image(np.full((3, 200, 260), [[[99]], [[100]], [[101]]], np.uint16), "TYX"))
    by_picture = run(raised, dark=tmp_path / "dark.tif")
    np.testing.assert_allclose(by_picture.data, plain.data, atol=1e-4)
    assert by_picture.settings["predict"]["dark"] == str(tmp_path / "dark.tif")


def test_a_dark_level_that_leaves_no_light_is_refused() -> None:
    with pytest.raises(InputError, match=r"^cells: a dark level of 210 counts leaves nothing of the bright level, 200"):
        run(Image(frame(), "YX", 0.65, name="cells"), dark=210)


def test_a_dark_level_that_was_forgotten_is_seen_under_a_field_stop() -> None:
    data = frame().astype(float)
    data[:, :60] = 0
    forgotten = Image(np.random.default_rng(1).normal(data + 50, 1), "YX", 0.325)
    phase = run(forgotten)
    notes = phase.settings["predict"]["notes"]
    assert any("has a constant 50 counts, 20% of the bright level" in note for note in notes)
    assert not phase.data[:, :58].any()
    assert not any("steady" in note for note in run(forgotten, dark=50).settings["predict"]["notes"])


def test_borders_without_data_are_not_below_the_dark_level() -> None:
    data = np.pad(frame().astype(float) + 100, ((0, 0), (30, 0)))
    phase = run(Image(data, "YX", 0.325), dark=100)
    notes = " ".join(phase.settings["predict"]["notes"])
    assert "got no light" in notes
    assert "dark level" not in notes
    assert not phase.data[:, :29].any()


def test_borders_without_data_get_no_phase_whatever_they_are_filled_with() -> None:
    plain = frame().astype(float)
    for fill in (0.0, np.nan, 1000.0):
        data = np.pad(plain, ((0, 0), (30, 0)), constant_values=fill)
        phase = run(Image(data, "YX", 0.325))
        assert not phase.data[:, :29].any(), fill
        assert phase.data[:, 40:].std() > 0.01


def test_doubts_about_the_file_are_among_the_notes() -> None:
    notes = run(Image(frame(), "YX", 0.65, notes=("The file names two pixel sizes.",))).settings["predict"]["notes"]
    assert notes == ["The file names two pixel sizes."]
