"""Problems that did not end a run; they stay in the window until the next run."""

from pathlib import Path

from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_contransgan.gui.shared.rows import ADVICE_COLOR, ERROR_COLOR, message_label
from napari_contransgan.training.events import CheckpointSaved, ImageSkipped, RolledBack, SaveFailed, TrainingEvent

LISTED_IMAGES = 20


class Notices(QWidget):
    """Failed saves, skipped images, and steps that were undone; hidden while there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.unsaved, self.undone, self.left_out = (
            message_label(ERROR_COLOR),
            message_label(ADVICE_COLOR),
            message_label(ADVICE_COLOR),
        )
        self._undone_times = 0
        self._images: list[tuple[Path, str]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for label in (self.unsaved, self.undone, self.left_out):
            layout.addWidget(label)
        self.clear()

    def clear(self) -> None:
        """Clear all of them, for another run."""
        self._undone_times = 0
        self._images.clear()
        for label in (self.unsaved, self.undone, self.left_out):
            _say(label, "")

    def take(self, event: TrainingEvent) -> None:
        """Show an event, if it is one of these."""
        match event:
            case SaveFailed():
                if not self.unsaved.text():  # a full disk would cause one at each save
                    show_warning(f"The training could not be saved at step {event.step}: {event.reason}")
                _say(
                    self.unsaved,
                    f"Not saved at step {event.step}: {event.reason}. Training continues and tries again at the next "
                    "save; free some disk space meanwhile.",
                )
            case CheckpointSaved():
                _say(self.unsaved, "")
            case RolledBack():
                self._undone_times += 1
                times = f" This has happened {self._undone_times} times." if self._undone_times > 1 else ""
                _say(
                    self.undone,
                    f"Step {event.step} was undone: {event.reason}. Training continues from step {event.to_step} with "
                    f"the learning rate multiplied by {event.rate_factor:.3g}.{times}",
                )
            case ImageSkipped():
                self._images.append((event.path, event.reason))
                _say(self.left_out, self._left_out_text())
                listed = [f"{path}: {reason}" for path, reason in self._images[:LISTED_IMAGES]]
                more = len(self._images) - len(listed)
                self.left_out.setToolTip("\n".join([*listed, *([f"and {more} more"] if more else [])]))
            case _:
                pass

    def _left_out_text(self) -> str:
        path, reason = self._images[-1]
        if len(self._images) == 1:
            return f"Image skipped: {path.name}: {reason}"
        return f"{len(self._images)} images skipped, most recently {path.name}: {reason}"


def _say(label: QLabel, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))
