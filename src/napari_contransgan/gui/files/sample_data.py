"""Simulate the two entries of File > Open Sample while the window stays responsive."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from napari.utils import progress
from qtpy.QtWidgets import QApplication

from napari_contransgan.gui.shared.layers import LayerTuple, layer_tuple
from napari_contransgan.gui.shared.torch_guard import keep_triton_out
from napari_contransgan.io import Image

FRAME_S = 0.03


def through_focus_stack() -> list[LayerTuple]:
    """Return three planes of simulated cells at 40x, to compute the phase from a focus stack."""
    return [layer_tuple(_simulated(_stack))]


def low_power_frame() -> list[LayerTuple]:
    """Return one simulated 10x bright-field frame, to crop and to predict from."""
    return [layer_tuple(_simulated(_frame))]


def _simulated(make: Callable[[], Image]) -> Image:
    """Wait for the simulator without freezing the window, since napari expects the layer at once."""
    keep_triton_out()
    with ThreadPoolExecutor(max_workers=1) as pool, progress(desc="Simulating the sample", total=0):
        future = pool.submit(make)
        while not future.done():
            wait([future], timeout=FRAME_S)
            QApplication.processEvents()
    return future.result()


def _stack() -> Image:
    from napari_contransgan.simulation import sample_stack

    return sample_stack()


def _frame() -> Image:
    from napari_contransgan.simulation import sample_frame

    return sample_frame()
