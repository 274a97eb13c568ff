"""Data sets on disk."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

import napari_contransgan
from napari_contransgan.config import SimulationSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image
from napari_contransgan.io.atomic import _host
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.simulation import field_files, write_dataset
from napari_contransgan.simulation.dataset import CHECKS_PER_EVENT
from napari_contransgan.simulation.field_files import FieldError, FieldTask

SETTINGS = SimulationSettings(specimen="hela", seed=5, field_px=80, count=2)


def of(count: int, **changes: object) -> SimulationSettings:
    return SimulationSettings.checked(SETTINGS.model_dump() | {"count": count} | changes)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file but the lock, which says that a process is writing and stays behind empty."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of three fields that were made in one go."""
    return contents(result_of(write_dataset(of(3), tmp_path_factory.mktemp("whole"))))


def test_a_data_set_has_four_folders_and_a_description(tmp_path: Path) -> None:
    events = list(write_dataset(SETTINGS, tmp_path / "set"))
    assert events[-1] == Progress(2, 2, "simulating fields")
    for part in ("lr", "stack", "tie", "phase"):
        assert [path.name for path in sorted((tmp_path / "set" / part).iterdir())] == ["0000.ome.tif", "0001.ome.tif"]
    tie = read_image(tmp_path / "set" / "tie" / "0000.ome.tif")
    assert tie.quantity == "phase"
    assert tie.pixel_size_um == pytest.approx(0.1625)


def test_the_description_tells_optics_sizes_and_units(tmp_path: Path) -> None:
    description = json.loads((result_of(write_dataset(SETTINGS, tmp_path)) / "dataset.json").read_text())
    assert description["program_version"] == napari_contransgan.__version__
    assert (description["stacks"], description["complete"]) == (True, True)
    assert description["settings"]["seed"] == 5
    assert Microscope(**description["settings"]["microscope"]) == SETTINGS.microscope
    assert description["field_um"] == pytest.approx(26.0)
    for part, shape, pixel_um, dtype, unit in (
        ("lr", [40, 40], 0.65, "uint16", "camera counts"),
        ("stack", [3, 160, 160], 0.1625, "uint16", "camera counts"),
        ("tie", [160, 160], 0.1625, "float32", "rad"),
        ("phase", [80, 80], 0.325, "float32", "rad"),
    ):
        folder = description["folders"][part]
        assert (folder["shape"], folder["dtype"], folder["unit"]) == (shape, dtype, unit)
        assert folder["pixel_size_um"] == pytest.approx(pixel_um)
    assert description["folders"]["stack"]["z_step_um"] == SETTINGS.microscope.stack_dz_um


@pytest.mark.parametrize("threads", [1, 2])
def test_every_byte_is_the_same_again_whatever_the_threads(
    whole: dict[str, bytes], tmp_path: Path, threads: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert contents(result_of(write_dataset(of(3), tmp_path))) == whole
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_every_byte_is_the_same_from_two_processes(whole: dict[str, bytes], tmp_path: Path) -> None:
    events = list(write_dataset(of(3), tmp_path, workers=2))
    assert [event.step for event in events] == [1, 2, 3]
    assert contents(tmp_path) == whole


def test_an_interrupted_data_set_goes_on_where_it_stopped(whole: dict[str, bytes], tmp_path: Path) -> None:
    events = write_dataset(of(3), tmp_path)
    next(events)
    events.close()
    assert not json.loads((tmp_path / "dataset.json").read_text())["complete"]
    before = (tmp_path / "lr" / "0000.ome.tif").stat().st_mtime_ns
    assert [event.step for event in write_dataset(of(3), tmp_path)] == [2, 3]
    assert (tmp_path / "lr" / "0000.ome.tif").stat().st_mtime_ns == before
    assert contents(tmp_path) == whole


def test_damaged_cut_and_left_over_files_are_put_right(whole: dict[str, bytes], tmp_path: Path) -> None:
    result_of(write_dataset(of(3), tmp_path))
    (tmp_path / "lr" / "0000.ome.tif").write_bytes(b"")
    phase = tmp_path / "phase" / "0001.ome.tif"
    phase.write_bytes(phase.read_bytes()[:-500])
    stack = tmp_path / "stack" / "0002.ome.tif"
    content = bytearray(stack.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    stack.write_bytes(content)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left_over = tmp_path / "lr" / f".contransgan-{_host()}-{ended.pid}-abcdefgh"
    left_over.mkdir()
    (left_over / "0001.ome.tif").write_bytes(b"half")
    assert [event.step for event in write_dataset(of(3), tmp_path)] == [1, 2, 3]
    assert contents(tmp_path) == whole


def test_fields_and_stacks_may_be_added(whole: dict[str, bytes], tmp_path: Path) -> None:
    result_of(write_dataset(of(2), tmp_path, stacks=False))
    assert {path.name for path in tmp_path.iterdir()} == {"lr", "phase", "dataset.json", ".lock"}
    before = (tmp_path / "lr" / "0000.ome.tif").stat().st_mtime_ns
    assert len(list(write_dataset(of(3), tmp_path))) == 3
    assert (tmp_path / "lr" / "0000.ome.tif").stat().st_mtime_ns == before
    assert contents(tmp_path) == whole


def test_fewer_fields_or_no_stacks_change_nothing_that_is_there(whole: dict[str, bytes], tmp_path: Path) -> None:
    result_of(write_dataset(of(3), tmp_path))
    assert list(write_dataset(of(1), tmp_path, stacks=False)) == []
    assert contents(tmp_path) == whole


def test_checking_many_fields_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_contransgan.simulation.dataset.CHECKS_PER_EVENT", 1)
    result_of(write_dataset(SETTINGS, tmp_path, stacks=False))
    told = [event.message for event in write_dataset(SETTINGS, tmp_path, stacks=False)]
    assert told == ["checking existing files"] * 2
    assert CHECKS_PER_EVENT > 1


def test_a_folder_of_another_data_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result_of(write_dataset(of(1), tmp_path, stacks=False))
    before = contents(tmp_path)
    with pytest.raises(InputError, match="other settings"):
        result_of(write_dataset(of(1, seed=6), tmp_path, stacks=False))
    monkeypatch.setattr(napari_contransgan, "__version__", "99.0")
    with pytest.raises(InputError, match=r"was started by version .*, this is 99\.0"):
        result_of(write_dataset(of(2), tmp_path, stacks=False))
    assert contents(tmp_path) == before
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(InputError, match=r"lr: contains files but no dataset\.json"):
        result_of(write_dataset(of(1), tmp_path, stacks=False))


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, '{"settings": [1]}', '{"settings": {"count": ' + "9" * 400 + "}}"], ids=len
)
def test_a_damaged_description_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=r"dataset\.json: is damaged"):
        result_of(write_dataset(SETTINGS, tmp_path, stacks=False))


