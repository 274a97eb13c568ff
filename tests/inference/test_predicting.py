"""Prediction on images of every kind, with simple networks whose output is known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.inference.stand_ins import STAND_IN, frame, run

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import evaluate
from napari_contransgan.inference import job, predict, predict_with_uncertainty
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import find_model, one_specimen_note
from napari_contransgan.models.checkpoint import ADAPTED, LoadedModel, load_checkpoint, read_card
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.simulation import sample_frame, simulate_pair


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


def test_two_tiles_at_once_give_the_phase_of_one_after_the_other() -> None:
    settings = PredictSettings(tile_px=224, trust=True, precision="fp32", engine="pytorch")
    network = load_checkpoint(find_model("all"))
    one, two = (
        result_of(predict_with_uncertainty(cut_frame(), settings.model_copy(update={"threads": count}), network))
        for count in (1, 2)
    )
    assert two.phase.settings["predict"]["threads"] == 2
    np.testing.assert_allclose(two.phase.data, one.phase.data, atol=1e-5)
    assert one.uncertainty is not None
    assert two.uncertainty is not None
    np.testing.assert_allclose(two.uncertainty.data, one.uncertainty.data, atol=1e-5)


def test_a_network_stays_loaded_until_its_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []

    def counted(path: Path) -> LoadedModel:
        loads.append(path)
        return STAND_IN

    monkeypatch.setattr(job, "load_checkpoint", counted)
    path = tmp_path / "network.safetensors"
    settings = PredictSettings(model=str(path))
    for content in (b"one", b"one", b"another"):
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        result_of(predict(cut_frame(), settings))
    assert len(loads) == 2


def test_few_tiles_are_left_to_pytorch_if_it_has_the_network_and_many_to_onnx_runtime() -> None:
    read = load_checkpoint(find_model("all"))
    network = LoadedModel(read.model, read.card)
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


def test_doubts_about_the_file_are_among_the_notes() -> None:
    notes = run(Image(frame(), "YX", 0.65, notes=("The file names two pixel sizes.",))).settings["predict"]["notes"]
    assert notes == ["The file names two pixel sizes."]


@pytest.mark.parametrize(("name", "is_noted"), [("all", False), ("hela", True), ("psm", True)])
def test_a_phase_by_a_network_for_one_specimen_says_so(name: str, is_noted: bool) -> None:
    phase = result_of(predict(cut_frame(), PredictSettings(model=name)))
    note = one_specimen_note(read_card(find_model(name)))
    assert (note in phase.settings["predict"]["notes"]) == is_noted


def test_a_network_adapted_from_one_for_one_specimen_is_like_any_other() -> None:
    card = read_card(find_model("hela"))
    assert one_specimen_note(card)
    assert not one_specimen_note(card.model_copy(update={"settings": {**card.settings, ADAPTED: {}}}))


def test_a_field_stop_hardly_changes_the_phase_beside_it() -> None:
    sheet = SimulationSettings(specimen="hela", scene="confluent", objective="10x", seed=32, field_px=400)
    open_field, _ = simulate_pair(sheet, 0)
    pixel_um = open_field.pixel_size_um or 0.0

    def inside_um(side_px: int, of_pixel_um: float) -> np.ndarray:
        y, x = (np.mgrid[:side_px, :side_px] - (side_px - 1) / 2) * of_pixel_um
        return 0.4 * open_field.data.shape[0] * pixel_um - np.hypot(y, x)

    passed = 0.5 + 0.5 * np.tanh(inside_um(open_field.data.shape[0], pixel_um) / 0.8)
    stopped = replace(open_field, data=(open_field.data * passed).astype(np.uint16))
    network = load_checkpoint(find_model("all"))
    whole, seen = (result_of(predict(one, PredictSettings(), network)).data for one in (open_field, stopped))
    from_stop_um = inside_um(whole.shape[0], 0.325)
    near_stop = (from_stop_um > 5) & (from_stop_um < 15)
    assert np.std((seen - whole)[near_stop]) < 0.4 * np.std(whole[near_stop])
