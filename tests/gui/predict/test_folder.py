"""Predicting a folder, and a layer that need not fit into memory, in the window."""

import os
import time

import dask.array
import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.predict.action import predict_active_layer
from napari_contransgan.gui.predict.folder import folder_events
from napari_contransgan.gui.predict.large import prediction_of
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.progress import result_of

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("bundled")]


def test_a_folder_is_predicted_and_what_cannot_be_is_named(open_widget, click, finish, tmp_path, monkeypatch, frame):
    write_image(tmp_path / "one.tif", frame)
    (tmp_path / "two.tif").write_bytes(b"no image")
    monkeypatch.setattr("napari_contransgan.gui.shared.folder_button.MOST_WORKERS", 1)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    widget = open_widget("Predict phase")
    click(widget.folder_button)
    finish(widget)
    assert "Done: 1 image, in" in widget.panel.message.value
    assert "two.tif: is not a TIFF file" in widget.panel.message.value
    assert read_image(tmp_path / "phase" / "one_phase.ome.tif").quantity == "phase"


def test_no_folder_chosen_starts_nothing(open_widget, click, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    widget = open_widget("Predict phase")
    click(widget.folder_button)
    assert widget.panel.task is None


def test_a_large_lazy_layer_is_predicted_into_a_file_from_which_its_phase_is_shown(
    viewer, qtbot, tmp_path, monkeypatch, messages
):
    monkeypatch.setattr("napari_contransgan.inference.streaming.LARGE_PX", 50_000)
    monkeypatch.setattr("napari_contransgan.gui.predict.large.user_cache_path", lambda *_, **__: tmp_path)
    counts = np.random.default_rng(0).poisson(1000, (300, 400)).astype(np.uint16)
    lazy = dask.array.from_array(counts, chunks=(128, 128))
    viewer.layers.selection.active = add_image(viewer, Image(lazy, "YX", 0.325, name="mosaic"))
    predict_active_layer(viewer)
    qtbot.waitUntil(lambda: "mosaic phase (predicted)" in viewer.layers, timeout=60_000)
    (written,) = tmp_path.rglob("phase.ome.tif")
    layer = viewer.layers["mosaic phase (predicted)"]
    assert hasattr(layer.data, "__dask_graph__")
    np.testing.assert_array_equal(np.asarray(layer.data), read_image(written).data)
    assert any(f"its phase is in {written.parent}" in message for message in messages())


def test_two_images_whose_results_would_have_one_name_are_refused(tmp_path, frame):
    for name in ("one.tif", "one.ome.tif"):
        write_image(tmp_path / name, frame)
    with pytest.raises(InputError, match="rename one"):
        result_of(folder_events(tmp_path, PredictSettings()))


def test_files_of_large_images_are_removed_a_week_after_napari_was_closed(tmp_path, monkeypatch, frame):
    monkeypatch.setattr("napari_contransgan.inference.streaming.LARGE_PX", 1000)
    monkeypatch.setattr("napari_contransgan.gui.predict.large.user_cache_path", lambda *_, **__: tmp_path)
    result_of(prediction_of(frame, PredictSettings()))
    (of_this_napari,) = (tmp_path / "predicted").iterdir()
    host = of_this_napari.name.split("-")[1]
    names = f"large-{host}-999999999-longpast", f"large-{host}-999999999-lastweek", "large-of-others"
    old, recent, of_others = (of_this_napari.with_name(name) for name in names)
    for folder, days in ((old, 8), (recent, 6), (of_others, 8)):
        folder.mkdir()
        os.utime(folder, (0, time.time() - days * 24 * 3600))
    result_of(prediction_of(frame, PredictSettings()))
    assert not old.exists()
    assert recent.is_dir()
    monkeypatch.setattr("napari_contransgan.gui.predict.large.KEPT_DAYS", 0)
    result_of(prediction_of(frame, PredictSettings()))
    assert not recent.exists()
    assert of_others.is_dir()
    assert (of_this_napari / "phase.ome.tif").is_file()
