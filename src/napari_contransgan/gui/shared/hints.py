"""What the fields of the window are called that solve a problem."""

from collections.abc import Mapping

from napari_contransgan.errors import Hint, InputError

FIELDS: Mapping[Hint, str] = {
    "flip_z": "tick 'Planes are in order of falling z'",
    "resume": "tick 'Go on with the run in this folder'",
}


def message_of(error: InputError) -> str:
    """Return the message of an error, with the field that solves the problem."""
    return str(error) if error.hint is None else f"{error} ({FIELDS[error.hint]})"
