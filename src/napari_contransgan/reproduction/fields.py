"""Simulate held-out fields, and score networks on them."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import HELD_OUT_SEEDS, PredictSettings, SimulationSettings
from napari_contransgan.config.names import SceneName, SpecimenName
from napari_contransgan.evaluation import Scores, evaluate
from napari_contransgan.held_out import DATA_RANGE_RAD, invented_rad, known_background
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import Progress, as_part, result_of
from napari_contransgan.reproduction import paper
from napari_contransgan.reproduction.networks import Networks
from napari_contransgan.resampling import binned_to_model_grid, block_mean
from napari_contransgan.simulation import simulate_field
from napari_contransgan.simulation.fields import tie_label
from napari_contransgan.simulation.scenes import scene_of_field

TIE_LABEL, TRUTH = "TIE at 40x", "true phase"
TIE_ITSELF = "(TIE at 40x itself)"
FIELD_PX = 220
"""Side of a field, which fits into one tile; a larger field would be padded to four tiles without any gain."""

FINE = (1,)
"""Scores on the model's grid alone, as multiples of its pixel."""

TURNED = " (eight orientations)"
AVERAGED = ("ssim", "psnr_db", "slope", "ssim_raw", "psnr_raw_db", "ssim_foreground", "psnr_foreground_db")
ZERO = {"ssim": "ssim_zero", "psnr_db": "psnr_zero_db"}
"""Score of an empty map that belongs to each score."""


@dataclass(frozen=True)
class HeldOutField:
    """One field that no training has seen; all maps except the frame are on the model's grid.

    Parameters
    ----------
    settings : SimulationSettings
        Settings of the simulation.
    index : int
        Number of the field.
    scene : SceneName
        Scene of the field.
    lr : Image
        Low-power frame.
    yx_truth_rad : ndarray, shape (Y, X)
        True phase.
    yx_tie_rad : ndarray, shape (Y, X)
        TIE phase of the 40x stack, averaged to the model's grid.
    """

    settings: SimulationSettings
    index: int
    scene: SceneName
    lr: Image
    yx_truth_rad: NDArray[np.float32]
    yx_tie_rad: NDArray[np.float32]

    @property
    def labels(self) -> Mapping[str, NDArray[np.float32]]:
        """Return the labels that a map can be scored against."""
        return {TIE_LABEL: self.yx_tie_rad, TRUTH: self.yx_truth_rad}

    def scores(self, yx_phase_rad: NDArray[np.float32], label: str, pixels: int = 1) -> Scores:
        """Score a map of this field against one of its labels, both averaged over blocks of `pixels` x `pixels`.

        A block is background where all of its pixels are.
        """
        return evaluate(
            block_mean(yx_phase_rad, pixels),
            block_mean(self.labels[label], pixels),
            data_range_rad=DATA_RANGE_RAD[self.settings.specimen],
            yx_background=block_mean(known_background(self.yx_truth_rad), pixels) == 1,
        )


def held_out(specimen: SpecimenName, objective: str, **changes: Any) -> SimulationSettings:
    """Return settings of held-out fields of the paper's microscope: frames near focus at S = 0.6, stacks at S = 0.3."""
    wanted = {
        "specimen": specimen,
        "objective": objective,
        "seed": HELD_OUT_SEEDS[specimen],
        "field_px": FIELD_PX,
    }
    return SimulationSettings.checked(wanted | changes)


def make_field(settings: SimulationSettings, index: int) -> HeldOutField:
    """Simulate a field and its stack, and retrieve the TIE phase of the stack."""
    scene = scene_of_field(settings, index)
    field = simulate_field(settings, index)
    tie = tie_label(field.stack, settings)
    yx_tie_rad = binned_to_model_grid(tie.data, tie.pixel_size_um or MODEL_PIXEL_SIZE_UM)
    return HeldOutField(settings, index, scene, field.lr, field.phase.data, yx_tie_rad)


def predicted(field: HeldOutField, network: LoadedModel, *, orientations: Literal[1, 8] = 1) -> NDArray[np.float32]:
    """Predict the phase of a field's frame in radians, in one orientation or as the mean of eight."""
    settings = PredictSettings(orientations=orientations)
    return np.asarray(result_of(predict(field.lr, settings, network)).data, np.float32)


def predictions(
    field: HeldOutField, networks: Networks, *, also_turned: bool = False
) -> dict[str, NDArray[np.float32]]:
    """Predict a field by each network, and under its name followed by `TURNED`, by the mean of eight orientations."""
    maps = {}
    for name, network in networks.items():
        maps[name] = predicted(field, network)
        if also_turned:
            maps[f"{name}{TURNED}"] = predicted(field, network, orientations=8)
    return maps


