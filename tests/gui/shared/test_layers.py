"""Layer to image and back: nothing lost, nothing assumed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image as ImageLayer

from napari_contransgan.errors import InputError
from napari_contransgan.gui.files.writers import write_layer
from napari_contransgan.gui.shared.layers import (
    METADATA_KEY,
    add_image,
    add_tile_stack,
    contrast_limits,
    image_from_layer,
    layer_tuple,
    set_pixel_size,
)
from napari_contransgan.io import Image, read_image, write_image


def layer_of(image: Image) -> ImageLayer:
    data, attributes, _ = layer_tuple(image)
    return ImageLayer(data, **attributes)


def ramp(*shape, dtype=np.float32):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


IMAGES = {
    "frame": Image(ramp(8, 9), "YX", pixel_size_um=0.160642570, origin_yx_um=(3.25, -4.5)),
    "stack": Image(ramp(3, 8, 9), "ZYX", pixel_size_um=0.1625, z_step_um=3.0, wavelength_um=0.55),
    "stack without a step": Image(ramp(3, 8, 9), "ZYX", pixel_size_um=0.1625),
    "lapse": Image(ramp(4, 8, 9), "TYX", pixel_size_um=0.325, time_step_s=60.0),
    "lapse without a step": Image(ramp(4, 8, 9), "TYX", pixel_size_um=0.325),
    "everything": Image(ramp(2, 2, 3, 8, 9), "TCZYX", pixel_size_um=1.0, z_step_um=1.0, time_step_s=1.0),
    "colours": Image(ramp(8, 9, 3, dtype=np.uint8), "YXS", pixel_size_um=0.65),
    "no pixel size": Image(ramp(3, 8, 9), "ZYX", z_step_um=3.0),
    "phase": Image(
        ramp(8, 9), "YX", pixel_size_um=0.325, quantity="phase", wavelength_um=0.55, settings={"tie": {"dz_um": 3.0}}
    ),
    "falling stack of a known microscope": Image(
        ramp(3, 8, 9),
        "ZYX",
        pixel_size_um=0.1625,
        z_step_um=3.0,
        numerical_aperture=0.65,
        coherence=0.3,
        z_falls=True,
    ),
    **{
        quantity: Image(ramp(8, 9), "YX", pixel_size_um=0.325, quantity=quantity)
        for quantity in ("path", "height", "dry-mass", "phase-std")
    },
}


@pytest.mark.parametrize(
    ("quantity", "unit", "colormap"),
    [
        ("intensity", "counts", "gray"),
        ("phase", "rad", "viridis"),
        ("path", "nm", "viridis"),
        ("height", "um", "viridis"),
        ("dry-mass", "pg/um^2", "viridis"),
        ("phase-std", "rad", "magma"),
    ],
)
def test_layer_shows_each_quantity_in_its_colours_with_its_unit(quantity, unit, colormap):
    layer = layer_of(Image(np.linspace(0, 1000, 1001).reshape(7, 143), "YX", quantity=quantity))
    assert layer.metadata[METADATA_KEY]["unit"] == unit
    assert layer.colormap.name == colormap
    assert tuple(layer.contrast_limits) == pytest.approx((1, 999) if quantity == "intensity" else (5, 998))


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES.keys())
def test_layer_gives_back_the_image_it_was_made_of(image):
    back = image_from_layer(layer_of(image))
    assert back.data is image.data or np.array_equal(back.data, image.data)
    assert replace(back, data=None) == replace(image, data=None)


def test_layer_carries_scale_units_place_and_axes():
    layer = layer_of(replace(IMAGES["stack"], origin_yx_um=(10.0, 20.0)))
    assert tuple(layer.scale) == (3.0, 0.1625, 0.1625)
    assert tuple(layer.translate) == (0.0, 10.0, 20.0)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")


def test_time_axis_is_in_seconds():
    layer = layer_of(IMAGES["lapse"])
    assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer"]
    assert tuple(layer.scale) == (60.0, 0.325, 0.325)


def test_layer_of_the_builtin_reader_states_no_pixel_size():
    image = image_from_layer(ImageLayer(ramp(3, 8, 9), name="plain"))
    assert image.pixel_size_um is None
    assert image.z_step_um is None
    assert image.axes == "ZYX"


def test_scale_without_a_unit_is_no_pixel_size():
    assert image_from_layer(ImageLayer(ramp(8, 9), scale=(0.65, 0.65))).pixel_size_um is None


def test_scale_in_nanometres_is_converted():
    layer = ImageLayer(ramp(8, 9), scale=(325.0, 325.0), translate=(1000.0, 2000.0), units=("nm", "nm"))
    image = image_from_layer(layer)
    assert image.pixel_size_um == pytest.approx(0.325)
    assert image.origin_yx_um == pytest.approx((1.0, 2.0))


def test_scale_that_the_user_changed_counts():
    layer = layer_of(IMAGES["stack without a step"])
    layer.scale = (2.5, 0.2, 0.2)
    image = image_from_layer(layer)
    assert image.pixel_size_um == 0.2
    assert image.z_step_um == 2.5


def test_pixels_that_are_not_square_are_refused():
    layer = ImageLayer(ramp(8, 9), scale=(0.3, 0.4), units=("um", "um"), name="oblong")
    with pytest.raises(InputError, match=r"oblong.*not square"):
        image_from_layer(layer)


@pytest.mark.parametrize(
    ("transform", "word"),
    [
        ({"rotate": 90.0}, "rotated"),
        ({"shear": [0.1]}, "sheared"),
        ({"affine": [[1, 0, 5], [0, 1, 0], [0, 0, 1]]}, "affine"),
        ({"affine": [[2, 0, 0], [0, 2, 0], [0, 0, 1]]}, "affine"),
    ],
    ids=["rotation", "shear", "affine shift", "affine scale"],
)
def test_transforms_that_results_would_not_follow_are_refused(transform, word):
    layer = ImageLayer(ramp(8, 9), scale=(0.3, 0.3), units=("um", "um"), name="tilted", **transform)
    with pytest.raises(InputError, match=f"layer 'tilted': is .*{word}"):
        image_from_layer(layer)


def test_a_transform_that_does_nothing_is_no_obstacle():
    layer = ImageLayer(ramp(3, 8, 9), rotate=np.eye(3), shear=[0, 0, 0], affine=np.eye(4))
    assert image_from_layer(layer).axes == "ZYX"


def test_unlabelled_axes_are_z_then_time_then_channel():
    assert image_from_layer(ImageLayer(ramp(2, 3, 8, 9))).axes == "TZYX"
    labelled = ImageLayer(ramp(2, 3, 8, 9), axis_labels=("z", "whatever", "y", "x"))
    assert image_from_layer(labelled).axes == "ZTYX"
    in_seconds = ImageLayer(ramp(2, 8, 9), units=("s", "um", "um"))
    assert image_from_layer(in_seconds).axes == "TYX"


def test_too_many_axes_are_refused():
    with pytest.raises(InputError, match="6 axes"):
        image_from_layer(ImageLayer(ramp(1, 1, 1, 2, 8, 9)))


def test_multiscale_layer_gives_its_finest_level():
    layer = ImageLayer([ramp(16, 16), ramp(8, 8)], multiscale=True)
    assert image_from_layer(layer).data.shape == (16, 16)


def test_lazy_layer_stays_lazy():
    import dask.array as da

    image = image_from_layer(ImageLayer(da.from_array(ramp(3, 8, 9)), contrast_limits=(0, 1)))
    assert isinstance(image.data, da.Array)


def test_lazy_layer_asks_for_three_of_its_time_points_to_choose_its_contrast():
    asked = []

    def block(block_id):
        asked.append(block_id[0])
        return np.full((1, 8, 9), block_id[0], np.float32)

    import dask.array as da

    data = da.map_blocks(block, chunks=((1,) * 7, (8,), (9,)), dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    assert contrast_limits(data, "phase") == pytest.approx((0, 6))
    assert sorted(asked) == [0, 3, 6]


def test_lazy_layer_is_written_time_point_by_time_point(tmp_path):
    write_image(tmp_path / "lapse.tif", IMAGES["lapse"])
    data, attributes, _ = layer_tuple(read_image(tmp_path / "lapse.tif", lazy=True))
    (written,) = write_layer(str(tmp_path / "again.tif"), data, attributes)
    back = read_image(Path(written))
    assert np.array_equal(back.data, IMAGES["lapse"].data)
    assert replace(back, data=None) == replace(IMAGES["lapse"], data=None)


def test_stating_a_pixel_size_puts_the_layer_to_scale_with_the_step_its_file_stated():
    layer = layer_of(IMAGES["no pixel size"])
    assert tuple(layer.scale) == (1.0, 1.0, 1.0)
    set_pixel_size(layer, 0.25)
    assert tuple(layer.scale) == (3.0, 0.25, 0.25)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert image_from_layer(layer).z_step_um == 3.0


def test_contrast_is_not_spoilt_by_a_few_extreme_pixels():
    data = np.random.default_rng(0).normal(100, 1, (200, 200)).astype(np.float32)
    data[0, 0], data[1, 1] = 60_000, -60_000
    low, high = contrast_limits(data, "intensity")
    assert 90 < low < 99
    assert 101 < high < 110


def test_contrast_leaves_out_a_larger_share_of_phase_than_of_intensity():
    data = np.linspace(0, 1000, 1001)
    assert contrast_limits(data, "intensity") == pytest.approx((1, 999))
    assert contrast_limits(data, "phase") == pytest.approx((5, 998))


def test_contrast_of_a_flat_or_empty_image_is_left_to_napari():
    assert contrast_limits(np.full((4, 4), 7), "intensity") is None
    assert contrast_limits(np.full((4, 4), np.nan), "phase") is None
    assert layer_of(Image(np.full((4, 4), 7, np.uint8), "YX")).data.max() == 7


@pytest.mark.gui
def test_layers_of_calibrated_images_do_not_mix_units(viewer, qtbot, messages):
    for name in ("frame", "stack", "phase", "colours"):
        add_image(viewer, replace(IMAGES[name], name=name))
    qtbot.wait(100)
    assert viewer.layers.extent.units is not None
    assert messages() == []


@pytest.mark.gui
def test_tiles_that_differ_by_a_pixel_are_shown_cut_to_the_smallest(viewer):
    tiles = [Image(ramp(8, 9), "YX", pixel_size_um=1.0), Image(ramp(8, 8), "YX", pixel_size_um=1.0)]
    layer = add_tile_stack(viewer, tiles, "tiles")
    assert layer.data.shape == (2, 8, 8)
    assert np.array_equal(layer.data[0], tiles[0].data[:, :8])
