"""Data sets from the window: written in the background, cancelled, resumed, and told about."""

import time
from pathlib import Path

import numpy as np
import pytest

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.gui.microscope import dataset as microscope_dataset
from napari_contransgan.gui.microscope.work import dataset_events
from napari_contransgan.io import read_image
from napari_contransgan.progress import Progress

NAME = "Digital microscope"

pytestmark = pytest.mark.gui


@pytest.fixture
def widget(open_widget, tmp_path):
    made = open_widget(NAME)
    made.form.setValue(SimulationSettings(field_px=80, seed=4))
    made.dataset_fold.header.click()
    made.dataset.folder.setValue([tmp_path / "set"])
    made.dataset.count.setValue(3)
    made.dataset.stacks.setValue(False)
    return made


@pytest.fixture
def ended(qtbot):
    """Wait until nothing is written any more."""
    return lambda widget: qtbot.waitUntil(lambda: widget.dataset.panel.task is None, timeout=120_000)


def told(widget):
    return widget.dataset.panel.message.value


def written(folder):
    return sorted(path.name for path in (folder / "lr").glob("*.ome.tif"))


def test_data_set_is_written_in_the_background_and_can_be_trained_on(widget, click, ended, tmp_path, messages):
    widget.dataset.count.setValue(2)
    widget.dataset.stacks.setValue(True)
    click(widget.dataset.panel.run_button)
    assert not widget.dataset.panel.run_button.enabled
    ended(widget)
    folder = tmp_path / "set"
    assert written(folder) == ["0000.ome.tif", "0001.ome.tif"]
    for part in ("lr", "stack", "tie", "phase"):
        assert read_image(folder / part / "0001.ome.tif").pixel_size_um
    assert told(widget).startswith(f"Done: 2 fields in {folder}.")
    assert " s per field" in told(widget)
    assert "choose this folder as 'Pairs'" in told(widget)
    assert "Train a network" in told(widget)
    assert TrainSettings(pairs=(folder,))
    assert messages() == []


def test_field_in_the_window_is_that_of_the_data_set(widget, click, ended, qtbot, viewer, tmp_path):
    click(widget.dataset.panel.run_button)
    ended(widget)
    widget.index.setValue(2)
    widget.show_button.click()
    qtbot.waitUntil(lambda: not widget.live.busy, timeout=60_000)
    shown = viewer.layers["Digital microscope: low power"].data
    np.testing.assert_array_equal(shown, read_image(tmp_path / "set" / "lr" / "0002.ome.tif").data)


def test_cancel_keeps_what_is_there_and_a_second_run_goes_on(widget, click, ended, qtbot, tmp_path, messages):
    folder = tmp_path / "set"
    widget.dataset.count.setValue(400)
    click(widget.dataset.panel.run_button)
    qtbot.waitUntil(lambda: (folder / "lr").is_dir() and len(written(folder)) >= 2, timeout=60_000)
    click(widget.dataset.panel.cancel_button)
    ended(widget)
    there = len(written(folder))
    assert 2 <= there < 400
    assert "The fields saved so far are kept" in told(widget)

    widget.dataset.count.setValue(there + 2)
    stamps = {name: (folder / "lr" / name).stat().st_mtime_ns for name in written(folder)}
    texts = []
    say = widget.dataset.panel._say
    widget.dataset.panel._say = lambda text: (texts.append(text), say(text))
    click(widget.dataset.panel.run_button)
    ended(widget)
    assert len(written(folder)) == there + 2
    assert all((folder / "lr" / name).stat().st_mtime_ns == stamp for name, stamp in stamps.items())
    assert any("Resumed: " in text for text in texts)
    assert f"{there} had been simulated before" in told(widget)

    click(widget.dataset.panel.run_button)
    ended(widget)
    assert "All of them had been simulated before" in told(widget)
    assert messages() == []


def test_folder_of_another_data_set_is_refused_in_the_form_alone(widget, click, ended, messages):
    click(widget.dataset.panel.run_button)
    ended(widget)
    widget.form.field["seed"].setValue(5)
    click(widget.dataset.panel.run_button)
    ended(widget)
    assert told(widget).startswith("Not written: ")
    assert "other settings" in told(widget)
    assert messages() == []


def test_missing_folder_and_wrong_values_are_told_below_the_button(widget, click, messages):
    widget.dataset.folder.setValue([])
    click(widget.dataset.panel.run_button)
    assert told(widget) == "Not written: choose a folder for the data set"
    widget.form.microscope.light["coherence"].setText("0")
    click(widget.dataset.panel.run_button)
    assert "Condenser ratio S" in told(widget)
    assert widget.dataset.panel.task is None
    assert messages() == []


def test_folder_that_cannot_be_written_is_told(widget, click, ended, tmp_path, messages):
    (tmp_path / "file").write_text("")
    widget.dataset.folder.setValue([tmp_path / "file" / "set"])
    click(widget.dataset.panel.run_button)
    ended(widget)
    assert told(widget).startswith("Not written: ")
    assert messages() == []


def test_form_may_be_edited_while_the_set_is_written(widget, click, ended, tmp_path):
    click(widget.dataset.panel.run_button)
    widget.form.field["seed"].setValue(77)
    ended(widget)
    assert read_image(tmp_path / "set" / "lr" / "0002.ome.tif").settings["simulation"]["seed"] == 4


def test_workers_are_passed_on(widget, click, ended, monkeypatch):
    asked = []

    def events(settings, out, workers, *, stacks):
        asked.append((settings.count, out, workers, stacks))
        yield Progress(1, 1, "x")
        return "end"

    monkeypatch.setattr(microscope_dataset, "dataset_events", events)
    widget.dataset.workers.setValue(2)
    click(widget.dataset.panel.run_button)
    ended(widget)
    assert asked == [(3, widget.dataset.folder.value()[0], 2, False)]
    assert told(widget) == "end"


def test_closing_the_widget_stops_the_writing(viewer, widget, click, qtbot, monkeypatch, tmp_path):
    closed = []

    def events(settings, out, workers, *, stacks):
        try:
            for step in range(1000):
                time.sleep(0.01)
                yield Progress(step, 1000, "x")
        finally:
            closed.append(step)
        return "end"

    monkeypatch.setattr(microscope_dataset, "dataset_events", events)
    click(widget.dataset.panel.run_button)
    qtbot.wait(100)
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: bool(closed))
    assert closed[0] < 900
    qtbot.waitUntil(lambda: widget.dataset.panel.task is None)
    widget.deleteLater()


def end_of(events):
    messages = []
    while True:
        try:
            messages.append(next(events).message)
        except StopIteration as stop:
            return messages, stop.value


def test_checking_of_what_is_there_is_not_taken_for_new_fields(tmp_path: Path, monkeypatch):
    from napari_contransgan.simulation import dataset

    settings = SimulationSettings(field_px=64, count=2, specimen="psm")
    end_of(dataset_events(settings, tmp_path, 1, stacks=False))
    monkeypatch.setattr(dataset, "CHECKS_PER_EVENT", 1)
    messages, text = end_of(dataset_events(settings.model_copy(update={"count": 3}), tmp_path, 1, stacks=False))
    assert "2 had been simulated before" in text
    assert sum("Resumed: " in message for message in messages) == 1
    assert sum("checking" in message for message in messages) == 3
