"""The buttons that start, pause and stop a training."""

from typing import Literal

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

State = Literal["idle", "checking", "starting", "running", "pausing", "paused", "stopping"]


class TrainButtons(QWidget):
    """Check data, Start, Pause or Continue, and Stop; each is enabled when it can be used."""

    def __init__(self) -> None:
        super().__init__()
        self.state: State = "idle"
        self.check, self.start = QPushButton("Check data"), QPushButton("Start")
        self.pause, self.stop = QPushButton("Pause"), QPushButton("Stop")
        for button, hint in (
            (
                self.check,
                "Checks the images as at the start of a training run, and reports what was found.",
            ),
            (self.start, "Trains in the background; the window can be used meanwhile."),
            (
                self.pause,
                "Finishes the current step, saves, and waits. The run stays in memory; Continue resumes it at once.",
            ),
            (self.stop, "Finishes the current step, saves, and ends the run, which can be resumed later."),
        ):
            button.setToolTip(hint)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance("Check data") + 16)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for button in (self.check, self.start, self.pause, self.stop):
            layout.addWidget(button)
        self.show_state("idle")

    def show_state(self, state: State) -> None:
        """Enable the buttons that can be used in this state."""
        self.state = state
        waiting = state in {"pausing", "paused"}
        self.check.setEnabled(state == "idle")
        self.start.setEnabled(state == "idle")
        self.pause.setText("Continue" if waiting else "Pause")
        self.pause.setEnabled(waiting or state == "running")
        self.stop.setEnabled(waiting or state in {"starting", "running"})
