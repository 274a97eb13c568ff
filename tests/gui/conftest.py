"""A real display, a real viewer, small images of known phase, and the notifications that the user would see."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_contransgan.io import Image

WAVELENGTH_UM = 0.55


@pytest.fixture(scope="session", autouse=True)
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use the display there is, or start a virtual one; Qt's offscreen platform has no OpenGL."""
    os.environ.pop("QT_QPA_PLATFORM", None)
    os.environ["NAPARI_CONFIG"] = str(tmp_path_factory.mktemp("napari") / "settings.yaml")
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY"):
        yield
        return
    if shutil.which("Xvfb") is None:
        pytest.skip("no display, and no Xvfb to make one: install xvfb")
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(write_end,), stderr=subprocess.DEVNULL)  # noqa: S603
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        number = pipe.readline().strip()
    if not number:
        server.wait(timeout=10)
        pytest.skip("no display, and Xvfb could not make one")
    os.environ["DISPLAY"] = f":{number}"
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    yield
    os.environ.pop("DISPLAY")
    server.terminate()
    server.wait(timeout=10)


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
