"""What the window says about a network: in two lines, in short, and in full."""

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.torch_guard import load_torch
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from napari_contransgan.models.checkpoint import ModelCard

ADAPTED_SIZE_TOLERANCE = 0.02
LONGEST_PURPOSE = 60


@dataclass(frozen=True)
class Summary:
    """What a model card says.

    Parameters
    ----------
    brief, short, full : str
        What the network is for and how far to trust it; its description and limits; everything.
    purpose : str
        What it is for, in a few words.
    adapted_name : str
        What the user calls a network that was adapted; empty for others.
    adapted_um : float or None
        Pixel size that it was adapted to.
    takes_optics : bool
        Whether it can be told how an image was taken.
    """

    brief: str = ""
    short: str = ""
    full: str = ""
    purpose: str = ""
    adapted_name: str = ""
    adapted_um: float | None = None
    takes_optics: bool = False

    def suits(self, pixel_size_um: float | None) -> bool:
        """Whether the network was adapted to images of this pixel size."""
        if self.adapted_um is None or not pixel_size_um:
            return False
        return abs(self.adapted_um / pixel_size_um - 1) <= ADAPTED_SIZE_TOLERANCE


Summaries = dict[str, Summary]
"""Summaries of model cards, by the name of a bundled network or the path of a checkpoint."""


def read_summaries(paths: Sequence[Path]) -> Generator[Progress, None, Summaries]:
    """Read the cards of the bundled networks and of others, in a worker; torch is imported only there."""
    yield Progress(0, 0, "Listing the networks")
    load_torch()
    from napari_contransgan.adapting.card import adaptation_of
    from napari_contransgan.models.bundled import list_models
    from napari_contransgan.models.checkpoint import read_card

    summaries = {name: summary_of(card) for name, card in list_models().items()}
    for path in paths:
        try:
            card = read_card(path)
        except InputError as error:
            summaries[str(path)] = Summary(str(error), str(error), f"{path.parent}\n\n")
            continue
        adapted = adaptation_of(card) or {}
        summaries[str(path)] = summary_of(
            card,
            folder=path.parent,
            adapted_name=str(adapted.get("name", "")),
            adapted_um=adapted.get("pixel_size_um"),
        )
    return summaries


def summary_of(
    card: "ModelCard", *, folder: Path | None = None, adapted_name: str = "", adapted_um: float | None = None
) -> Summary:
    """Describe what a network is for and its limits: in two lines, in short, and in full with optics and scores."""
    from napari_contransgan.models.bundled import one_specimen_note

    figures = "\n".join(
        f"{data}: " + ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
        for data, scores in card.figures.items()
    )
    short = [card.description, f"Limits: {card.limits}" if card.limits else ""]
    full = [f"Optics: {card.optics}", f"Data: {card.data}", f"Training: {card.recipe}", figures]
    texts = [*([str(folder)] if folder else []), card.name, *short, *full]
    purpose = purpose_of(card)
    note = one_specimen_note(card)
    trust = f"Careful: {note}." if note else trust_of(card)
    return Summary(
        brief=f"{'For ' + purpose + '.' if purpose else _first_sentence(card.description)}\n{trust}".strip(),
        short="\n".join(filter(None, short)),
        full="\n\n".join(filter(None, texts)),
        purpose=purpose,
        adapted_name=adapted_name,
        adapted_um=adapted_um,
        takes_optics=card.takes_optics,
    )


def purpose_of(card: "ModelCard") -> str:
    """Return what a bundled network is for, from its name, such as ``beads and cells, four objectives``."""
    _, found, title = card.name.partition(": ")
    purpose = title.partition(", ")[2] if found else ""
    return purpose if len(purpose) <= LONGEST_PURPOSE else ""


def trust_of(card: "ModelCard") -> str:
    """Return how far the predicted phases were from the true ones in images that were kept out of training."""
    slopes = [
        scores[name]
        for data, scores in card.figures.items()
        for name in ("slope_p10", "slope_p90")
        if name in scores and "before" not in data
    ]
    if slopes:
        return (
            f"On simulated images it was not trained on, phases came out {min(slopes):.2f} to {max(slopes):.2f} times "
            "the true ones; real images can be further off."
        )
    means = [scores["slope"] for data, scores in card.figures.items() if "slope" in scores and "before" not in data]
    if means:
        return f"On images that it was not trained on, phases came out {means[-1]:.2f} times the reference on average."
    return ""


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]
