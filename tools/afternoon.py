"""Work through an afternoon in a real window with mouse and keys, and save a picture of each step.

A focus stack of cells is opened, its phase retrieved and seen in 3D, a network adapted on it, a phase predicted,
measured, drawn along a line and compared, everything saved, and a result opened again. The time that each widget takes
to open, and the longest time for which the window did not answer, are printed as a table.

Usage: python -m tools.afternoon docs/images/afternoon [--minutes 0.5]

Needs a display of at least 1280 x 800, such as the one of ``make afternoon``, and the data next to the project.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from benchmarks.window.pulse import Pulse
from PIL import Image
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QWidget
from tools.screenshots import SIZE, open_widget, settle, wait

from napari_contransgan.gui.shared.dock import DockedWidget
from napari_contransgan.gui.shared.napari_versions import docked_widgets

STACK = Path(__file__).resolve().parents[2] / "shared/data/hela_20x/hela_20x_focus_stack.ome.tif"
USER: Any = QTest  # whose types PyQt6 states wrongly
LARGEST_BYTES = 150_000
COLOURS = (256, 128, 64, 32, 24, 16)
LONGEST_WAIT_S = 1200


class Afternoon:
    """A user in front of a window.

    Parameters
    ----------
    out : Path
        Folder of the pictures.
    """

    def __init__(self, out: Path) -> None:
        self._out, self._count = out, 0
        self.rows: list[tuple[str, float | None, float]] = []
        self.viewer = new_viewer()
        self._pulse = Pulse()

    def open(self, name: str, press: Callable[[], object]) -> Any:
        """Do what opens a widget, wait for it, and note how long that took."""
        began = time.perf_counter()
        press()
        QApplication.processEvents()
        self._opened_s = time.perf_counter() - began
        settle(0.3)
        return self.widget(name)

    def widget(self, name: str) -> Any:
        """Return an open widget."""
        (found,) = [one for one in docked_widgets(self.viewer) if type(one).__name__ == f"{name.capitalize()}Widget"]
        return found

    def picture(self, name: str, opened: bool = False) -> None:
        """Save a picture of the window, and note the longest stall since the last one."""
        stall_ms = max(self._pulse.stalls_ms, default=0.0)
        self._pulse.stop()
        self.rows.append((name, self._opened_s if opened else None, stall_ms))
        settle(0.5)
        self._count += 1
        path = self._out / f"{self._count:02d}_{name}.png"
        shot = Image.fromarray(self.viewer.window.screenshot(flash=False, canvas_only=False)).convert("RGB")
        path.write_bytes(small_png(shot.resize(SIZE) if shot.size != SIZE else shot))
        print(f"{path.name}: {', '.join(layer.name for layer in self.viewer.layers)}", flush=True)
        self._pulse = Pulse()

    def run(self, panel: Any) -> None:
        """Press Run and wait until it has ended."""
        click(panel.run_button.native)
        wait(lambda: panel.task is not None, "the start", 30)
        wait(lambda: panel.task is None, "the computation", LONGEST_WAIT_S)
        settle(0.3)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse over the image; places are fractions of the canvas, x and y."""
        (canvas,) = [
            one
            for one in self.viewer.window._qt_window.findChildren(QWidget)
            if type(one).__name__ == "CanvasBackendDesktop"
        ]
        first, last = (QPoint(round(x * canvas.width()), round(y * canvas.height())) for x, y in (start, end))
        USER.mouseMove(canvas, first)
        USER.mousePress(canvas, Qt.MouseButton.LeftButton, pos=first)
        for part in (0.3, 0.6, 1.0):
            USER.mouseMove(canvas, first + (last - first) * part)
            settle(0.1)
        USER.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=last)
        settle(0.2)


