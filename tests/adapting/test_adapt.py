"""Adapting a network: what it learns from, what it keeps back, what it leaves, and what the user is told."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_contransgan.adapting.adapt import RESULT, adapt
from napari_contransgan.adapting.card import adaptation_of
from napari_contransgan.adapting.events import AdaptFinished, AdaptPreview, AdaptResult, AdaptStarted, AdaptStep
from napari_contransgan.config import AdaptSettings, PredictSettings, SimulationSettings, TieSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import ModelCard, load_checkpoint, read_card, save_checkpoint
from napari_contransgan.models.registry import build_generator
from napari_contransgan.models.tile_gain import BANDS, SHAPE_BANDS, GainSample, TileGain
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.simulation.fields import image_stack
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.training.run_folder import BEST, read_previews, read_run

SIDE_PX = 352


def stack_settings(**changes: object) -> SimulationSettings:
    microscope = Microscope(stack_objective="10x", stack_coherence=0.5, stack_dz_um=5.0)
    values = {"microscope": microscope, "objective": "10x", "scene": "dense", "seed": 31, "field_px": SIDE_PX}
    return SimulationSettings(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stack() -> Image:
    settings = stack_settings()
    return replace(image_stack(draw_specimen(settings, 0), settings, 0), settings={}, name="my stack")


@pytest.fixture
def start_from(tmp_path: Path) -> str:
    """A tiny network that knows nothing yet."""
    torch.manual_seed(0)
    card = ModelCard(name="tiny", generator="contrans", preset="tiny", phase_ref_rad=2.0, limits="Tiny.")
    save_checkpoint(tmp_path / "tiny.safetensors", build_generator("contrans", "tiny"), card)
    return str(tmp_path / "tiny.safetensors")


@pytest.fixture
def settings(start_from: str) -> Callable[..., AdaptSettings]:
    def made(**changes: object) -> AdaptSettings:
        values = {
            "start_from": start_from,
            "steps": 4,
            "batch_size": 2,
            "crop_px": 64,
            "validate_every": 2,
            "learning_rate": 2e-3,
            "device": "cpu",
            "precision": "fp32",
            "tie": TieSettings(drift=False),
        }
        return AdaptSettings(**(values | changes))  # type: ignore[arg-type]

    return made


def finished(stack: Image, settings: AdaptSettings, folder: Path) -> AdaptResult:
    *_, last = adapt([stack], settings, folder)
    assert isinstance(last, AdaptFinished)
    return last.result


def test_a_network_learns_from_one_stack_and_is_a_run_like_any_other(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    result = finished(stack, settings(name="my 10x", steps=24, learning_rate=8e-3, validate_every=24), tmp_path / "run")
    assert result.kept == "adapted"
    assert result.after.rmse_rad < result.before.rmse_rad
    card = read_card(result.checkpoint)
    assert (card.name, card.input_pixel_sizes_um) == ("my 10x", (0.65,))
    record = adaptation_of(card)
    assert record is not None
    assert (record["from"], record["stacks"], record["kept"]) == ("tiny", ["my stack"], "adapted")
    assert card.figures["kept-back part, after"]["rmse_rad"] == pytest.approx(result.after.rmse_rad, abs=1e-4)
    frame = replace(stack, data=stack.data[1], axes="YX")
    phase = result_of(predict(frame, PredictSettings(model=str(tmp_path / "run"))))
    assert phase.settings["predict"]["network"] == "my 10x"


def test_a_network_that_can_be_told_the_optics_becomes_a_plain_one(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    card = ModelCard(name="aware", generator="contrans", preset="tiny", phase_ref_rad=2.0, takes_optics=True)
    save_checkpoint(tmp_path / "aware.safetensors", build_generator("contrans", "tiny", takes_optics=True), card)
    finished(stack, settings(start_from=str(tmp_path / "aware.safetensors")), tmp_path / "run")
    assert not read_card(tmp_path / "run" / BEST).takes_optics
    frame = replace(stack, data=stack.data[1], axes="YX")
    phase = result_of(predict(frame, PredictSettings(model=str(tmp_path / "run"))))
    assert "told" not in phase.settings["predict"]


def test_events_tell_what_is_kept_back_and_show_it_before_and_now(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    events = list(adapt([stack], settings(), tmp_path / "run"))
    (started,) = (event for event in events if isinstance(event, AdaptStarted))
    assert "kept back: a strip of" in started.message
    assert [event.step for event in events if type(event) is AdaptStep] == [1, 2, 3, 4, 4]
    previews = [event for event in events if isinstance(event, AdaptPreview)]
    assert [preview.step for preview in previews] == [0, 2, 4]
    assert np.array_equal(previews[0].yx_before_rad, previews[0].yx_now_rad)
    assert len(read_previews(tmp_path / "run")) == 3
    record = read_run(tmp_path / "run")
    assert record.settings == settings()
    assert list(record.losses["label"][0]) == [1, 2, 3, 4]
    assert list(record.scores["slope"][0]) == [0, 2, 4]
    assert json.loads((tmp_path / "run" / RESULT).read_text())["way"] == "paired"


def test_a_network_that_did_not_improve_is_kept_as_it_was(
    stack: Image,
    settings: Callable[..., AdaptSettings],
    start_from: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_contransgan.adapting.training.BETTER", 1e-9)
    monkeypatch.setattr("napari_contransgan.adapting.training.CLOSER", 10.0)
    result = finished(stack, settings(), tmp_path / "run")
    assert result.kept == "original"
    assert result.after == result.before
    assert "not better" in result.notes[-1]
    frame = replace(stack, data=stack.data[1], axes="YX")
    phases = [
        result_of(predict(frame, PredictSettings(model=model))).data for model in (str(tmp_path / "run"), start_from)
    ]
    assert np.array_equal(*phases)


def test_the_network_also_learns_from_fields_of_the_fitted_microscope(
    stack: Image,
    settings: Callable[..., AdaptSettings],
    start_from: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_contransgan.adapting.adapt.HELD_OUT_FIELDS", 2)
    monkeypatch.setattr("napari_contransgan.adapting.label_slope.COUNT", 1)
    loaded = load_checkpoint(Path(start_from))
    recipe = SimulationSettings(objective="10x", scene="sparse")
    card = loaded.card.model_copy(update={"settings": {"simulate": [recipe.model_dump(mode="json")]}})
    save_checkpoint(Path(start_from), loaded.model, card)
    few = settings(batch_size=4, simulated_images=2, replay_images=1)
    events = list(adapt([stack], few, tmp_path / "run"))
    (started,) = (event for event in events if isinstance(event, AdaptStarted))
    assert any("like those of a microscope at focus" in note for note in started.notes)
    assert any("so its phase is divided by that" in note for note in started.notes)
    assert "simulating fields of your microscope" in {event.message for event in events if type(event) is Progress}
    assert isinstance(events[-1], AdaptFinished)


def test_all_planes_give_a_factor_for_each_tile(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 2 * BANDS + SHAPE_BANDS
    known = TileGain(means=(0.0,) * count, spreads=(1.0,) * count, weights=(0.0,) * count, bias=0.0)
    given: list[GainSample] = []

    def fitted(samples: Sequence[GainSample]) -> TileGain:
        given.extend(samples)
        return known

    for name, value in {"fit_gain": fitted, "BETTER": 1e9, "NOT_FAR_WORSE": 1e9}.items():
        monkeypatch.setattr(f"napari_contransgan.adapting.training.{name}", value)
    found = load_checkpoint(finished(stack, settings(planes="all"), tmp_path / "all").checkpoint).card.tile_gain
    assert found is not None
    assert found.weights == known.weights
    assert given
    assert len(given) % len(stack.data) == 0
    given.clear()
    assert load_checkpoint(finished(stack, settings(), tmp_path / "focus").checkpoint).card.tile_gain is None
    assert not given


def test_cancelling_leaves_nothing(stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path) -> None:
    events = adapt([stack], settings(), tmp_path / "run")
    while not isinstance(next(events), AdaptStep):
        pass
    events.close()
    assert not (tmp_path / "run").exists()


def test_the_same_seed_gives_the_same_network(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    one, two = (finished(stack, settings(), tmp_path / name) for name in ("one", "two"))
    first, second = (load_checkpoint(result.checkpoint).model.state_dict() for result in (one, two))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_time_limits_the_steps(stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path) -> None:
    assert finished(stack, settings(steps=10_000, minutes=0.01), tmp_path / "run").steps < 1000


def test_of_several_stacks_a_whole_field_is_kept_back(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    other = replace(stack, data=stack.data[:, ::-1], name="another stack")
    events = adapt([stack, other], settings(), tmp_path / "run")
    started = next(event for event in events if isinstance(event, AdaptStarted))
    events.close()
    assert started.message.startswith("2 focus stacks; kept back: ")
    assert "(of 2 fields)" in started.message


def refused(stacks: list[Image], settings: AdaptSettings, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(adapt(stacks, settings, folder))
    assert not (folder / BEST).exists()
    return str(caught.value)


def test_planes_in_the_wrong_order_are_refused_before_training(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    message = refused([replace(stack, data=stack.data[::-1])], settings(), tmp_path / "run")
    assert message.startswith("my stack: the specimen comes out with less phase")
    assert "flip z" in message


def test_an_empty_field_is_refused(settings: Callable[..., AdaptSettings], tmp_path: Path) -> None:
    empty = stack_settings(scene="empty")
    stack = replace(image_stack(draw_specimen(empty, 0), empty, 0), name="nothing")
    message = refused([stack], settings(), tmp_path / "run")
    assert message.startswith("nothing: shows hardly any specimen")


def test_stacks_of_two_objectives_are_refused(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    message = refused([stack, replace(stack, pixel_size_um=0.325, name="by 20x")], settings(), tmp_path / "run")
    assert message.startswith("by 20x: has a pixel size of 0.325 um, my stack one of 0.65 um")


def test_a_field_too_small_for_a_strip_is_refused(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    small = replace(stack, data=stack.data[:, :60, :60])
    assert "too small to learn from" in refused([small], settings(), tmp_path / "run")


def test_a_folder_with_a_network_is_refused(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    (tmp_path / BEST).touch()
    with pytest.raises(InputError, match="holds a network already"):
        list(adapt([stack], settings(), tmp_path))


def test_two_planes_and_an_unknown_pixel_size_are_noted(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path, start_from: str
) -> None:
    loaded = load_checkpoint(Path(start_from))
    card = loaded.card.model_copy(update={"input_pixel_sizes_um": (1.625,)})
    save_checkpoint(Path(start_from), loaded.model, card)
    events = adapt([replace(stack, data=stack.data[1:])], settings(), tmp_path / "run")
    started = next(event for event in events if isinstance(event, AdaptStarted))
    events.close()
    assert any("two planes give a one-sided" in note for note in started.notes)
    assert any("the network knows frames of 1.625 um" in note for note in started.notes)


def test_a_field_without_empty_places_is_noted(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_contransgan.adapting.fields.FEW_EMPTY", 1.01)
    events = adapt([stack], settings(), tmp_path / "run")
    started = next(event for event in events if isinstance(event, AdaptStarted))
    events.close()
    assert any("hardly any empty background" in note and "up to about 80 um" in note for note in started.notes)


def test_progress_is_told_from_the_beginning(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    events = adapt([stack], settings(), tmp_path / "run")
    first = next(events)
    events.close()
    assert type(first) is Progress
    assert "retrieving the phase" in first.message


def test_frames_at_any_focus_need_all_planes(
    stack: Image, settings: Callable[..., AdaptSettings], tmp_path: Path
) -> None:
    one, every = (finished(stack, settings(planes=planes), tmp_path / planes) for planes in ("focus", "all"))
    assert one.compared.endswith("the plane in focus")
    assert every.compared.endswith("all planes")
    assert one.before != every.before
