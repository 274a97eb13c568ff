"""TIFF, OME-TIFF and Micro-Manager's files in and out, with pixel size, z step, units and position.

Nothing that a file leaves open is guessed, with these exceptions: pages whose axis the file does not name are planes
(Z), as ImageJ and napari show them, and so are three or four planes that tifffile stored as planar RGB; a resolution
tag of a printer, a scanner or a screen, or the 1/1 of software that knows none, is no pixel size. Where a file
contradicts itself, the notes of the image say so, and how it was settled.
"""

from napari_contransgan.io.image import QUANTITY_UNITS, Image, Quantity, check_pixels, to_luminance
from napari_contransgan.io.order import natural_order
from napari_contransgan.io.reading import find_images, image_stem, read_image, read_positions
from napari_contransgan.io.writing import write_frames, write_image

__all__ = [
    "QUANTITY_UNITS",
    "Image",
    "Quantity",
    "check_pixels",
    "find_images",
    "image_stem",
    "natural_order",
    "read_image",
    "read_positions",
    "to_luminance",
    "write_frames",
    "write_image",
]