def main() -> None:
    """Work through the afternoon."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the PNG files")
    parser.add_argument("--minutes", type=float, default=0.5, help="time for adapting the network; 0.5 by default")
    parser.add_argument("--without-adapting", action="store_true", help="leave out the longest step")
    arguments = parser.parse_args()
    if not STACK.is_file():
        print(f"Nothing was done: {STACK} is absent. It is the focus stack that the afternoon begins with.")
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        afternoon = Afternoon(arguments.out.resolve())
        work(afternoon, Path(folder), arguments.minutes, adapts=not arguments.without_adapting)
        afternoon.viewer.close()
    print("\n| step | widget opens in, s | longest stall, ms |\n| --- | --- | --- |")
    for name, opened_s, stall_ms in afternoon.rows:
        print(f"| {name} | {'' if opened_s is None else f'{opened_s:.2f}'} | {stall_ms:.0f} |")


def work(user: Afternoon, folder: Path, minutes: float, *, adapts: bool) -> None:
    """Do all steps."""
    start = user.open("start", lambda: open_widget(user.viewer, "start"))
    user.picture("start", opened=True)
    in_dialog(lambda: click(start.buttons["open"]), STACK)
    user.picture("open")

    tie = user.open("tie", lambda: click(start.buttons["tie"]))
    user.picture("tie_form", opened=True)
    user.run(tie.panel)
    user.picture("tie")

    surface = user.open("surface", lambda: next_step(tie, "3D"))
    click(surface.show_button.native)
    user.picture("3d", opened=True)
    user.viewer.dims.ndisplay = 2

    show(start)
    adapt = user.open("adapt", lambda: click(start.buttons["adapt"]))
    type_text(adapt.folder.findChild(QLineEdit), str(folder / "network"))
    type_text(adapt.fields["minutes"], f"{minutes:g}")
    if adapts:
        user.run(adapt.panel)
    user.picture("adapt", opened=True)

    show(start)
    predict = user.open(
        "predict", lambda: next_step(adapt, "Predict with it") if adapts else click(start.buttons["predict"])
    )
    wait(lambda: bool(predict.card.value), "the list of networks", 60)
    user.run(predict.panel)
    user.picture("predict", opened=True)

    show(tie)
    measure = user.open("measure", lambda: next_step(tie, "Measure"))
    user.run(measure.panel)
    user.picture("measure", opened=True)

    measure_more(user, measure)

    show(start)
    results = folder / "results"
    results.mkdir()
    in_dialog(lambda: click(start.buttons["save"]), results)
    wait(lambda: "Saved" in start.text.text(), "saving", 60)
    user.picture("save")

    phase = next(path for path in results.iterdir() if "TIE" in path.name)
    user.viewer.close()
    user.viewer = new_viewer()
    start = user.open("start", lambda: open_widget(user.viewer, "start"))
    in_dialog(lambda: click(start.buttons["open"]), phase)
    user.open("measure", lambda: click(start.buttons["measure"]))
    user.picture("reopen", opened=True)


def measure_more(user: Afternoon, measure: Any) -> None:
    """Draw a profile through the measured and the predicted phase, and compare the two."""
    choose_tab(measure, 1)
    click(measure.profile.draw_button)
    user.drag((0.35, 0.5), (0.65, 0.5))
    measure.profile.maps.setFocus()
    USER.keyClick(measure.profile.maps, Qt.Key.Key_Down)
    user.run(measure.panel)
    user.picture("profile")

    choose_tab(measure, 2)
    reference = measure.compare.reference.native
    reference.setFocus()
    USER.keyClick(reference, Qt.Key.Key_End)
    user.run(measure.panel)
    user.picture("compare")


def new_viewer() -> napari.Viewer:
    """Open a window of the size of a small screen."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    settle(0.5)
    return viewer


def show(widget: DockedWidget) -> None:
    """Bring the tab of a widget to the front, as a click on it does."""
    open_dock: Any = widget.parent()
    open_dock.raise_()
    settle(0.2)


def next_step(widget: Any, text: str) -> None:
    """Press the button that a widget offers after its result."""
    (button,) = [one for one in widget.panel.next_steps if one.text == text]
    click(button.native)


def choose_tab(measure: Any, index: int) -> None:
    """Click a tab of the measuring widget."""
    bar = measure.tabs.tabBar()
    USER.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())
    settle(0.2)


def click(button: Any) -> None:
    """Scroll to a button and click it."""
    parent = button.parent()
    while parent is not None and not isinstance(parent, DockedWidget):
        parent = parent.parent()
    if parent is not None:
        parent.scroll_area.ensureWidgetVisible(button)
        settle(0.1)
    if not button.isEnabled() or not button.isVisible():
        raise RuntimeError(f"the button '{button.text()}' cannot be clicked")
    USER.mouseClick(button, Qt.MouseButton.LeftButton)


def type_text(line: QLineEdit, text: str) -> None:
    """Replace the text of a line by typing."""
    USER.mouseClick(line, Qt.MouseButton.LeftButton)
    line.selectAll()
    USER.keyClicks(line, text)
    settle(0.1)


def in_dialog(opens: Callable[[], object], path: Path) -> None:
    """Do what opens a file dialog, fill in a path and press Enter."""

    def type_path() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QFileDialog) and dialog.isVisible():
            (line,) = dialog.findChildren(QLineEdit, "fileNameEdit")
            line.setText(str(path))  # typed letters would be completed to the names of other files
            USER.keyClick(line, Qt.Key.Key_Return)

    again = QTimer()  # a dialog that has just opened may clear its line once more
    again.setInterval(500)
    again.timeout.connect(type_path)
    again.start()
    opens()
    again.stop()
    settle(1.0)


def small_png(picture: Image.Image) -> bytes:
    """Write a picture with as many colours as fit into `LARGEST_BYTES`."""
    for colours in COLOURS:
        buffer = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST_BYTES:
            break
    return buffer.getvalue()


if __name__ == "__main__":
    main()
