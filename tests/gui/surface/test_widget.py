"""The widget that shows phase as a surface, driven in a real viewer."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Surface

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image
from napari_contransgan.gui.shared.napari_versions import camera_of
from napari_contransgan.gui.shared.surface_layer import show_surface
from napari_contransgan.io import Image

NAME = "3D phase surface"

pytestmark = pytest.mark.gui


@pytest.fixture
def phase(yx_bump_rad) -> Image:
    known = {"quantity": "phase", "wavelength_um": 0.55, "name": "bump"}
    return Image(yx_bump_rad, "YX", pixel_size_um=0.325, origin_yx_um=(10.0, 20.0), **known)


def surface_of(viewer) -> Surface:
    (layer,) = [layer for layer in viewer.layers if isinstance(layer, Surface)]
    return layer


def test_phase_becomes_a_surface_seen_in_3d(viewer, open_widget, click, phase, messages):
    add_image(viewer, phase)
    widget = open_widget(NAME)
    widget.exaggeration.setText("10")
    click(widget.show_button)

    layer = surface_of(viewer)
    vertices, faces, values = layer.data
    assert values.max() == pytest.approx(0.8, rel=1e-2)
    assert vertices[:, 0].max() == pytest.approx(10 * values.max() * 0.55 / (2 * np.pi), rel=1e-5)
    assert vertices[0, 1:].tolist() == [10.0, 20.0]
    assert vertices[-1, 1:] == pytest.approx([10.0 + 95 * 0.325, 20.0 + 95 * 0.325], rel=1e-6)
    assert len(faces) == 2 * 95 * 95
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.metadata[METADATA_KEY]["vertical_exaggeration"] == 10
    assert viewer.dims.ndisplay == 3
    assert layer.visible
    assert not viewer.layers["bump"].visible
    assert messages() == []


def test_surface_is_looked_at_from_above_with_the_thick_parts_towards_the_viewer(viewer, open_widget, click, phase):
    add_image(viewer, phase)
    click(open_widget(NAME).show_button)
    camera = camera_of(viewer)
    assert camera.view_direction[0] < 0, "looking down, along falling z"
    assert camera.up_direction[0] > 0, "high z is up on the screen"


def test_height_in_um_follows_from_the_index_contrast(viewer, open_widget, click, phase):
    add_image(viewer, phase)
    widget = open_widget(NAME)
    assert not widget.index_contrast.isEnabled()
    widget.what.setValue("height")
    assert widget.index_contrast.isEnabled()
    widget.index_contrast.setText("0.03")
    widget.exaggeration.setText("1")
    widget.colormap.setValue("magma")
    click(widget.show_button)
    layer = surface_of(viewer)
    vertices, _, values = layer.data
    assert values.max() == pytest.approx(0.8 * 0.55 / (2 * np.pi * 0.03), rel=1e-2)
    assert vertices[:, 0] == pytest.approx(values)
    assert layer.colormap.name == "magma"
    assert layer.metadata[METADATA_KEY]["unit"] == "µm"


def test_automatic_stretch_makes_the_relief_a_fifth_of_the_frame(viewer, open_widget, click, phase):
    add_image(viewer, phase)
    click(open_widget(NAME).show_button)
    vertices = surface_of(viewer).data[0]
    assert np.ptp(vertices[:, 0]) == pytest.approx(0.2 * 96 * 0.325, rel=1e-3)


def test_phase_of_another_program_can_be_shown_once_its_pixel_size_is_typed_in(
    viewer, open_widget, click, phase, messages
):
    viewer.add_image(phase.data, name="foreign")
    widget = open_widget(NAME)
    assert widget.pixel_size.number is None
    assert widget.wavelength.number == 0.55
    widget.pixel_size.setText("0.5")
    click(widget.show_button)
    assert surface_of(viewer).data[0][:, 1:].max() == pytest.approx(95 * 0.5)
    assert messages() == []


def test_of_a_time_lapse_the_shown_frame_is_taken(viewer, open_widget, click, phase):
    lapse = replace(phase, data=np.stack([phase.data, 0.5 * phase.data, phase.data]), axes="TYX", time_step_s=30.0)
    add_image(viewer, lapse)
    viewer.dims.set_current_step(0, 1)
    click(open_widget(NAME).show_button)
    assert surface_of(viewer).data[2].max() == pytest.approx(0.4, rel=1e-2)


def test_2d_shows_the_flat_layers_again_and_3d_the_surface(viewer, open_widget, click, phase):
    flat = add_image(viewer, phase)
    other = add_image(viewer, replace(phase, name="hidden by the user"))
    other.visible = False
    click(open_widget(NAME).show_button)
    surface = surface_of(viewer)
    viewer.dims.ndisplay = 2
    assert (flat.visible, other.visible, surface.visible) == (True, False, False)
    viewer.dims.ndisplay = 3
    assert (flat.visible, other.visible, surface.visible) == (False, False, True)
    viewer.dims.ndisplay = 2
    assert (flat.visible, surface.visible) == (True, False)
    viewer.layers.remove(surface)
    viewer.dims.ndisplay = 3
    assert flat.visible


def test_2d_shows_the_plane_of_a_stack_that_was_shown_before(viewer, open_widget, click, phase, bump_stack):
    add_image(viewer, bump_stack)
    add_image(viewer, phase)
    viewer.dims.set_point(0, 1.0)
    click(open_widget(NAME).show_button)
    viewer.dims.ndisplay = 2
    assert viewer.dims.point[0] == pytest.approx(1.0)


@pytest.mark.parametrize("step_um", [0.3, 1.0, 3.0])
def test_sliders_count_the_planes_of_a_stack_after_a_look_in_3d(viewer, open_widget, click, phase, bump_stack, step_um):
    add_image(viewer, replace(bump_stack, z_step_um=step_um))
    add_image(viewer, replace(phase, data=100 * phase.data))
    widget = open_widget(NAME)
    click(widget.show_button)
    tall = surface_of(viewer).vertices.copy()
    viewer.dims.ndisplay = 2
    assert viewer.dims.nsteps[0] == 3
    add_image(viewer, replace(phase, name="added later"))
    assert viewer.dims.nsteps[0] == 3
    viewer.dims.ndisplay = 3
    assert np.array_equal(surface_of(viewer).vertices, tall)
    assert tuple(surface_of(viewer).scale) == (1, 1, 1)
    assert np.ptp(tall[:, 0]) > 5


def test_of_two_surfaces_2d_shows_neither(viewer, open_widget, click, phase):
    flat = add_image(viewer, phase)
    widget = open_widget(NAME)
    click(widget.show_button)
    widget.phase.value = flat
    click(widget.show_button)
    viewer.dims.ndisplay = 2
    assert [layer.visible for layer in viewer.layers] == [True, False, False]


@pytest.mark.parametrize("given", [{"exaggeration": np.nan}, {"quantity": "height", "index_contrast": np.inf}])
def test_numbers_that_are_not_finite_give_no_surface(viewer, phase, given):
    with pytest.raises(InputError, match="cannot be used"):
        show_surface(viewer, phase, **given)
    assert len(viewer.layers) == 0


@pytest.mark.parametrize(
    ("change", "form", "expected"),
    [
        ({"pixel_size_um": None}, {}, "No pixel size"),
        ({}, {"wavelength": "550"}, "did you mean 0.55 um"),
        ({}, {"what": "height"}, "Index contrast"),
        ({"data": np.full((8, 8), np.nan, np.float32)}, {}, "NaN"),
        ({"quantity": "intensity"}, {"what": "height"}, "not a phase map"),
        ({"quantity": "intensity", "data": np.full((8, 8), 900, np.uint16)}, {}, "counts of a camera"),
        ({"quantity": "intensity", "data": np.full((8, 8), 900.0, np.float32)}, {}, "counts of a camera"),
        ({"quantity": "phase-std"}, {}, "Holds phase-std, not phase"),
        ({}, {"exaggeration": "0"}, "Vertical stretch"),
        ({}, {"exaggeration": "-2"}, "Vertical stretch"),
        ({}, {"exaggeration": "inf"}, "Vertical stretch"),
        ({}, {"what": "height", "index_contrast": "nan"}, "Index contrast"),
        ({"data": np.zeros((8, 8, 3), np.uint8), "axes": "YXS"}, {}, "colour"),
    ],
    ids=[
        "No pixel size",
        "nanometres",
        "no index contrast",
        "NaN",
        "height of intensity",
        "counts",
        "float counts",
        "uncertainty",
        "stretch 0",
        "stretch -2",
        "stretch inf",
        "contrast nan",
        "colours",
    ],
)
def test_bad_input_is_told_in_one_notification(viewer, open_widget, click, phase, messages, change, form, expected):
    add_image(viewer, replace(phase, **change))
    widget = open_widget(NAME)
    for field, value in form.items():
        box = getattr(widget, field)
        (box.setText if hasattr(box, "setText") else box.setValue)(value)
    click(widget.show_button)
    (message,) = messages()
    assert message.startswith("[error]")
    assert expected in message
    assert len(viewer.layers) == 1
    assert viewer.dims.ndisplay == 2
