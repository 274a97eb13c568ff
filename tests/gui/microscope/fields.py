"""Small fields, and the layers that show them."""

import numpy as np

from napari_contransgan.gui.microscope.layers import NAMES
from napari_contransgan.io import Image

NAME = "Digital microscope"


def edit(widget, name, text):
    for rows in widget.form.all_rows():
        if name in rows.rows:
            rows.rows[name].field.setText(text)


def layer(viewer, role):
    return viewer.layers[NAMES[role]]


def extent(layer):
    """Edges of the pixels along y and x, in micrometres."""
    half = np.asarray(layer.scale[-2:]) / 2
    first, last = np.asarray(layer.translate[-2:]), np.asarray(layer.data.shape[-2:]) - 1
    return first - half, first + last * np.asarray(layer.scale[-2:]) + half


def picture(value, px=8):
    return Image(np.full((px, px), value, np.float32), "YX", pixel_size_um=1.0)