def score_networks(
    networks: Networks,
    settings: SimulationSettings,
    indices: Sequence[int],
    *,
    also_turned: bool = False,
    grids: Sequence[int] = FINE,
) -> Generator[Progress, None, list[dict[str, Any]]]:
    """Score networks on the same fields.

    Parameters
    ----------
    networks : mapping
        Networks by name.
    settings : SimulationSettings
        Specimen and optics.
    indices : sequence of int
        Numbers of the fields.
    also_turned : bool
        Also score the mean of eight orientations, under the network's name followed by `TURNED`.
    grids : sequence of int
        Grids on which maps are compared, as multiples of the model's pixel of 0.325 um.

    Yields
    ------
    Progress
        One for each field.

    Returns
    -------
    list of dict
        One row for each network, field, grid and label (the TIE phase of a simulated 40x stack, as in the paper, and
        the true phase), and for the TIE label against the true phase. For an empty field, only the largest invented
        phase.
    """
    rows: list[dict[str, Any]] = []
    for done, index in enumerate(indices, start=1):
        field = make_field(settings, index)
        for name, yx_phase_rad in predictions(field, networks, also_turned=also_turned).items():
            rows += score_rows(name, field, yx_phase_rad, grids)
        of_tie = score_rows(TIE_ITSELF, field, field.yx_tie_rad, grids)
        rows += [row for row in of_tie if row.get("label") == TRUTH]
        yield Progress(done, len(indices), f"scoring {settings.specimen} at {settings.objective}")
    return rows


def score_rows(
    name: str, field: HeldOutField, yx_phase_rad: NDArray[np.float32], grids: Sequence[int] = FINE
) -> list[dict[str, Any]]:
    """Return the rows of one network's phase of one field."""
    about = {
        "network": name,
        "specimen": field.settings.specimen,
        "objective": field.settings.objective,
        "scene": field.scene,
        "field": field.index,
    }
    if field.scene == "empty":
        return [{**about, "empty_max_rad": invented_rad(yx_phase_rad, field.yx_truth_rad)}]
    return [
        {**about, "label": label, "grid_um": grid_um(pixels), **asdict(field.scores(yx_phase_rad, label, pixels))}
        for pixels in grids
        for label, yx_label_rad in field.labels.items()
        if yx_label_rad.min() < yx_label_rad.max()
    ]


def grid_um(pixels: int) -> float:
    """Return the pixel size of a grid that is `pixels` times as coarse as the model's."""
    return round(pixels * MODEL_PIXEL_SIZE_UM, 3)


def averaged(rows: Sequence[Mapping[str, Any]], **wanted: Any) -> dict[str, float]:
    """Compute mean and standard deviation of the scores of the rows with the given values; NaN if there are none."""
    chosen = [row for row in rows if "ssim" in row and all(row[name] == value for name, value in wanted.items())]
    found: dict[str, float] = {"fields": len(chosen)}
    for score in (*AVERAGED, *ZERO.values()):
        values = np.array([row[score] for row in chosen], float)
        values = values[np.isfinite(values)]
        found[score] = float(values.mean()) if len(values) else float("nan")
        found[f"{score}_std"] = float(values.std()) if len(values) else float("nan")
        found[f"{score}_median"] = float(np.median(values)) if len(values) else float("nan")
    return found


def means(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Compute averages against each label, one row for each label and combination of values under `names`."""
    labelled = [row for row in rows if "label" in row]
    names = ("label", *names)
    keys = dict.fromkeys(tuple(row[name] for name in names) for row in labelled)
    return [
        {**wanted, **averaged(labelled, **wanted)} for wanted in (dict(zip(names, key, strict=True)) for key in keys)
    ]


def score_cells(
    networks_of: Callable[[SpecimenName], Networks],
    count: int,
    specimens: Sequence[SpecimenName] = paper.SPECIMENS,
    *,
    also_turned: bool = False,
    grids: Sequence[int] = FINE,
) -> Generator[Progress, None, list[dict[str, Any]]]:
    """Run `score_networks` for each specimen at each objective, with the networks that `networks_of` names."""
    cells = [(specimen, objective) for specimen in specimens for objective in paper.OBJECTIVES]
    rows: list[dict[str, Any]] = []
    for number, cell in enumerate(cells):
        scoring = score_networks(
            networks_of(cell[0]), held_out(*cell), range(count), also_turned=also_turned, grids=grids
        )
        rows += yield from as_part(scoring, number, len(cells))
    return rows
