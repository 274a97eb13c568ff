"""Which steps of a run are supervised: a function of the settings alone."""

from napari_contransgan.config import TrainSettings

PAIRED_EVERY = 4
"""In the unpaired phase of the semi-supervised recipe, one step in four stays supervised."""


def warm_start_steps(settings: TrainSettings) -> int:
    """How many of a run's steps are supervised before the unpaired ones begin."""
    if settings.recipe == "paper" or not settings.has_pairs:
        return 0
    if settings.warm_start_steps is not None:
        return min(settings.warm_start_steps, settings.steps)
    return settings.steps if settings.lr is None else settings.steps * 3 // 4


def is_supervised(settings: TrainSettings, step: int) -> bool:
    """Whether a step is taken on pairs; in the unpaired phase of the semi-supervised recipe one in four is."""
    if step < warm_start_steps(settings):
        return True
    return settings.recipe == "semi-supervised" and settings.has_pairs and step % PAIRED_EVERY == 0
