"""Folders of images: in several processes, resumable, and complete whatever happens to a file or a process."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.inference import folders
from napari_contransgan.inference.files import FileTask
from napari_contransgan.inference.folders import MANIFEST, predict_files
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.io.atomic import replaced_atomically
from napari_contransgan.io.inputs import find_inputs
from napari_contransgan.processes import WorkerDiedError, outcomes_in_processes
from napari_contransgan.progress import result_of

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")


def frame(seed: int) -> Image:
    rng = np.random.default_rng(seed)
    return Image(rng.poisson(1000, (64, 80)).astype(np.uint16), "YX", pixel_size_um=0.65)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Five frames, and one file that is no image."""
    for number in range(5):
        write_image(tmp_path / "in" / f"f_{number}.tif", frame(number))
    (tmp_path / "in" / "f_broken.tif").write_bytes(b"no image")
    return tmp_path / "in"


def tasks_of(folder: Path, out: Path, settings: PredictSettings | None = None) -> list[FileTask]:
    wanted = settings or PredictSettings(threads=1)
    return [
        FileTask(path, out / f"{path.stem}_phase.tif", out / f"{path.stem}_phase_uncertainty.tif", wanted)
        for path in find_inputs([folder])
    ]


def entries(out: Path) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in (out / MANIFEST).read_text().splitlines()]
    return [(Path(line["input"]).name, line["state"]) for line in lines]


def assert_complete(out: Path) -> None:
    """Five phases that can be read, each entered once, and nothing half-written."""
    assert sorted(path.name for path in out.iterdir()) == [*(f"f_{n}_phase.tif" for n in range(5)), MANIFEST]
    for number in range(5):
        assert read_image(out / f"f_{number}_phase.tif").data.shape == (128, 160)
    done = [name for name, state in entries(out) if state == "done"]
    assert sorted(done) == [f"f_{number}.tif" for number in range(5)]


def test_files_folders_and_patterns_are_found_once_in_natural_order(inputs: Path) -> None:
    write_image(inputs / "f_10.tif", frame(10))
    named = [inputs / "f_3.tif", Path(f"{inputs}/f_?.tif"), inputs]
    found = [path.stem for path in find_inputs(named)]
    assert found == ["f_3", "f_0", "f_1", "f_2", "f_4", "f_10", "f_broken"]
    with pytest.raises(InputError, match="no file fits"):
        find_inputs([inputs / "nothing*.tif"])


def test_a_bad_file_is_skipped_and_the_run_goes_on_where_it_stopped(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tasks = tasks_of(inputs, out)
    with closing(predict_files(tasks, out)) as events:
        for event in events:
            if event.message.startswith("predicted 2"):
                break
    assert [state for _, state in entries(out)] == ["done", "done"]
    before = (out / "f_0_phase.tif").stat().st_mtime_ns
    result = result_of(predict_files(tasks, out))
    assert (result.earlier, len(result.results)) == (2, 5)
    assert "f_broken.tif: is not a TIFF file" in result.skipped[0].reason
    assert (out / "f_0_phase.tif").stat().st_mtime_ns == before
    assert_complete(out)


def test_what_changed_is_predicted_again(inputs: Path, tmp_path: Path) -> None:
    (inputs / "f_broken.tif").unlink()
    out = tmp_path / "out"
    result_of(predict_files(tasks_of(inputs, out), out))
    write_image(inputs / "f_1.tif", frame(99))
    (out / "f_2_phase.tif").unlink()
    assert result_of(predict_files(tasks_of(inputs, out), out)).earlier == 3
    other = PredictSettings(threads=1, overlap_px=32)
    assert result_of(predict_files(tasks_of(inputs, out, other), out)).earlier == 0


@POSIX
def test_a_killed_process_costs_no_file(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(folders, "predict_one", dies_once)
    monkeypatch.setenv("TEST_MARK", str(tmp_path / "died"))
    result = result_of(predict_files(tasks_of(inputs, out), out, workers=2))
    assert (tmp_path / "died").exists()
    assert len(result.skipped) == 1
    assert_complete(out)


def dies_once(task: FileTask) -> dict[str, object]:
    """Kill the process in the middle of writing the third file, the first time."""
    mark = Path(os.environ["TEST_MARK"])
    if task.path.name == "f_2.tif" and not mark.exists():
        mark.touch()
        with replaced_atomically(task.phase) as part:
            part.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    return original(task)


original = folders.predict_one


@POSIX
def test_a_task_that_kills_every_process_is_given_up_and_the_others_are_done() -> None:
    outcomes = dict(outcomes_in_processes(kill_at_three, range(6), 2))
    assert isinstance(outcomes.pop(3), WorkerDiedError)
    assert outcomes == {number: number**2 for number in (0, 1, 2, 4, 5)}


def kill_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


@pytest.fixture
def cluster() -> Iterator[object]:
    """A scheduler with two worker processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        processes=True, n_workers=2, threads_per_worker=1, dashboard_address=":0", protocol="tcp"
    ) as local:
        yield local


@POSIX
def test_a_cluster_of_which_a_worker_is_killed_does_every_file(inputs: Path, tmp_path: Path, cluster: object) -> None:
    out = tmp_path / "out"
    pids = [worker.pid for worker in cluster.workers.values()]  # type: ignore[attr-defined]
    events = predict_files(tasks_of(inputs, out), out, scheduler=cluster.scheduler_address)  # type: ignore[attr-defined]
    next(events)
    os.kill(pids[0], signal.SIGKILL)
    result = result_of(events)
    assert [one.path.name for one in result.skipped] == ["f_broken.tif"]
    assert_complete(out)


def test_nothing_to_do_is_told_and_so_is_a_wrong_network(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image was given"):
        result_of(predict_files([], tmp_path))
    wrong = PredictSettings(model="no such network")
    with pytest.raises(InputError, match="no such network"):
        result_of(predict_files(tasks_of(inputs, tmp_path, wrong), tmp_path))
