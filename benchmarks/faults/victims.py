"""The commands that are killed, on data so small that each takes less than a second."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SIMULATED = ("simulate", "--objective", "10x", "--seed", "3")
BEADS = (*SIMULATED, "--specimen", "psm", "--no-stacks", "--field-px", "64", "--count", "2")
TRAINED: Mapping[str, Any] = {
    "generator": "unet",
    "preset": "tiny",
    "steps": 3,
    "batch_size": 1,
    "crop_px": 64,
    "save_every": 1,
    "validate_every": 2,
    "device": "cpu",
    "precision": "fp32",
}
PYTORCH = ("--device", "cpu", "--precision", "fp32")


@dataclass(frozen=True)
class Victim:
    """A command to kill.

    Parameters
    ----------
    name : str
        Its name.
    options : callable
        Its options, for a folder of results.
    same : tuple of str
        Results that an uninterrupted run writes byte for byte or pixel for pixel.
    old : Path or None
        A file that takes the place of the first result beforehand, for commands that replace one.
    goes_on : callable
        Whether the command can run in a folder with these results; else they are complete, and it runs again only in
        an empty folder.
    share : float
        How often it is killed, relative to the others.
    """

    name: str
    options: Callable[[Path], list[str]]
    same: tuple[str, ...] = ()
    old: Path | None = None
    goes_on: Callable[[Path], bool] = lambda _: True
    share: float = 1.0


@dataclass(frozen=True)
class SmallData:
    """Small simulated data and a tiny network.

    Parameters
    ----------
    stack, phase : Path
        Focus stack of cells, and their phase.
    pairs, frame : Path
        Folder of images of beads with their phase, and one of the images.
    network, config : Path
        Network, and the settings of its training.
    """

    stack: Path
    phase: Path
    pairs: Path
    frame: Path
    network: Path
    config: Path


def small_data(folder: Path) -> SmallData:
    """Simulate small data and train a tiny network in processes of their own, unless an earlier run did."""
    os.environ["NAPARI_CONTRANSGAN_THREADS"] = "1"  # threads would not survive a fork
    cells, beads, run, config = (folder / name for name in ("cells", "beads", "run", "train.yaml"))
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump({**TRAINED, "pairs": [str(beads)]}))
    simulate = (
        [*SIMULATED, "--specimen", "hela", "--field-px", "240", "--count", "1", "--out", str(cells)],
        [*SIMULATED, "--specimen", "psm", "--no-stacks", "--field-px", "128", "--count", "2", "--out", str(beads)],
    )
    if not (run / "best.safetensors").is_file():
        for options in (*simulate, ["train", "--config", str(config), "--resume", "--out", str(run)]):
            _finished(options, folder / "told")
    name = "0000.ome.tif"
    return SmallData(
        *(cells / "stack" / name, cells / "phase" / name, beads, beads / "lr" / name),
        *(run / "best.safetensors", config),
    )


def prepared(data: SmallData) -> dict[str, Victim]:
    """Return the commands, which use small data."""
    stack, phase, frame = data.stack, data.phase, data.frame
    train = ["train", "--config", str(data.config)]
    network = ["--model", str(data.network), "--engine", "pytorch", *PYTORCH]
    name, simulated = "result.ome.tif", ("lr/0000.ome.tif", "phase/0001.ome.tif", "dataset.json")
    victims = (
        Victim("train", lambda out: [*train, "--resume", "--out", str(out)], ("best.safetensors", "last.safetensors")),
        Victim(
            "adapt",
            lambda out: [
                *("adapt", "--stack", str(stack), "--start-from", str(data.network), *PYTORCH),
                *("--steps", "2", "--replay", "0", "--simulated", "0", "--out", str(out)),
            ],
            goes_on=lambda out: not (out / "best.safetensors").is_file(),
        ),
        Victim(
            "simulate",
            lambda out: [*BEADS, "--out", str(out)],
            simulated,
        ),
        Victim(
            "simulate, 2 processes", lambda out: [*BEADS, "--workers", "2", "--out", str(out)], simulated, share=0.05
        ),
        Victim(
            "predict",
            lambda out: ["predict", str(frame), "--trust", "--out", str(out / name), *network],
            (name, "result_uncertainty.ome.tif"),
            stack,
        ),
        Victim(
            "tie",
            lambda out: ["tie", str(stack), "--out", str(out / name), "--also", "uncertainty"],
            (name, "result_uncertainty.ome.tif"),
            frame,
        ),
        Victim(
            "measure",
            lambda out: ["measure", str(phase), "--out", str(out / "objects.csv")],
            ("objects.csv",),
            data.pairs / "dataset.json",
        ),
    )
    return {victim.name: victim for victim in victims}


def run_here(options: list[str]) -> int:
    """Run a command in this process, and return its exit status."""
    from napari_contransgan.cli import main

    sys.argv = ["napari-contransgan", *options]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def forked(
    options: list[str],
    told: Path,
    beforehand: Callable[[], object] = lambda: None,
    afterwards: Callable[[], object] = lambda: None,
) -> int:
    """Run a command in a forked process, and return the process number.

    Parameters
    ----------
    options : list of str
        The command and its options.
    told : Path
        File for what it prints.
    beforehand, afterwards : callable
        Called in the process before and after the command.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 99
    try:
        with told.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        beforehand()
        status = run_here(options)
        afterwards()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def ended(pid: int) -> int:
    """Wait for a process, and return its exit status; negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _finished(options: list[str], told: Path) -> None:
    if ended(forked(options, told)) != 0:
        raise RuntimeError(f"failed: {' '.join(options)}\n{told.read_text()}")
