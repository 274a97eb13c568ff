"""Predict a layer in memory, or, if it is large, into a file from which the phase layer is shown."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.shared.layers import in_memory
from napari_contransgan.io import Image, read_image
from napari_contransgan.io.atomic import own_folder, remove_leftovers
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from napari_contransgan.inference import Prediction

KEPT_DAYS = 7
FOLDER_NAME = "large"


def prediction_of(image: Image, settings: PredictSettings) -> Generator[Progress, None, "Prediction"]:
    """Predict an image; the maps of a large one stay in files in the user's cache folder, and are read when shown.

    The files are kept while this napari is open and for `KEPT_DAYS` after they were written, in case they were not
    saved. Each prediction of a large image first removes older ones.
    """
    from napari_contransgan.inference import Prediction, predict_with_uncertainty
    from napari_contransgan.inference.streaming import is_large, predict_to_files

    if (image.pixel_size_um is None and settings.pixel_size_um is None) or not is_large(image, settings.pixel_size_um):
        prediction = yield from predict_with_uncertainty(in_memory(image), settings)
        return prediction
    folder = _new_folder()
    paths = folder / "phase.ome.tif", folder / "uncertainty.ome.tif"
    try:
        written = yield from predict_to_files(image, settings, *paths)
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    used = dict(written.phase.settings["predict"])
    kept = f"The image is large, so its phase is in {folder}: save the layer to keep it longer than {KEPT_DAYS} days."
    used["notes"] = [*used["notes"], kept]
    phase, *uncertainty = (
        replace(one, data=read_image(path, lazy=True).data)
        for one, path in zip(
            (written.phase, replace(written.phase, quantity="phase-std")),
            paths if settings.trust else paths[:1],
            strict=False,
        )
    )
    phase = replace(phase, settings={**phase.settings, "predict": used})
    return Prediction(phase, uncertainty[0] if uncertainty else None)


def _new_folder() -> Path:
    parent = user_cache_path("napari-contransgan", appauthor=False) / "predicted"
    parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(parent, FOLDER_NAME, kept_s=KEPT_DAYS * 24 * 3600)
    return own_folder(parent, FOLDER_NAME)
