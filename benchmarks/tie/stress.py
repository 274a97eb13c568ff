"""Measure the errors caused by faults of the planes, alone and together, on eleven planes of cells at the border."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.config import SimulationSettings, TieSettings
from napari_contransgan.evaluation.scores import level
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.camera import Camera, expose
from napari_contransgan.simulation.fields import STACK_SOURCE, true_phase
from napari_contransgan.simulation.image_formation import Optics, PixelGrid, through_focus_images, transmission
from napari_contransgan.simulation.light import uneven_light
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.tie import TieResult, retrieve_phase

FIELDS = 4
SEED = 3300
PIXEL_UM = 0.1625
HEIGHTS_UM = tuple(float(z) for z in np.linspace(-4, 4, 11))
THREE_UM = (-3.0, 0.0, 3.0)
FINE_CAMERA = Camera(photo_electrons=2e4, read_noise_e=3.0, background_counts=1300.0)

Maps = Sequence[NDArray[np.floating]]


@dataclass(frozen=True)
class Fault:
    """A fault of the planes, and the settings that a user would choose for it."""

    title: str
    electrons: float = 2e4
    background_counts: float = 1300.0
    jitter_um: float = 0.0
    drift_px: float = 0.0
    vignetting: float = 0.0
    missing: bool = False
    flat_field: str | None = None
    drift_undone: bool = True
    heights_um: tuple[float, ...] = HEIGHTS_UM


FAULTS = (
    Fault("only noise (2e4 e-)"),
    Fault("uneven z (+-0.3 um, known)", jitter_um=0.3),
    Fault("drift up to 3 px", drift_px=3.0),
    Fault("drift up to 3 px, correction off", drift_px=3.0, drift_undone=False),
    Fault("5 % vignetting", vignetting=0.05),
    Fault("5 % vignetting, flat field estimated", vignetting=0.05, flat_field="estimate"),
    Fault("1e3 e-", electrons=1e3),
    Fault("saturated spots", background_counts=2900.0),
    Fault("10 % of planes missing", missing=True),
    Fault("all together", 1e3, 2900.0, 0.3, 3.0, 0.05, True, "estimate"),
    Fault("three planes", heights_um=THREE_UM),
    Fault("three planes, drift up to 3 px", drift_px=3.0, heights_um=THREE_UM),
    Fault("the same, correction off", drift_px=3.0, heights_um=THREE_UM, drift_undone=False),
)


def main(fields: int = FIELDS) -> None:
    """Print the error of each fault against the truth and against clean planes."""
    print(f"{fields} fields of cells, 11 planes from -4 to 4 um; RMSE in rad")
    print("  fault                                  against truth  against clean  slope  notes of the program")
    clean = [_clean(index) for index in range(fields)]
    references = [_phase(planes, HEIGHTS_UM, FAULTS[0]).data for planes, _ in clean]
    truths = [truth for _, truth in clean]
    _report("no noise at all", references, truths, references, set())
    for fault in FAULTS:
        phases, notes = [], set()
        for index, (planes, _) in enumerate(clean):
            counts, heights_um = _spoiled(planes, fault, np.random.default_rng([SEED, index, 1]))
            result = _retrieved(counts, heights_um, fault)
            phases.append(result.phase.data)
            notes |= {note.split(":")[0][:46] for note in result.notes}
        _report(fault.title, phases, truths, references, notes)


def _report(title: str, phases: Maps, truths: Maps, references: Maps, notes: set[str]) -> None:
    against_truth = np.median([_rmse(a, b) for a, b in zip(phases, truths, strict=True)])
    against_clean = np.median([_rmse(a, block_mean(b, 2)) for a, b in zip(phases, references, strict=True)])
    slopes = [_slope(a, b) for a, b in zip(phases, truths, strict=True)]
    print(f"  {title:38s} {against_truth:13.4f}  {against_clean:13.4f}  {np.median(slopes):5.3f}  {'; '.join(notes)}")


def _clean(index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    settings = SimulationSettings(specimen="hela", seed=SEED)
    number, found = 0, -1
    while True:
        specimen = draw_specimen(settings, number)
        truth = true_phase(specimen, settings, number).data
        found += bool(truth.std() >= 0.1 and (truth < 0.01).mean() > 0.2)
        if found == index:
            break
        number += 1
    with torch.inference_mode():
        planes = through_focus_images(
            transmission(torch.from_numpy(specimen.yx_phase_rad), torch.from_numpy(specimen.yx_absorption)),
            specimen.pixel_size_um,
            Optics(0.65, 0.55, 0.3),
            PixelGrid(PIXEL_UM, 2 * settings.field_px, specimen.margin_px * specimen.pixel_size_um),
            z_um=tuple(float(z) for z in np.linspace(-4.4, 4.4, 45)),
            source=STACK_SOURCE,
        ).numpy()
    return planes, truth


def _plane_at(planes: NDArray[np.float32], z_um: float) -> NDArray[np.float32]:
    """Interpolate the image at any height from finely spaced ones."""
    place = (z_um + 4.4) / 0.2
    low = int(np.clip(np.floor(place), 0, len(planes) - 2))
    share = np.float32(place - low)
    plane: NDArray[np.float32] = (1 - share) * planes[low] + share * planes[low + 1]
    return plane


def _spoiled(
    planes: NDArray[np.float32], fault: Fault, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], tuple[float, ...]]:
    heights_um = np.array(fault.heights_um) + fault.jitter_um * rng.uniform(-1, 1, len(fault.heights_um))
    light = uneven_light(planes.shape[1:], fault.vignetting, rng)
    camera = replace(FINE_CAMERA, photo_electrons=fault.electrons, background_counts=fault.background_counts)
    path = np.linspace(-0.5, 0.5, len(heights_um))[:, None] * rng.uniform(-1, 1, 2)
    path *= 2 * fault.drift_px / max(2 * np.abs(path).max(), 1e-9)
    recorded = []
    for z_um, shift in zip(heights_um, path, strict=True):
        plane = _plane_at(planes, float(z_um))
        if fault.drift_px:
            plane = ndimage.shift(plane, shift, order=3, mode="mirror")
        recorded.append(expose(plane * light, camera, rng))
    kept = [index for index in range(len(recorded)) if not (fault.missing and index == 2)]
    return np.stack([recorded[i] for i in kept]), tuple(float(heights_um[i]) for i in kept)


def _retrieved(planes: NDArray[Any], heights_um: tuple[float, ...], fault: Fault) -> TieResult:
    image = Image(
        planes,
        "ZYX",
        pixel_size_um=PIXEL_UM,
        wavelength_um=0.55,
        numerical_aperture=0.65,
        coherence=0.3,
        name="stress",
    )
    focus = int(np.argmin(np.abs(heights_um)))
    settings = TieSettings(z_um=heights_um, focus_index=focus, flat_field=fault.flat_field, drift=fault.drift_undone)
    return result_of(retrieve_phase(image, settings))


def _phase(planes: NDArray[np.float32], heights_um: tuple[float, ...], fault: Fault) -> Image:
    return _retrieved(np.stack([_plane_at(planes, z) for z in heights_um]), heights_um, fault).phase


def _rmse(yx_phase_rad: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean((level(block_mean(yx_phase_rad, 2)) - level(reference)) ** 2)))


def _slope(yx_phase_rad: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    phase, inside = level(block_mean(yx_phase_rad, 2)), truth > 0.1 * truth.max()
    return float(np.sum(phase[inside] * truth[inside]) / np.sum(truth[inside] ** 2))


if __name__ == "__main__":
    main()
