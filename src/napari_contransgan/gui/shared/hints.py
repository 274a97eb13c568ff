"""Name the fields of the window that solve a problem."""

from collections.abc import Mapping

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import Hint, InputError
from napari_contransgan.gui.shared.setting_fields import label_of

RESUME = "Resume the run in this folder"

FIELDS: Mapping[Hint, str] = {
    "flip_z": f"tick '{label_of(TieSettings, 'flip_z')}'",
    "resume": f"tick '{RESUME}'",
}


def message_of(error: InputError) -> str:
    """Return the message of an error, with the field that solves the problem."""
    return str(error) if error.hint is None else f"{error} ({FIELDS[error.hint]})"
