"""What is not finite must not spoil a run, nor what it has saved."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import load_checkpoint, read_card
from napari_contransgan.progress import result_of
from napari_contransgan.training import steps, trainer
from napari_contransgan.training.data import gather
from napari_contransgan.training.engine import make_engine, start_fabric
from napari_contransgan.training.events import RolledBack, StepFinished, TrainingFinished, Validated
from napari_contransgan.training.recipe import learning_rate
from napari_contransgan.training.state import STATE_KEY, RunState, new_state
from napari_contransgan.training.steps import train_step
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]
CPU = torch.device("cpu")


def poison(monkeypatch: pytest.MonkeyPatch, name: str, bad_steps: range) -> None:
    draw = getattr(steps, name)

    def drawn(*arguments: Any, **named: Any) -> Any:
        batch = draw(*arguments, **named)
        step = next(value for value in arguments if type(value) is int)
        if step in bad_steps:
            (batch[0] if isinstance(batch, tuple) else batch)[0, 0, 5, 5] = torch.inf
        return batch

    monkeypatch.setattr(steps, name, drawn)


def tensors_of(state: RunState) -> dict[str, torch.Tensor]:
    pools = {f"pools/{name}": pool.images for name, pool in state.pools.items() if pool.images is not None}
    return {name: value.clone() for name, value in (state.networks.state_dict() | pools).items()}


def assert_weights_kept(folder: Path, saves: dict[str, bytes]) -> None:
    """A save may learn that the learning rate was halved, and no more."""
    for name, content in saves.items():
        now, before = load_file(folder / name), load(content)
        assert now.keys() == before.keys()
        assert all(torch.equal(now[key], value) for key, value in before.items()), name


@pytest.mark.parametrize(("recipe", "drawing"), [("semi-supervised", "draw_pairs"), ("paper", "draw_single")])
def test_one_infinite_pixel_changes_nothing_and_the_run_goes_on(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, recipe: str, drawing: str
) -> None:
    settings = tiny(generator="unet", recipe=recipe)
    data, state = gather(settings), new_state(settings, CPU)
    engine = make_engine(start_fabric(settings), state.networks, settings)
    poison(monkeypatch, drawing, range(1, 2))
    assert all(map(math.isfinite, train_step(state, data, settings, engine).values()))
    before = tensors_of(state)
    assert not all(map(math.isfinite, train_step(state, data, settings, engine).values()))
    assert tensors_of(state).keys() == before.keys()
    for name, value in tensors_of(state).items():
        assert torch.equal(value, before[name]), name
    assert state.step == 2
    assert all(map(math.isfinite, train_step(state, data, settings, engine).values()))
    assert any(not torch.equal(value, before[name]) for name, value in tensors_of(state).items() if "ema" in name)
    assert all(torch.isfinite(value).all() for value in tensors_of(state).values())


def test_a_broken_batch_in_a_run_leaves_finite_saves(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, "draw_pairs", range(2, 3))
    events = list(train(tiny(generator="unet"), tmp_path))
    losses = [event.losses["supervised"] for event in events if isinstance(event, StepFinished)]
    assert [math.isfinite(loss) for loss in losses] == [True, True, False, True, True, True]
    assert all(math.isfinite(event.psnr_db) for event in events if isinstance(event, Validated))
    for name in ("last.safetensors", "best.safetensors"):
        assert all(torch.isfinite(value).all() for value in load_file(tmp_path / name).values())


def test_a_diverging_run_says_what_to_do_and_keeps_its_saves(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_of(train(tiny(generator="unet", save_every=50), tmp_path))
    saves = {name: (tmp_path / name).read_bytes() for name in ("last.safetensors", "best.safetensors")}
    poison(monkeypatch, "draw_pairs", range(6, 1000))
    longer = train(tiny(generator="unet", steps=100, save_every=50, validate_every=50), tmp_path, resume=True)
    with pytest.raises(InputError, match=r"training diverged.*another folder with a lower learning_rate"):
        result_of(longer)
    assert_weights_kept(tmp_path, saves)


def test_a_run_goes_back_to_its_last_save_with_half_the_rate_and_finishes(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = []

    def spoil_once(state: RunState, *arguments: Any) -> dict[str, float]:
        losses = train_step(state, *arguments)
        if state.step == 5 and not spoilt:
            spoilt.append(state.step)
            next(state.networks["to_phase"].parameters()).data.fill_(torch.nan)
        return losses

    monkeypatch.setattr(trainer, "train_step", spoil_once)
    events = list(train(tiny(generator="unet", steps=8, save_every=2), tmp_path))
    (back,) = (event for event in events if isinstance(event, RolledBack))
    assert (back.step, back.to_step, back.rate_factor) == (6, 4, 0.5)
    assert isinstance(events[-1], TrainingFinished)
    rates = {event.step: event.learning_rate for event in events if isinstance(event, StepFinished)}
    assert rates[8] == pytest.approx(0.5 * learning_rate(tiny(steps=8), 7))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if "supervised" in record]
    assert [record["step"] for record in records] == list(range(1, 9)), "each step once, as it counts"
    assert all(math.isfinite(record["supervised"]) for record in records)
    assert json.loads(safe_open(tmp_path / "last.safetensors", "pt").metadata()[STATE_KEY])["rate_factor"] == 0.5


def test_a_run_goes_on_with_a_variance_that_is_too_large_for_half_precision(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enlarge(state: RunState, *arguments: Any) -> dict[str, float]:
        losses = train_step(state, *arguments)
        for name, value in state.networks.state_dict().items():
            if name.endswith("running_var"):
                value.fill_(80_000.0)
        return losses

    monkeypatch.setattr(trainer, "train_step", enlarge)
    events = list(train(tiny(generator="unet"), tmp_path))
    assert isinstance(events[-1], TrainingFinished)
    assert not any(isinstance(event, RolledBack) for event in events)
    loaded = load_checkpoint(tmp_path / "best.safetensors")
    variances = [value for name, value in loaded.weights.items() if name.endswith("running_var")]
    assert variances
    assert all(bool((value == 80_000.0).all()) for value in variances)


def test_a_step_of_which_only_the_discriminators_fail_is_undone_whole(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny(generator="unet", recipe="paper")
    data, state = gather(settings), new_state(settings, CPU)
    engine = make_engine(start_fabric(settings), state.networks, settings)
    train_step(state, data, settings, engine)
    before = tensors_of(state)
    real = steps.lsgan_discriminator
    monkeypatch.setattr(steps, "lsgan_discriminator", lambda *verdicts: real(*verdicts) * torch.nan)
    assert all(map(math.isnan, train_step(state, data, settings, engine).values()))
    assert all(torch.equal(value, before[name]) for name, value in tensors_of(state).items())


def test_weights_that_are_not_finite_are_never_written(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_of(train(tiny(generator="unet"), tmp_path))
    saves = {name: (tmp_path / name).read_bytes() for name in ("last.safetensors", "best.safetensors")}

    def spoil(state: RunState, *arguments: Any) -> dict[str, float]:
        losses = train_step(state, *arguments)
        next(state.networks["ema"].parameters()).fill_(torch.nan)
        return losses

    monkeypatch.setattr(trainer, "train_step", spoil)
    for stop_early in (False, True):
        run = train(tiny(generator="unet", steps=12), tmp_path, resume=True)
        if stop_early:
            next(run), next(run)
            run.close()
        else:
            with pytest.raises(InputError, match="weights were not finite"):
                result_of(run)
        assert_weights_kept(tmp_path, saves)


def test_a_score_that_is_no_number_is_no_better_where_there_are_labels(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = trainer.validate

    def validated(*arguments: Any) -> Validated:
        scores = real(*arguments)
        psnr_db = 20.0 if scores.step == 3 else math.nan
        return Validated(scores.step, 0.5, psnr_db, 1.0, 0.5, 10.0, scores.previews)

    monkeypatch.setattr(trainer, "validate", validated)
    result_of(train(tiny(generator="unet"), tmp_path))
    assert read_card(tmp_path / "best.safetensors").steps == 3
