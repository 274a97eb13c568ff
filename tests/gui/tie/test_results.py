"""What a TIE run leaves in the viewer: layers of each quantity, numbers, notes, and a second run the other way."""

import time
from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan import quantities
from napari_contransgan.gui.shared import layers
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image
from napari_contransgan.gui.tie import results as tie_results

NAME = "Phase from focus stack (TIE)"

pytestmark = pytest.mark.gui


def want_everything(widget):
    more = widget.form.more
    for wanted in (
        more.wants_uncertainty,
        more.conversions.wants_path,
        more.conversions.wants_height,
        more.conversions.wants_dry_mass,
    ):
        wanted.setValue(True)
    more.conversions.index_contrast.setText("0.05")


def test_everything_that_was_asked_for_lies_over_the_stack_in_its_unit(
    viewer, open_widget, click, finish, bump_stack, messages
):
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    want_everything(widget)
    click(widget.panel.run_button)
    finish(widget)

    phase = viewer.layers["bump stack phase (TIE)"]
    units = {"uncertainty": "rad", "optical path": "nm", "height": "um", "dry mass": "pg/um^2"}
    others = {kind: viewer.layers[f"bump stack {kind} (TIE)"] for kind in units}
    assert len(viewer.layers) == 6
    for kind, layer in others.items():
        assert layer.metadata[METADATA_KEY]["unit"] == units[kind]
        assert layer.metadata[METADATA_KEY]["settings"]["tie"]["dz_um"] == 1.0
        assert layer.data.dtype == np.float32
        for place in ("scale", "translate", "units"):
            assert tuple(getattr(layer, place)) == tuple(getattr(phase, place))
    path_um = phase.data * 0.55 / (2 * np.pi)
    assert others["optical path"].data == pytest.approx(path_um * 1000, abs=1e-3)
    assert others["height"].data == pytest.approx(path_um / 0.05, abs=1e-4)
    assert others["dry mass"].data == pytest.approx(path_um / 0.19, abs=1e-4)
    assert np.all(others["uncertainty"].data > 0)
    assert phase.visible
    assert viewer.layers.selection.active is phase
    assert not any(layer.visible for layer in others.values()), "they would hide each other"
    assert messages() == []


def test_message_tells_phase_uncertainty_and_dry_mass(
    viewer, open_widget, click, finish, bump_stack, yx_bump_rad, qtbot
):
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.form.more.conversions.wants_dry_mass.setValue(True)
    click(widget.panel.run_button)
    finish(widget)
    done, phase, mass = widget.panel.message.value.splitlines()
    assert "Hidden in the layer list: dry mass." in done
    assert phase.startswith("Phase -0.00 to 0.79 rad, median uncertainty 0.0")
    assert mass.endswith(" pg in 1 object.")
    total_pg = float(mass.split()[2])
    assert total_pg == pytest.approx(yx_bump_rad.sum() * 0.55 / (2 * np.pi) * 0.325**2 / 0.19, rel=0.05)


def test_time_series_gets_all_quantities_and_the_mass_of_its_first_frame(
    viewer, open_widget, click, finish, bump_stack, messages
):
    fainter = bump_stack.data[1] + 0.5 * (bump_stack.data - bump_stack.data[1])
    lapse = replace(bump_stack, data=np.stack([bump_stack.data, fainter]), axes="TZYX", time_step_s=5.0)
    add_image(viewer, lapse)
    widget = open_widget(NAME)
    want_everything(widget)
    click(widget.panel.run_button)
    finish(widget)
    assert messages() == []
    for kind in ("phase", "uncertainty", "optical path", "height", "dry mass"):
        layer = viewer.layers[f"bump stack {kind} (TIE)"]
        assert layer.data.shape == (2, 1, 96, 96)
        assert tuple(layer.scale) == (5.0, 3.0, 0.325, 0.325)
    assert "Dry mass of the first time point" in widget.panel.message.value

    phase = viewer.layers["bump stack phase (TIE)"]
    y_um, x_um = 12.5 + 48 * 0.325, -7.25 + 48 * 0.325
    for time_s, peak_rad in ((0.0, 0.8), (5.0, 0.4)):
        for z_um in (0.0, 1.0, 2.0):  # the focus slider leaves the phase in sight
            viewer.dims.set_point((0, 1), (time_s, z_um))
            value = phase.get_value((time_s, z_um, y_um, x_um), world=True)
            assert value == pytest.approx(peak_rad, abs=0.05)
    assert viewer.dims.nsteps[:2] == (2, 3)


@pytest.mark.parametrize(
    ("field", "text", "expected"), [("index_contrast", "0", "index contrast"), ("increment", "190", "increment")]
)
def test_impossible_numbers_are_told_before_the_long_work(
    viewer, open_widget, click, finish, bump_stack, messages, monkeypatch, field, text, expected
):
    monkeypatch.setattr(tie_results, "retrieve_phase", lambda *_: pytest.fail("it must not begin"))
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    want_everything(widget)
    getattr(widget.form.more.conversions, field).setText(text)
    click(widget.panel.run_button)
    finish(widget)
    (message,) = messages()
    assert message.startswith("[error] ")
    assert message.endswith("(bump stack)")
    assert expected in message


def test_run_adds_new_layers_each_time(viewer, open_widget, click, finish, bump_stack):
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    for _ in range(2):
        click(widget.panel.run_button)
        finish(widget)
    assert [layer.name for layer in viewer.layers] == [
        "bump stack",
        "bump stack phase (TIE)",
        "bump stack phase (TIE) [1]",
    ]


