"""A real display, a real viewer, small images of known phase, and the notifications that the user would see."""

import gc
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest

from napari_contransgan.gui.shared.interpreter import COURTESY
from napari_contransgan.io import Image

WAVELENGTH_UM = 0.55


@pytest.fixture(scope="session", autouse=True)
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use the display there is, or start a virtual one; Qt's offscreen platform has no OpenGL.

    Where several processes share the tests (pytest-xdist), each has a virtual display to itself: windows on one display
    take the keyboard from each other.
    """
    os.environ.pop("QT_QPA_PLATFORM", None)
    os.environ["NAPARI_CONFIG"] = str(tmp_path_factory.mktemp("napari") / "settings.yaml")
    is_one_of_several = "PYTEST_XDIST_WORKER" in os.environ
    if not sys.platform.startswith("linux") or (os.environ.get("DISPLAY") and not is_one_of_several):
        yield
        return
    if shutil.which("Xvfb") is None:
        pytest.skip("no display, and no Xvfb to make one: install xvfb")
    read_end, write_end = os.pipe()
    options = ["-screen", "0", "1600x1200x24", "-nolisten", "tcp", "-terminate"]  # also when this process is killed
    server = subprocess.Popen(  # noqa: S603
        ["Xvfb", "-displayfd", str(write_end), *options],  # noqa: S607 - wherever the system keeps it
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        number = pipe.readline().strip()
    if not number:
        server.wait(timeout=10)
        pytest.fail("no display, and Xvfb could not make one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", f":{number}")
        patch.setenv("LIBGL_ALWAYS_SOFTWARE", "1")
        yield
    server.terminate()
    server.wait(timeout=10)


@pytest.fixture(scope="session", autouse=True)
def _plugins_are_found_once() -> Iterator[None]:
    """Keep the manifests of the installed plugins, which every new viewer would look for again."""
    found = list(PluginManifest.discover())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda **_: iter(found))
        yield


@pytest.fixture(autouse=True)
def _quick_garbage_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what is alive before a test out of garbage collection, which every closed viewer asks for several times.

    napari keeps some 5000 objects of each viewer for good, so collecting garbage takes longer from test to test. What a
    test itself makes must not be taken out, or its viewer would seem to leak.
    """
    monkeypatch.setattr(COURTESY, "freezes", False)
    gc.collect()
    gc.freeze()


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    from napari_contransgan.gui.shared.torch_guard import keep_triton_out

    made = make_napari_viewer(show=True)
    keep_triton_out()  # tests of other modules may run after this one in the same process
    return made


@pytest.fixture
def open_widget(viewer: Any) -> Callable[[str], Any]:
    """Open a dock widget as the Plugins menu does."""

    def open_named(name: str) -> Any:
        _, widget = viewer.window.add_plugin_dock_widget("napari-contransgan", name)
        return widget

    return open_named


@pytest.fixture
def messages() -> Iterator[Callable[[], list[str]]]:
    """What notifications said since the test began, worst first mentioned in brackets, as in '[error] text'."""
    from napari.utils.notifications import notification_manager

    start = len(notification_manager.records)
    yield lambda: [f"[{record.severity}] {record.message}" for record in notification_manager.records[start:]]
    del notification_manager.records[start:]


@pytest.fixture
def click(qtbot: Any) -> Callable[[Any], None]:
    """Click a real button."""
    from qtpy.QtCore import Qt

    def click_button(button: Any) -> None:
        assert button.native.isEnabled()
        qtbot.mouseClick(button.native, Qt.MouseButton.LeftButton)

    return click_button


@pytest.fixture
def finish(qtbot: Any) -> Callable[[Any], None]:
    """Wait until a widget's computation has ended."""

    def wait(widget: Any) -> None:
        qtbot.waitUntil(lambda: widget.panel.task is None, timeout=120_000)
        assert widget.panel.run_button.enabled
        assert not widget.panel.cancel_button.enabled

    return wait


@pytest.fixture
def refused(
    viewer: Any, click: Callable[[Any], None], finish: Callable[[Any], None], messages: Callable[[], list[str]]
) -> Callable[[Any, str], None]:
    """Press Run: one notification says why it is refused, and no layer is added to the one there is."""

    def press(widget: Any, expected: str) -> None:
        click(widget.panel.run_button)
        finish(widget)
        (message,) = messages()
        assert message.startswith("[error]")
        assert expected in message
        assert "Traceback" not in message
        assert len(viewer.layers) == 1

    return press


class Beats:
    """A timer of the window, and how long it kept still between two beats.

    Of that time only what this process computed counts, and not what other programs took from it.
    """

    def __init__(self, every_ms: int) -> None:
        from qtpy.QtCore import QTimer

        self._times_s: list[tuple[float, float]] = []
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(every_ms)
        self._beat()

    def _beat(self) -> None:
        self._times_s.append((time.monotonic(), time.process_time()))

    def stop(self) -> np.ndarray:
        """End, and give the time in seconds between each beat and the next."""
        self._timer.stop()
        self._beat()
        return np.diff(self._times_s, axis=0).min(axis=1)


@pytest.fixture
def beats() -> Callable[[int], Beats]:
    """Begin to measure how well the window answers, every so many milliseconds."""
    return Beats


@pytest.fixture
def yx_bump_rad() -> Any:
    """A smooth bump of 0.8 rad in the middle of 96 x 96 px."""
    y, x = np.mgrid[:96, :96] - 47.5
    return (0.8 * np.exp(-(y**2 + x**2) / (2 * 10.0**2))).astype(np.float32)


@pytest.fixture
def bump_stack(yx_bump_rad: Any) -> Image:
    """The bump's through-focus stack in the limit of small defocus, where the transport of intensity is exact."""
    pixel_um, dz_um = 0.325, 1.0
    spectrum = np.fft.fft2(np.asarray(yx_bump_rad, dtype=float))
    f = np.fft.fftfreq(96, pixel_um)
    laplacian = np.fft.ifft2(-4 * np.pi**2 * (f[:, None] ** 2 + f[None, :] ** 2) * spectrum).real
    change = -WAVELENGTH_UM / (2 * np.pi) * laplacian * dz_um
    light = 1 + 0.001 * np.cos(np.linspace(0, np.pi, 96))  # a perfectly even plane would be refused as constant
    planes = 20_000 * light * np.stack([1 - change, np.ones_like(change), 1 + change])
    return Image(
        planes.astype(np.float32),
        "ZYX",
        pixel_size_um=pixel_um,
        z_step_um=dz_um,
        origin_yx_um=(12.5, -7.25),
        wavelength_um=WAVELENGTH_UM,
        name="bump stack",
    )


@pytest.fixture
def frame() -> Image:
    """A 64 x 96 uint16 frame with a value of its own in every pixel."""
    return Image(
        np.arange(64 * 96, dtype=np.uint16).reshape(64, 96),
        "YX",
        pixel_size_um=0.65,
        origin_yx_um=(100.0, 50.0),
        name="frame",
    )


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Image], Path]:
    """Write an image to a file of its name."""
    from napari_contransgan.io import write_image

    def save(image: Image) -> Path:
        path = tmp_path / f"{image.name}.ome.tif"
        write_image(path, image)
        return path

    return save
