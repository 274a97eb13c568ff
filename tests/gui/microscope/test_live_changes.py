"""The live field when its settings, its layers or the window change while it is computed."""

import time

import numpy as np
import pytest
from tests.gui.microscope.fields import layer, picture

from napari_contransgan.gui.microscope import live as microscope_live
from napari_contransgan.gui.microscope.layers import NAMES
from napari_contransgan.gui.microscope.work import FieldDone, FieldPart

pytestmark = pytest.mark.gui


@pytest.fixture
def slow_fields(monkeypatch):
    """Fields that take a while; the list tells what was begun, done and closed."""
    told = []

    def slowly(settings, index):
        told.append(("begun", index))
        try:
            for _ in range(50):
                time.sleep(0.01)
                yield FieldPart({}, "slow")
            yield FieldPart({"lr": picture(index), "phase": picture(index)}, f"field {index}")
            told.append(("done", index))
        finally:
            told.append(("closed", index))
        return FieldDone(f"field {index}", complete=True)

    monkeypatch.setattr(microscope_live, "field_events", slowly)
    return told


def test_newest_wins(viewer, widget, slow_fields, settle, qtbot):
    texts = []
    widget.live._on_text = texts.append
    widget.live_box.click()
    qtbot.waitUntil(lambda: ("begun", 0) in slow_fields)
    for index in (1, 2, 3):  # faster than the pause, so that 1 and 2 are never begun
        widget.index.setValue(index)
        qtbot.wait(30)
    qtbot.waitUntil(lambda: ("begun", 3) in slow_fields)
    widget.index.setValue(4)
    settle(widget)
    assert slow_fields == [
        *(("begun", 0), ("closed", 0)),
        *(("begun", 3), ("closed", 3)),
        *(("begun", 4), ("done", 4), ("closed", 4)),
    ]
    assert {text for text in texts if text.startswith("field")} == {"field 4"}
    assert np.all(layer(viewer, "lr").data == 4)


def test_field_that_does_not_stop_at_once_is_not_shown_when_out_of_date(viewer, widget, settle, qtbot, monkeypatch):
    def stubborn(settings, index):
        yield FieldPart({}, "begin")
        time.sleep(0.8)
        yield FieldPart({"lr": picture(index), "phase": picture(index)}, f"field {index}")
        return FieldDone(f"field {index}", complete=True)

    monkeypatch.setattr(microscope_live, "field_events", stubborn)
    texts = []
    widget.live._on_text = texts.append
    widget.live_box.click()
    qtbot.waitUntil(lambda: "begin" in texts)
    widget.index.setValue(5)
    settle(widget)
    assert [text for text in texts if text.startswith("field")] == ["field 5", "field 5"]
    assert any("Waiting" in text for text in texts)
    assert np.all(layer(viewer, "lr").data == 5)


def test_layers_that_are_still_of_the_former_field_are_named(shown, settle):
    texts = []
    shown.live._on_text = texts.append
    shown.index.setValue(1)
    settle(shown)
    assert any("(still of the previous field: focus stack, TIE phase)" in text for text in texts)
    assert any("(still of the previous field: TIE phase)" in text for text in texts)
    assert "still of the previous field" not in texts[-1]


def test_stack_of_a_former_field_goes_when_none_comes(viewer, shown, settle, monkeypatch):
    def half(settings, index):
        yield FieldPart({"lr": picture(index), "phase": picture(index)}, "half")
        return FieldDone("No field: no light", complete=False)

    monkeypatch.setattr(microscope_live, "field_events", half)
    shown.index.setValue(1)
    settle(shown)
    assert [layer.name for layer in viewer.layers] == [NAMES["phase"], NAMES["lr"]]
    assert shown.text.text() == "No field: no light"


def test_closing_the_widget_while_it_works_is_clean(viewer, widget, slow_fields, qtbot, messages):
    widget.live_box.click()
    qtbot.waitUntil(lambda: ("begun", 0) in slow_fields)
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: ("closed", 0) in slow_fields)
    assert ("done", 0) not in slow_fields
    assert not widget.live_box.isChecked()
    widget.index.setValue(3)
    widget.close()
    widget.deleteLater()
    qtbot.wait(50)
    assert len(viewer.layers) == 0
    assert messages() == []


def test_closing_the_viewer_while_it_works_is_clean(viewer, widget, slow_fields, qtbot, messages):
    widget.live_box.click()
    qtbot.waitUntil(lambda: ("begun", 0) in slow_fields)
    viewer.close()
    qtbot.waitUntil(lambda: ("closed", 0) in slow_fields)
    assert ("done", 0) not in slow_fields
    qtbot.wait(50)
    assert messages() == []


def test_deleting_layers_while_it_works_is_harmless(viewer, shown, settle, qtbot, messages):
    shown.index.setValue(3)
    qtbot.waitUntil(lambda: shown.live.busy)
    viewer.layers.clear()
    settle(shown)
    assert len(viewer.layers) == 4
    assert messages() == []


def test_window_answers_while_a_field_is_computed(viewer, widget, settle, beats):
    from napari_contransgan.simulation import fields  # noqa: F401 - a first import is Python's own lock, measured apart

    widget.form.setValue(replace_field(widget.form.settings(), 240))
    widget.show_button.click()
    settle(widget)
    longest_s = []
    for index in (1, 2, 3):  # another program may hold the window once; what a field does to it comes back each time
        beating = beats(5)
        widget.index.setValue(index)
        widget.show_button.click()
        settle(widget)
        gaps_s = beating.stop()
        assert len(gaps_s) > 20
        longest_s.append(max(gaps_s))
    assert min(longest_s) < 0.3


def replace_field(settings, field_px):
    return settings.model_copy(update={"field_px": field_px})
