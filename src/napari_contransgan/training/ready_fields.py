"""Simulated fields for a run that does not wait: batches are drawn from the finished fields while more are made.

A GPU uses fields faster than processors simulate them. A run whose length is given in steps draws each batch by the
seed and the step alone, and waits for its fields. A run whose length is given in minutes draws from the finished
fields instead, so the images of a step depend on the speed of the computer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from napari_contransgan.config import TrainSettings
from napari_contransgan.training.data import TrainingData, simulated_fields
from napari_contransgan.training.frames import FrameList, Joined
from napari_contransgan.training.on_the_fly import FieldKey, PairMaker, SimulatedFrames
from napari_contransgan.training.validation import scored_fields

LEAST_BATCHES = 2
"""Number of batches whose fields must be finished before the first step."""
IN_FLIGHT = 8
"""Number of fields requested per process at a time, so that none is idle during a long step."""
SHARE_OF_CACHE = 0.75
"""Share of the image memory for simulated fields; the rest is for files, so that neither evicts the other."""


@dataclass
class ReadyFields:
    """The finished fields, and the fields still to be made, in order.

    Parameters
    ----------
    maker : PairMaker
        Makes and stores the fields.
    due : dict
        Fields to be made; the values are unused.
    only_scored : set
        Fields that no step may see.
    least : int
        Number of fields that must be finished before a step.
    fields : list
        Fields that steps draw from; the lists of `live` grow with it.
    """

    maker: PairMaker
    due: dict[FieldKey, None]
    only_scored: set[FieldKey]
    least: int
    fields: list[FieldKey]

    def follow(self) -> None:
        """Add the fields made since the last call, and request the next ones; make only the first few here."""
        while True:
            self.maker.collect()
            for field in self._next():
                if field in self.maker.cache:
                    self._add(field)
            has_room = self.maker.cache.used_bytes < SHARE_OF_CACHE * self.maker.cache.budget_bytes
            self.maker.prepare(self._next() if has_room else [])
            if len(self.fields) >= self.least or not self.due:
                return
            last = next(reversed(self.due))  # the other processes, if they have begun yet, are at the first ones
            self.maker.load(last)
            self._add(last)

    def _next(self) -> list[FieldKey]:
        """Return the fields to be made next, including those being made."""
        return list(islice(self.due, IN_FLIGHT * max(1, self.maker.workers)))

    def _add(self, made: FieldKey) -> None:
        del self.due[made]
        if made not in self.only_scored:
            self.fields.append(made)


def drawn_from_ready(data: TrainingData, settings: TrainSettings, step: int, items: Sequence[int]) -> TrainingData:
    """Make steps draw simulated pairs from the finished ones.

    Parameters
    ----------
    data : TrainingData
        The images that were found.
    settings : TrainSettings
        The run.
    step : int
        Steps done; a resumed run makes other fields first.
    items : sequence of int
        Images of each batch that this process computes; other processes make other fields first.

    Returns
    -------
    TrainingData
        `data` itself if no pairs are simulated, or none are made ahead.
    """
    maker = data.maker
    if maker is None or not maker.workers:
        return data
    every = [field for index in range(len(data.paired_lr)) for field in simulated_fields(data.paired_lr, index)]
    order = np.random.default_rng([settings.seed, step, items[0]]).permutation(len(every))
    shuffled = [every[number] for number in order]
    least = min(LEAST_BATCHES * settings.batch_size, len(every))
    scored = [field for index in scored_fields(data) for field in simulated_fields(data.held_out_lr, index)]
    due = [*shuffled[:least], *scored, *shuffled[least:]]
    ready = ReadyFields(maker, dict.fromkeys(due), set(scored), least, [])
    return replace(
        data,
        ready=ready,
        paired_lr=_drawing_from(data.paired_lr, ready.fields),
        paired_phase=_drawing_from(data.paired_phase, ready.fields),
        unpaired_lr=_drawing_from(data.unpaired_lr, ready.fields),
        unpaired_phase=_drawing_from(data.unpaired_phase, ready.fields),
    )


def _drawing_from(frames: FrameList, ready: list[FieldKey]) -> FrameList:
    if isinstance(frames, SimulatedFrames):
        return replace(frames, fields=ready)
    if isinstance(frames, Joined):
        return Joined([_drawing_from(part, ready) for part in frames.lists])
    return frames
