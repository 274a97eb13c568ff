"""Check an image before any network is loaded, and doubt what a network was not trained for."""

import math
from pathlib import Path

from napari_contransgan.counts import stated_dark
from napari_contransgan.errors import InputError, UnusableFrameError
from napari_contransgan.inference.pixels import FramePixels
from napari_contransgan.inference.survey import thinned_frame
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import one_specimen_note
from napari_contransgan.models.checkpoint import ModelCard
from napari_contransgan.models.normalisation import light_of_frame
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.progress import result_of

SMALLEST_FRAME_PX = 32
PIXEL_SIZE_TOLERANCE = 0.15


def check_input(
    image: Image, pixel_size_um: float | None, dark: float | Path | None = None, *, pixels_too: bool = True
) -> float:
    """Check an image before any network is loaded, and return the pixel size to use.

    Parameters
    ----------
    image : Image
        Bright-field image without an S axis. Of a lazy one, no more is read than needed.
    pixel_size_um : float or None
        Pixel size that replaces the image's own.
    dark : float, Path or None
        Dark level, as in `PredictSettings`.
    pixels_too : bool
        Look at the pixels of a frame, which takes long for a large one.

    Returns
    -------
    float
        The pixel size to use.

    Raises
    ------
    InputError
        If the size of the frames, the pixel size, the dark level, or the pixels of every frame cannot be used.
    """
    if math.prod(image.data.shape) == 0:
        raise InputError(f"has no pixels (shape {image.data.shape}): choose another image", source=image.name)
    if image.data.dtype.kind not in "uifb":
        raise InputError(
            f"holds {image.data.dtype} numbers: give an image of integers or real numbers", source=image.name
        )
    if image.quantity != "intensity":
        raise InputError(f"already holds {image.quantity}: choose a bright-field image", source=image.name)
    height, width = image.data.shape[-2:]
    if image.axes[-2:] != "YX" or min(height, width) < SMALLEST_FRAME_PX:
        raise InputError(
            f"frames of {height} x {width} px; at least {SMALLEST_FRAME_PX} x {SMALLEST_FRAME_PX} px are needed",
            source=image.name,
        )
    checked_um = check_pixel_size(image.pixel_size_um if pixel_size_um is None else pixel_size_um, image.name)
    level = stated_dark(dark, image)
    if not pixels_too:
        return checked_um
    pixels = FramePixels(image)
    refusals: list[InputError] = []
    for number in range(pixels.count):
        yx_frame, step = result_of(thinned_frame(pixels, number))
        try:
            light_of_frame(yx_frame, level if isinstance(level, float) else level[::step, ::step])
        except UnusableFrameError as error:
            refusals.append(error.named(image.name))
        except InputError as error:
            raise error.named(image.name) from error
        else:
            return checked_um
    raise refusals[0]


def doubts_of(image: Image, pixel_size_um: float, card: ModelCard) -> list[str]:
    """Return notes on how the image differs from the network's training images."""
    notes = []
    known = card.input_pixel_sizes_um
    if known and all(abs(pixel_size_um / size - 1) > PIXEL_SIZE_TOLERANCE for size in known):
        sizes = ", ".join(f"{size:g}" for size in known)
        notes.append(
            f"the network was trained on frames of {sizes} um pixels, this one has {pixel_size_um:g} um: "
            "do not take its numbers as a measurement"
        )
    if image.wavelength_um and abs(image.wavelength_um / card.wavelength_um - 1) > 0.02:
        notes.append(
            f"the image was taken at {image.wavelength_um:g} um, the phase is given for {card.wavelength_um:g} um"
        )
    note = one_specimen_note(card)
    return [*notes, note] if note else notes