@pytest.fixture
def no_bars(monkeypatch):
    """Layers without colour bars: drawing after one was removed can crash vispy with a software OpenGL."""
    monkeypatch.setattr(layers, "show_colour_bar", lambda _: None)


@pytest.fixture
def run_the_wrong_way(viewer, open_widget, click, finish, bump_stack):
    """A run with the planes in the wrong order, of which the method can tell."""
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.method.setValue("teague")
    widget.flip_z.setValue(True)
    want_everything(widget)
    assert not widget.flip_button.native.isVisible()
    click(widget.panel.run_button)
    finish(widget)
    return widget


def test_flip_runs_again_in_place_of_the_wrong_layers(viewer, run_the_wrong_way, click, finish, messages):
    widget = run_the_wrong_way
    assert "flip z" in widget.notes.value
    assert "--flip-z" not in widget.notes.value, "the window has no options"
    assert widget.notes.native.isVisible()
    before = list(viewer.layers)
    phase = viewer.layers["bump stack phase (TIE)"]
    assert phase.data[48, 48] < -0.5
    viewer.layers["bump stack height (TIE)"].visible = True

    click(widget.flip_button)
    finish(widget)
    assert not widget.flip_z.value()
    assert list(viewer.layers) == before
    assert phase.data[48, 48] > 0.5
    assert phase.contrast_limits[1] > 0.5
    assert viewer.layers["bump stack dry mass (TIE)"].data[48, 48] > 0
    assert viewer.layers["bump stack height (TIE)"].visible
    assert not phase.metadata[METADATA_KEY]["settings"]["tie"]["flip_z"]
    assert not widget.flip_button.native.isVisible()
    assert "flip z" not in widget.notes.value
    assert messages() == []


def test_flip_adds_what_is_gone_and_takes_away_what_is_no_longer_wanted(
    viewer, no_bars, run_the_wrong_way, click, finish
):
    widget = run_the_wrong_way
    del viewer.layers["bump stack phase (TIE)"]
    widget.form.more.conversions.wants_path.setValue(False)
    click(widget.flip_button)
    finish(widget)
    names = [layer.name for layer in viewer.layers]
    assert "bump stack phase (TIE)" in names
    assert "bump stack optical path (TIE)" not in names, "it would show the wrong order"
    assert len(names) == 5


def test_flip_is_not_offered_for_another_stack(viewer, run_the_wrong_way, bump_stack):
    other = add_image(viewer, replace(bump_stack, name="other"))
    run_the_wrong_way.stack.value = other
    assert not run_the_wrong_way.flip_button.native.isVisible()
    assert run_the_wrong_way.notes.value == ""


def test_window_answers_while_quantities_are_computed(
    viewer, open_widget, click, finish, bump_stack, monkeypatch, qtbot
):
    convert = quantities.dry_mass_density

    def slowly(phase, increment):
        time.sleep(0.5)
        return convert(phase, increment)

    monkeypatch.setattr(quantities, "dry_mass_density", slowly)
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.form.more.conversions.wants_dry_mass.setValue(True)
    times = []
    click(widget.panel.run_button)
    while widget.panel.task is not None:
        qtbot.wait(10)
        times.append(time.monotonic())
    assert np.quantile(np.diff(times), 0.9) < 0.25
    assert "bump stack dry mass (TIE)" in viewer.layers


def rimmed(bump_stack):
    """The stack inside a black rim of 30 px."""
    return replace(bump_stack, data=np.pad(bump_stack.data, ((0, 0), (30, 30), (30, 30))))


def test_a_dark_rim_has_no_phase_and_an_infinite_uncertainty_that_the_window_bears(
    viewer, open_widget, click, finish, bump_stack, messages
):
    add_image(viewer, rimmed(bump_stack))
    widget = open_widget(NAME)
    want_everything(widget)
    click(widget.panel.run_button)
    finish(widget)

    phase, std = viewer.layers["bump stack phase (TIE)"], viewer.layers["bump stack uncertainty (TIE)"]
    std.visible = True
    viewer.window.screenshot(canvas_only=True, flash=False)
    rim = np.ones((156, 156), bool)
    rim[30:126, 30:126] = False
    assert not phase.data[rim].any()
    np.testing.assert_array_equal(np.isinf(std.data), rim)
    assert phase.data[78, 78] == pytest.approx(0.8, abs=0.1)
    assert np.isfinite(std.contrast_limits).all()
    assert "got no light" in widget.notes.value
    assert "inf" not in widget.panel.message.value
    assert "nan" not in widget.panel.message.value
    assert "1 object" in widget.panel.message.value
    assert messages() == []


def test_notes_of_a_later_time_point_are_shown_and_a_dead_one_is_left_out(
    viewer, open_widget, click, finish, bump_stack, messages
):
    frames = np.stack([0 * bump_stack.data, bump_stack.data, bump_stack.data])
    doubts = ("The file names two pixel sizes.",)
    add_image(viewer, replace(bump_stack, data=frames, axes="TZYX", time_step_s=5.0, notes=doubts))
    widget = open_widget(NAME)
    widget.form.more.conversions.wants_dry_mass.setValue(True)
    click(widget.panel.run_button)
    finish(widget)

    lines = widget.notes.value.split("\n")
    assert lines[0] == "• The file names two pixel sizes."
    assert any(line.startswith("• Frame 1 of 3: Left out, since every pixel has the same value (0)") for line in lines)
    assert "Dry mass of time point 2: " in widget.panel.message.value
    assert messages() == []
