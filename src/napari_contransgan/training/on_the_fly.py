"""Simulated pairs that are made when a step needs them, or a little ahead by other processes."""

from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from napari_contransgan.config import SimulationSettings
from napari_contransgan.models.normalisation import contrast_on_model_grid, to_model_grid
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.processes import WorkerDiedError, Workers
from napari_contransgan.simulation import simulate_pair
from napari_contransgan.threads import on_threads
from napari_contransgan.training.frames import FrameCache, check_size

HALVES = ("lr", "phase")

Half = NDArray[np.float16]


@dataclass(frozen=True)
class FieldKey:
    """One field that can be made at any time.

    Parameters
    ----------
    recipe : int
        Index of the run's simulation settings that make it.
    index : int
        Number of the field.
    """

    recipe: int
    index: int


@dataclass
class PairMaker:
    """A maker of a run's simulated pairs, which stay in the cache.

    A pair is the same whether it is made here or ahead, now or again.

    Parameters
    ----------
    recipes : sequence of SimulationSettings
        The digital microscopes.
    cache : FrameCache
        Shared with the run's files.
    workers : int
        Processes that make pairs ahead; they start with the first call of `prepare`.
    """

    recipes: Sequence[SimulationSettings]
    cache: FrameCache
    workers: int = 1
    _pool: Workers | None = field(default=None, init=False, repr=False)
    _ahead: "dict[FieldKey, Future[tuple[Half, Half]]]" = field(default_factory=dict, init=False, repr=False)

    def load(self, wanted: FieldKey) -> tuple[torch.Tensor, ...]:
        """Return contrast, and phase in radians, on the model's grid, float32, each of shape (H, W)."""
        return self.cache.get(wanted, lambda: self._made(wanted))

    def prepare(self, wanted: Sequence[FieldKey]) -> None:
        """Start other processes on fields needed soon; cancel those no longer needed."""
        if not self.workers:
            return
        for known in set(self._ahead).difference(wanted):
            if self._ahead[known].cancel() or self._ahead[known].done():
                del self._ahead[known]
        for new in wanted:
            if new not in self._ahead and new not in self.cache:
                self._submit(new)

    def collect(self) -> None:
        """Store the fields that other processes made since the last call."""
        for wanted in [wanted for wanted, future in self._ahead.items() if future.done()]:
            if wanted in self._ahead:  # else a process died, and nothing is ahead any more
                self.load(wanted)

    def close(self) -> None:
        """Stop the other processes; fields requested later are made in this process."""
        if self._pool is not None:
            self._pool.close()
        self._pool, self.workers = None, 0
        self._ahead.clear()

    def _submit(self, wanted: FieldKey) -> None:
        if self._pool is None:
            self._pool = Workers(self.workers)
        self._ahead[wanted] = self._pool.submit(_make, (self.recipes[wanted.recipe], wanted.index))

    def _made(self, wanted: FieldKey) -> tuple[torch.Tensor, ...]:
        future = self._ahead.pop(wanted, None)
        if future is not None and not future.cancel():
            try:
                return tuple(torch.from_numpy(half) for half in future.result())
            except WorkerDiedError:  # the run must not end with it
                self.close()
        with on_threads(1):
            halves = make_pair(self.recipes[wanted.recipe], wanted.index)
        return tuple(torch.from_numpy(half) for half in halves)


@dataclass(frozen=True)
class SimulatedFrames:
    """A list of simulated fields, as `napari_contransgan.training.frames.Frames` is one of files.

    Parameters
    ----------
    fields : sequence of FieldKey
        The fields.
    kind : {"lr", "phase"}
        Which half of the pairs.
    maker : PairMaker
        Shared by the lists of a run.
    """

    fields: Sequence[FieldKey]
    kind: str
    maker: PairMaker

    def __len__(self) -> int:
        return len(self.fields)

    def key(self, index: int) -> Hashable:
        """Return the identity of field `index`."""
        return self.fields[index]

    def is_bad(self, index: int) -> bool:  # noqa: ARG002 - every field can be made
        """Return whether field `index` is left out."""
        return False

    def load(self, index: int, crop_px: int) -> torch.Tensor:
        """Return frame `index` on the model's grid, float32, shape (H, W), at least `crop_px` on each side.

        Raises
        ------
        InputError
            If the settings make fields smaller than the crop.
        """
        wanted = self.fields[index]
        image = self.maker.load(wanted)[HALVES.index(self.kind)]
        check_size(f"simulated field {wanted.index}", (image.shape[0], image.shape[1]), crop_px)
        return image


def _make(task: tuple[SimulationSettings, int]) -> tuple[Half, Half]:
    return make_pair(*task)


def make_pair(settings: SimulationSettings, index: int) -> tuple[Half, Half]:
    """Make one training pair; on one thread the result is reproducible.

    Returns
    -------
    contrast, phase_rad : ndarray, float16, shape (H, W)
        On the model's grid.
    """
    lr, phase = simulate_pair(settings, index)
    contrast, _ = contrast_on_model_grid(lr.data, check_pixel_size(lr.pixel_size_um, lr.name))
    radians = to_model_grid(torch.from_numpy(phase.data), check_pixel_size(phase.pixel_size_um, phase.name))
    return contrast.numpy().astype(np.float16), radians.numpy().astype(np.float16)
