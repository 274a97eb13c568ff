"""The card of an adapted network: from which network, which stacks, when, and what it scored."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import napari_contransgan
from napari_contransgan.adapting.events import KEPT_BACK, Kept, PartScores, Way
from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.config import AdaptSettings
from napari_contransgan.models.checkpoint import ADAPTED, ERROR_FACTOR, ModelCard
from napari_contransgan.models.tile_gain import TileGain


def adapted_card(
    base: ModelCard,
    settings: AdaptSettings,
    fields: Sequence[AdaptField],
    *,
    name: str,
    way: Way,
    kept: Kept,
    steps: int,
    before: PartScores,
    after: PartScores,
    compared: str,
    error_factor: float,
    gain: TileGain | None,
) -> ModelCard:
    """Describe an adapted network; files and networks by name only, since paths differ between computers."""
    stacks = [field.name for field in fields]
    origin = Path(settings.start_from).name
    record: dict[str, Any] = {
        "name": name,
        "from": base.name,
        "stacks": stacks,
        "way": way,
        "kept": kept,
        "pixel_size_um": fields[0].pixel_size_um,
        "wavelength_um": fields[0].wavelength_um,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "compared": compared,
        ERROR_FACTOR: round(error_factor, 4),
        "settings": {**settings.model_dump(mode="json"), "start_from": origin},
    }
    return base.model_copy(
        update={
            "name": name,
            "description": _description(base, stacks, kept),
            "wavelength_um": fields[0].wavelength_um,
            "input_pixel_sizes_um": (round(fields[0].pixel_size_um, 6),),
            "optics": f"as in {', '.join(stacks)}: {fields[0].optics}",
            "data": f"focus stacks: {', '.join(stacks)}",
            "recipe": f"{base.recipe}; {_recipe(way, kept, steps)}",
            "steps": steps,
            "figures": {
                f"{KEPT_BACK}, before": _figures(before),
                f"{KEPT_BACK}, after": _figures(after),
            },
            "limits": (
                "Adapted to one microscope: with another objective, condenser setting, filter or camera its phase can "
                "be wrong. Its scores are against TIE, whose own errors it shares, on one small part. " + base.limits
            ),
            "program_version": napari_contransgan.__version__,
            "settings": {**base.settings, ADAPTED: record},
            "tile_gain": gain,
        }
    )


def adaptation_of(card: ModelCard) -> dict[str, Any] | None:
    """Describe how a network was adapted; return None for one that was not."""
    record = card.settings.get(ADAPTED)
    return record if isinstance(record, dict) else None


def _description(base: ModelCard, stacks: Sequence[str], kept: Kept) -> str:
    if kept == "original":
        return f"The network '{base.name}', unchanged: adapting it to {', '.join(stacks)} did not improve it."
    return f"The network '{base.name}', adapted to the microscope that took {', '.join(stacks)}."


def _recipe(way: Way, kept: Kept, steps: int) -> str:
    if kept == "original":
        return "adapting it brought no improvement, so it is unchanged"
    how = "their TIE phase as label" if way == "paired" else "phase and frames of different places"
    return f"adapted in {steps} steps on focus stacks, {how}"


def _figures(scores: PartScores) -> dict[str, float]:
    return {name: round(value, 4) for name, value in vars(scores).items()}
