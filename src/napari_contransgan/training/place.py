"""The field of view of an image, and whether an image and its phase map show the same field of view."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_contransgan.io import Image

PIXELS_APART = 1.01
"""Sides and positions may differ by one of the larger pixels, since frames of different pixels are cut between them."""

SHARE_APART = 0.005
"""They may also differ by this share of their length, since pixel sizes are measured."""


@dataclass(frozen=True)
class Place:
    """Size and position of a field of view; lengths along y and x.

    Parameters
    ----------
    size_um : (float, float)
        Sides of the image.
    pixel_size_um : float
        Side of a pixel.
    corner_um : (float, float)
        Position of the corner of its first pixel, as stated in its file.
    tile_um : (float, float) or None
        Position of a tile that this program cut, in its source frame.
    """

    size_um: tuple[float, float]
    pixel_size_um: float
    corner_um: tuple[float, float]
    tile_um: tuple[float, float] | None

    @property
    def source_corner_um(self) -> tuple[float, float] | None:
        """Return the corner of the frame that it was cut from; None if it is not stated."""
        offset_um = self.tile_um or (0.0, 0.0)
        corner_um = (self.corner_um[0] - offset_um[0], self.corner_um[1] - offset_um[1])
        centre_um = [corner + self.pixel_size_um / 2 for corner in corner_um]
        unstated = all(abs(value) < 1e-6 * self.pixel_size_um for value in centre_um)  # 0 in files means unknown
        return None if unstated else corner_um


def place_of(image: Image) -> Place | None:
    """Return the field of view of a single image; None without a pixel size."""
    pixel_um = image.pixel_size_um
    if pixel_um is None:
        return None
    y_um, x_um = image.origin_yx_um
    height_px, width_px = image.data.shape[:2]
    return Place(
        size_um=(height_px * pixel_um, width_px * pixel_um),
        pixel_size_um=pixel_um,
        corner_um=(y_um - pixel_um / 2, x_um - pixel_um / 2),
        tile_um=_cut_at(image.settings.get("tile"), pixel_um),
    )


def difference_of(image: Place, phase: Place) -> str:
    """Describe how an image and its phase map differ in their field of view; empty if they agree.

    Sides must agree to one of the larger pixels or 0.5 %, and so must the positions of tiles in their frames and the
    positions that both files state.
    """
    pixel_um = max(image.pixel_size_um, phase.pixel_size_um)
    size_um = max(image.size_um[0], phase.size_um[0]), max(image.size_um[1], phase.size_um[1])
    if _apart(image.size_um, phase.size_um, pixel_um, size_um):
        return f"they are {_text(image.size_um)} and {_text(phase.size_um)} um large"
    corners_um = [one.source_corner_um for one in (image, phase)]
    if image.tile_um is not None and phase.tile_um is not None:
        if _apart(image.tile_um, phase.tile_um, pixel_um, phase.tile_um):
            return f"they were cut at {_text(image.tile_um)} and {_text(phase.tile_um)} um of their frames"
    else:
        corners_um = [known and one.corner_um for one, known in zip((image, phase), corners_um, strict=True)]
    first_um, second_um = corners_um
    if first_um is not None and second_um is not None and _apart(first_um, second_um, pixel_um, size_um):
        return f"their files place them at {_text(first_um)} and {_text(second_um)} um"
    return ""


def _apart(
    one_um: tuple[float, float], other_um: tuple[float, float], pixel_um: float, length_um: tuple[float, float]
) -> bool:
    return any(
        abs(a - b) > max(PIXELS_APART * pixel_um, SHARE_APART * length)
        for a, b, length in zip(one_um, other_um, length_um, strict=True)
    )


def _text(yx_um: tuple[float, float]) -> str:
    return f"{yx_um[0]:.5g} x {yx_um[1]:.5g}"


def _cut_at(tile: Any, pixel_um: float) -> tuple[float, float] | None:
    """Return the position of a tile in its frame, as stated in its settings."""
    place = [tile.get(key) for key in ("y_px", "x_px")] if isinstance(tile, Mapping) else [None]
    numbers = [float(value) for value in place if isinstance(value, int | float)]
    return (numbers[0] * pixel_um, numbers[1] * pixel_um) if len(numbers) == 2 else None
