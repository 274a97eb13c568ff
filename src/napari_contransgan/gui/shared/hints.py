"""Name the fields of the window that solve a problem, and put the reason first."""

from collections.abc import Iterable, Mapping

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


def toast_of(error: InputError, names: Iterable[str] = ()) -> str:
    """Return the message of an error for a notification, which shows one line and cuts it: the reason comes first.

    Parameters
    ----------
    error : InputError
        The error.
    names : iterable of str
        Names of layers and images that a message may begin with.
    """
    text, known = message_of(error), sorted(names, key=len, reverse=True)
    sources = [error.source] if error.source else []
    for source in (*sources, *(f"layer '{name}'" for name in known), *known):
        if source and text.startswith(f"{source}: "):
            reason = text.removeprefix(f"{source}: ")
            return f"{reason[:1].upper()}{reason[1:]} ({source})"
    return text
