"""A setting says how its field looks: kind, label, tooltip, limits, choices, default and what an empty line means."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field
from qtpy.QtWidgets import QLabel

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.fields import Choice, NumberLine, RangeLine, TextLine, Tick, WholeNumber
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.setting_fields import checked, setting_field

pytestmark = pytest.mark.gui


class Cake(BaseModel):
    layers: int = Field(4, ge=2, le=8, multiple_of=2, title="Layers", description="How many there are.")
    glazed: bool = Field(True, title="Glazed", description="Whether it shines.")
    flavour: Literal["plum", "nut"] = Field(
        "nut", title="Flavour", json_schema_extra={"choices": {"plum": "Plum", "nut": "Hazelnut"}}
    )
    temperature: float = Field(180.0, title="Oven (°C)")
    sugar_g: float | None = Field(None, gt=0, title="Sugar (g)", json_schema_extra={"empty": "to taste"})
    minutes: Literal["auto"] | float = Field("auto", title="Time (min)", json_schema_extra={"empty": "automatic"})
    servings: tuple[int, int] = Field((4, 6), title="Servings")
    baker: str = Field("anonymous", title="Baker")


@pytest.fixture
def rows(qtbot):
    made = Rows()
    qtbot.addWidget(made)
    made.add_settings(Cake, *Cake.model_fields)
    return made


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("layers", WholeNumber),
        ("glazed", Tick),
        ("flavour", Choice),
        ("temperature", NumberLine),
        ("sugar_g", NumberLine),
        ("minutes", NumberLine),
        ("servings", RangeLine),
        ("baker", TextLine),
    ],
)
def test_type_of_a_setting_chooses_its_field(qtbot, name, kind):
    field = setting_field(Cake, name)
    qtbot.addWidget(field)
    assert type(field) is kind


def test_untouched_form_holds_the_defaults(rows):
    assert Cake(**rows.values_of(Cake)) == Cake()


def test_form_gives_back_what_was_put_in(rows):
    cake = Cake(layers=6, glazed=False, flavour="plum", temperature=170.5, sugar_g=1 / 3, minutes=40, servings=(1, 2))
    rows.setValue(cake)
    assert Cake(**rows.values_of(Cake)) == cake


def test_limits_and_step_are_those_of_the_setting(rows):
    layers = rows["layers"]
    assert (layers.minimum(), layers.maximum(), layers.singleStep()) == (2, 8, 2)


def test_label_and_tooltip_are_those_of_the_setting(rows):
    assert [label.text() for label in rows.labels()] == [
        *("Layers", "Flavour", "Oven (°C)", "Sugar (g)", "Time (min)", "Servings", "Baker")
    ]
    assert rows["glazed"].text() == "Glazed"
    assert rows["layers"].toolTip() == rows.rows["layers"].label.toolTip() == "How many there are."


def test_choices_show_their_texts(rows):
    assert rows["flavour"].currentText() == "Hazelnut"


def test_empty_line_means_the_default_where_it_may_be_empty(rows):
    for name, default, shown in (("sugar_g", None, "to taste"), ("minutes", "auto", "automatic")):
        rows[name].setText("5")
        assert rows[name].value() == 5
        rows[name].setText(" ")
        assert rows[name].value() == default
        assert rows[name].placeholderText() == shown
    rows["temperature"].setText("")
    assert rows["temperature"].value() == "", "no number, for the settings to refuse"


@pytest.mark.parametrize("text", ["hot", "inf", "nan"])
def test_text_that_is_not_a_number_is_refused_by_its_label(rows, text):
    rows["temperature"].setText(text)
    with pytest.raises(InputError, match=r"Oven \(°C\): '\w+' is not a valid number"):
        rows.values_of(Cake)


def test_number_keeps_its_precision_and_origin_until_it_is_edited(rows):
    line, note = rows["sugar_g"], rows.rows["sugar_g"].note
    rows.valueChanged.connect(lambda: pytest.fail("a stated number is not an edit"))
    line.state(1 / 3, "from file")
    assert (line.text(), line.number, line.typed) == ("0.333333", 1 / 3, False)
    assert isinstance(note, QLabel)
    assert (note.text(), note.isHidden()) == ("from file", False)
    rows.valueChanged.disconnect()
    line.setText("0,4")
    assert (line.number, line.typed, note.text()) == (0.4, True, "typed")
    line.state(None, "from file")
    assert (line.number, line.typed, note.isHidden()) == (None, False, True)


def test_every_field_tells_of_its_edits(rows, qtbot):
    for name, value in (
        *(("layers", 6), ("glazed", False), ("flavour", "plum"), ("temperature", 200.0)),
        *(("servings", (1, 9)), ("baker", "Ada")),
    ):
        with qtbot.waitSignal(rows.valueChanged):
            rows[name].setValue(value)


def test_only_the_settings_of_one_class_are_returned(rows):
    rows.add("note", "Note", TextLine(), "Not a setting.")
    assert "note" in rows.value()
    assert "note" not in rows.values_of(Cake)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("layers", "many", "cake: Layers: type a whole number"),
        ("layers", 2.5, "cake: Layers: type a whole number"),
        ("temperature", "", "cake: Oven (°C): type a number"),
        ("sugar_g", -1.0, "cake: Sugar (g): must be greater than 0"),
        ("servings", ("few", 3), "cake: Servings: type a whole number"),
    ],
)
def test_error_names_the_label_and_says_what_to_type(rows, name, value, message):
    with pytest.raises(InputError) as caught:
        checked(Cake, rows.values_of(Cake) | {name: value}, "cake")
    assert str(caught.value) == message
