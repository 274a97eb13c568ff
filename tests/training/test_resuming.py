"""Going on with a run, with more steps, other folders, or on another device."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_contransgan.config import PairFolders, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import read_card
from napari_contransgan.progress import result_of
from napari_contransgan.training.data import gather
from napari_contransgan.training.engine import make_engine, start_fabric
from napari_contransgan.training.events import StepFinished, TrainingEvent, TrainingStarted
from napari_contransgan.training.state import STATE_KEY, load_state, new_state, save_state
from napari_contransgan.training.steps import train_step
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]


def kinds(events: list[TrainingEvent]) -> list[str]:
    return ["s" if "supervised" in event.losses else "u" for event in events if isinstance(event, StepFinished)]


def message(events: list[TrainingEvent]) -> str:
    assert isinstance(events[0], TrainingStarted)
    return events[0].message


def test_more_steps_never_go_back_to_supervised_ones(tiny: Tiny, pairs: Path, tmp_path: Path) -> None:
    mixed = {"generator": "unet", "lr": pairs / "lr", "phase": pairs / "phase"}
    assert "".join(kinds(list(train(tiny(steps=8, **mixed), tmp_path)))) == "ssssssuu"
    assert TrainSettings.from_yaml(tmp_path / "config.yaml").warm_start_steps == 6
    assert "".join(kinds(list(train(tiny(steps=15, **mixed), tmp_path, resume=True)))) == "suuusuu"
    card = read_card(tmp_path / "best.safetensors")
    supervised = sum(step < 6 or step % 4 == 0 for step in range(card.steps))
    assert card.recipe.startswith(f"{supervised} supervised steps on simulated pairs")
    with pytest.raises(InputError, match="started with 6 warm_start_steps"):
        next(train(tiny(steps=20, warm_start_steps=9, **mixed), tmp_path, resume=True))


def test_the_card_counts_the_pairs_between_unpaired_steps(tiny: Tiny, tmp_path: Path) -> None:
    result_of(train(tiny(generator="unet", steps=9, warm_start_steps=3, validate_every=9), tmp_path))
    recipe = "5 supervised steps on simulated pairs + 4 unpaired steps (LSGAN, cycle, physics)"
    assert read_card(tmp_path / "best.safetensors").recipe == recipe  # 0, 1, 2, 4 and 8


@pytest.mark.parametrize("wanted", [None, 4, 9])
def test_a_purely_supervised_run_stays_so(tiny: Tiny, tmp_path: Path, wanted: int | None) -> None:
    result_of(train(tiny(generator="unet", steps=4, warm_start_steps=wanted), tmp_path))
    for settings in (
        tiny(generator="unet", steps=8, warm_start_steps=wanted),
        TrainSettings.from_yaml(tmp_path / "config.yaml").model_copy(update={"steps": 12}),
    ):
        assert kinds(list(train(settings, tmp_path, resume=True))) == ["s"] * 4


def test_a_run_keeps_its_number_of_threads_until_it_is_given_another(tiny: Tiny, tmp_path: Path) -> None:
    def computed_on(steps: int, threads: int | None, resume: bool = True) -> str:
        events = list(train(tiny(generator="unet", steps=steps, threads=threads), tmp_path, resume=resume))
        assert isinstance(events[0], TrainingStarted)
        assert TrainSettings.from_yaml(tmp_path / "config.yaml").threads is not None
        return events[0].device

    assert computed_on(1, 2, resume=False) == "cpu (2 threads, fp32)"
    assert computed_on(2, None) == "cpu (2 threads, fp32)"
    assert computed_on(3, 1) == "cpu (1 thread, fp32)"
    assert computed_on(4, None) == "cpu (1 thread, fp32)"


def test_a_new_run_keeps_the_number_of_threads_that_was_chosen_for_it(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in ("2", "1"):  # the second is too late for the run
        monkeypatch.setenv("NAPARI_CONTRANSGAN_THREADS", number)
        result_of(train(tiny(generator="unet", steps=1), tmp_path, resume=True))
        assert TrainSettings.from_yaml(tmp_path / "config.yaml").threads == 2


def test_between_events_the_caller_has_the_callers_own_threads(tiny: Tiny, tmp_path: Path) -> None:
    for _ in train(tiny(generator="unet", steps=2, threads=2), tmp_path):
        assert torch.get_num_threads() == 1


def test_other_folders_are_told_at_the_start(tiny: Tiny, pairs: Path, tmp_path: Path) -> None:
    result_of(train(tiny(generator="unet", steps=1), tmp_path / "run"))
    moved = shutil.copytree(pairs, tmp_path / "moved")
    again = message(list(train(tiny(generator="unet", steps=2), tmp_path / "run", resume=True)))
    assert "started with" not in again
    other = message(list(train(tiny(generator="unet", steps=3, pairs=(moved,)), tmp_path / "run", resume=True)))
    assert f"pairs was {pairs}, now {moved}" in other
    halves = PairFolders(lr=moved / "lr", phase=pairs / "phase")
    mixed = message(list(train(tiny(generator="unet", steps=4, pairs=(halves,)), tmp_path / "run", resume=True)))
    assert f"pairs was {moved}, now {moved / 'lr'} with {pairs / 'phase'}" in mixed


def test_a_mistake_leaves_neither_a_folder_nor_changed_settings(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("napari_contransgan.training.state.build_generator", _refuse)
        with pytest.raises(InputError, match="unknown network"):
            next(train(tiny(), tmp_path / "run"))
    assert not (tmp_path / "run").exists()

    result_of(train(tiny(generator="unet", steps=2), tmp_path / "run"))
    settings = (tmp_path / "run" / "config.yaml").read_text()
    (tmp_path / "run" / "last.safetensors").write_text("broken")
    with pytest.raises(InputError, match="cannot be read as a saved run"):
        next(train(tiny(generator="unet", steps=7), tmp_path / "run", resume=True))
    assert (tmp_path / "run" / "config.yaml").read_text() == settings


def _refuse(*names: str, takes_optics: bool) -> None:
    raise InputError("unknown network size")


def test_without_pairs_the_start_says_that_no_step_is_supervised(tiny: Tiny, pairs: Path, tmp_path: Path) -> None:
    unpaired = {"generator": "unet", "pairs": (), "lr": pairs / "lr", "phase": pairs / "phase", "steps": 1}
    assert "pure CycleGAN" in message(list(train(tiny(**unpaired), tmp_path / "a")))
    assert "pure CycleGAN" not in message(list(train(tiny(recipe="paper", **unpaired), tmp_path / "b")))
    assert "pure CycleGAN" not in message(list(train(tiny(generator="unet", steps=1), tmp_path / "c")))


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_step_counts_of_the_optimiser_stay_on_the_cpu(tiny: Tiny, tmp_path: Path) -> None:
    settings = tiny(generator="unet", recipe="paper")
    state = new_state(settings, torch.device("cpu"))
    engine = make_engine(start_fabric(settings), state.networks, settings)
    train_step(state, gather(settings), settings, engine)
    save_state(tmp_path / "last.safetensors", state)
    elsewhere = new_state(settings, torch.device("meta"))
    load_state(tmp_path / "last.safetensors", elsewhere, torch.device("meta"))
    values = next(iter(elsewhere.optimisers["judges"].state.values()))
    assert (values["step"].device.type, values["exp_avg"].device.type) == ("cpu", "meta")
    assert elsewhere.pools["phase"].images is not None
    assert elsewhere.pools["phase"].images.device.type == "meta"


def test_a_save_that_is_not_finite_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    settings = tiny(generator="unet")
    state = new_state(settings, torch.device("cpu"))
    next(state.networks["ema"].parameters()).fill_(torch.nan)
    save_state(tmp_path / "last.safetensors", state)
    with pytest.raises(InputError, match=r"last\.safetensors: holds NaN"):
        load_state(tmp_path / "last.safetensors", state, torch.device("cpu"))


@pytest.mark.parametrize(
    "change",
    [
        {"step": -5},
        {"step": "3"},
        {"step": 10**400},
        {"rate_factor": 7.0},
        {"rollbacks": -1},
        {"taken_s": float("nan")},
        {"best_psnr_db": None},
        {"best_psnr_db": float("nan")},
        {"unknown": 1},
    ],
    ids=str,
)
def test_impossible_numbers_of_a_save_are_refused(tiny: Tiny, tmp_path: Path, change: dict[str, object]) -> None:
    state = new_state(tiny(generator="unet"), torch.device("cpu"))
    save_state(tmp_path / "last.safetensors", state)
    _change_save(tmp_path / "last.safetensors", lambda numbers, _: numbers.update(change))
    with pytest.raises(InputError, match=r"last\.safetensors: its saved state is damaged"):
        load_state(tmp_path / "last.safetensors", state, torch.device("cpu"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimisers/generators/0/exp_avg", torch.zeros(3)),
        ("optimisers/generators/0/step", torch.zeros(2)),
        ("optimisers/generators/0/other", torch.zeros(())),
        ("optimisers/generators/x/step", torch.zeros(())),
        ("networks/ema/other", torch.zeros(1)),
        ("pools/phase", torch.zeros(2, 3)),
    ],
)
def test_a_tensor_of_a_save_with_another_shape_or_name_is_refused(
    tiny: Tiny, tmp_path: Path, name: str, value: torch.Tensor
) -> None:
    settings = tiny(generator="unet", recipe="paper")
    state = new_state(settings, torch.device("cpu"))
    engine = make_engine(start_fabric(settings), state.networks, settings)
    train_step(state, gather(settings), settings, engine)
    save_state(tmp_path / "last.safetensors", state)
    _change_save(tmp_path / "last.safetensors", lambda _, tensors: tensors.update({name: value}))
    with pytest.raises(InputError, match="other networks"):
        load_state(tmp_path / "last.safetensors", state, torch.device("cpu"))


def _change_save(path: Path, change: Callable[[dict[str, object], dict[str, torch.Tensor]], object]) -> None:
    with safe_open(path, framework="pt") as file:
        numbers = json.loads(file.metadata()[STATE_KEY])
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a mapping
    change(numbers, tensors)
    save_file(tensors, path, {STATE_KEY: json.dumps(numbers)})
