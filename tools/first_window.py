"""Open napari with a sample of the plugin and predict its phase with one click: ``python first_window.py``.

`tools/check_installed.py` runs it in an environment that holds only the wheel.
"""

import sys
import time

import napari
from napari._app_model import get_app_model
from qtpy.QtWidgets import QApplication

SAMPLE, RESULT = "low_power_frame", "phase (predicted)"
LONGEST_S = 300.0


def main() -> int:
    """Print the layers in the end, and return 0 if a prediction is among them."""
    viewer = napari.Viewer()
    viewer.open_sample("napari-contransgan", SAMPLE)
    get_app_model().commands.execute_command("napari-contransgan.predict_active_layer").result()
    end = time.monotonic() + LONGEST_S
    while not any(RESULT in layer.name for layer in viewer.layers) and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.02)
    names = [layer.name for layer in viewer.layers]
    viewer.close()
    print(", ".join(names))
    return int(not any(RESULT in name for name in names))


if __name__ == "__main__":
    sys.exit(main())
