"""Layers that are deleted, renamed or changed while work runs, two windows, and one closed in the middle."""

import threading

import numpy as np
import psutil
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import QThreadPool
from superqt.utils import WorkerBase
from tests.gui.jobs import JOBS, Bench, Held

pytestmark = pytest.mark.gui


@pytest.fixture
def held(monkeypatch):
    held = Held(monkeypatch)
    yield held
    held.let_go()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A small untrained network under the name of the bundled one."""
    import torch

    from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint
    from napari_contransgan.models.registry import build_generator

    torch.manual_seed(0)
    card = ModelCard(name="untrained", generator="unet", preset="tiny", phase_ref_rad=2.0)
    path = tmp_path_factory.mktemp("weights") / "all.safetensors"
    save_checkpoint(path, build_generator("unet", "tiny"), card)
    return path


@pytest.fixture(autouse=True)
def _few_processes_and_a_small_network(monkeypatch, network):
    monkeypatch.setattr("napari_contransgan.gui.shared.folder_button.MOST_WORKERS", 1)
    monkeypatch.setattr("napari_contransgan.models.bundled.WEIGHTS", network.parent)
    monkeypatch.setattr("napari_contransgan.gui.adapt.widget.remember_run", lambda _: None)


@pytest.fixture
def bench(viewer, tmp_path, bump_stack, monkeypatch):
    return Bench(viewer, tmp_path / "first", bump_stack, monkeypatch)


@pytest.fixture
def end(qtbot, held):
    """Let the held work go on, and wait for its end."""

    def wait(*running):
        qtbot.waitUntil(held.reached.is_set, timeout=30_000)
        held.let_go()
        qtbot.waitUntil(lambda: not any(is_running() for is_running in running), timeout=120_000)

    return wait


def errors(messages):
    return [message for message in messages() if message.startswith("[error]")]


@pytest.mark.parametrize("job", JOBS)
def test_deleting_every_layer_does_no_harm(bench, end, messages, job):
    running = JOBS[job](bench)
    bench.viewer.layers.clear()
    end(running)
    assert errors(messages) == []


@pytest.mark.parametrize("job", JOBS)
def test_layers_may_be_renamed_and_changed(bench, end, messages, job):
    running = JOBS[job](bench)
    before = len(bench.viewer.layers)
    for layer in [one for one in bench.viewer.layers if isinstance(one, ImageLayer)]:
        layer.name = f"renamed {layer.name}"
        layer.data = np.zeros((2,) * (layer.ndim - 2) + (7, 9), layer.data.dtype)
    end(running)
    assert errors(messages) == []
    assert len(bench.viewer.layers) >= before


@pytest.mark.parametrize("job", JOBS)
def test_results_go_to_the_window_that_the_work_was_begun_in(
    bench, end, messages, make_napari_viewer, tmp_path, bump_stack, monkeypatch, job
):
    other = Bench(make_napari_viewer(show=True), tmp_path / "second", bump_stack, monkeypatch)
    running = [JOBS[job](one) for one in (bench, other)]
    end(*running)
    assert errors(messages) == []
    first, second = ([layer.name for layer in one.viewer.layers] for one in (bench, other))
    assert first == second
    layers = [{id(layer) for layer in one.viewer.layers} for one in (bench, other)]
    assert not layers[0] & layers[1]


@pytest.mark.parametrize("job", JOBS)
def test_a_window_closed_in_the_middle_leaves_neither_errors_nor_work(bench, held, qtbot, messages, job):
    before = set(threading.enumerate())
    JOBS[job](bench)
    qtbot.waitUntil(held.reached.is_set, timeout=30_000)
    bench.viewer.close()
    held.let_go()
    qtbot.waitUntil(lambda: not WorkerBase._worker_set, timeout=120_000)
    pool = QThreadPool.globalInstance()
    assert pool.waitForDone(10_000)
    assert pool.activeThreadCount() == 0
    started = [one for one in threading.enumerate() if one not in before and not one.name.startswith("Dummy")]
    assert started == []
    assert psutil.Process().children(recursive=True) == [] or all(
        child.name() == "Xvfb" for child in psutil.Process().children()
    )
    assert errors(messages) == []
    assert not (bench.folder / "in" / "a_phase.ome.tif").exists()
    assert not (bench.folder / "tiles").exists()
