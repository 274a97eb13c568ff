"""Runs that were trained before: opened, compared, and taken away again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.testing import assert_allclose, assert_array_equal
from pytestqt.qtbot import QtBot

from napari_contransgan.config import TrainSettings
from napari_contransgan.gui.runs.layers import step_axis
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.gui.train.widget import TrainWidget
from napari_contransgan.training.events import Preview
from napari_contransgan.training.run_folder import append_record, write_previews

pytestmark = pytest.mark.gui

SIDE_PX = 64


def write_run(folder: Path, factor: float = 1.0, previews: tuple[int, ...] = (10, 20)) -> Path:
    """Write what a run of 20 steps leaves, with losses `factor` / step and outputs that equal the step."""
    folder.mkdir(parents=True)
    settings = TrainSettings(pairs=(folder / "pairs",), steps=20, seed=77)
    (folder / "config.yaml").write_text(settings.to_yaml())
    for step in range(1, 21):
        append_record(folder, {"step": step, "supervised": factor / step, "images_per_s": 5.0, "learning_rate": 1e-4})
        if step % 10 == 0:
            scores = {"ssim": 0.6, "psnr_db": step * factor, "slope": 0.9, "ssim_zero": 0.3, "psnr_zero_db": 15.0}
            append_record(folder, {"step": step, "validation": scores})
    ramp = np.linspace(0, 2, SIDE_PX**2, dtype=np.float32).reshape(SIDE_PX, SIDE_PX)
    for step in previews:
        write_previews(folder, step, [Preview(ramp - 1, np.full_like(ramp, step), None, ramp)])
    return folder


@pytest.fixture
def widget(viewer: Viewer) -> TrainWidget:
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train")
    return widget


def open_run(qtbot: QtBot, widget: TrainWidget, *folders: Path) -> None:
    for folder in folders:
        widget.runs.open(folder)
    qtbot.waitUntil(lambda: not widget.runs.busy, timeout=20_000)


def test_opened_run_shows_its_curves_and_settings(qtbot: QtBot, widget: TrainWidget, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "old")
    open_run(qtbot, widget, folder)
    curves = widget.display.curves
    assert_allclose(curves.losses.drawn("1/supervised"), [np.arange(1, 21), 1 / np.arange(1, 21)])
    curves.setCurrentIndex(1)
    assert_allclose(curves.scores["psnr_db"].drawn("1/psnr_db"), [[10, 20], [10, 20]])
    assert_allclose(curves.scores["psnr_db"].drawn("1/zero"), [[10, 20], [15, 15]])
    assert "old" in curves.scores["psnr_db"].legend.text()
    assert "seed: 77" in widget.runs.line_tooltip(folder)
    assert "old is open; the form has its settings" in widget.message.text()
    assert widget.form.value()["seed"] == 77


def test_opened_run_shows_its_previews_with_a_slider_over_the_steps(
    qtbot: QtBot, viewer: Viewer, widget: TrainWidget, tmp_path: Path
) -> None:
    open_run(qtbot, widget, write_run(tmp_path / "old", previews=(10, 20, 30)))
    output = viewer.layers["old: output phase (rad)"]
    assert output.data.shape == (3, SIDE_PX, SIDE_PX)
    assert_array_equal(output.data[:, 0, 0], [10, 20, 30])
    assert output.axis_labels[0] == "step"
    assert (output.translate[0], output.scale[0]) == (10, 10)
    assert viewer.dims.point[0] == 30
    assert image_from_layer(output).pixel_size_um == pytest.approx(0.325)
    label = viewer.layers["old: true phase (rad)"]
    assert label.contrast_limits == output.contrast_limits
    assert_allclose(label.contrast_limits, [0, 2], atol=0.05)


def test_runs_lie_in_the_same_plots_and_apart_in_the_viewer(
    qtbot: QtBot, viewer: Viewer, widget: TrainWidget, tmp_path: Path
) -> None:
    open_run(qtbot, widget, write_run(tmp_path / "one"), write_run(tmp_path / "two", 2.0))
    losses = widget.display.curves.losses
    assert set(losses.names()) == {"1/supervised", "2/supervised"}
    assert_allclose(losses.drawn("2/supervised")[1], 2 / np.arange(1, 21))
    styles = [curve.style for curve in losses._picture.curves.values()]
    assert styles[0] != styles[1]
    assert "one" in losses.legend.text()
    assert "two" in losses.legend.text()
    extents = [viewer.layers[f"{name}: output phase (rad)"].extent.world[:, 1] for name in ("one", "two")]
    assert extents[1][1] < extents[0][0]  # the later one above the former one, and both above the live preview
    assert extents[0][1] < 0


def test_removed_run_leaves_the_plots_and_the_viewer_but_not_the_disk(
    qtbot: QtBot, viewer: Viewer, widget: TrainWidget, tmp_path: Path
) -> None:
    one, two = write_run(tmp_path / "one"), write_run(tmp_path / "two")
    open_run(qtbot, widget, one, two)
    del viewer.layers["one: input contrast"]  # the user was there first
    widget.runs.remove_button(one).click()
    assert widget.runs.folders() == (two,)
    assert widget.display.curves.losses.names() == ("2/supervised",)
    assert not [layer.name for layer in viewer.layers if layer.name.startswith("one")]
    assert (one / "metrics.jsonl").is_file()
    open_run(qtbot, widget, one)
    assert set(widget.display.curves.losses.names()) == {"1/supervised", "2/supervised"}


def test_runs_of_the_same_name_are_told_apart(qtbot: QtBot, widget: TrainWidget, tmp_path: Path) -> None:
    open_run(qtbot, widget, write_run(tmp_path / "a" / "run"), write_run(tmp_path / "b" / "run"))
    assert "b/run" in widget.display.curves.losses.legend.text()


def test_a_run_is_not_opened_twice(qtbot: QtBot, widget: TrainWidget, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "old")
    open_run(qtbot, widget, folder)
    open_run(qtbot, widget, folder)
    assert widget.runs.folders() == (folder,)
    assert "already open" in widget.message.text()


def test_run_without_previews_or_scores_shows_its_losses(
    qtbot: QtBot, viewer: Viewer, widget: TrainWidget, tmp_path: Path
) -> None:
    open_run(qtbot, widget, write_run(tmp_path / "old", previews=()))
    assert len(viewer.layers) == 0
    assert "no previews" in widget.message.text()
    assert widget.display.curves.losses.names() == ("1/supervised",)


def test_folder_that_holds_no_run_is_told(
    qtbot: QtBot, widget: TrainWidget, tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    open_run(qtbot, widget, tmp_path, write_run(tmp_path / "good"))
    (message,) = messages()
    assert str(tmp_path) in message
    assert widget.runs.folders() == (tmp_path / "good",)  # and the next one is opened all the same


def test_window_is_free_while_a_run_is_read(
    qtbot: QtBot, widget: TrainWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from napari_contransgan.gui.runs import reading

    free, read_run = threading.Event(), reading.read_run

    def slow_read(folder: Path):
        assert threading.current_thread() is not threading.main_thread()
        assert free.wait(20)
        return read_run(folder)

    monkeypatch.setattr(reading, "read_run", slow_read)
    widget.runs.open(write_run(tmp_path / "old"))
    qtbot.wait(100)
    assert widget.runs.busy
    free.set()
    qtbot.waitUntil(lambda: not widget.runs.busy)
    assert widget.runs.folders() == (tmp_path / "old",)


def test_closing_the_viewer_while_a_run_is_read_is_no_error(
    qtbot: QtBot, viewer: Viewer, widget: TrainWidget, tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    widget.runs.open(write_run(tmp_path / "old"))
    viewer.close()
    qtbot.wait(200)
    assert messages() == []


@pytest.mark.parametrize(
    ("steps", "axis"), [((200, 400, 600), (200, 200)), ((200,), (200, 1)), ((200, 400, 450), (0, 1))]
)
def test_slider_counts_steps_where_they_are_regular(steps: tuple[int, ...], axis: tuple[float, float]) -> None:
    assert step_axis(steps) == axis
