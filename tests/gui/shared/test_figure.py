"""Layers saved as figures: the picture as it is shown, a scale bar of the right length, and a colour bar."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from matplotlib.image import imread
from qtpy.QtWidgets import QFileDialog
from superqt.utils import WorkerBase

from napari_contransgan.figures import draw_figure, scale_bar_um
from napari_contransgan.gui.files.figures import save_figure_of_active_layer
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.io import Image

pytestmark = pytest.mark.gui

RAMP = np.tile(np.linspace(0, 2, 200, dtype=np.float32), (150, 1))


@pytest.fixture
def phase():
    return Image(RAMP, "YX", pixel_size_um=0.5, quantity="phase", wavelength_um=0.55, name="cells")


@pytest.fixture
def save(viewer, qtbot, monkeypatch, tmp_path):
    """Use the command on a layer, and name a file in its dialog."""

    def saved(layer, name, kind="PNG (*.png)"):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / name) if name else "", kind))
        viewer.layers.selection.active = layer
        save_figure_of_active_layer(viewer)
        qtbot.waitUntil(lambda: not WorkerBase._worker_set, timeout=60_000)

    return saved


def test_the_colours_are_those_of_the_layer(viewer, phase, save, tmp_path, messages, qtbot):
    layer = add_image(viewer, phase)
    layer.contrast_limits = (0.5, 1.5)
    layer.colormap = "inferno"
    layer.gamma = 0.7
    save(layer, "figure.png")
    qtbot.waitUntil(lambda: any(f"Saved: {tmp_path / 'figure.png'}" in message for message in messages()))
    shown = imread(tmp_path / "figure.png")
    row = shown[shown.shape[0] // 2, :, :3]
    for value, expected in ((0.2, 0.0), (0.9, 0.4), (1.2, 0.7), (1.8, 1.0)):
        colour = layer.colormap.map(np.array([expected**0.7]))[0, :3]
        left, width = 0.08 / 6.09, 5.0 / 6.09
        column = round((left + width * value / 2) * shown.shape[1])
        assert row[column] == pytest.approx(colour, abs=0.03)


def test_the_text_of_an_svg_stays_text(viewer, phase, save, tmp_path):
    save(add_image(viewer, phase), "figure", "SVG (*.svg)")
    text = (tmp_path / "figure.svg").read_text()
    assert "phase (rad)</text>" in text
    assert "20 µm</text>" in text


def test_the_scale_bar_is_as_long_as_it_says():
    axes = draw_figure(RAMP, 0.5, "phase (rad)", (0, 2), np.ones((4, 4))).axes[0]
    (bar,) = axes.patches
    assert axes.images[0].get_extent() == [0, 100, 75, 0]
    assert bar.get_width() == 20
    assert {text.get_text() for text in axes.texts} == {"20 µm"}


def test_a_tiff_has_the_resolution_of_the_figure(viewer, phase, save, tmp_path):
    save(add_image(viewer, phase), "figure.tif")
    with tifffile.TiffFile(tmp_path / "figure.tif") as tif:
        page = tif.pages[0]
        numerator, denominator = page.tags["XResolution"].value
        assert page.shape[2] == 3
        assert numerator / denominator == 200
        assert page.shape[1] == pytest.approx(6.09 * 200, abs=2)


def test_of_a_series_the_frame_on_display_is_saved(viewer, phase, save, tmp_path):
    layer = add_image(viewer, replace(phase, data=np.stack([RAMP, 2 - RAMP]), axes="TYX", time_step_s=1.0))
    layer.contrast_limits = (0, 2)
    for step in (0, 1):
        viewer.dims.set_current_step(0, step)
        save(layer, f"{step}.png")
    first, second = (imread(tmp_path / f"{step}.png")[500, 116:917:100, :3] for step in (0, 1))
    assert first == pytest.approx(second[::-1], abs=0.05)


def test_a_cancelled_dialog_saves_nothing(viewer, phase, save, tmp_path):
    save(add_image(viewer, phase), "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"), [({"pixel_size_um": None}, "No pixel size"), ({"axes": "YXS"}, "colour image")]
)
def test_a_layer_that_cannot_be_a_figure_is_refused(viewer, phase, save, messages, change, words):
    change = change | ({"data": np.zeros((8, 8, 3), np.uint8), "quantity": "intensity"} if "axes" in change else {})
    save(add_image(viewer, replace(phase, **change)), "figure.png")
    (message,) = messages()
    assert words.lower() in message.lower()


def test_without_an_image_layer_the_command_says_what_to_do(viewer, messages):
    save_figure_of_active_layer(viewer)
    (message,) = messages()
    assert "click one in the layer list" in message


@pytest.mark.parametrize(("width_um", "length_um"), [(100, 20), (79, 10), (81, 20), (9, 2), (0.5, 0.1), (3000, 500)])
def test_scale_bars_have_round_lengths_of_at_most_a_quarter(width_um, length_um):
    assert scale_bar_um(width_um) == pytest.approx(length_um)


def test_every_pixel_of_the_map_has_a_whole_number_of_pixels():
    for side, per_pixel in ((100, 10), (400, 3), (1200, 1)):
        figure = draw_figure(np.zeros((side, side)), 0.5, "phase (rad)", (0, 1), np.ones((4, 4)))
        assert figure.dpi * 5.0 / side == pytest.approx(per_pixel)
