"""Read and write TIFF, OME-TIFF, Micro-Manager and OME-Zarr images, with pixel size, z step, units and position.

Nothing that a file leaves open is guessed, with these exceptions. Pages whose axis the file does not name are planes
(Z), as ImageJ and napari show them; so are three or four planes that tifffile stored as planar RGB. Resolution tags of
printers, scanners and screens, and the placeholder 1/1, are not used as a pixel size. If a file contradicts itself, the
notes of the image say so, and which value was used.
"""

from napari_contransgan.io.image import QUANTITY_UNITS, Image, Quantity, check_pixels, to_luminance
from napari_contransgan.io.names import image_stem
from napari_contransgan.io.order import natural_order
from napari_contransgan.io.reading import find_images, read_image, read_positions
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
