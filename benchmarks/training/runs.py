"""Start training processes that can be disturbed, and inspect their folders afterwards."""

import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from napari_contransgan.config import TrainSettings
from napari_contransgan.training.run_folder import BEST, LAST, METRICS, SPEED

SAVE_EVERY = 5
STEPS = 40
SHORT_STEPS = 3 * SAVE_EVERY
"""Number of steps of runs that are disturbed only once."""

PATIENCE_S = 300.0
LOOK_EVERY_S = 0.0005
RECIPES = ("paper", "semi-supervised")

# Each training is a process forked from one that has loaded PyTorch, because loading takes longer than training.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["napari_contransgan.training.trainer"])


@dataclass(frozen=True)
class Run:
    """A training process.

    Parameters
    ----------
    process : BaseProcess
        The process.
    out : Path
        Its folder.
    told : Path
        File with the output of both streams.
    """

    process: BaseProcess
    out: Path
    told: Path

    def text(self) -> str:
        """Return the output so far."""
        return self.told.read_text(encoding="utf-8", errors="replace")

    def status(self) -> int | None:
        """Return the exit status: None while it is running, and minus the number of a signal that ended it."""
        return self.process.exitcode

    def wait(self) -> int:
        """Wait for its end, and return the exit status."""
        self.process.join(PATIENCE_S)
        status = self.status()
        if status is None:
            self.process.kill()
            raise TimeoutError(f"{self.out}: did not end within {PATIENCE_S:g} s; output: {self.text()}")
        return status

    def wait_until(self, is_so: Callable[[], bool]) -> bool:
        """Wait until a condition holds; return False if the process ends before it."""
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            if self.status() is not None:
                return False
            if time.monotonic() > end:
                self.process.kill()
                raise TimeoutError(f"{self.out}: nothing happened within {PATIENCE_S:g} s; output: {self.text()}")
            time.sleep(LOOK_EVERY_S)
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        assert self.process.pid is not None  # noqa: S101 - it has been started
        os.kill(self.process.pid, number)

    def hold_at(self, steps: int) -> bool:
        """Stop the process once its metrics have this many steps, until `go_on`; return False if it ends before."""
        held = self.wait_until(lambda: count_steps(self.out) >= steps)
        if held:
            self.send(signal.SIGSTOP)
        return held

    def go_on(self) -> None:
        """Let a stopped process continue."""
        self.send(signal.SIGCONT)


def settings_file(path: Path, pairs: Path, /, recipe: str = "paper", **changes: Any) -> Path:
    """Write the settings of a small run on both kinds of images, with a reproducible result."""
    values = {
        "pairs": (pairs,),
        "lr": pairs / "lr",
        "phase": pairs / "phase",
        "recipe": recipe,
        "generator": "unet",
        "preset": "tiny",
        "crop_px": 64,
        "batch_size": 2,
        "steps": STEPS,
        "save_every": SAVE_EVERY,
        "validate_every": 2 * SAVE_EVERY,
        "pool_size": 3,
        "previews": 1,
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TrainSettings(**(values | changes)).to_yaml(), encoding="utf-8")
    return path


def start(config: Path, out: Path, *options: str) -> Run:
    """Start training by its command, on one thread; lists of known runs are stored next to the settings."""
    told = config.parent / f"{out.name}.log"
    home = str(config.parent / "home")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    environment |= {"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home}
    arguments = ["napari-contransgan", "train", "--config", str(config), "--out", str(out), *options]
    process = FORKS.Process(target=_train, args=(arguments, told, environment))
    told.touch()
    process.start()
    return Run(process, out, told)


def _train(arguments: Sequence[str], told: Path, environment: Mapping[str, str]) -> None:
    """Run the command with both streams redirected to a file."""
    from napari_contransgan.cli import main

    with told.open("wb") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = arguments
    main()


def finished(config: Path, out: Path, *options: str) -> Run:
    """Run training to its end, which must be successful."""
    run = start(config, out, *options)
    status = run.wait()
    if status:
        raise RuntimeError(f"{out}: exit status {status}: {run.text()}")
    return run


def steps_of(out: Path) -> list[int]:
    """Return the steps in a run's metrics, line by line; an incomplete line is left out."""
    try:
        lines = (out / METRICS).read_bytes().splitlines(keepends=True)
    except OSError:
        return []
    records = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [record["step"] for record in records if SPEED in record]


def count_steps(out: Path) -> int:
    """Return the last step in a run's metrics; 0 if there is none."""
    return max(steps_of(out), default=0)


def saved_step(out: Path) -> int:
    """Read a run's save completely, and return its step; 0 if there is none, -1 if it is broken."""
    if not (out / LAST).is_file():
        return 0
    try:
        with safe_open(out / LAST, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                file.get_tensor(name)
            return int(json.loads(file.metadata()["napari-contransgan-run"])["step"])
    except (SafetensorError, OSError, KeyError, ValueError):
        return -1


def temporaries(out: Path) -> list[Path]:
    """Return the half-written files of saves."""
    return sorted(path for path in out.rglob(".contransgan-*/*") if path.is_file())


def short_settings(path: Path, pairs: Path) -> Path:
    """Write the settings of a short run with the paper's recipe."""
    return settings_file(path, pairs, steps=SHORT_STEPS)


def same_tensors(out: Path, whole: Path) -> bool:
    """Return whether two saves have the same weights, moments and pools, whatever their scores."""
    ours, theirs = (load_file(folder / LAST) for folder in (out, whole))
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def differences(out: Path, whole: Path, steps: int = STEPS) -> list[str]:
    """Return how a finished run differs from an uninterrupted one; empty if it does not."""
    found = [f"{name} differs" for name in (LAST, BEST) if _content(out / name) != _content(whole / name)]
    if steps_of(out) != list(range(1, steps + 1)):
        found.append(f"metrics hold {len(steps_of(out))} steps in place of each of {steps} once")
    if left := temporaries(out):
        found.append(f"{len(left)} temporary files left")
    return found


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def verdict(found: Sequence[str]) -> str:
    """Return a list of faults for a table."""
    return "same result as uninterrupted" if not found else f"**{'; '.join(found)}**"


def copies(pairs: Path, folder: Path, times: int) -> Path:
    """Write a larger data set of the same pairs under other names."""
    for part in ("lr", "phase"):
        (folder / part).mkdir(parents=True)
        for path in sorted((pairs / part).iterdir()):
            for number in range(times):
                shutil.copy(path, folder / part / f"{number}-{path.name}")
    return folder
