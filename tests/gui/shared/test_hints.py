"""The fields that a message points to exist under that name."""

import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.hints import FIELDS, message_of, toast_of

pytestmark = pytest.mark.gui


def test_a_message_names_the_field_that_solves_the_problem():
    assert message_of(InputError("is empty", source="cell.tif")) == "cell.tif: is empty"
    assert message_of(InputError("holds a run", source="run", hint="resume")) == (
        "run: holds a run (tick 'Resume the run in this folder')"
    )


def test_a_notification_begins_with_the_reason():
    assert toast_of(InputError("is empty", source="cell.tif")) == "Is empty (cell.tif)"
    assert toast_of(InputError("layer 'my cells': no pixel size: give it"), ["my", "my cells"]) == (
        "No pixel size: give it (layer 'my cells')"
    )
    assert toast_of(InputError("my cells: no pixel size"), ["my cells"]) == "No pixel size (my cells)"
    assert toast_of(InputError("Wavelength: give it"), ["my cells"]) == "Wavelength: give it"


def test_the_fields_have_these_labels(viewer, open_widget):
    tie, train = open_widget("Phase from focus stack (TIE)"), open_widget("Train a network")
    assert FIELDS["flip_z"] == f"tick '{tie.flip_z.text()}'"
    assert FIELDS["resume"] == f"tick '{train.resume.text()}'"
