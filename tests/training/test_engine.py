"""One run by several processes, or in several parts, comes to what one process alone comes to."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from benchmarks.training.runs import FORKS
from safetensors.torch import load_file

from napari_contransgan.cli import __main__ as cli_main
from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.progress import result_of
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]
TWO = ["--standalone", "--nproc-per-node", "2"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", *TWO, "-m", "napari_contransgan.cli"]


@dataclass(frozen=True)
class Two:
    """Two processes that share a run, and the one that watches over them."""

    watching: BaseProcess
    stdout: Path
    stderr: Path

    def communicate(self, timeout_s: float) -> tuple[str, str]:
        self.watching.join(timeout_s)
        assert self.watching.exitcode is not None, self.stderr.read_text()
        return self.stdout.read_text(), self.stderr.read_text()


def command(settings: TrainSettings, run_dir: Path, *options: str) -> list[str]:
    config = run_dir.with_suffix(".yaml")
    config.write_text(settings.to_yaml())
    return ["train", "--config", str(config), "--out", str(run_dir), *options]


def torchrun(arguments: list[str], stdout: Path, stderr: Path) -> None:
    """Be torchrun, whose processes are forked here, as this one is: loading PyTorch takes longer than training."""
    from torch.distributed.run import main

    for number, path in enumerate((stdout, stderr), start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
    main([*TWO, "--start-method", "fork", "--run-path", cli_main.__file__, *arguments])


def start_two(settings: TrainSettings, run_dir: Path, *options: str) -> Two:
    streams = [run_dir.with_suffix(suffix) for suffix in (".out", ".err")]
    for stream in streams:
        stream.write_text("")
    watching = FORKS.Process(target=torchrun, args=(command(settings, run_dir, *options), *streams))
    watching.start()
    return Two(watching, *streams)


def losses_of(run_dir: Path) -> list[dict[str, float]]:
    records = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    not_losses = {"step", "images_per_s", "learning_rate", "validation"}
    return [{k: v for k, v in one.items() if k not in not_losses} for one in records if "validation" not in one]


@pytest.mark.parametrize("recipe", ["semi-supervised", "paper"])
def test_two_processes_come_to_the_losses_of_one_at_the_same_batch(
    tiny: Tiny, pairs: Path, tmp_path: Path, recipe: str
) -> None:
    settings = tiny(
        generator="unet",
        recipe=recipe,
        lr=pairs / "lr",
        phase=pairs / "phase",
        warm_start_steps=3,
        batch_size=4,
        steps=9,
        gradient_penalty=0.5,
        lambda_physics=1.0,
        validate_every=20,
    )
    result_of(train(settings.model_copy(update={"accumulate": 2}), tmp_path / "one"))
    running = start_two(settings, tmp_path / "two", "--json")
    printed, told = running.communicate(300)
    assert running.watching.exitcode == 0, told
    assert json.loads(printed)["step"] == 9, "one process alone prints"
    assert "2 processes" in told
    one, two = losses_of(tmp_path / "one"), losses_of(tmp_path / "two")
    assert len(one) == len(two) == 9
    assert any("physics" in losses for losses in one)
    for alone, shared in zip(one, two, strict=True):
        assert shared == pytest.approx(alone, rel=2e-3)
    weights = [load_file(tmp_path / name / "last.safetensors") for name in ("one", "two")]
    assert weights[0].keys() == weights[1].keys()


def test_two_processes_stop_together_when_asked_and_go_on(tiny: Tiny, tmp_path: Path) -> None:
    settings = tiny(generator="unet", steps=100_000, validate_every=100_000, save_every=100_000)
    running = start_two(settings, tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.jsonl"
    until = time.monotonic() + 120
    while not (metrics.is_file() and metrics.stat().st_size) and time.monotonic() < until:
        time.sleep(0.1)
    running.watching.terminate()
    _, told = running.communicate(120)
    assert (tmp_path / "run" / "last.safetensors").is_file(), told
    done = len(losses_of(tmp_path / "run"))
    again = start_two(settings.model_copy(update={"steps": done + 2}), tmp_path / "run", "--resume", "--json")
    printed, told = again.communicate(300)
    assert again.watching.exitcode == 0, told
    assert json.loads(printed)["step"] == done + 2


def test_a_batch_that_cannot_be_divided_among_the_processes_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    arguments = command(tiny(generator="unet", batch_size=3), tmp_path / "run")
    done = subprocess.run(  # noqa: S603
        [*TORCHRUN, *arguments], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode != 0
    assert "a batch of 3 cannot be divided evenly among 2 processes" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_batch_in_parts_has_the_gradient_of_the_whole_where_norms_are_frozen(tiny: Tiny, tmp_path: Path) -> None:
    """The losses are means over images, so that parts of equal size add up."""
    settings = tiny(generator="unet", batch_size=4, steps=3, validate_every=20, freeze_norms_at=0.0)
    for parts in (1, 2, 4):
        result_of(train(settings.model_copy(update={"accumulate": parts}), tmp_path / str(parts)))  # type: ignore[arg-type]
    whole = losses_of(tmp_path / "1")
    for parts in (2, 4):
        for one, other in zip(whole, losses_of(tmp_path / str(parts)), strict=True):
            assert other == pytest.approx(one, rel=1e-4)


def test_parts_must_be_of_equal_size() -> None:
    with pytest.raises(InputError, match="a batch of 4 cannot be divided into 3 equal parts"):
        TrainSettings.checked({"pairs": ["pairs"], "batch_size": 4, "accumulate": 3})
