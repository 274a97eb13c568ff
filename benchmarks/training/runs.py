"""Real training processes to be disturbed, and what lies in their folders afterwards."""

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
from napari_contransgan.training.run_lock import LOCK

SAVE_EVERY = 5
STEPS = 40
SHORT_STEPS = 3 * SAVE_EVERY
"""Of the runs that are disturbed only once."""

PATIENCE_S = 300.0
LOOK_EVERY_S = 0.0005
RECIPES = ("paper", "semi-supervised")

# Each training is a process of its own, forked from one that has loaded PyTorch: loading takes longer than training.
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
        What it prints, both streams.
    """

    process: BaseProcess
    out: Path
    told: Path

    def text(self) -> str:
        """What it has printed so far."""
        return self.told.read_text(encoding="utf-8", errors="replace")

    def status(self) -> int | None:
        """Its exit status, None while it goes on, and minus the signal that ended it."""
        return self.process.exitcode

    def wait(self) -> int:
        """Wait for its end and give the exit status."""
        self.process.join(PATIENCE_S)
        status = self.status()
        if status is None:
            self.process.kill()
            raise TimeoutError(f"{self.out}: did not end within {PATIENCE_S:g} s; it said: {self.text()}")
        return status

    def wait_until(self, is_so: Callable[[], bool]) -> bool:
        """Wait until something is so; False where the process ends before."""
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            if self.status() is not None:
                return False
            if time.monotonic() > end:
                self.process.kill()
                raise TimeoutError(f"{self.out}: nothing came within {PATIENCE_S:g} s; it said: {self.text()}")
            time.sleep(LOOK_EVERY_S)
        return True

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process.pid is not None  # noqa: S101 - it was started
        os.kill(self.process.pid, number)

    def hold_at(self, steps: int) -> bool:
        """Stop the process once so many steps stand in its metrics, until `go_on`; False where it ends before."""
        held = self.wait_until(lambda: count_steps(self.out) >= steps)
        if held:
            self.send(signal.SIGSTOP)
        return held

    def go_on(self) -> None:
        """Let a process that was held go on."""
        self.send(signal.SIGCONT)


def settings_file(path: Path, pairs: Path, /, recipe: str = "paper", **changes: Any) -> Path:
    """Write the settings of a small run of both kinds of images, whose result is the same each time."""
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
    """Start a training by its command, on one thread; lists of known runs go beside the settings."""
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
    """Be the command, with both streams going to a file."""
    from napari_contransgan.cli import main

    with told.open("wb") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = arguments
    main()


def finished(config: Path, out: Path, *options: str) -> Run:
    """Run a training to its end, which must be a good one."""
    run = start(config, out, *options)
    status = run.wait()
    if status:
        raise RuntimeError(f"{out}: exit status {status}: {run.text()}")
    return run


def steps_of(out: Path) -> list[int]:
    """Steps in a run's metrics, line by line; half a line is left out."""
    try:
        lines = (out / METRICS).read_bytes().splitlines(keepends=True)
    except OSError:
        return []
    records = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [record["step"] for record in records if SPEED in record]


def count_steps(out: Path) -> int:
    """The last step in a run's metrics, 0 without one."""
    return max(steps_of(out), default=0)


def saved_step(out: Path) -> int:
    """Step of a run's save, all of which is read; 0 where there is none, -1 where it is broken."""
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
    """Files that a save has begun and not ended."""
    return sorted(path for path in out.rglob(".*") if path.is_file() and path.name != LOCK)


def short_settings(path: Path, pairs: Path) -> Path:
    """Write the settings of a run of the paper's recipe that is over soon."""
    return settings_file(path, pairs, steps=SHORT_STEPS)


def same_tensors(out: Path, whole: Path) -> bool:
    """Whether two saves hold the same weights, moments and pools, whatever scores they remember."""
    ours, theirs = (load_file(folder / LAST) for folder in (out, whole))
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def differences(out: Path, whole: Path, steps: int = STEPS) -> list[str]:
    """In what a finished run differs from an uninterrupted one; empty where in nothing."""
    found = [f"{name} differs" for name in (LAST, BEST) if _content(out / name) != _content(whole / name)]
    if steps_of(out) != list(range(1, steps + 1)):
        found.append(f"metrics hold {len(steps_of(out))} steps in place of each of {steps} once")
    if left := temporaries(out):
        found.append(f"{len(left)} temporary files left")
    return found


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def verdict(found: Sequence[str]) -> str:
    """A list of faults for a table."""
    return "as uninterrupted" if not found else f"**{'; '.join(found)}**"


def copies(pairs: Path, folder: Path, times: int) -> Path:
    """A larger data set of the same pairs under other names."""
    for part in ("lr", "phase"):
        (folder / part).mkdir(parents=True)
        for path in sorted((pairs / part).iterdir()):
            for number in range(times):
                shutil.copy(path, folder / part / f"{number}-{path.name}")
    return folder