def test_an_error_in_a_field_names_it_and_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = field_files.draw_specimen

    def fail_at_one(settings: SimulationSettings, index: int) -> object:
        if index == 1:
            raise ZeroDivisionError("division by zero")
        return draw(settings, index)

    monkeypatch.setattr(field_files, "draw_specimen", fail_at_one)
    with pytest.raises(FieldError, match="field 1: ZeroDivisionError: division by zero"):
        result_of(write_dataset(of(3), tmp_path, stacks=False))
    assert [path.name for path in (tmp_path / "lr").iterdir()] == ["0000.ome.tif"]


def test_an_error_in_a_field_comes_back_from_a_process(tmp_path: Path) -> None:
    broken = of(2).model_copy(update={"variation": None})  # no checked settings have it so
    with pytest.raises(FieldError, match=r"field [01]: AttributeError") as caught:
        list(write_dataset(broken, tmp_path, workers=2, stacks=False))
    assert "Traceback" in caught.value.__notes__[0]


def children() -> set[int]:
    """Worker processes that this process has started; the helper that tracks shared memory is none."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
            is_worker = b"spawn_main" in (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and is_worker:
            found.add(int(path.parent.name))
    return found


@pytest.fixture
def linux() -> None:
    if not Path("/proc/self/stat").is_file():
        pytest.skip("looks processes up in /proc")


def test_closing_ends_the_workers_at_once_and_leaves_whole_files(linux: None, tmp_path: Path) -> None:
    large = of(1000, field_px=800)  # a field takes seconds
    events = write_dataset(large, tmp_path, workers=2, stacks=False)
    before = children()
    next(events)
    assert len(children() - before) == 2
    began = time.monotonic()
    events.close()
    assert time.monotonic() - began < 1
    assert not children() - before
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or path.name in {"dataset.json", ".lock"} or read_image(path).data.size
    assert [path.name for path in tmp_path.rglob(".*")] == [".lock"]


def killed_soon(before: set[int]) -> None:
    """Kill one new worker as soon as there is one, as a machine short of memory does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for process in children() - before:
            os.kill(process, signal.SIGKILL)
            return
        time.sleep(0.02)


def test_a_worker_that_dies_is_told_and_what_is_there_is_kept(linux: None, tmp_path: Path) -> None:
    result_of(write_dataset(of(1), tmp_path, stacks=False))
    before = contents(tmp_path / "lr")
    killer = threading.Thread(target=killed_soon, args=(children(),))
    killer.start()
    with pytest.raises(
        InputError, match=r"field \d+: the worker process was killed by signal 9; finished work is kept"
    ):
        result_of(write_dataset(of(50), tmp_path, workers=2, stacks=False))
    killer.join()
    assert before.items() <= contents(tmp_path / "lr").items()


def test_the_identifier_of_a_file_is_made_of_its_content() -> None:
    one, two = (field_files.make_files(FieldTask(of(2), index, ("phase",)))["phase"] for index in (0, 1))
    found = [content[content.index(b"urn:uuid:") :][:45] for content in (one, two)]
    assert found[0] != found[1]
    assert found[0] == field_files.make_files(FieldTask(of(2), 0, ("phase",)))["phase"][one.index(b"urn:uuid:") :][:45]
