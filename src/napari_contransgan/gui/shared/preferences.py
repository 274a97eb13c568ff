"""What the user chose on the plugin's page in napari's preferences, and how forms begin with it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import napari.settings

from napari_contransgan.config import DeviceName
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM

FROM_PREFERENCES = "from the preferences"
_PLUGIN_ID = "napari-contransgan"


@dataclass(frozen=True)
class Preferences:
    """The user's choices; napari.yaml describes the page.

    Parameters
    ----------
    wavelength_um : float
        Wavelength where neither the file nor the user states one.
    device : {"auto", "cpu", "cuda", "mps"}
        Where networks compute.
    threads : int or None
        Threads of the processor; None leaves the number to the program.
    network : str
        Network that is offered first: the name of a bundled network or of an adapted one, or the title of a run.
    results_folder : Path or None
        Folder in which save dialogs begin; None if they begin in that of the image.
    """

    wavelength_um: float = DEFAULT_WAVELENGTH_UM
    device: DeviceName = "auto"
    threads: int | None = None
    network: str = "all"
    results_folder: Path | None = None

    def changed(self, *names: str) -> dict[str, Any]:
        """Return those of the named choices that differ from the program's defaults."""
        defaults = {one.name: one.default for one in fields(self)}
        return {name: getattr(self, name) for name in names if getattr(self, name) != defaults[name]}


def preferences() -> Preferences:
    """Read the preferences; before napari 0.9, which has no such page, they are the defaults."""
    read = getattr(napari.settings, "get_plugin_settings", None)
    if read is None:
        return Preferences()
    plugins = read()
    if _PLUGIN_ID not in plugins:  # the user has disabled the plugin's manifest
        return Preferences()
    chosen = plugins[_PLUGIN_ID].forms
    folder = chosen.results_folder.strip()
    return Preferences(
        wavelength_um=chosen.wavelength_nm / 1000,
        device=chosen.device,
        threads=chosen.threads or None,
        network=chosen.network.strip(),
        results_folder=Path(folder).expanduser() if folder else None,
    )


def fill_in(rows: Rows, preferred: Mapping[str, Any]) -> None:
    """Show preferred values in a form, each with a note that goes when the value is changed.

    Parameters
    ----------
    rows : Rows
        The form.
    preferred : mapping
        Values by the name of their field.
    """
    for name, value in preferred.items():
        rows[name].setValue(value)
        rows.note(name, FROM_PREFERENCES)
        rows[name].valueChanged.connect(lambda *_, name=name: rows.note(name, ""))


def folder_for_results(image: Path | None) -> Path | None:
    """Return the folder in which a dialog begins that saves results of an image file; None if there is neither."""
    chosen = preferences().results_folder
    return chosen if chosen is not None else image.parent if image is not None else None


def in_folder_for_results(name: str) -> str:
    """Return the path that a dialog proposes for a file of results, as text."""
    return str((preferences().results_folder or Path()) / name)
