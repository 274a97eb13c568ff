"""Time one click on an image layer until its phase is visible, in a window, the first time and later."""

import json
import subprocess
import sys
import time
from typing import Any

CHILD = "--child"


def clicks(repeats: int = 3) -> dict[str, float]:
    """Click in a window of a new process; return the seconds of the first click, and the median of the later ones."""
    command = [sys.executable, "-m", "benchmarks.inference.clicks", CHILD, str(repeats)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Click, and print the times as JSON."""
    import napari
    import numpy as np
    from qtpy.QtWidgets import QApplication

    from napari_contransgan.gui.predict.action import predict_active_layer
    from napari_contransgan.gui.shared.layers import add_image
    from napari_contransgan.io import Image

    rng = np.random.default_rng(0)
    viewer: Any = napari.Viewer()
    seconds = []
    for number in range(1 + int(sys.argv[2])):
        frame = Image(rng.poisson(2000, (1024, 1024)).astype(np.uint16), "YX", 0.325, name=f"frame {number}")
        viewer.layers.selection.active = add_image(viewer, frame)
        before, began = len(viewer.layers), time.perf_counter()
        predict_active_layer(viewer)
        while len(viewer.layers) == before:
            QApplication.processEvents()
            time.sleep(0.005)
        QApplication.processEvents()
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"first_s": seconds[0], "later_s": float(np.median(seconds[1:]))}))
    viewer.close()


if __name__ == "__main__":
    main()
