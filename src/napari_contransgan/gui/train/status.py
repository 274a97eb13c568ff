"""The status of a training run in words."""

import math
import time

from napari_contransgan.training.events import StepFinished, Validated


class Pace:
    """Estimates the remaining time of a run from the steps since it started or resumed, without the first."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def restart(self) -> None:
        """Start again after a pause, or after steps that were undone."""
        self._first = None

    def note(self, step: int) -> None:
        """Note that a step has just been finished."""
        if self._first is None:
            self._first = step, time.monotonic()

    def left_s(self, step: int, total_steps: int) -> float | None:
        """Return the remaining time in seconds; None until two steps are known."""
        if self._first is None or step <= self._first[0]:
            return None
        first_step, first_time = self._first
        return (total_steps - step) * (time.monotonic() - first_time) / (step - first_step)


def status_text(event: StepFinished, device: str, left_s: float | None) -> str:
    """Describe the progress, speed and device of a run in one line; unknown parts are left out."""
    parts = [f"Step {event.step} of {event.total_steps}"]
    if left_s is not None and event.step < event.total_steps:
        parts.append(f"{duration_text(left_s)} left")
    parts.append(f"{event.images_per_s:.3g} images/s")
    if event.learning_rate > 0:
        parts.append(f"learning rate {rate_text(event.learning_rate)}")
    parts.append(device)
    if event.memory_bytes > 0:
        parts.append(f"{memory_text(event.memory_bytes)} of memory")
    return " · ".join(part for part in parts if part)


def scores_text(event: Validated) -> str:
    """Describe the scores of a validation, together with those of an empty phase map."""
    if not event.has_scores:
        return f"Validation at step {event.step}: no scores, since there are no held-out pairs"
    return (
        f"Validation at step {event.step}: PSNR {event.psnr_db:.1f} dB, SSIM {event.ssim:.3f}, slope {event.slope:.2f} "
        f"(an empty phase map would score {event.psnr_zero_db:.1f} dB, {event.ssim_zero:.3f})"
    )


def duration_text(seconds: float) -> str:
    """Write a duration as a person would: ``about 3 min``."""
    if seconds < 60:
        return f"about {max(1, round(seconds))} s"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def memory_text(size_bytes: int) -> str:
    """Write a size in MB, or in GB from 1 GB on."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def rate_text(rate: float) -> str:
    """Write a learning rate without superfluous zeros: ``5e-4``."""
    if rate <= 0 or not math.isfinite(rate):
        return f"{rate:g}"
    mantissa, _, exponent = f"{rate:.2g}".partition("e")
    if exponent:
        return f"{mantissa}e{int(exponent)}"
    mantissa, _, exponent = f"{rate:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
