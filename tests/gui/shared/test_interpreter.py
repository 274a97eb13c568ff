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


def in_python(code: str, *words: str) -> None:
    """Run it in an interpreter of its own, which has not imported torch."""
    subprocess.run([sys.executable, "-c", code, *words], check=True, timeout=240)  # noqa: S603


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the import loads the libraries")
def test_torchs_libraries_are_loaded_before_its_import(tmp_path):
    (tmp_path / "torch.py").write_text(
        "from pathlib import Path\nassert 'libtorch_cpu' in Path('/proc/self/maps').read_text()\nloaded = True\n"
    )
    in_python(
        "import sys; from importlib.util import find_spec; from napari_contransgan.gui.shared import torch_guard; "
        "spec = find_spec('torch'); torch_guard.find_spec = lambda name: spec; sys.path.insert(0, sys.argv[1]); "
        "torch_guard.load_torch(); assert sys.modules['torch'].loaded",
        str(tmp_path),
    )


def test_torch_is_imported_in_a_thread_that_no_worker_gets(tmp_path):
    (tmp_path / "torch.py").write_text("import threading\nthread = threading.current_thread()\n")
    in_python(
        "import sys, threading; from napari_contransgan.gui.shared.torch_guard import load_torch; "
        "sys.path.insert(0, sys.argv[1]); load_torch(); thread = sys.modules['torch'].thread; "
        "assert thread is not threading.current_thread(); assert not thread.is_alive()",
        str(tmp_path),
    )


def test_a_torch_that_cannot_be_imported_fails_in_the_worker(tmp_path):
    (tmp_path / "torch.py").write_text("raise OSError('a library is missing')")
    in_python(
        """
import sys
from napari_contransgan.gui.shared.torch_guard import load_torch

sys.path.insert(0, sys.argv[1])
load_torch()
try:
    import torch
except OSError:
    sys.exit()
sys.exit("imported")
""",
        str(tmp_path),
    )


def test_workers_that_share_a_thread_call_python_from_torch():
    in_python(
        """
import time
from qtpy.QtCore import QCoreApplication, QRunnable, QThreadPool
from napari_contransgan.gui.shared.torch_guard import load_torch

class Worker(QRunnable):
    def __init__(self, work):
        super().__init__()
        self.run = work

def backward():
    import torch
    x = torch.ones(2, requires_grad=True)
    y = 2 * x
    y.register_hook(gradients.append)
    y.sum().backward()

app, pool, gradients = QCoreApplication([]), QThreadPool(), []
pool.setMaxThreadCount(1)
for work in (load_torch, backward, backward):
    pool.start(Worker(work))
    while pool.activeThreadCount():
        app.processEvents()
        time.sleep(0.01)
assert len(gradients) == 2
"""
    )
