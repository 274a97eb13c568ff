"""The widget that divides a frame into tiles, driven in a real viewer."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image, image_from_layer
from napari_contransgan.io import find_images, read_image

NAME = "Crop into tiles"

pytestmark = pytest.mark.gui


def test_frame_becomes_a_layer_with_a_slider_and_a_folder_of_files(viewer, open_widget, click, finish, frame, tmp_path):
    add_image(viewer, frame)
    widget = open_widget(NAME)
    assert (widget.rows.value(), widget.columns.value()) == (4, 4)
    assert widget.pixel_size.number == 0.65
    widget.folder.value = tmp_path / "tiles"
    click(widget.panel.run_button)
    finish(widget)

    layer = viewer.layers["frame tiles"]
    assert layer.data.shape == (16, 16, 24)
    assert np.array_equal(layer.data[5], frame.data[16:32, 24:48])
    assert tuple(layer.scale) == (1.0, 0.65, 0.65)
    assert tuple(layer.translate) == (0.0, 100.0, 50.0)
    assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]
    assert layer.axis_labels == ("tile", "y", "x")
    origins = layer.metadata[METADATA_KEY]["settings"]["tile_origins_yx_um"]
    assert origins[5] == [100.0 + 16 * 0.65, 50.0 + 24 * 0.65]

    files = find_images(tmp_path / "tiles")
    assert len(files) == 16
    tile = read_image(files[5])
    assert tile.name == "frame_r1c1"
    assert np.array_equal(tile.data, frame.data[16:32, 24:48])
    assert tile.pixel_size_um == 0.65
    assert tile.origin_yx_um == (100.0 + 16 * 0.65, 50.0 + 24 * 0.65)


def test_tiles_too_small_to_train_on_are_noted(viewer, open_widget, click, finish, frame):
    add_image(viewer, replace(frame, data=np.tile(frame.data, (4, 4))))
    widget = open_widget(NAME)
    widget.rows.setValue(2)
    widget.columns.setValue(2)
    click(widget.panel.run_button)
    finish(widget)
    assert widget.panel.message.value == "Done: 4 tiles"
    widget.rows.setValue(4)
    click(widget.panel.run_button)
    finish(widget)
    assert "128 px" in widget.panel.message.value
    assert "smaller than the training crop of 224 px: use fewer tiles" in widget.panel.message.value


def test_tiles_of_another_image_of_the_same_name_are_not_replaced(
    viewer, open_widget, click, finish, frame, messages, tmp_path
):
    layer = add_image(viewer, replace(frame, name="a/b c"))
    widget = open_widget(NAME)
    widget.folder.value = tmp_path
    widget.show_layer.setValue(False)
    for _ in range(2):  # the same tiles may be saved again
        click(widget.panel.run_button)
        finish(widget)
        assert messages() == []
    before = {path: path.read_bytes() for path in find_images(tmp_path)}
    assert "a_b_c_r0c0.ome.tif" in {path.name for path in before}

    layer.data = layer.data[::-1]
    click(widget.panel.run_button)
    finish(widget)
    (message,) = messages()
    assert "choose an empty folder" in message
    assert {path: path.read_bytes() for path in find_images(tmp_path)} == before


def test_only_a_pixel_size_that_was_typed_before_the_run_is_given_to_the_image(
    viewer, open_widget, click, finish, frame
):
    viewer.add_image(frame.data, name="plain")
    widget = open_widget(NAME)
    widget.pixel_size.setText("0.65")
    click(widget.panel.run_button)
    widget.pixel_size.state(0.7, "of another layer, chosen meanwhile")
    finish(widget)
    assert tuple(viewer.layers["plain"].scale) == (0.65, 0.65)


def test_overlap_and_other_grids(viewer, open_widget, click, finish, frame):
    add_image(viewer, frame)
    widget = open_widget(NAME)
    for field, value in ((widget.rows, 1), (widget.columns, 2), (widget.overlap, 8)):
        field.setValue(value)
    click(widget.panel.run_button)
    finish(widget)
    data = viewer.layers["frame tiles"].data
    assert len(data) == 2
    assert np.array_equal(data[0][:, -8:], data[1][:, :8])


def test_tile_layer_can_be_used_frame_by_frame(viewer, open_widget, click, finish, frame):
    add_image(viewer, frame)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    image = image_from_layer(viewer.layers["frame tiles"])
    assert image.axes == "TYX"
    assert image.pixel_size_um == 0.65


def test_colour_frame_stays_in_colour(viewer, open_widget, click, finish, frame):
    colours = np.stack([frame.data % 256] * 3, axis=-1).astype(np.uint8)
    add_image(viewer, replace(frame, data=colours, axes="YXS"))
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    layer = viewer.layers["frame tiles"]
    assert layer.rgb
    assert layer.data.shape == (16, 16, 24, 3)


@pytest.mark.parametrize(
    ("change", "form", "expected"),
    [
        ({"pixel_size_um": None}, {}, "No pixel size"),
        ({}, {"rows": 90}, "frame"),
        ({}, {"show_layer": False}, "choose a folder"),
    ],
    ids=["no pixel size", "too many rows", "nothing to make"],
)
def test_bad_input_is_told_in_one_notification(viewer, open_widget, frame, refused, change, form, expected):
    add_image(viewer, replace(frame, **change))
    widget = open_widget(NAME)
    for field, value in form.items():
        getattr(widget, field).setValue(value)
    refused(widget, expected)


def test_folder_that_cannot_be_written_is_told(viewer, open_widget, click, finish, frame, messages, tmp_path):
    (tmp_path / "file").write_text("in the way")
    add_image(viewer, frame)
    widget = open_widget(NAME)
    widget.folder.value = tmp_path / "file"
    click(widget.panel.run_button)
    finish(widget)
    (message,) = messages()
    assert message.startswith("[error]")
    assert str(tmp_path / "file") in message


def test_doubts_about_the_file_are_told(viewer, open_widget, click, finish, frame):
    add_image(viewer, replace(frame, notes=("The file names two pixel sizes.",)))
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    assert "Note: The file names two pixel sizes.\n" in widget.panel.message.value
