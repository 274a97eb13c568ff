"""Full and read-only disks: every command that writes says so in one line, and leaves what was there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks.training.disk import CannotMountError, fill, make_read_only, small_disk
from typer.testing import Result

Call = Callable[..., Result]
SIMULATE = ("simulate", "--specimen", "psm", "--objective", "10x", "--count", "1", "--field-px", "96", "--no-stacks")
PYTORCH = ("--device", "cpu", "--precision", "fp32", "--threads", "1")


@dataclass(frozen=True)
class Inputs:
    """A stack, a frame, its true phase, the data set that holds them, and a tiny network."""

    stack: Path
    frame: Path
    phase: Path
    pairs: Path
    network: Path


COMMANDS: dict[str, tuple[Callable[[Inputs], tuple[object, ...]], tuple[str, ...]]] = {
    "tie": (
        lambda given: ("tie", given.stack, "--also", "uncertainty", "--out"),
        ("a.ome.tif", "a_uncertainty.ome.tif"),
    ),
    "predict": (
        lambda given: ("predict", given.frame, "--trust", "--model", given.network, *PYTORCH, "--out"),
        ("a.ome.tif", "a_uncertainty.ome.tif"),
    ),
    "measure": (lambda given: ("measure", given.phase, "--out"), ("a.csv",)),
    "evaluate, difference": (lambda given: ("evaluate", given.phase, given.phase, "--difference"), ("a.tif",)),
    "evaluate, plot": (lambda given: ("evaluate", given.phase, given.phase, "--plot"), ("a.png",)),
    "models export": (lambda given: ("models", "export", given.network, "--out"), ("a.safetensors", "a.json")),
    "tie, folder": (lambda given: ("tie", given.stack, given.pairs / "stack" / "0001.ome.tif", "--out"), ()),
    "predict, folder": (
        lambda given: (
            *("predict", given.frame, given.pairs / "lr" / "0001.ome.tif"),
            *("--model", given.network, *PYTORCH, "--out"),
        ),
        (),
    ),
    "tile": (lambda given: ("tile", given.frame, "--grid", "2x2", "--out"), ()),
    "simulate": (lambda _: (*SIMULATE, "--out"), ()),
    "train": (lambda given: ("train", "--pairs", given.pairs, "--preset", "tiny", "--steps", "1", "--out"), ()),
    "adapt": (
        lambda given: (
            *("adapt", "--stack", given.stack, "--start-from", given.network, *PYTORCH),
            *("--steps", "1", "--replay", "0", "--simulated", "0", "--out"),
        ),
        (),
    ),
    "demo": (lambda _: ("demo", "--out"), ()),
    "reproduce": (lambda _: ("reproduce", "fig8", "--quick", "--out"), ()),
}
"""Each command up to the path of its results, and the files that it replaces; without any, it writes a new folder."""
SMALL = ("measure", "evaluate, difference", "tie, folder", "train")
"""Commands whose first result fits into a few kilobytes here."""


@pytest.fixture(scope="module")
def given(hela: Path, run_folder: Path) -> Inputs:
    stack, frame, phase = (hela / kind / "0000.ome.tif" for kind in ("stack", "lr", "phase"))
    return Inputs(stack, frame, phase, hela, run_folder)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    try:
        with small_disk(tmp_path / "disk", 2**20) as mounted:
            yield mounted
    except CannotMountError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("command", "room_bytes"),
    [*((command, 0) for command in COMMANDS), *((command, 8 * 2**10) for command in COMMANDS if command not in SMALL)],
)
def test_a_full_disk_is_told_and_leaves_the_old_results(
    call: Call, given: Inputs, disk: Path, command: str, room_bytes: int
) -> None:
    options, replaced = COMMANDS[command]
    for name in replaced:
        (disk / name).write_bytes(b"earlier")
    ballast = fill(disk, room_bytes)
    result = call(*options(given), disk / (replaced[0] if replaced else "new"))
    _assert_one_line(result, "No space left|need at least")
    ballast.unlink()
    assert {path: path.read_bytes() for path in disk.rglob("*")} == {disk / name: b"earlier" for name in replaced}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_read_only_disk_is_told(call: Call, given: Inputs, disk: Path, command: str) -> None:
    options, replaced = COMMANDS[command]
    for name in replaced:
        (disk / name).write_bytes(b"earlier")
    make_read_only(disk)
    result = call(*options(given), disk / (replaced[0] if replaced else "new"))
    _assert_one_line(result, "Read-only file system")
    assert {path: path.read_bytes() for path in disk.rglob("*")} == {disk / name: b"earlier" for name in replaced}


def _assert_one_line(result: Result, words: str) -> None:
    assert result.exit_code == 2, result.output
    last = result.stderr.splitlines()[-1]  # notes on the work come before it
    assert last.startswith("error: ")
    assert any(word in last for word in words.split("|")), last
