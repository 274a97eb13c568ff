"""The command that predicts the selected images with one click."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.gui.predict.action import predict_active_layer
from napari_contransgan.gui.shared.layers import add_image, image_from_layer

pytestmark = pytest.mark.gui


def test_one_click_command_uses_the_active_image(viewer, qtbot, frame, bundled, expected):
    add_image(viewer, frame)
    predict_active_layer(viewer)
    qtbot.waitUntil(lambda: "frame phase (predicted)" in viewer.layers, timeout=60_000)
    phase = image_from_layer(viewer.layers["frame phase (predicted)"])
    assert np.allclose(phase.data, expected(frame).data, atol=1e-3)
    assert phase.pixel_size_um == 0.325


def test_command_stands_in_the_layers_menu_and_in_the_palette(viewer, qtbot, frame, bundled):
    from napari._app_model import get_app_model
    from napari._app_model.constants import MenuId

    app = get_app_model()
    command = "napari-contransgan.predict_active_layer"
    assert command in {item.command.id for item in app.menus.get_menu(MenuId.LAYERS_DATA)}
    assert command in {item.command.id for item in app.menus.get_menu(app.menus.COMMAND_PALETTE_ID)}
    add_image(viewer, frame)
    app.commands.execute_command(command).result()
    qtbot.waitUntil(lambda: "frame phase (predicted)" in viewer.layers, timeout=60_000)


def test_one_click_without_an_image_or_a_pixel_size_says_so(viewer, messages, bundled, qtbot):
    predict_active_layer(viewer)
    assert "no image layer is selected" in messages()[-1]
    viewer.add_image(np.zeros((40, 40)), name="plain")
    predict_active_layer(viewer)
    (widget,) = viewer.window.dock_widgets.values()
    qtbot.waitUntil(lambda: "states no pixel size" in widget.panel.message.value, timeout=60_000)
    assert widget.image.value is viewer.layers["plain"]
    assert widget.panel.task is None


def test_one_click_proposes_the_scale_of_a_layer_without_a_unit(viewer, bundled, qtbot):
    viewer.add_image(np.zeros((40, 40)), name="plain", scale=(0.65, 0.65))
    predict_active_layer(viewer)
    (widget,) = viewer.window.dock_widgets.values()
    qtbot.waitUntil(lambda: "states no pixel size" in widget.panel.message.value, timeout=60_000)
    assert (widget.pixel_size.number, widget.pixel_size.origin) == (0.65, "scale, if in µm")
    assert widget.pixel_size.typed


def test_one_click_predicts_all_selected_images_once(viewer, qtbot, frame, bundled):
    for name in ("one", "two"):
        add_image(viewer, replace(frame, name=name))
    viewer.layers.selection = set(viewer.layers)
    predict_active_layer(viewer)
    (widget,) = viewer.window.dock_widgets.values()
    qtbot.waitUntil(lambda: widget.panel.task is not None, timeout=60_000)
    predict_active_layer(viewer)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4, timeout=60_000)
    qtbot.wait(300)
    qtbot.waitUntil(lambda: widget.panel.task is None, timeout=60_000)
    assert sorted(layer.name for layer in viewer.layers) == [
        "one",
        "one phase (predicted)",
        "two",
        "two phase (predicted)",
    ]
    assert [layer.name for layer in viewer.layers if getattr(layer.colorbar, "visible", False)] == [
        viewer.layers[-1].name
    ]
