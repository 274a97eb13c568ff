"""The card of a trained network: its training images, its training, its scores and its limits."""

import math
from pathlib import Path
from typing import Any

import napari_contransgan
from napari_contransgan.config import PairFolders, TrainSettings
from napari_contransgan.models.checkpoint import ModelCard
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM
from napari_contransgan.training.events import SCORES, Validated
from napari_contransgan.training.physics import forward_model
from napari_contransgan.training.recipe import is_supervised, weights_of
from napari_contransgan.training.survey import Survey
from napari_contransgan.training.validation import DATA_RANGE_RAD


def make_card(settings: TrainSettings, step: int, found: Survey, scores: Validated | None) -> ModelCard:
    """Describe the network after `step` steps; folders by name only, since paths differ between computers."""
    folders: dict[str, Any] = {
        "lr": settings.lr and settings.lr.name,
        "phase": settings.phase and settings.phase.name,
        "pairs": [_name(source) for source in settings.pairs],
        "start_from": settings.start_from and Path(settings.start_from).name,
    }
    has_scores = scores is not None and scores.has_scores
    return ModelCard(
        name=f"{settings.generator} {settings.preset}",
        description="Trained with napari-contransgan; judge it by its scores and on your own images.",
        generator=settings.generator,
        preset=settings.preset,
        takes_optics=settings.takes_optics,
        phase_ref_rad=settings.phase_ref_rad,
        wavelength_um=found.wavelength_um or DEFAULT_WAVELENGTH_UM,
        input_pixel_sizes_um=found.input_pixel_sizes_um,
        optics=found.optics or "not stated in the data",
        data=_describe_data(folders, found),
        recipe=_describe_recipe(settings, step, found),
        limits=_describe_limits(found, has_scores),
        steps=step,
        figures={f"held-out training pairs, range {DATA_RANGE_RAD:g} rad": figures_of(scores)}
        if scores and has_scores
        else {},
        program_version=napari_contransgan.__version__,
        settings={**settings.model_dump(mode="json"), **folders},
    )


def _name(source: Path | PairFolders) -> str:
    if isinstance(source, PairFolders):
        return f"{source.lr.name} with {source.phase.name}"
    return source.name


def figures_of(scores: Validated) -> dict[str, float]:
    """Return the finite scores by name, rounded."""
    values = {name: float(getattr(scores, name)) for name in SCORES}
    return {name: round(value, 4) for name, value in values.items() if math.isfinite(value)}


def _describe_recipe(settings: TrainSettings, step: int, found: Survey) -> str:
    supervised = sum(is_supervised(settings, k) for k in range(step))
    pairs = "simulated pairs" if found.all_pairs_simulated else "pairs"
    parts = [f"{supervised} supervised steps on {pairs}"] if supervised else []
    if step > supervised:
        losses = "LSGAN, cycle, physics" if _has_physics(settings, found) else "LSGAN, cycle"
        parts.append(f"{step - supervised} unpaired steps ({losses})")
    text = " + ".join(parts) or "untrained"
    # Paths differ between computers, so only the file's name is written.
    return f"{text}, after the training of {Path(settings.start_from).name}" if settings.start_from else text


def _has_physics(settings: TrainSettings, found: Survey) -> bool:
    """Return whether unpaired steps have the physics-consistency loss."""
    return weights_of(settings).physics > 0 and forward_model(settings, found.simulated) is not None


def _describe_limits(found: Survey, has_scores: bool) -> str:
    parts = [
        "Specimens, objectives, pixel sizes and focus other than those it was trained on can give phase that looks "
        "right but is wrong.",
        "Detail that the low-resolution frame does not hold is inferred from the training images, not measured.",
    ]
    if found.all_pairs_simulated:
        parts.append("Its pairs are simulated: the scores do not show how well it does on a real microscope.")
    if not has_scores:
        parts.append("It was not scored, so its accuracy is unknown.")
    if found.wavelength_um is None:
        parts.append(f"The phase files state no wavelength; {DEFAULT_WAVELENGTH_UM:g} um is assumed.")
    return " ".join(parts)


def _describe_data(folders: dict[str, Any], found: Survey) -> str:
    parts = [f"pairs in {name}" for name in folders["pairs"]]
    if found.on_the_fly:
        parts.append(found.on_the_fly)
    if folders["lr"]:
        parts.append(f"unpaired images in {folders['lr']} and {folders['phase']}")
    return ", ".join(parts)
