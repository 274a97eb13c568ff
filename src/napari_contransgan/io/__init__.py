"""TIFF and OME-TIFF in and out, with pixel size, z step, units and position.

What a file leaves open is never guessed, with these stated exceptions: pages whose axis the file does not name are
planes (Z), as ImageJ and napari show them, and so are three or four planes that tifffile stored as planar RGB;
a resolution tag that stands for a printer or a screen (a pixel above 20 um, so 72, 96, 300 dpi and the like), or that
holds the 1/1 of software that knows none, counts as no pixel size.
"""

from napari_contransgan.io.image import QUANTITY_UNITS, Image, Quantity, check_pixels, to_luminance
from napari_contransgan.io.reading import find_images, image_stem, read_image
from napari_contransgan.io.writing import write_frames, write_image

__all__ = [
    "QUANTITY_UNITS",
    "Image",
    "Quantity",
    "check_pixels",
    "find_images",
    "image_stem",
    "read_image",
    "to_luminance",
    "write_frames",
    "write_image",
]
