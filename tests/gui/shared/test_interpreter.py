"""What Python does while tasks run: garbage in the window's thread, short turns, torch's libraries loaded before."""

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from napari_contransgan.gui.shared import interpreter
from napari_contransgan.gui.shared.interpreter import SHORT_TURN_S, Courtesy

pytestmark = pytest.mark.gui


class Cycle:
    """Garbage that only a collection finds."""

    collected_in: list[threading.Thread]

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        Cycle.collected_in.append(threading.current_thread())


@pytest.fixture(autouse=True)
def _nothing_collected() -> None:
    Cycle.collected_in = []


def much_garbage():
    for step in range(20):
        Cycle()
        _ = [[step] for _ in range(2000)]  # would start a collection here
        time.sleep(0.01)
        yield step


def test_garbage_of_a_task_is_collected_in_the_windows_thread(viewer, qtbot, calls, monkeypatch):
    monkeypatch.setattr(interpreter, "COLLECT_MS", 50)
    task = calls.start(much_garbage)
    qtbot.waitUntil(lambda: not task.running)
    gc.collect()
    assert len(Cycle.collected_in) == 20
    assert set(Cycle.collected_in) == {threading.main_thread()}


@pytest.fixture
def courtesy() -> Iterator[Courtesy]:
    """One of its own, with nothing frozen before."""
    gc.unfreeze()
    here, one = list(gc.callbacks), Courtesy()
    yield one
    gc.callbacks[:] = here
    gc.collect()
    gc.freeze()


def test_collections_of_its_own_go_through_new_objects_only(qtbot, courtesy, monkeypatch):
    monkeypatch.setattr(interpreter, "COLLECT_MS", 10)
    monkeypatch.setattr(interpreter, "FULL_EVERY_S", 0.05)
    kept = [[] for _ in range(20_000)]
    courtesy.begin()
    try:
        qtbot.wait(300)
        assert len(gc.get_objects()) < len(kept)
        Cycle()
        qtbot.waitUntil(lambda: bool(Cycle.collected_in))
    finally:
        courtesy.end()
    assert len(gc.get_objects()) < len(kept), "nor does Python go through all of them soon after"


def test_what_a_long_task_leaves_behind_is_collected(qtbot, courtesy, monkeypatch):
    monkeypatch.setattr(interpreter, "COLLECT_MS", 10)
    monkeypatch.setattr(interpreter, "FULL_EVERY_S", 0.05)
    courtesy.begin()
    try:
        qtbot.wait(200)
        later = Cycle()
        qtbot.wait(200)
        del later
        qtbot.waitUntil(lambda: bool(Cycle.collected_in))
    finally:
        courtesy.end()


@pytest.mark.parametrize("still_runs", [True, False])
def test_a_collection_that_someone_asks_for_goes_through_everything(qtbot, courtesy, still_runs):
    cycle = Cycle()
    courtesy.begin()
    if not still_runs:
        courtesy.end()
    del cycle
    assert not Cycle.collected_in
    gc.collect()
    assert Cycle.collected_in
    assert bool(gc.get_freeze_count()) == still_runs
    if still_runs:
        courtesy.end()


def test_python_is_as_before_once_the_last_task_has_ended(qtbot, courtesy):
    turn_s = sys.getswitchinterval()
    courtesy.begin()
    courtesy.begin()
    courtesy.end()
    assert not gc.isenabled()
    assert sys.getswitchinterval() == pytest.approx(SHORT_TURN_S)
    courtesy.end()
    assert gc.isenabled()
    assert sys.getswitchinterval() == pytest.approx(turn_s)


def test_who_collects_garbage_otherwise_goes_on_with_it(qtbot, courtesy):
    gc.disable()
    try:
        courtesy.begin()
        courtesy.end()
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the import loads the libraries")
def test_torchs_libraries_are_loaded_without_importing_it():
    code = (
        "import sys; from pathlib import Path; from napari_contransgan.gui.shared import torch_guard; "
        "torch_guard.load_torch_libraries(); assert 'torch' not in sys.modules; "
        "assert 'libtorch_cpu' in Path('/proc/self/maps').read_text(); "
        "import torch; assert float(torch.ones(2).sum()) == 2"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)  # noqa: S603
