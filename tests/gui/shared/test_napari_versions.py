"""Each function finds its thing in the napari of the tests, and where older versions had it."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_contransgan.gui.shared.napari_versions import (
    NAME_FONT,
    SMALLEST_NAME_FONT,
    camera_of,
    grid_of,
    show_colour_bar,
)

pytestmark = pytest.mark.gui


def test_this_napari(viewer):
    grid_of(viewer).enabled = True
    camera_of(viewer).zoom = 2.0
    layer = viewer.add_image(np.zeros((4, 4)))
    show_colour_bar(layer)
    assert not hasattr(layer, "colorbar") or layer.colorbar.visible


def test_a_long_name_is_written_smaller_above_the_colour_bar(viewer):
    short, long = (viewer.add_image(np.zeros((4, 4)), name=name) for name in ("cells phase", "cells phase " * 6))
    if not hasattr(short, "name_overlay"):
        pytest.skip("this napari writes no names into the canvas")
    for layer in (short, long):
        show_colour_bar(layer)
    assert short.name_overlay.font_size == NAME_FONT
    assert SMALLEST_NAME_FONT <= long.name_overlay.font_size < 0.7 * NAME_FONT


def test_older_ones():
    older = SimpleNamespace(grid="grid", camera="camera")
    assert (grid_of(older), camera_of(older)) == ("grid", "camera")
    newer = SimpleNamespace(canvas=SimpleNamespace(grid="grid"), scene=SimpleNamespace(camera="camera"))
    assert (grid_of(newer), camera_of(newer)) == ("grid", "camera")
    show_colour_bar(SimpleNamespace())
