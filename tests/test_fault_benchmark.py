"""That the benchmark of faults notices faults: readers that fail, and commands that leave something half-written."""

import faulthandler
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.faults import fuzz, kills, records
from benchmarks.faults.victims import Victim
from benchmarks.faults.whole import is_same, is_whole

from napari_contransgan.io import Image, write_image

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on Windows"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


def test_a_reader_that_dies_raises_or_is_noisy_is_noted_and_the_next_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attack(_rng: random.Random, path: Path) -> str:
        number = len(list(path.parent.glob("fuzzed*")))
        path.with_name(f"fuzzed{number}").write_bytes(b"")
        if number == 2:
            faulthandler.disable()  # pytest's would print
            os.kill(os.getpid(), signal.SIGSEGV)
        if number == 4:
            raise KeyError
        if number == 5:
            os.write(2, b"a doubt")
        return "refused" if number == 1 else "read"

    monkeypatch.setattr(fuzz, "attack_on", lambda *_: attack)
    monkeypatch.setitem(fuzz.IN_ROUND, "tiff", 8)
    found = fuzz.Fuzzer("tiff", 3, tmp_path / "kept", tmp_path / "work").round(1)
    assert (found.read, found.rejected) == (4, 1)
    assert found.faults == {
        10: f"crash: status {-signal.SIGSEGV}",
        12: "traceback: KeyError",
        13: "noise on standard error",
    }
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["tiff-3-10", "tiff-3-12", "tiff-3-13"]


@pytest.mark.parametrize("kind", list(fuzz.IN_ROUND))
def test_a_few_damaged_files_are_read_or_rejected(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fuzz.IN_ROUND, kind, 25)
    found = fuzz.Fuzzer(kind, 1, tmp_path / "kept", tmp_path / "work").round(0)
    assert found.faults == {}
    assert found.read + found.rejected == 25
    assert found.rejected > 0


def _victim(
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path], Any],
    folder: Path,
    old: Path | None = None,
    goes_on: Callable[[Path], bool] = lambda _: True,
) -> kills.Killer:
    def run_here(options: list[str]) -> int:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            write(Path(options[0]))
        except SystemExit as end:
            return int(str(end))
        return 0

    monkeypatch.setattr("benchmarks.faults.victims.run_here", run_here)
    return kills.Killer(Victim("write", lambda out: [str(out)], ("a.ome.tif",), old, goes_on), folder)


def test_kills_find_a_file_that_is_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image(np.arange(400, dtype=np.uint16).reshape(20, 20), "YX")
    write_image(tmp_path / "whole.ome.tif", image)
    content = (tmp_path / "whole.ome.tif").read_bytes()

    def in_place(out: Path) -> None:
        out.mkdir(exist_ok=True)
        with (out / "a.ome.tif").open("wb") as file:
            file.write(content[:100])
            file.flush()
            (out / "log.json").write_text("1")
            file.write(content[100:])
        (out / "log.json").write_text("1")

    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    killer = _victim(monkeypatch, in_place, tmp_path / "work")
    chains = [killer.chain(random.Random(seed)) for seed in range(25)]  # noqa: S311
    assert sum(chain.kills for chain in chains) > 5
    other.kill()
    other.wait()
    found = {text for chain in chains for text in chain.faults}
    assert "half-written: a.ome.tif" in found
    assert "an orphan" not in found


def test_kills_find_no_fault_where_files_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yx = np.arange(400, dtype=np.uint16).reshape(20, 20)
    write_image(tmp_path / "old.ome.tif", Image(yx + 1, "YX"))
    killer = _victim(
        monkeypatch,
        lambda out: write_image(out / "a.ome.tif", Image(yx, "YX")),
        tmp_path / "work",
        tmp_path / "old.ome.tif",
    )
    chains = [killer.chain(random.Random(seed)) for seed in range(25)]  # noqa: S311
    assert sum(chain.kills for chain in chains) > 5
    assert [chain.faults for chain in chains] == [[]] * 25


def test_a_result_that_was_complete_before_the_kill_may_be_refused_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_once(out: Path) -> None:
        out.mkdir(exist_ok=True)
        if (out / "a.ome.tif").exists():
            sys.exit(2)
        write_image(out / "a.ome.tif", Image(np.arange(400, dtype=np.uint16).reshape(20, 20), "YX"))

    killer = _victim(monkeypatch, write_once, tmp_path / "work", goes_on=lambda out: not (out / "a.ome.tif").exists())
    chains = [killer.chain(random.Random(seed)) for seed in range(25)]  # noqa: S311
    assert sum(chain.kills for chain in chains) > 5
    assert [chain.faults for chain in chains] == [[]] * 25


def test_half_files_are_not_whole_and_other_pixels_are_not_the_same(tmp_path: Path) -> None:
    yx = np.arange(400, dtype=np.uint16).reshape(20, 20)
    one, other, half = (tmp_path / f"{name}.ome.tif" for name in ("one", "other", "half"))
    write_image(one, Image(yx, "YX"))
    write_image(other, Image(yx + 1, "YX"))
    half.write_bytes(one.read_bytes()[:-200])
    (tmp_path / "half.csv").write_text("a,b\n1,2\n3")
    (tmp_path / "half.jsonl").write_text('{"a": 1}\n{"a')
    assert [is_whole(path) for path in (one, half, tmp_path / "half.csv", tmp_path / "half.jsonl")] == [
        *(True, False, False),
        True,  # the next start drops a cut last line
    ]
    assert (is_same(one, one), is_same(one, other), is_same(one, half)) == (True, False, False)


def test_records_survive_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "some" / "records.jsonl"
    records.add(path, {"round": 1})
    with path.open("a") as file:
        file.write('{"round": 2')
    records.add(path, {"round": 3})
    assert [one["round"] for one in records.read(path)] == [1, 3]
