"""What every prediction of an image has in common: its checks, its network, and the description of its result."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_contransgan.config import PredictSettings
from napari_contransgan.counts import LUMINANCE_NOTE, dark_source_note, stated_dark
from napari_contransgan.inference.checks import PIXEL_SIZE_TOLERANCE, check_input, doubts_of
from napari_contransgan.inference.error_map import ErrorModel, ImageVerdict, load_error_model
from napari_contransgan.inference.known_optics import known_optics, told_notes
from napari_contransgan.inference.survey import Dark
from napari_contransgan.inference.tiling import ORIENTATIONS, Covering, mean_and_spread, run_oriented, tiles_at_once
from napari_contransgan.io import Image, to_luminance
from napari_contransgan.models.bundled import bundled_name, find_model
from napari_contransgan.models.checkpoint import ADAPTED, ERROR_FACTOR, LoadedModel, load_checkpoint
from napari_contransgan.models.compute import choose_device, describe_device
from napari_contransgan.models.running import TileNetwork, for_tiles
from napari_contransgan.notes import doubts_added
from napari_contransgan.optics import KnownOptics
from napari_contransgan.progress import Progress
from napari_contransgan.threads import each_ahead, each_on_threads
from napari_contransgan.tiles import Tile

MODEL_OF_ERRORS = "all"
"""Bundled network whose errors and training images the error map knows."""


@dataclass(frozen=True)
class TilePart:
    """One tile of a frame.

    Parameters
    ----------
    tile : Tile
        Its place.
    yx_contrast : (side, side) ndarray of float32
        Input of the network, padded where the frame is smaller than a tile.
    yx_lit : (Y, X) ndarray of bool
        Where the frame is lit, without padding.
    number, count : int
        Number of the tile, from 0, and of all tiles, for the progress.
    """

    tile: Tile
    yx_contrast: NDArray[np.float32]
    yx_lit: NDArray[np.bool_]
    number: int
    count: int


Add = Callable[[Tile, tuple[NDArray[np.float32], ...]], None]


@dataclass
class Job:
    """An image that was checked, and the network that predicts it.

    Parameters
    ----------
    image : Image
        The image, without an S axis.
    settings : PredictSettings
        The settings.
    loaded : LoadedModel
        The network.
    device : torch.device
        Device to compute on.
    pixel_size_um : float
        Pixel size of the image.
    dark : float or (Y, X) ndarray
        Dark level.
    notes : tuple of str
        Notes on the image as a whole.
    told : KnownOptics or None
        What the network was told; None if it cannot be told anything.
    """

    image: Image
    settings: PredictSettings
    loaded: LoadedModel
    device: torch.device
    pixel_size_um: float
    dark: Dark
    notes: tuple[str, ...]
    told: KnownOptics | None = None
    _network: TileNetwork | None = None

    @property
    def orientations(self) -> Sequence[tuple[int, bool]]:
        """Return the orientations in which each tile is predicted."""
        return ORIENTATIONS[: self.settings.orientations]

    @property
    def error_factor(self) -> float:
        """Return the factor for the errors of a network that was adapted, which was found on its kept-back part."""
        adapted = self.loaded.card.settings.get(ADAPTED, {})
        return float(adapted.get(ERROR_FACTOR, 1.0)) if isinstance(adapted, dict) else 1.0

    @property
    def errors(self) -> ErrorModel:
        """Return what predicts the error and knows usual images; it is read once, when first needed."""
        return load_error_model()

    def verdict(self) -> ImageVerdict | None:
        """Return what collects the errors of a frame, and notices if it is unusual.

        Other networks than `MODEL_OF_ERRORS` were trained on other images. Without an error map, theirs are not judged.
        """
        is_known = bundled_name(self.loaded.card) == MODEL_OF_ERRORS
        wanted = self.settings.trust or (is_known and self._is_comparable)
        return ImageVerdict(self.errors) if wanted else None

    @property
    def _is_comparable(self) -> bool:
        """Return whether the error map knows images of this pixel size, or the network does not know them either."""
        sizes = self.loaded.card.input_pixel_sizes_um
        trained = any(abs(self.pixel_size_um / size - 1) <= PIXEL_SIZE_TOLERANCE for size in sizes)
        return not trained or self.errors.known.size_factor(self.pixel_size_um) <= 1

    def predict_tiles(
        self, covering: Covering, frames: int, parts: Iterable[TilePart], verdict: ImageVerdict | None, add: Add
    ) -> Generator[Progress, None, None]:
        """Predict the tiles of a frame.

        Parameters
        ----------
        covering : Covering
            The tiles.
        frames : int
            Number of frames of the image.
        parts : iterable of TilePart
            The content of the tiles, taken as it is needed.
        verdict : ImageVerdict or None
            Learns about each tile.
        add : callable
            Gets the place of each tile in turn, its phase and, if wanted, the standard deviation of its error, in
            radians, without padding. Where no light came they are 0 and infinite.

        Yields
        ------
        Progress
            One for each tile and orientation.
        """
        threads = torch.get_num_threads()
        runs = len(covering.tiles) * len(self.orientations)
        at_once = tiles_at_once(covering, runs, threads, self.device)
        tiles = self._predict_tiles(covering, frames * runs, parts, verdict, add, at_once)
        yield from each_on_threads(threads // at_once, tiles)

    def _predict_tiles(
        self,
        covering: Covering,
        runs: int,
        parts: Iterable[TilePart],
        verdict: ImageVerdict | None,
        add: Add,
        at_once: int,
    ) -> Generator[Progress, None, None]:
        settings, orientations = self.settings, self.orientations
        network = for_tiles(self.loaded, covering.tile_px, self.device, runs, settings.engine, settings.precision)
        self._network = network
        begun: deque[TilePart] = deque()

        def inputs() -> Iterator[tuple[NDArray[np.float32], tuple[int, bool]]]:
            for part in parts:
                begun.append(part)
                yield from ((part.yx_contrast, one) for one in orientations)

        outputs: list[NDArray[np.float32]] = []
        with closing(each_ahead(lambda one: run_oriented(network, *one), inputs(), at_once)) as results:
            for output in results:
                outputs.append(output)
                part, count = begun[0], len(orientations)
                yield Progress(part.number * count + len(outputs), part.count * count, "predicting tiles")
                if len(outputs) == count:
                    add(part.tile, self._maps_of(part, outputs, verdict))
                    outputs = []
                    begun.popleft()

    def _maps_of(
        self, part: TilePart, outputs: Sequence[NDArray[np.float32]], verdict: ImageVerdict | None
    ) -> tuple[NDArray[np.float32], ...]:
        mean, spread = mean_and_spread(outputs)
        reference = np.float32(self.loaded.card.phase_ref_rad)
        phase_rad = mean * reference
        height, width = part.yx_lit.shape
        inner = slice(height), slice(width)
        phase = np.where(part.yx_lit, phase_rad[inner], np.float32(0))
        if verdict is None:
            return (phase,)
        known = self.errors.known
        squares = known.squares_of_tile(part.yx_contrast[inner], phase, self.pixel_size_um, part.yx_lit)
        compared = squares if self._is_comparable else []
        if not self.settings.trust:
            verdict.look_at(compared, phase, None)
            return (phase,)
        sigma_rad = self.errors.sigma_rad(part.yx_contrast, phase_rad, self.pixel_size_um, squares)
        if spread is not None:
            sigma_rad = self.errors.joined_rad(sigma_rad, spread * reference)
        sigma = np.where(part.yx_lit, sigma_rad[inner] * np.float32(self.error_factor), np.float32(np.inf))
        verdict.look_at(compared, phase, sigma)
        return phase, sigma

    def described(self, notes: Sequence[str], figures: Mapping[str, Any]) -> Image:
        """Return the image of the phase, with its place and settings, but with the input's data.

        Parameters
        ----------
        notes : sequence of str
            Notes on the frames.
        figures : mapping
            Further results for the settings.
        """
        card, settings, image = self.loaded.card, self.settings, self.image
        used: dict[str, Any] = {
            **settings.model_dump(mode="json"),
            "model": settings.model if not Path(settings.model).exists() else Path(settings.model).name,
            "network": card.name,
            "pixel_size_um": self.pixel_size_um,
            "dark": str(settings.dark) if isinstance(settings.dark, Path) else self.dark,
            "notes": [*self.notes, *notes],
            **figures,
        }
        if self.told is not None:
            used |= {"told": {name: value for name, value in asdict(self.told).items() if value is not None}}
        if self._network is not None:
            network = self._network
            used |= {
                "device": describe_device(self.device, network.precision, network.engine),
                "engine": network.engine,
                "precision": network.precision,
                "threads": torch.get_num_threads(),
            }
        shift_um = (card.pixel_size_um - self.pixel_size_um) / 2
        return replace(
            image,
            pixel_size_um=card.pixel_size_um,
            origin_yx_um=(image.origin_yx_um[0] + shift_um, image.origin_yx_um[1] + shift_um),
            quantity="phase",
            wavelength_um=card.wavelength_um,
            name=f"{image.name} phase",
            settings={**image.settings, "predict": used},
        )

    def uncertainty_of(self, phase: Image) -> Image:
        """Return the image of the uncertainty that belongs to a phase, but with the phase's data."""
        return replace(phase, quantity="phase-std", name=f"{phase.name} uncertainty")


