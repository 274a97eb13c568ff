"""Functions for notebooks: they take files or arrays and return images, scores or folders, with optional progress.

They are also available as ``napari_contransgan.NAME``. Each imports its dependencies when it is called.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from napari_contransgan.config import (
    AdaptSettings,
    MeasureSettings,
    PredictSettings,
    SimulationSettings,
    TieSettings,
    TrainSettings,
)
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.io.image import Quantity
from napari_contransgan.progress import Progress, result_of

if TYPE_CHECKING:
    from napari_contransgan.adapting.events import AdaptEvent, AdaptResult
    from napari_contransgan.evaluation import Comparison
    from napari_contransgan.inference import Prediction
    from napari_contransgan.measuring import Measurement
    from napari_contransgan.tie import TieResult
    from napari_contransgan.training.events import TrainingEvent

__all__ = [
    "adapt",
    "evaluate",
    "measure",
    "predict",
    "read_image",
    "retrieve_phase",
    "simulate",
    "train",
    "write_image",
]

Source = Path | str | Image | ArrayLike
Tell = Callable[[Progress], object]

_AXES = {2: "YX", 3: "ZYX", 4: "TZYX"}


def retrieve_phase(
    stack: Source, *, pixel_size_um: float | None = None, progress: Tell | None = None, **settings: Any
) -> "TieResult":
    """Retrieve the phase of a through-focus stack by the transport of intensity equation (TIE).

    Parameters
    ----------
    stack : path, Image, or (Z, Y, X) or (T, Z, Y, X) array
        Bright-field planes at different focus, in order of rising z.
    pixel_size_um : float, optional
        Lateral pixel size; by default the file's.
    progress : callable, optional
        Called with a `Progress` after each frame.
    **settings
        Fields of `napari_contransgan.config.TieSettings`, such as ``dz_um``, ``z_um``, ``wavelength_um`` and
        ``method``.

    Returns
    -------
    TieResult
        ``phase`` and ``uncertainty`` in radians, as images, and ``notes``, a list of caveats about the result.

    Raises
    ------
    InputError
        If the stack or a setting cannot be used; the message names the stack and says what to do.

    Examples
    --------
    >>> import napari_contransgan as ncg
    >>> result = ncg.retrieve_phase("stack.tif", dz_um=3.0)  # doctest: +SKIP
    >>> ncg.write_image("phase.ome.tif", result.phase)  # doctest: +SKIP
    """
    from napari_contransgan.tie import retrieve_phase as events

    checked = TieSettings.checked({"pixel_size_um": pixel_size_um, **settings}, source="retrieve_phase")
    return result_of(events(_image(stack, "stack"), checked), progress or _silent)


def predict(
    image: Source, *, pixel_size_um: float | None = None, progress: Tell | None = None, **settings: Any
) -> "Prediction":
    """Predict the phase of a low-power bright-field image with a trained network.

    Parameters
    ----------
    image : path, Image, or (Y, X) array
        A single frame, or a series with further leading axes (time, planes), which is predicted frame by frame.
    pixel_size_um : float, optional
        Pixel size; by default the file's.
    progress : callable, optional
        Called with a `Progress` after each tile.
    **settings
        Fields of `napari_contransgan.config.PredictSettings`, such as ``model`` and ``trust``.

    Returns
    -------
    Prediction
        ``phase`` in radians on the network's grid of 0.325 um; with ``trust=True`` also its likely error,
        ``uncertainty``.

    Raises
    ------
    InputError
        If the image or a setting cannot be used; the message names the image and says what to do.
    """
    from napari_contransgan.inference import predict_with_uncertainty as events

    checked = PredictSettings.checked({"pixel_size_um": pixel_size_um, **settings}, source="predict")
    return result_of(events(_image(image, "image"), checked), progress or _silent)


def simulate(
    out: Path | str,
    *,
    specimen: str,
    objective: str,
    count: int,
    workers: int = 1,
    progress: Tell | None = None,
    **settings: Any,
) -> Path:
    """Simulate low-power images, focus stacks and their true phase, and write them to a folder.

    Parameters
    ----------
    out : path
        The folder, in which ``lr``, ``phase``, ``stack``, ``tie`` and ``dataset.json`` are written.
    specimen : {"hela", "psm"}
        Cells, or beads.
    objective : {"4x", "10x", "20x", "40x"}
        Objective of the low-power images.
    count : int
        Number of fields of view.
    workers : int
        Number of processes.
    progress : callable, optional
        Called with a `Progress` after each field.
    **settings
        Further fields of `napari_contransgan.config.SimulationSettings`, such as ``seed`` and ``microscope``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If a setting is invalid or the folder holds another data set.
    """
    from napari_contransgan.simulation import write_dataset

    values = {"specimen": specimen, "objective": objective, "count": count, **settings}
    checked = SimulationSettings.checked(values, source="simulate")
    return result_of(write_dataset(checked, Path(out), workers), progress or _silent)


def train(
    out: Path | str,
    *,
    resume: bool = False,
    minutes: float | None = None,
    workers: int | None = None,
    progress: "Callable[[TrainingEvent], object] | None" = None,
    **settings: Any,
) -> Path:
    """Train a network.

    Parameters
    ----------
    out : path
        Folder of the run; it must be new unless `resume` is true.
    resume : bool
        Continue from the last save in the folder.
    minutes : float, optional
        Duration of the run. If ``steps`` is given too, the run ends at whichever limit is reached first.
    workers : int, optional
        Number of processes that simulate the fields of ``simulate`` in advance.
    progress : callable, optional
        Called with each event of `napari_contransgan.training.events`.
    **settings
        Fields of `napari_contransgan.config.TrainSettings`, such as ``pairs``, ``lr``, ``phase`` and ``steps``.

    Returns
    -------
    Path
        The checkpoint, which can be used as ``predict(..., model=checkpoint)``.

    Raises
    ------
    InputError
        If settings, images or folders cannot be used.
    """
    from napari_contransgan.training.trainer import train as events

    for name in ("pairs", "simulate"):
        if isinstance(settings.get(name), (str, Path)):
            settings[name] = [settings[name]]
    stated = {"minutes": minutes, "simulation_workers": workers}
    settings |= {name: value for name, value in stated.items() if value is not None}
    checked = TrainSettings.checked(settings, source="train")
    return result_of(events(checked, Path(out), resume), progress or _silent)


def adapt(
    stack: "Source | list[Source] | tuple[Source, ...]",
    out: Path | str,
    *,
    frames: Sequence[Source] = (),
    labels: Sequence[Source] = (),
    name: str = "",
    pixel_size_um: float | None = None,
    progress: "Callable[[AdaptEvent], object] | None" = None,
    tie: dict[str, Any] | None = None,
    **settings: Any,
) -> "AdaptResult":
    """Adapt a network to your microscope from a focus stack.

    Parameters
    ----------
    stack : path, Image, (Z, Y, X) array, or a list of these
        Focus stacks of the specimen; without `frames`, of the objective whose frames will be predicted.
    out : path
        Folder for the adapted network; it must not already contain one.
    frames : sequence of path, Image or array
        Frames of another objective to which the network is adapted, of the same fields of view or of others
        (``unpaired=True``).
    labels : sequence of path, Image or array
        A phase map for each stack, used instead of its TIE phase.
    name : str
        Name for the network, such as "my 10x".
    pixel_size_um : float, optional
        Lateral pixel size; by default the files'.
    progress : callable, optional
        Called with each event of `napari_contransgan.adapting.events`.
    tie : dict, optional
        Fields of `napari_contransgan.config.TieSettings`, such as ``dz_um`` and ``wavelength_um``.
    **settings
        Further fields of `napari_contransgan.config.AdaptSettings`, such as ``start_from`` and ``minutes``.

    Returns
    -------
    AdaptResult
        ``checkpoint``, which can be used as ``predict(..., model=checkpoint)``; ``kept``, the network that was kept;
        and the scores ``before`` and ``after`` on the held-out part.

    Raises
    ------
    InputError
        If the stack or a setting cannot be used; the message names the stack and says what to do.
    """
    from napari_contransgan.adapting.adapt import adapt as events

    how = {"pixel_size_um": pixel_size_um, **(tie or {})}
    checked = AdaptSettings.checked({"name": name, "tie": how, **settings}, source="adapt")
    several: list[Source] = list(stack) if isinstance(stack, (list, tuple)) else [stack]
    running = events(
        [_image(one, "stack") for one in several],
        checked,
        Path(out),
        frames=[_image(one, "frame") for one in frames],
        labels=[_image(one, "label", quantity="phase") for one in labels],
    )
    return result_of(running, progress or _silent)


def evaluate(
    phase: Source,
    reference: Source,
    *,
    pixel_size_um: float | None = None,
    register: bool = False,
    data_range_rad: float | None = None,
    index_contrast: float | None = None,
    wavelength_um: float | None = None,
) -> "Comparison":
    """Compare a phase map with a reference.

    Parameters
    ----------
    phase, reference : path, Image, or (Y, X) array
        Maps in radians.
    pixel_size_um : float, optional
        Pixel size of maps given as arrays.
    register : bool
        First shift, scale and rotate the map onto the reference.
    data_range_rad : float, optional
        Range for SSIM and PSNR; by default the reference's own.
    index_contrast : float, optional
        Refractive index of beads minus that of their medium; if given, bead heights are measured.
    wavelength_um : float, optional
        Wavelength for the heights; by default the files'.

    Returns
    -------
    Comparison
        Its ``scores`` hold SSIM, PSNR, slope, correlation and RMSE, and the SSIM and PSNR of an empty map for
        comparison.

    Raises
    ------
    InputError
        If the maps cannot be compared.
    """
    from napari_contransgan.evaluation import compare

    return compare(
        _image(phase, "phase", pixel_size_um, "phase"),
        _image(reference, "reference", pixel_size_um, "phase"),
        register_first=register,
        data_range_rad=data_range_rad,
        index_contrast=index_contrast,
        wavelength_um=wavelength_um,
    )


def measure(
    phase: Source,
    *,
    labels: Path | str | ArrayLike | None = None,
    uncertainty: Path | str | Image | None = None,
    pixel_size_um: float | None = None,
    wavelength_um: float | None = None,
    progress: Tell | None = None,
    **settings: Any,
) -> "Measurement":
    """Measure the objects of a phase map: area, phase, dry mass with its standard error, shape, and tracks over time.

    Parameters
    ----------
    phase : path, Image, or (Y, X) array
        Phase in radians, or a time series of it as a path or an Image with axes TYX.
    labels : path or array of int, optional
        Objects as labels from 1, as Cellpose or StarDist give them; otherwise they are found by their phase.
    uncertainty : path or Image, optional
        Standard deviation of the phase, as `retrieve_phase` and `predict` give it.
    pixel_size_um, wavelength_um : float, optional
        Of the phase; otherwise the file's.
    progress : callable, optional
        Called with a `Progress` after each frame.
    **settings
        Fields of `napari_contransgan.config.MeasureSettings`, such as ``threshold_rad``.

    Returns
    -------
    Measurement
        ``objects``, one for each object and frame; ``labels``, their pixels; and ``notes``.

    Raises
    ------
    InputError
        If the maps cannot be measured or do not belong together.
    """
    from napari_contransgan.measuring import measure_objects

    image = _image(phase, "phase", pixel_size_um, "phase")
    stated: dict[str, Any] = {"pixel_size_um": pixel_size_um, "wavelength_um": wavelength_um}
    image = replace(image, **{name: value for name, value in stated.items() if value is not None})
    given = read_image(Path(labels)).data if isinstance(labels, (str, Path)) else labels
    given = None if given is None else np.asarray(given)
    std = read_image(Path(uncertainty)) if isinstance(uncertainty, (str, Path)) else uncertainty
    checked = MeasureSettings.checked(settings, source="measure")
    return result_of(measure_objects(image, checked, labels=given, uncertainty=std), progress or _silent)


def _image(source: Source, name: str, pixel_size_um: float | None = None, quantity: Quantity = "intensity") -> Image:
    if isinstance(source, Image):
        return source
    if isinstance(source, (str, Path)):
        return read_image(Path(source))
    data = np.asarray(source)
    if data.ndim not in _AXES:
        raise InputError(f"an array has {data.ndim} axes: give (Y, X), (Z, Y, X) or (T, Z, Y, X)", source=name)
    if quantity != "intensity":
        data = data.astype(np.float32)
    return Image(data, _AXES[data.ndim], pixel_size_um, quantity=quantity, name=name)


def _silent(_: object) -> None:
    """Ignore the progress."""
