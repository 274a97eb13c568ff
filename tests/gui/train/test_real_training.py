"""The training widget in a real viewer: a real data set is checked, trained on, stopped and resumed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.testing import assert_array_equal
from pytestqt.qtbot import QtBot
from tests.gui.train.run_in_hand import wait_for_end

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.gui.train.widget import TrainWidget
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train") / "pairs"
    settings = SimulationSettings(specimen="hela", count=4, field_px=80, seed=5)
    return result_of(write_dataset(settings, folder, stacks=False))


def small_run(viewer: Viewer, pairs: Path, run_dir: Path, **settings: Any) -> TrainWidget:
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train")
    quick: dict[str, Any] = {"preset": "tiny", "crop_px": 64, "batch_size": 2, "device": "cpu", "save_every": 1000}
    widget.form.setValue(TrainSettings(pairs=(pairs,), **(quick | settings)))
    widget.run_folder.setValue([run_dir])
    return widget


def test_real_training_ends_with_a_network_that_can_be_loaded_and_shows_what_it_makes(
    qtbot: QtBot, viewer: Viewer, pairs: Path, tmp_path: Path, remembered: list[Path]
) -> None:
    widget = small_run(viewer, pairs, tmp_path / "run", steps=4, validate_every=2)
    widget.buttons.start.click()
    wait_for_end(qtbot, widget, timeout_s=120)
    best = tmp_path / "run" / "best.safetensors"
    assert str(best) in widget.message.text()
    steps, losses = widget.display.run.curve("supervised")
    assert_array_equal(steps, [1, 2, 3, 4])
    assert np.isfinite(losses).all()
    assert "step 4" in widget.display.scores.text()
    assert remembered == [tmp_path / "run"]
    assert np.isfinite(viewer.layers["Preview: output phase (rad)"].data[:64, :64]).all()
    from napari_contransgan.models.checkpoint import load_checkpoint

    assert load_checkpoint(best).card.steps in {2, 4}


def test_real_training_pauses_stops_and_goes_on_where_it_was(
    qtbot: QtBot, viewer: Viewer, pairs: Path, tmp_path: Path
) -> None:
    widget = small_run(viewer, pairs, tmp_path / "run", steps=100_000)

    def steps() -> list[float]:
        return widget.display.run.curve("supervised")[0].tolist()

    widget.buttons.start.click()
    qtbot.waitUntil(lambda: len(steps()) >= 3, timeout=120_000)
    widget.buttons.pause.click()
    qtbot.waitUntil(lambda: widget.buttons.state == "paused", timeout=60_000)
    assert (tmp_path / "run" / "last.safetensors").is_file()
    widget.buttons.stop.click()
    wait_for_end(qtbot, widget)
    stopped_at = steps()[-1]
    assert "Stopped" in widget.message.text()

    widget.resume.setChecked(True)
    widget.buttons.start.click()
    qtbot.waitUntil(lambda: len(steps()) > stopped_at, timeout=120_000)
    assert steps() == list(range(1, len(steps()) + 1))  # the earlier part is there, and no step is missing or twice
    widget.buttons.stop.click()
    wait_for_end(qtbot, widget)


def test_check_tells_what_is_found_and_trains_nothing(
    qtbot: QtBot, viewer: Viewer, pairs: Path, tmp_path: Path
) -> None:
    widget = small_run(viewer, pairs, tmp_path / "run")
    widget.buttons.check.click()
    assert not widget.buttons.start.isEnabled()
    qtbot.waitUntil(lambda: not widget.checking, timeout=120_000)
    assert "3 pairs" in widget.message.text()
    assert "1 pairs held out" in widget.message.text()
    assert widget.buttons.start.isEnabled()
    assert not (tmp_path / "run").exists()


def test_folder_without_images_is_told_in_the_window(qtbot: QtBot, viewer: Viewer, tmp_path: Path) -> None:
    (tmp_path / "empty" / "lr").mkdir(parents=True)
    widget = small_run(viewer, tmp_path / "empty", tmp_path / "run")
    for button in (widget.buttons.check, widget.buttons.start):
        widget.message.clear()
        button.click()
        qtbot.waitUntil(lambda: not widget.checking, timeout=120_000)
        wait_for_end(qtbot, widget, timeout_s=120)
        assert "empty" in widget.message.text()
        assert not (tmp_path / "run").exists()