def prepare(image: Image, settings: PredictSettings, loaded: LoadedModel | None, *, pixels_too: bool = True) -> Job:
    """Check an image, with or without its pixels, and load the network.

    Raises
    ------
    InputError
        If the image, its pixel size or the network cannot be used.
    """
    image, was_rgb = to_luminance(image)
    with doubts_added(image.notes):
        pixel_size_um = check_input(image, settings.pixel_size_um, settings.dark, pixels_too=pixels_too)
    device = choose_device(settings.device)
    loaded = loaded or network_in(find_model(settings.model), device)
    known = known_optics(image, settings)
    notes = (
        *image.notes,
        *([LUMINANCE_NOTE] if was_rgb else []),
        *dark_source_note(settings.dark, image),
        *doubts_of(image, pixel_size_um, loaded.card),
        *told_notes(known, settings, loaded.card),
    )
    told = known if loaded.card.takes_optics else None
    dark = stated_dark(settings.dark, image)
    return Job(image, settings, loaded.told(known), device, pixel_size_um, dark, notes, told)


def network_in(path: Path, device: torch.device) -> LoadedModel:
    """Load a network, or return the last one if it is the same, prepared as it was."""
    if not path.is_file():
        return load_checkpoint(path)  # which says what is wrong
    state = path.stat()
    return _kept_network(path, device.type, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=1)
def _kept_network(path: Path, _device: str, _state: tuple[int, ...]) -> LoadedModel:
    return load_checkpoint(path)
