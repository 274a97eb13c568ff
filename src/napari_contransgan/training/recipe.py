"""The parts of a recipe: which steps are supervised, the weights of the losses, the learning rate."""

import math
from dataclasses import dataclass

from napari_contransgan.config import TrainSettings

PAIRED_EVERY = 4
"""In the unpaired phase of the semi-supervised recipe, one step in four stays supervised."""

WARM_START_RATE, UNPAIRED_RATE = 5e-4, 1e-4
RAMP_STEPS = 200


@dataclass(frozen=True)
class Weights:
    """Weights of the losses of an unpaired step.

    Parameters
    ----------
    gan : float
        Of the adversarial loss.
    cycle : float
        Of the cycle loss.
    physics : float
        Of the physics-consistency loss.
    gradient_penalty : float
        R1: half of this times the discriminators' squared gradient at real images.
    cycle_noise : float
        Standard deviation of the noise added to a generated image before it is translated back, in units of the
        reference values. It prevents the networks from hiding a signal in the image.
    """

    gan: float
    cycle: float
    physics: float
    gradient_penalty: float
    cycle_noise: float


PAPER = Weights(gan=1.0, cycle=10.0, physics=0.0, gradient_penalty=0.0, cycle_noise=0.0)
SEMI_SUPERVISED = Weights(gan=0.3, cycle=10.0, physics=5.0, gradient_penalty=1.0, cycle_noise=0.02)


def weights_of(settings: TrainSettings) -> Weights:
    """Return the weights that the settings state, and the recipe's own for the others."""
    own = PAPER if settings.recipe == "paper" else SEMI_SUPERVISED
    return Weights(
        gan=_first(settings.lambda_gan, own.gan),
        cycle=settings.lambda_cycle,
        physics=_first(settings.lambda_physics, own.physics),
        gradient_penalty=_first(settings.gradient_penalty, own.gradient_penalty),
        cycle_noise=_first(settings.cycle_noise, own.cycle_noise),
    )


def _first(stated: float | None, own: float) -> float:
    return own if stated is None else stated


def warm_start_steps(settings: TrainSettings) -> int:
    """Return how many of a run's steps are supervised before the unpaired ones begin."""
    if settings.recipe == "paper" or not settings.has_pairs:
        return 0
    if settings.warm_start_steps is not None:
        return min(settings.warm_start_steps, settings.steps)
    return settings.steps if settings.lr is None else settings.steps * 3 // 4


def is_supervised(settings: TrainSettings, step: int, place: float | None = None) -> bool:
    """Return whether a step is taken on pairs; in the unpaired phase of the semi-supervised recipe one in four is.

    Parameters
    ----------
    settings, step
        The run, and the step.
    place : float, optional
        Position on the schedule of ``settings.steps`` steps, if the clock is ahead of the number of steps.
    """
    if (step if place is None else place) < warm_start_steps(settings):
        return True
    return settings.recipe == "semi-supervised" and settings.has_pairs and step % PAIRED_EVERY == 0


def learning_rate(settings: TrainSettings, step: int, place: float | None = None) -> float:
    """Return the rate of a step: ramp and cosine in the warm start, then constant and falling to 0 when unpaired.

    Parameters
    ----------
    settings, step, place
        As for `is_supervised`.
    """
    warm = warm_start_steps(settings)
    place = step if place is None else place
    if place < warm:
        top = settings.learning_rate or WARM_START_RATE
        # The ramp takes so many steps or a fifth of the warm start, whichever is shorter.
        ramp = min(1.0, max((step + 1) / min(RAMP_STEPS, max(1, warm // 5)), 5 * place / warm))
        return top * ramp * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * place / warm)))
    done = (place - warm) / max(1, settings.steps - warm)
    return (settings.learning_rate or UNPAIRED_RATE) * min(1.0, 2 * (1 - done))
