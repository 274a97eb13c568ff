"""Drag and drop, saving, and the sample menu, in a real viewer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image as ImageLayer
from tests.io.acquisition_files import write_micromanager

from napari_contransgan.errors import InputError
from napari_contransgan.gui.files.readers import get_reader
from napari_contransgan.gui.files.writers import write_layer
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image, image_from_layer
from napari_contransgan.io import Image, read_image

PLUGIN = "napari-contransgan"

pytestmark = pytest.mark.gui


def test_dropped_ome_tiff_comes_with_pixel_size_step_units_and_name(viewer, saved, bump_stack):
    (layer,) = viewer.open(saved(bump_stack), plugin=PLUGIN)
    assert layer.name == "bump stack"
    assert tuple(layer.scale) == (1.0, 0.325, 0.325)
    assert tuple(layer.translate) == (0.0, 12.5, -7.25)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    assert layer.metadata[METADATA_KEY]["wavelength_um"] == 0.55


def test_dropped_plain_tiff_has_no_pixel_size(viewer, tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", np.arange(400, dtype=np.uint16).reshape(20, 20))
    (layer,) = viewer.open(tmp_path / "plain.tif", plugin=PLUGIN)
    assert image_from_layer(layer).pixel_size_um is None
    assert [str(unit) for unit in layer.units] == ["pixel", "pixel"]


def test_real_focus_stack_opens_with_its_pixel_size(viewer, shared_data):
    (layer,) = viewer.open(shared_data / "hela_20x" / "hela_20x_focus_stack.ome.tif", plugin=PLUGIN)
    assert layer.data.shape == (2, 1280, 1280)
    assert tuple(layer.scale) == pytest.approx((2.5, 0.2325, 0.2325))
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3


def test_plugin_offers_itself_for_tiff_and_for_folders_of_images_only(tmp_path):
    assert get_reader("a.tif") is not None
    assert get_reader("A.OME.TIFF") is not None
    assert get_reader("a.png") is None
    assert get_reader("a.zarr") is None
    assert get_reader(["a.tif", "b.png"]) is None
    assert get_reader(str(tmp_path)) is None
    (tmp_path / "notes.txt").write_text("no image")
    assert get_reader(str(tmp_path)) is None
    tifffile.imwrite(tmp_path / "plane.tif", np.zeros((8, 9), np.uint16))
    assert get_reader(str(tmp_path)) is not None


def test_a_layer_saved_as_ome_zarr_opens_again_as_it_was(viewer, bump_stack, tmp_path):
    pytest.importorskip("zarr")
    layer = add_image(viewer, bump_stack)
    viewer.layers.save(str(tmp_path / "stack.ome.zarr"))
    (opened,) = viewer.open(tmp_path / "stack.ome.zarr", plugin=PLUGIN)
    assert opened.name == "bump stack [1]"
    assert tuple(opened.scale) == tuple(layer.scale)
    assert tuple(opened.translate) == tuple(layer.translate)
    assert opened.metadata[METADATA_KEY] == layer.metadata[METADATA_KEY]
    assert np.array_equal(np.asarray(opened.data), bump_stack.data)


def test_a_folder_of_planes_opens_as_a_stack(viewer, tmp_path, messages):
    for number in (2, 10, 1):
        tifffile.imwrite(tmp_path / f"img_{number}.tif", np.full((8, 9), number, np.uint16))
    (tmp_path / "notes.txt").write_text("no image")
    (layer,) = viewer.open(tmp_path, plugin=PLUGIN)
    assert layer.data[:, 0, 0].tolist() == [1, 2, 10]
    assert messages() == ["[info] Stacked in this order: img_1, img_2, img_10"]


def test_a_layer_saved_as_ome_zarr_keeps_its_metadata(viewer, bump_stack, tmp_path):
    pytest.importorskip("zarr")
    layer = add_image(viewer, bump_stack)
    assert viewer.layers.save(str(tmp_path / "stack.ome.zarr")) == [str(tmp_path / "stack.ome.zarr")]
    read = read_image(tmp_path / "stack.ome.zarr")
    assert replace(read, data=None) == replace(image_from_layer(layer), data=None)
    assert np.array_equal(read.data, bump_stack.data)


def test_single_planes_opened_as_a_stack_become_one(viewer, tmp_path):
    for number in range(3):
        tifffile.imwrite(tmp_path / f"plane{number}.tif", np.full((8, 9), number, np.uint16))
    (layer,) = viewer.open(sorted(tmp_path.glob("*.tif")), stack=True, plugin=PLUGIN)
    assert layer.data[:, 0, 0].tolist() == [0, 1, 2]
    assert layer.axis_labels == ("z", "y", "x")


def test_planes_are_stacked_in_natural_order_and_the_order_is_shown(viewer, tmp_path, messages):
    for number in (1, 2, 10):
        tifffile.imwrite(tmp_path / f"img_{number}.tif", np.full((8, 9), number, np.uint16))
    (layer,) = viewer.open(sorted(tmp_path.glob("*.tif")), stack=True, plugin=PLUGIN)
    assert layer.data[:, 0, 0].tolist() == [1, 2, 10]
    assert messages() == ["[info] Stacked in this order: img_1, img_2, img_10"]


def test_each_position_of_a_file_is_a_layer(viewer, tmp_path, messages):
    pages = {(0, z, 0, p): np.full((8, 9), 10 * p + z, np.uint16) for p in range(2) for z in range(3)}
    path = tmp_path / "scan_MMStack.ome.tif"
    write_micromanager(path, pages, {"Slices": 3, "Frames": 1, "Positions": 2, "PixelSize_um": 0.5, "z-step_um": 2.0})
    layers = viewer.open(path, plugin=PLUGIN)
    assert [layer.name for layer in layers] == ["scan_MMStack position 0", "scan_MMStack position 1"]
    assert [layer.data[2, 0, 0] for layer in layers] == [2, 12]
    assert all(tuple(layer.scale) == (2.0, 0.5, 0.5) for layer in layers)
    assert messages() == []


def test_doubts_about_a_file_are_shown_and_stay_with_its_layer(viewer, tmp_path, messages):
    path = tmp_path / "cells.ome.tif"
    sizes = {"PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0, "PhysicalSizeZ": 1.0}
    stack = np.arange(3 * 8 * 9, dtype=np.uint16).reshape(3, 8, 9)
    tifffile.imwrite(path, stack, ome=True, photometric="minisblack", metadata={"axes": "ZYX", **sizes})
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert [text.startswith("[warning] The file states a pixel size and a plane") for text in messages()] == [True]
    assert messages()[0].endswith("(cells)")
    image = image_from_layer(layer)
    assert image.pixel_size_um is None
    assert "exactly 1 µm" in image.notes[0]


def _truncated(folder):
    whole, path = folder / "whole.tif", folder / "cut.tif"
    tifffile.imwrite(whole, np.arange(65536, dtype=np.uint16).reshape(256, 256))
    path.write_bytes(whole.read_bytes()[:60_000])
    return [path]


def _text(folder):
    path = folder / "notes.tif"
    path.write_text("These are my notes of Tuesday, not an image.")
    return [path]


def _missing(folder):
    return [folder / "gone.tif"]


def _unlike(folder):
    for number, side in enumerate((8, 9)):
        tifffile.imwrite(folder / f"plane{number}.tif", np.arange(side * side, dtype=np.uint16).reshape(side, side))
    return sorted(folder.glob("*.tif"))


@pytest.mark.parametrize("make", [_truncated, _text, _missing, _unlike])
def test_bad_file_is_told_with_its_name(viewer, tmp_path, make):
    paths = make(tmp_path)
    with pytest.raises((InputError, FileNotFoundError)) as caught:  # napari shows what is raised here
        viewer.open(paths, plugin=PLUGIN, stack=len(paths) > 1)
    assert any(path.stem in str(caught.value) for path in paths)
    assert len(viewer.layers) == 0


@pytest.fixture
def drop(viewer, monkeypatch):
    """Drop a file onto the window and choose this plugin where napari asks which one shall open it."""
    from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
    from qtpy.QtGui import QDropEvent

    asked = []

    def choose(dialog):
        asked.extend(button.text() for button in dialog.reader_btn_group.buttons())
        return "ContransGAN", False

    monkeypatch.setattr("napari._qt.dialogs.qt_reader_dialog.QtReaderDialog.get_user_choices", choose)

    def drop_file(path):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        button, key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        viewer.window._qt_viewer.dropEvent(QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, button, key))
        return asked

    return drop_file


def test_file_dropped_on_the_window_is_opened_with_its_scale(viewer, drop, saved, frame):
    assert drop(saved(frame))[0] == "ContransGAN", "this plugin is the first choice of the dialog"
    assert tuple(viewer.layers["frame"].scale) == (0.65, 0.65)


@pytest.mark.parametrize("make", [_truncated, _text])
def test_bad_file_dropped_on_the_window_is_told_with_its_name(viewer, drop, tmp_path, make, messages):
    from napari.utils.notifications import notification_manager

    (path,) = make(tmp_path)
    try:
        drop(path)
    except InputError as error:  # it leaves the event handler, and napari's hook shows it, here without its traceback:
        notification_manager.receive_error(InputError, InputError(str(error)))
    (message,) = messages()
    assert message.startswith("[error]")
    assert path.name in message
    assert len(viewer.layers) == 0


def round_trip(viewer, layer, path):
    viewer.layers.selection = {layer}
    assert viewer.layers.save(str(path), selected=True, plugin=PLUGIN) == [str(path)]
    (back,) = viewer.open(path, plugin=PLUGIN)
    return back


@pytest.mark.parametrize(
    "image",
    [
        Image(np.random.default_rng(1).random((20, 30), np.float32), "YX", 0.160642570, quantity="phase"),
        Image(np.arange(1800, dtype=np.uint16).reshape(3, 20, 30), "ZYX", 0.1625, 3.0, wavelength_um=0.55),
        Image(np.arange(1800, dtype=np.uint8).reshape(3, 20, 30), "TYX", 0.65, time_step_s=30.0),
        Image(np.arange(1800, dtype=np.uint8).reshape(20, 30, 3), "YXS", 0.65),
        Image(np.arange(600, dtype=np.uint16).reshape(20, 30), "YX"),
    ],
    ids=["phase", "stack", "lapse", "colours", "no pixel size"],
)
def test_saving_a_layer_loses_nothing(viewer, tmp_path, image):
    image = replace(
        image,
        origin_yx_um=(5.5, -2.25) if image.pixel_size_um else (0.0, 0.0),
        name="my image",
        settings={"tie": {"dz_um": 3.0, "z_um": [1.0, 2.0]}},
    )
    layer = add_image(viewer, image)
    back = round_trip(viewer, layer, tmp_path / "saved.ome.tif")
    read = image_from_layer(back)
    assert np.array_equal(read.data, image.data)
    assert read.data.dtype == image.data.dtype
    assert replace(read, data=None, name="") == replace(image, data=None, name="")
    assert read.name.startswith("my image")  # napari numbers layers of one name
    for attribute in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(back, attribute)) == tuple(getattr(layer, attribute))


def test_layer_of_another_plugin_is_saved_with_its_pixel_size(viewer, tmp_path):
    layer = viewer.add_layer(
        ImageLayer(np.arange(600.0, dtype=np.float32).reshape(20, 30), scale=(500, 500), units=("nm", "nm"))
    )
    back = round_trip(viewer, layer, tmp_path / "saved.tif")
    assert image_from_layer(back).pixel_size_um == pytest.approx(0.5)


def test_name_without_an_ending_gets_one_and_replaces_no_file(viewer, tmp_path, frame):
    layer = add_image(viewer, frame)

    def save(name):  # as napari's dialog does, with the type that the user chose
        data, attributes, _ = layer.as_layer_data_tuple()
        return write_layer(str(tmp_path / name), data, attributes)

    written = save("my frame 0.65")
    assert written == [str(tmp_path / "my frame 0.65.ome.tif")]
    before = Path(written[0]).read_bytes()
    layer.data = layer.data[::-1]
    with pytest.raises(InputError, match="is there already"):
        save("my frame 0.65")
    assert Path(written[0]).read_bytes() == before
    assert save("my frame 0.65.ome.tif") == written
    assert Path(written[0]).read_bytes() != before


@pytest.mark.parametrize(
    ("key", "axes", "pixel_um"), [("through_focus_stack", "ZYX", 0.1625), ("low_power_frame", "YX", 0.65)]
)
def test_sample_menu_offers_a_simulated_image(viewer, key, axes, pixel_um):
    (layer,) = viewer.open_sample(PLUGIN, key)
    image = image_from_layer(layer)
    assert image.axes == axes
    assert image.pixel_size_um == pytest.approx(pixel_um)
    assert image.data.dtype == np.uint16
    assert image.z_step_um == (3.0 if axes == "ZYX" else None)
