"""The curves of one run, which may still be growing."""

import math
from array import array
from collections.abc import Mapping

import numpy as np

from napari_contransgan.gui.runs.thinning import Curve
from napari_contransgan.training.events import SCORES, Validated
from napari_contransgan.training.run_folder import RunRecord


class Series:
    """Values at rising steps; appending a value is cheap.

    Parameters
    ----------
    curve : pair of ndarray, optional
        Initial steps and values. A run that went back to an earlier step has some steps twice; the later value
        counts.
    """

    def __init__(self, curve: Curve | None = None) -> None:
        self._steps, self._values = array("d"), array("d")
        if curve is not None and len(curve[0]):
            steps, values = (np.asarray(part, np.float64) for part in curve)
            least_after = np.append(np.minimum.accumulate(steps[::-1])[::-1][1:], np.inf)
            self._steps, self._values = (array("d", part[steps < least_after].tobytes()) for part in (steps, values))

    def add(self, step: int, value: float) -> None:
        """Append a value."""
        self._steps.append(step)
        self._values.append(value)

    def drop_after(self, step: int) -> None:
        """Remove the values after a step."""
        kept = int(np.searchsorted(np.array(self._steps), step, "right"))
        del self._steps[kept:], self._values[kept:]

    def curve(self) -> Curve:
        """Return steps and values, both of shape (n,)."""
        return np.array(self._steps), np.array(self._values)


class RunSeries:
    """Losses and scores of one run, by name.

    Parameters
    ----------
    name : str
        Name of the run in the legend.
    record : RunRecord, optional
        What was read from its folder.
    last_step : int, optional
        Later steps of the record are left out.
    """

    def __init__(self, name: str, record: RunRecord | None = None, last_step: int | None = None) -> None:
        self.name = name
        self.losses: dict[str, Series] = {}
        self.scores: dict[str, Series] = {}
        if record is not None:
            self.losses = {name: Series(curve) for name, curve in record.losses.items()}
            self.scores = {name: Series(curve) for name, curve in record.scores.items()}
            if last_step is not None:
                self.drop_after(last_step)

    def add_losses(self, step: int, losses: Mapping[str, float]) -> None:
        """Append the losses of a step."""
        for name, loss in losses.items():
            self.losses.setdefault(name, Series()).add(step, loss)

    def add_scores(self, event: Validated) -> None:
        """Append the scores of a validation, if it has any."""
        if not event.has_scores:
            return
        for name in SCORES:
            value: float = getattr(event, name)
            self.scores.setdefault(name, Series()).add(event.step, value if math.isfinite(value) else math.nan)

    def drop_after(self, step: int) -> None:
        """Remove the values after a step from which the run continues."""
        for series in (*self.losses.values(), *self.scores.values()):
            series.drop_after(step)

    def curve(self, name: str) -> Curve:
        """Return the steps and values of a loss or a score; empty for an unknown name."""
        return (self.losses.get(name) or self.scores.get(name) or Series()).curve()
